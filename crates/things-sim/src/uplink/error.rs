//! The error for an uplink that cannot be posted.

use std::fmt;

/// An error of an uplink or of its destination: what is wrong, and what to do. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkError(String);

impl UplinkError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for UplinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UplinkError {}
