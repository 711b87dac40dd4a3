//! Errors in reading a response.

use std::error::Error as StdError;
use std::fmt;

use super::ErrorKind;

/// A 2xx response that does not match the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    why: String,
    kind: ErrorKind,
    /// The offset in the body, in bytes, where the error is.
    at: Option<usize>,
    /// The part of the response that is wrong, if not all of it is.
    about: Option<String>,
}

impl DecodeError {
    /// Creates an error. `why` describes what was found and where.
    pub fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), kind: ErrorKind::Decode, at: None, about: None }
    }

    /// JSON that is nested more deeply than its reader allows.
    pub fn too_deep(why: impl fmt::Display) -> Self {
        Self::new(why).of_kind(ErrorKind::TooDeep)
    }

    /// JSON that is not `what` was expected, such as "a page of devices".
    pub fn json(what: &str, error: &serde_json::Error) -> Self {
        let kind = if is_too_deep(error) { ErrorKind::TooDeep } else { ErrorKind::Decode };
        Self::new(format_args!("not {what}: {error}")).of_kind(kind)
    }

    /// Returns `Decode`, `TooDeep` or `TooLarge`.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Sets the offset in the body, in bytes, where the error is. `None` means the beginning.
    pub(crate) fn at(self, at: Option<usize>) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn place(&self) -> Option<usize> {
        self.at
    }

    /// Sets the part of the response that is wrong, such as "device 2 of the page".
    pub(crate) fn about(self, part: String) -> Self {
        Self { about: Some(part), ..self }
    }

    pub(crate) fn part(&self) -> Option<&str> {
        self.about.as_deref()
    }
}

/// Recognises the error of serde_json at its depth limit of 128, which only its message shows. A response may hold the
/// same text.
fn is_too_deep(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    text.starts_with("recursion limit exceeded")
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for DecodeError {}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::error::Error;

    #[test]
    fn json_that_is_nested_too_deeply_has_a_kind_of_its_own() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let read = |text: String| serde_json::from_str::<Value>(&text);
        assert!(read(nested(127)).is_ok());
        let error = DecodeError::json("a list", &read(nested(128)).unwrap_err());
        assert_eq!((error.kind(), Error::from(error).kind()), (ErrorKind::TooDeep, ErrorKind::TooDeep));
        let error = DecodeError::json("a list", &read("[1".into()).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().starts_with("not a list: EOF"), "{error}");
        let told = serde_json::from_str::<u8>(r#""]: recursion limit exceeded""#).unwrap_err();
        assert_eq!(DecodeError::json("a number", &told).kind(), ErrorKind::Decode);
    }
}
