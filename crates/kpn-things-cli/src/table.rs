//! Rows of text in columns, row by row: widths are settled by the first rows.

use std::io::{self, Write};

use crate::cell::{cut, plain, width};

/// A table under way.
pub(crate) struct Table<const N: usize> {
    headings: [&'static str; N],
    widths: Option<[usize; N]>,
    /// Longer lines are cut.
    columns: Option<usize>,
}

/// A longer text shifts what follows it in its row, rather than widen its column for all.
const WIDEST: usize = 40;
const GAP: &str = "  ";

impl<const N: usize> Table<N> {
    pub(crate) fn new(headings: [&'static str; N], columns: Option<usize>) -> Self {
        Self { headings, widths: None, columns }
    }

    /// Writes some rows, and before the first of them the headings.
    pub(crate) fn write(&mut self, rows: &[[String; N]], out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let widths = match self.widths {
            Some(widths) => widths,
            None => {
                let widths = self.measure(&rows);
                self.widths = Some(widths);
                self.line(self.headings, widths, out)?;
                widths
            }
        };
        rows.iter().try_for_each(|row| self.line(row.each_ref().map(String::as_str), widths, out))
    }

    fn measure(&self, rows: &[[String; N]]) -> [usize; N] {
        let mut widths = self.headings.map(width);
        for row in rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell).min(WIDEST));
            }
        }
        widths
    }

    fn line(&self, cells: [&str; N], widths: [usize; N], out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        for (cell, columns) in cells.into_iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(cell))));
            line.push_str(GAP);
        }
        let line = line.trim_end();
        match self.columns {
            Some(columns) if width(line) > columns => writeln!(out, "{}", cut(line, columns)),
            _ => writeln!(out, "{line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: Option<usize>, rows: &[[&str; 2]]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        let mut out = Vec::new();
        let mut table = Table::new(["A", "LONG"], columns);
        for row in rows.chunks(2) {
            table.write(row, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_first_rows_settle_the_widths() {
        let text = table(None, &[["ab", "x"], ["é", "y"], ["longer", "z"]]);
        assert_eq!(text, "A   LONG\nab  x\né   y\nlonger  z\n");
    }

    #[test]
    fn no_rows_are_no_table() {
        assert_eq!(table(None, &[]), "");
    }

    #[test]
    fn a_terminal_cuts_lines_to_its_width() {
        assert_eq!(table(Some(6), &[["ab", "xyz"], ["日本", "y"]]), "A    …\nab   …\n日本 …\n");
        assert_eq!(table(Some(9), &[["ab", "xyz"]]), "A   LONG\nab  xyz\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(table(None, &[["a\x1b[2Jb\nc", "x\u{9b}"]]), "A         LONG\na [2Jb c  x\n");
    }
}
