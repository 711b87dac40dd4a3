//! Why a receiver cannot start, or cannot go on.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

/// An error that prevents a receiver from running: its certificate, its address, or its thread.
///
/// [`Display`] is the reason and a hint on one line. Requests never cause it: their errors are responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverError {
    message: String,
    hint: Option<&'static str>,
}

impl ReceiverError {
    /// What is wrong, and with which thing.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl Display for ReceiverError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl Error for ReceiverError {}
