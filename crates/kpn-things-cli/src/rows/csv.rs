//! CSV as spreadsheets write it: commas, semicolons or tabs, quotes, a header with the names of the columns.

use std::cmp::Ordering;
use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use things_core::{DeviceUrn, Row, RowColumn};

use super::LONGEST_LINE;
use super::line::{Line, Mistake, Trouble};

/// The rows of a CSV file.
pub(super) struct CsvRows<R> {
    text: R,
    /// Boxed because its tables are large.
    reader: Box<Reader>,
    /// The column of each cell. `None` is a column without a name, whose cells are empty.
    columns: Vec<Option<RowColumn>>,
    record: Record,
    lines: LineCount,
}

/// The cells of one record, one after the other, and the ends of each.
#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    /// How many quotes it has. The number is odd if one of them is not closed.
    quotes: usize,
}

/// The number of the line that is read, from 1. Lines end with LF, CRLF or CR.
struct LineCount {
    line: u64,
    last: u8,
}

impl<R: BufRead> CsvRows<R> {
    /// Reads the header.
    pub(super) fn new(mut text: R) -> Result<Self, Trouble> {
        let mut lines = LineCount { line: 1, last: 0 };
        lines.skip_blank(&mut text)?;
        let declared = declared_delimiter(first_line(text.fill_buf()?));
        if let Some((_, bytes)) = declared {
            lines.consume(&mut text, bytes)?;
            lines.skip_blank(&mut text)?;
        }
        let delimiter = match declared {
            Some((delimiter, _)) => delimiter,
            None => likely_delimiter(first_line(text.fill_buf()?)),
        };
        let reader = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        let mut rows = Self { text, reader, columns: Vec::new(), record: Record::default(), lines };
        let number = match rows.read()? {
            Read::Record(number) => number,
            Read::TooLong(number) => return Err(Trouble::Wrong(too_long(number))),
            Read::End => return Err(Trouble::Wrong(format!("it is empty\nhint: {HEADER}"))),
        };
        let names: Vec<_> = rows.record.cells().map(std::str::from_utf8).collect();
        let names =
            names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| Trouble::not_utf_8(number))?;
        rows.columns = columns(&names, number)?;
        Ok(rows)
    }

    /// Returns the next row that is not empty.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Trouble> {
        let number = loop {
            match self.read()? {
                Read::End => return Ok(None),
                Read::TooLong(number) => return Err(Trouble::Wrong(too_long(number))),
                // A spreadsheet writes a row of delimiters for a row that was emptied.
                Read::Record(_) if self.record.cells().all(|cell| cell.trim_ascii().is_empty()) => {}
                Read::Record(number) => break number,
            }
        };
        let cells: Vec<_> = self.record.cells().map(std::str::from_utf8).collect();
        let cells =
            cells.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| Trouble::not_utf_8(number))?;
        // A quote that is not closed takes the rows after it into its cell, and their downlinks would be forgotten.
        if cells.iter().any(|cell| cell.contains(['\n', '\r'])) {
            let last = self.lines.last_line();
            let message = match last > number {
                true => format!(
                    "a cell goes on until line {last}: is a quote not closed? A cell cannot have a line break"
                ),
                false => "a cell has a line break: is a quote not closed?".to_owned(),
            };
            return Ok(Some(Line::broken(number, message)));
        }
        if self.record.quotes % 2 == 1 {
            let message = "a quote is not closed: write a quote in a cell twice, and the cell in quotes";
            return Ok(Some(Line::broken(number, message)));
        }
        let extra = cells.get(self.columns.len()..).unwrap_or_default();
        if cells.len() < self.columns.len() || extra.iter().any(|cell| !cell.trim().is_empty()) {
            let (found, expected) = (cells.len(), self.columns.len());
            let why = match found.cmp(&expected) {
                Ordering::Less => ": is a delimiter missing, or is the line cut off?",
                _ => ": put a cell that contains the delimiter into quotes",
            };
            let message = format!("there are {found} cells, but the header has {expected}{why}");
            return Ok(Some(Line::broken(number, message)));
        }
        let mut row = Row::new();
        let mut mistakes = Vec::new();
        for (place, (column, cell)) in self.columns.iter().zip(&cells).enumerate() {
            match column {
                Some(column) => row.set(*column, literal(cell)),
                None if cell.trim().is_empty() => {}
                None => mistakes.push(Mistake::new(format!(
                    "cell {} has a value, but the header has no name for its column",
                    place + 1
                ))),
            }
        }
        Ok(Some(Line { number, row: Some(row), mistakes }))
    }

    pub(super) fn into_text(self) -> R {
        self.text
    }

    /// Reads the next record that is not a blank line.
    fn read(&mut self) -> Result<Read, Trouble> {
        self.lines.skip_blank(&mut self.text)?;
        let number = self.lines.line;
        let Record { bytes, ends, cells, quotes } = &mut self.record;
        let mut length = 0;
        (*cells, *quotes) = (0, 0);
        loop {
            let input = self.text.fill_buf()?;
            let (result, taken, written, ended) = self.reader.read_record(
                input,
                bytes.get_mut(length..).unwrap_or_default(),
                ends.get_mut(*cells..).unwrap_or_default(),
            );
            *quotes += input.iter().take(taken).filter(|byte| **byte == b'"').count();
            self.lines.consume(&mut self.text, taken)?;
            length += written;
            *cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if length >= LONGEST_LINE => return Ok(Read::TooLong(number)),
                ReadRecordResult::OutputFull => bytes.resize((bytes.len() * 2).max(1024), 0),
                ReadRecordResult::OutputEndsFull => ends.resize((ends.len() * 2).max(16), 0),
                ReadRecordResult::Record => return Ok(Read::Record(number)),
                ReadRecordResult::End => return Ok(Read::End),
            }
        }
    }
}

/// What was read.
enum Read {
    /// A record, which begins on this line.
    Record(u64),
    /// A record that is too long.
    TooLong(u64),
    End,
}

impl Record {
    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.get(..self.cells).unwrap_or_default();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

impl LineCount {
    /// Skips blank lines.
    fn skip_blank(&mut self, text: &mut impl BufRead) -> Result<(), Trouble> {
        loop {
            let buffer = text.fill_buf()?;
            let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank == 0 {
                return Ok(());
            }
            self.consume(text, blank)?;
        }
    }

    /// Consumes bytes of the buffer, and counts their lines.
    fn consume(&mut self, text: &mut impl BufRead, count: usize) -> Result<(), Trouble> {
        for byte in text.fill_buf()?.iter().take(count) {
            self.line += u64::from(*byte == b'\r' || *byte == b'\n' && self.last != b'\r');
            self.last = *byte;
        }
        text.consume(count);
        Ok(())
    }

    /// The line of the last byte that was consumed.
    fn last_line(&self) -> u64 {
        self.line - u64::from(matches!(self.last, b'\r' | b'\n'))
    }
}

/// The columns of a header.
fn columns(names: &[&str], line: u64) -> Result<Vec<Option<RowColumn>>, Trouble> {
    if names.iter().any(|name| literal(name).trim().parse::<DeviceUrn>().is_ok()) {
        return Err(Trouble::Wrong(format!(
            "line {line} has a device instead of the names of the columns\nhint: {HEADER}"
        )));
    }
    if names.len() == 1 {
        let why = "its header has one column: separate the columns by commas, semicolons or tabs";
        return Err(Trouble::Wrong(format!("{why}\nhint: {HEADER}")));
    }
    let mut columns = Vec::new();
    let mut mistakes = Vec::new();
    for name in names {
        match literal(name).trim() {
            "" => columns.push(None),
            name => match name.parse::<RowColumn>() {
                Ok(column) if columns.contains(&Some(column)) => {
                    mistakes.push(format!("column {column} occurs twice: keep one"));
                }
                Ok(column) => columns.push(Some(column)),
                Err(error) => mistakes.push(error.to_string()),
            },
        }
    }
    let has = |column| columns.contains(&Some(column));
    if mistakes.is_empty() {
        if !has(RowColumn::DevEui) && !has(RowColumn::Urn) {
            mistakes.push("there is no column dev_eui or urn".to_owned());
        }
        if !RowColumn::CONTENT.into_iter().any(has) {
            mistakes.push("there is no column hex, base64, text or senml".to_owned());
        } else if !has(RowColumn::Senml) && !has(RowColumn::Port) {
            mistakes.push("there is no column port, which a payload needs".to_owned());
        }
    }
    if mistakes.is_empty() {
        return Ok(columns);
    }
    let mistakes = mistakes.join(&format!("\nline {line}: "));
    Err(Trouble::Wrong(format!("its header is wrong\nline {line}: {mistakes}\nhint: {HEADER}")))
}

/// What a header looks like.
const HEADER: &str = "the first line names the columns, such as dev_eui;port;hex or urn,senml,reference";

fn too_long(line: u64) -> String {
    format!("line {line} begins a row of more than {} KiB\nhint: is a quote not closed?", LONGEST_LINE / 1024)
}

/// The value of a cell. `="0102"` is the text 0102: a formula that spreadsheets and `things devices list` write, so that
/// no digits are lost.
fn literal(cell: &str) -> &str {
    let text = cell.trim().strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    text.filter(|text| !text.contains('"')).unwrap_or(cell)
}

/// The delimiter in a first line such as `sep=;`, which Excel reads, and the length of the line.
fn declared_delimiter(line: &[u8]) -> Option<(u8, usize)> {
    let bare = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line);
    match bare {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            Some((*delimiter, line.len()))
        }
        _ => None,
    }
}

/// The delimiter that separates the most known columns in a header, or else the most columns.
fn likely_delimiter(header: &[u8]) -> u8 {
    let header = String::from_utf8_lossy(header);
    let columns = |delimiter: u8| {
        let names = header.split(char::from(delimiter)).map(|name| name.trim_matches(['"', ' ']));
        (names.clone().filter(|name| name.parse::<RowColumn>().is_ok()).count(), names.count())
    };
    [b'\t', b',', b';'].into_iter().max_by_key(|delimiter| columns(*delimiter)).unwrap_or(b',')
}

/// The first line of a buffer.
fn first_line(buffer: &[u8]) -> &[u8] {
    buffer.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default()
}
