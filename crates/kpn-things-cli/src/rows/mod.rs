//! Files of downlinks, CSV or NDJSON, which are checked as a whole before anything is sent.

mod csv;
mod findings;
mod line;
mod ndjson;
mod occurrences;
mod source;
#[cfg(test)]
mod tests;
mod warnings;

use std::io::{self, BufRead};
use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use things_core::{BulkItem, LedgerError, RowColumn};

use self::csv::CsvRows;
use self::findings::Findings;
use self::line::{Line, Mistake, Trouble};
use self::ndjson::NdjsonRows;
use self::occurrences::Occurrences;
use self::source::{Source, Text, WHAT};
use self::warnings::Warnings;
use crate::failure::Failure;
use crate::{cell, input};

/// Most bytes of a row, so that a quote that is not closed does not fill the memory. A downlink has 242 bytes at most.
const LONGEST_LINE: usize = 1024 * 1024;

/// Most entries in memory of each collection of texts.
const MOST_IN_MEMORY: usize = 32 * 1024;

/// The format of a file of downlinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    Csv,
    Ndjson,
}

/// A file of downlinks in which every row is right.
pub(crate) struct BulkFile {
    source: Source,
    format: InputFormat,
    /// The number of downlinks.
    pub(crate) count: u64,
    /// The number of devices that they are for.
    pub(crate) devices: u64,
    /// The number of devices that more than one of them is for.
    pub(crate) several: u64,
    /// The SHA-256 of the file in hex.
    pub(crate) digest: String,
    /// What may not be meant, in whole sentences.
    pub(crate) warnings: Vec<String>,
    /// The lines of which the next row is not on the next line: the index of a row, and its line.
    jumps: Vec<(u64, u64)>,
}

impl BulkFile {
    /// Reads and checks a file; `-` is stdin. The format is that of the content, unless one is given.
    pub(crate) fn read(path: &str, format: Option<InputFormat>) -> Result<Self, Failure> {
        let mut source = Source::open(path)?;
        let name = source.name();
        let failed = |trouble| match trouble {
            Trouble::Unreadable(error) => input::unreadable(WHAT, &name, &error),
            Trouble::Wrong(why) => Failure::Usage(format!("{name} cannot be sent: {why}")),
        };
        let checked = Checked::read(&mut source, format).map_err(failed)?;
        if let Some(message) = checked.findings.message(&name, checked.count) {
            return Err(Failure::Usage(message));
        }
        if checked.count == 0 {
            return Err(Failure::Usage(format!("{name} has no downlinks")));
        }
        let Checked { format, count, devices, several, digest, warnings, jumps, .. } = checked;
        Ok(Self { source, format, count, devices, several, digest, warnings: warnings.sentences(), jumps })
    }

    /// Where the downlinks come from, for a person: the path, or `stdin`.
    pub(crate) fn name(&self) -> String {
        self.source.name()
    }

    /// The line of each downlink, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = u64> + '_ {
        let mut jumps = self.jumps.iter().peekable();
        let mut next = 1;
        (0..self.count).map(move |index| {
            if let Some((_, line)) = jumps.next_if(|(start, _)| *start == index) {
                next = *line;
            }
            next += 1;
            next - 1
        })
    }

    /// Reads the downlinks again. Generates the references that are absent.
    ///
    /// An error is the last one: the file cannot be read, or it has changed since it was checked.
    pub(crate) fn items(&mut self) -> impl Iterator<Item = Result<BulkItem, LedgerError>> + '_ {
        let name = self.source.name();
        let (format, count, digest) = (self.format, self.count, &self.digest);
        let mut rows =
            Some(self.source.text().map_err(Trouble::from).and_then(|text| Rows::new(text, format)));
        let mut index = 0;
        std::iter::from_fn(move || {
            let read = match rows.as_mut()? {
                Ok(rows) => next_item(rows),
                Err(_) => Ok(None),
            };
            if let Ok(Some(item)) = read {
                index += 1;
                return Some(Ok(item));
            }
            // The end, or an error. It is the end only if all was read, and nothing has changed.
            let ended = read.and_then(|_| rows.take().map_or(Ok(None), |rows| rows?.digest().map(Some)));
            rows = None;
            match ended {
                Ok(Some(now)) if now == *digest && index == count => None,
                Ok(_) | Err(Trouble::Wrong(_)) => Some(Err(changed(&name))),
                Err(Trouble::Unreadable(error)) => {
                    Some(Err(LedgerError::new(format!("{WHAT} cannot be read from {name}: {error}"))))
                }
            }
        })
    }
}

fn changed(name: &str) -> LedgerError {
    LedgerError::new(format!("{name} changed while it was read; nothing was sent"))
        .hint("wait until the file is complete, and run the command again")
}

/// Returns the next downlink with a reference.
fn next_item(rows: &mut Rows<'_>) -> Result<Option<BulkItem>, Trouble> {
    let Some(line) = rows.next()? else { return Ok(None) };
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    let item = line.item(millis, u128::from_le_bytes(random));
    item.map(Some).map_err(|_| Trouble::Wrong("a row is wrong that was right before".into()))
}

/// The result of reading a file for the first time.
struct Checked {
    format: InputFormat,
    count: u64,
    devices: u64,
    several: u64,
    digest: String,
    findings: Findings,
    warnings: Warnings,
    jumps: Vec<(u64, u64)>,
}

impl Checked {
    fn read(source: &mut Source, format: Option<InputFormat>) -> Result<Self, Trouble> {
        let mut text = source.text()?;
        let format = match format {
            Some(format) => format,
            None => likely_format(&mut text)?,
        };
        let mut rows = Rows::new(text, format)?;
        let mut findings = Findings::default();
        let mut warnings = Warnings::new(SystemTime::now(), format);
        let [mut devices, mut references, mut downlinks] = [(); 3].map(|()| Occurrences::new(MOST_IN_MEMORY));
        let (mut count, mut jumps, mut expected) = (0, Vec::new(), 1);
        while let Some(line) = rows.next()? {
            if line.number != expected {
                jumps.push((count, line.number));
            }
            (count, expected) = (count + 1, line.number + 1);
            if let Some(reference) = line.row.as_ref().and_then(|row| row.get(RowColumn::Reference)) {
                references.add(reference, line.number)?;
            }
            match line.item(0, 0) {
                Ok(item) => {
                    devices.add(&item.device_key(), line.number)?;
                    downlinks.add(&content(&item), line.number)?;
                    warnings.look(&line, &item);
                }
                Err(mistakes) => mistakes.into_iter().for_each(|mistake| findings.add(line.number, mistake)),
            }
        }
        let digest = rows.digest()?;
        let (mut several, mut last) = (0, None);
        let devices = devices.count(|first, _| {
            several += u64::from(last.replace(first) != Some(first));
        })?;
        downlinks.count(|first, later| warnings.same(first, later))?;
        references.count(|first, later| {
            let message = format!("reference: is also on line {first}, and the two could not be told apart");
            findings.add(later, Mistake::new(message));
        })?;
        Ok(Self { format, count, devices, several, digest, findings, warnings, jumps })
    }
}

/// What a device gets of a downlink, as a text that is equal for equal downlinks.
fn content(item: &BulkItem) -> String {
    let port = item.downlink.lora_port().map(|port| port.to_string()).unwrap_or_default();
    format!("{} {port} {}", item.device_key(), item.downlink.pack().as_json())
}

/// The rows of a file in either format.
enum Rows<'a> {
    Csv(CsvRows<Text<'a>>),
    Ndjson(NdjsonRows<Text<'a>>),
}

impl<'a> Rows<'a> {
    fn new(text: Text<'a>, format: InputFormat) -> Result<Self, Trouble> {
        Ok(match format {
            InputFormat::Csv => Self::Csv(CsvRows::new(text)?),
            InputFormat::Ndjson => Self::Ndjson(NdjsonRows::new(text)),
        })
    }

    fn next(&mut self) -> Result<Option<Line<'_>>, Trouble> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Ndjson(rows) => rows.next(),
        }
    }

    /// Reads the rest, and returns the digest of the file.
    fn digest(self) -> Result<String, Trouble> {
        let text = match self {
            Self::Csv(rows) => rows.into_text(),
            Self::Ndjson(rows) => rows.into_text(),
        };
        Ok(text.digest()?)
    }
}

/// NDJSON begins with a brace, or wrongly with a bracket. No header of a CSV file does.
fn likely_format(text: &mut Text<'_>) -> Result<InputFormat, Trouble> {
    let first = text.fill_buf()?.trim_ascii_start().first();
    Ok(match first {
        Some(b'{' | b'[') => InputFormat::Ndjson,
        _ => InputFormat::Csv,
    })
}

impl Source {
    fn name(&self) -> String {
        if self.path == "-" { "stdin".to_owned() } else { cell::plain(&self.path) }
    }
}
