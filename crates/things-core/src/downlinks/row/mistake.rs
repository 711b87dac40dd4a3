//! The mistakes in a row.

use std::error::Error as StdError;
use std::fmt;

use super::RowColumn;
use crate::input::InputError;

/// A mistake in a row: what is wrong, with which value, and what to do.
///
/// It shows no content of a downlink. Displays without the hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMistake {
    column: Option<RowColumn>,
    /// The value as it is shown, unless the message shows it.
    value: Option<String>,
    message: String,
    hint: Option<&'static str>,
}

impl RowMistake {
    /// Creates a mistake that concerns the whole row.
    pub(super) fn of_row(message: impl Into<String>) -> Self {
        Self { column: None, value: None, message: message.into(), hint: None }
    }

    /// Creates a mistake in a column, with the value of its cell.
    pub(super) fn new(column: RowColumn, value: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let value = (!column.is_content() && !value.is_empty()).then(|| shown(value));
        let value = value.filter(|shown| !message.contains(shown));
        Self { column: Some(column), value, message, hint: None }
    }

    /// Creates a mistake from an error of the library.
    pub(super) fn of(column: RowColumn, value: &str, error: &InputError) -> Self {
        Self::new(column, value, error.to_string())
    }

    pub(super) fn hint(self, hint: Option<&'static str>) -> Self {
        Self { hint, ..self }
    }

    /// The column, unless the mistake concerns the whole row.
    pub fn column(&self) -> Option<RowColumn> {
        self.column
    }

    /// Describes what is wrong. Does not name the column.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A hint on how to fix it, if there is more to say than the message says. Equal mistakes have equal hints.
    pub fn advice(&self) -> Option<&'static str> {
        self.hint
    }
}

impl fmt::Display for RowMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.column, &self.value) {
            (Some(column), Some(value)) => write!(f, "{column} {value}: ")?,
            (Some(column), None) => write!(f, "{column}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.message)
    }
}

impl StdError for RowMistake {}

/// All mistakes in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    mistakes: Vec<RowMistake>,
}

impl RowError {
    /// Creates an error of at least one mistake.
    pub(super) fn new(mistakes: Vec<RowMistake>) -> Self {
        Self { mistakes }
    }

    /// The mistakes, in the order of the columns. There is at least one.
    pub fn mistakes(&self) -> &[RowMistake] {
        &self.mistakes
    }
}

/// Displays all mistakes with their hints, separated by semicolons.
impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.mistakes.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{mistake}")?;
            if let Some(hint) = mistake.hint {
                write!(f, " ({hint})")?;
            }
        }
        Ok(())
    }
}

impl StdError for RowError {}

/// A value as messages show it: in quotes, with escapes, and cut if it is long.
pub(super) fn shown(value: &str) -> String {
    const MOST: usize = 60;
    let mut chars = value.chars();
    let start: String = chars.by_ref().take(MOST).collect();
    match chars.next() {
        None => format!("{start:?}"),
        Some(_) => format!("{:?}", start + "…"),
    }
}
