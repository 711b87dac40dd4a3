//! Why an inbox could not be used.

use std::error::Error;
use std::fmt;

use things_core::LedgerError;

/// An error of an inbox. It contains no message, no URL and no secret.
#[derive(Clone)]
pub struct InboxError(LedgerError);

impl InboxError {
    /// Creates an error that needs a person, such as a damaged file.
    pub fn new(message: impl Into<String>) -> Self {
        Self(LedgerError::new(message))
    }

    /// Creates an error that a later try may not have, such as a lost connection.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self(LedgerError::temporary(message))
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.hint(hint))
    }

    /// Whether a later try may succeed although nobody does anything.
    pub fn is_temporary(&self) -> bool {
        self.0.is_temporary()
    }

    /// The message, without the hint.
    pub fn message(&self) -> &str {
        self.0.message()
    }

    /// A hint on how to fix the error, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice()
    }
}

impl From<LedgerError> for InboxError {
    fn from(error: LedgerError) -> Self {
        Self(error)
    }
}

impl fmt::Display for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InboxError").field(&self.to_string()).finish()
    }
}

impl Error for InboxError {}
