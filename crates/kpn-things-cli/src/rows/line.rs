//! A line of a file with one downlink, and its mistakes.

use std::io;

use things_core::{BulkItem, Row, RowColumn, RowMistake};

/// A line with one downlink, as a reader found it.
pub(super) struct Line<'a> {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Its cells. `None` if they cannot be told apart.
    pub(super) row: Option<Row<'a>>,
    /// What the reader found wrong.
    pub(super) mistakes: Vec<Mistake>,
}

/// A mistake in a line. It shows no content of a downlink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) column: Option<RowColumn>,
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// Why the rest of a file cannot be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// Its structure is wrong. The text is complete, with its hints.
    Wrong(String),
}

impl<'a> Line<'a> {
    /// Creates a line whose cells cannot be told apart.
    pub(super) fn broken(number: u64, message: impl Into<String>) -> Self {
        Self { number, row: None, mistakes: vec![Mistake::new(message)] }
    }

    /// Returns the downlink, or all mistakes of the line.
    pub(super) fn item(&self, unix_millis: u64, random: u128) -> Result<BulkItem, Vec<Mistake>> {
        let mut mistakes = self.mistakes.clone();
        let error = match self.row.as_ref().map(|row| row.item(unix_millis, random)) {
            Some(Ok(item)) if mistakes.is_empty() => return Ok(item),
            Some(Err(error)) => Some(error),
            _ => None,
        };
        let known: Vec<_> = mistakes.iter().filter_map(|mistake| mistake.column).collect();
        let new = error.iter().flat_map(|error| error.mistakes());
        // One message per cell is enough.
        let new = new.filter(|mistake| mistake.column().is_none_or(|column| !known.contains(&column)));
        mistakes.extend(new.map(Mistake::from));
        Err(mistakes)
    }
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { column: None, message: message.into(), hint: None }
    }
}

impl From<&RowMistake> for Mistake {
    fn from(mistake: &RowMistake) -> Self {
        Self { column: mistake.column(), message: mistake.to_string(), hint: mistake.advice() }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Trouble {
    /// The trouble with bytes that are not UTF-8.
    pub(super) fn not_utf_8(line: u64) -> Self {
        Self::Wrong(format!(
            "line {line} is not UTF-8\n\
             hint: save the file as UTF-8, in Excel as \"CSV UTF-8\": its other CSV formats use the code page of the machine"
        ))
    }
}
