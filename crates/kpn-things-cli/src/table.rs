//! Rows of text in columns that stay straight.

use std::borrow::Cow;
use std::io::{self, Write};
use std::mem;

use crate::cell::{cut, plain, width};

/// A table in progress. Its first rows are held to settle the widths of all.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// The width of the terminal: wider tables are cut to it.
    room: Option<usize>,
    held: Vec<Vec<String>>,
    places: Option<Vec<Place>>,
}

/// A column, and how it shrinks if the terminal is too narrow.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    heading: String,
    /// Cells are cut to no less than this. `None`: they are never cut.
    least: Option<usize>,
    may_go: bool,
    is_optional: bool,
    /// It is at least this wide.
    floor: usize,
}

/// Rows that are held before the widths are settled. A listing of so many rows is aligned over all of them.
const WINDOW: usize = 1_000;

/// Where even that does not fit, cells are cut to this.
const SHORTEST: usize = 8;

const GAP: &str = "  ";

impl From<&str> for Column {
    /// A column that is always shown, with all of its text.
    fn from(heading: &str) -> Self {
        Self { heading: plain(heading), least: None, may_go: false, is_optional: false, floor: 0 }
    }
}

impl Column {
    /// Allows to cut its cells, to this width or more if possible.
    pub(crate) fn cut_to(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// Leaves the column out if it does not fit.
    pub(crate) fn if_it_fits(self) -> Self {
        Self { may_go: true, ..self }
    }

    /// Leaves the column out if no row has a text for it.
    pub(crate) fn if_any(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// Shows the column although no row may have a text for it yet, because further rows follow. Its cells are cut at a terminal
    /// alone, because the first rows say little about the widths of all.
    pub(crate) fn for_later(self, is_terminal: bool) -> Self {
        let floor = self.least.unwrap_or_default();
        Self { is_optional: false, floor, least: self.least.filter(|_| is_terminal), ..self }
    }
}

/// A column that is shown.
#[derive(Debug, Clone, Copy)]
struct Place {
    column: usize,
    width: usize,
    least: usize,
    is_cut: bool,
    may_go: bool,
}

impl Table {
    /// Creates a table for a terminal of this width, or for a file or pipe.
    pub(crate) fn new(columns: impl IntoIterator<Item = impl Into<Column>>, room: Option<usize>) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { columns, room, held: Vec::new(), places: None }
    }

    /// Writes all rows of a table, with its headings.
    pub(crate) fn write(mut self, rows: &[impl AsRef<[String]>], out: &mut dyn Write) -> io::Result<()> {
        self.add(rows.iter().map(|row| row.as_ref().iter()), out)?;
        self.end(out)
    }

    /// Adds rows. They are written once the widths are settled, and the widths fit all rows of the first call.
    pub(crate) fn add<R>(&mut self, rows: impl Iterator<Item = R>, out: &mut dyn Write) -> io::Result<()>
    where
        R: Iterator<Item: AsRef<str>>,
    {
        for row in rows {
            let row: Vec<String> = row.map(|cell| plain(cell.as_ref())).collect();
            match &self.places {
                Some(places) => self.line(&row, places, out)?,
                None => self.held.push(row),
            }
        }
        if self.held.len() >= WINDOW { self.end(out) } else { Ok(()) }
    }

    /// Settles the widths by all rows so far, and writes these. No rows are no table.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let held = mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        let places = self.settle(&held);
        let headings: Vec<_> = self.columns.iter().map(|column| column.heading.as_str()).collect();
        self.line(&headings, &places, out)?;
        held.iter().try_for_each(|row| self.line(row, &places, out))?;
        self.places = Some(places);
        Ok(())
    }

    /// Returns the columns that are shown and their widths. The longest cells are cut first.
    fn settle(&self, rows: &[Vec<String>]) -> Vec<Place> {
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or(0)
        };
        let places = self.columns.iter().enumerate().filter_map(|(column, shown)| {
            let cells = widest(column);
            let width = cells.max(width(&shown.heading)).max(shown.floor);
            let least = shown.least.map_or(width, |least| least.min(width));
            let place = Place { column, width, least, is_cut: shown.least.is_some(), may_go: shown.may_go };
            (cells > 0 || !shown.is_optional).then_some(place)
        });
        let mut places: Vec<Place> = places.collect();
        if let Some(room) = self.room {
            while total(&places, |place| place.least) > room {
                let Some(last) = places.iter().rposition(|place| place.may_go) else { break };
                places.remove(last);
            }
            if total(&places, |place| place.least) > room {
                for place in places.iter_mut().filter(|place| place.is_cut) {
                    place.least = place.least.min(SHORTEST);
                }
            }
            while total(&places, |place| place.width) > room {
                let longest = places.iter_mut().filter(|place| place.width > place.least);
                let Some(longest) = longest.max_by_key(|place| place.width) else { break };
                longest.width -= 1;
            }
        }
        places
    }

    fn line(&self, row: &[impl AsRef<str>], places: &[Place], out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        for (number, place) in places.iter().enumerate() {
            let cell = row.get(place.column).map_or("", |cell| cell.as_ref());
            // A long cell at the end of a line moves nothing, where there is no terminal that would wrap it.
            let is_cut = place.is_cut && (self.room.is_some() || number + 1 < places.len());
            let shown = if is_cut { Cow::Owned(cut(cell, place.width)) } else { Cow::Borrowed(cell) };
            line.push_str(&shown);
            // A wide character that does not fit leaves a column empty.
            line.extend(std::iter::repeat_n(' ', place.width.saturating_sub(width(&shown))));
            line.push_str(GAP);
        }
        writeln!(out, "{}", line.trim_end())
    }
}

/// The width of a line.
fn total(places: &[Place], width: impl Fn(&Place) -> usize) -> usize {
    places.iter().map(width).sum::<usize>() + places.len().saturating_sub(1) * GAP.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(room: Option<usize>, columns: [Column; 3], rows: &[[&str; 3]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(columns, room);
        for row in rows {
            table.add([row.iter()].into_iter(), &mut out).unwrap();
        }
        table.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn columns() -> [Column; 3] {
        [Column::from("NAME").cut_to(6), "ID".into(), Column::from("TEXT").cut_to(5).if_it_fits()]
    }

    const ROWS: [[&str; 3]; 2] = [["Parking 1", "0059AC", "x"], ["P", "1", "long enough"]];

    #[test]
    fn columns_are_aligned_over_all_rows() {
        let expected = "NAME       ID      TEXT\nParking 1  0059AC  x\nP          1       long enough\n";
        assert_eq!(table(None, columns(), &ROWS), expected);
        assert_eq!(table(Some(30), columns(), &ROWS), expected);
        assert_eq!(table(None, columns(), &[]), "");
    }

    #[test]
    fn a_terminal_cuts_the_longest_cells_first() {
        let expected = "NAME       ID      TEXT\nParking 1  0059AC  x\nP          1       long en…\n";
        assert_eq!(table(Some(27), columns(), &ROWS), expected);
        let expected = "NAME     ID      TEXT\nParking  0059AC  x\nP        1       long …\n";
        let rows = [["Parking", "0059AC", "x"], ROWS[1]];
        assert_eq!(table(Some(23), columns(), &rows), expected);
    }

    #[test]
    fn a_column_that_does_not_fit_is_left_out_and_ids_stay_whole() {
        let expected = "NAME       ID\nParking 1  0059AC\nP          1\n";
        assert_eq!(table(Some(20), columns(), &ROWS), expected);
        let expected = "NAME    ID\nParki…  0059AC\nP       1\n";
        assert_eq!(table(Some(14), columns(), &ROWS), expected);
        assert!(table(Some(3), columns(), &ROWS).contains("0059AC"));
    }

    #[test]
    fn a_column_without_any_text_can_be_left_out() {
        let columns = || [Column::from("A"), Column::from("EUI").if_any(), "B".into()];
        assert_eq!(table(None, columns(), &[["a", "", "b"]]), "A  B\na  b\n");
        assert_eq!(table(None, columns(), &[["a", "", "b"], ["a", "e", ""]]), "A  EUI  B\na       b\na  e\n");
    }

    #[test]
    fn a_column_for_later_rows_is_shown_at_once() {
        let columns = |is_terminal| columns().map(|column| column.if_any().for_later(is_terminal));
        let rows = [["a", "1", ""], ["a longer name", "2", "a longer text"]];
        let table = |room, columns| {
            let (mut out, mut table) = (Vec::new(), Table::new(columns, room));
            for row in &rows {
                table.add([row.iter()].into_iter(), &mut out).unwrap();
                table.end(&mut out).unwrap();
            }
            String::from_utf8(out).unwrap()
        };
        let expected = "NAME    ID  TEXT\na       1\na longer name  2   a longer text\n";
        assert_eq!(table(None, columns(false)), expected);
        assert_eq!(table(Some(80), columns(true)), "NAME    ID  TEXT\na       1\na lon…  2   a lo…\n");
    }

    #[test]
    fn rows_after_the_window_are_cut_so_that_columns_stay_straight() {
        let mut rows = vec![["name", "id", "t"]; WINDOW];
        rows.push(["a longer name", "id", "a longer text"]);
        let text = table(None, columns(), &rows);
        assert_eq!(text.lines().last().unwrap(), "a l…  id  a longer text");
        assert_eq!(table(Some(80), columns(), &rows).lines().last().unwrap(), "a l…  id  a l…");
    }

    #[test]
    fn wide_characters_are_aligned() {
        let text = table(None, columns(), &[["日本", "1", ""], ["e\u{301}\x1b", "2", ""]]);
        assert_eq!(text, "NAME  ID  TEXT\n日本  1\ne\u{301}     2\n");
        // The third character needs two columns, and the mark leaves one.
        let text = table(Some(10), columns(), &[["日本語話", "1", ""], ["abcdefgh", "2", ""]]);
        assert_eq!(text, "NAME    ID\n日本…   1\nabcde…  2\n");
    }
}
