//! Errors of reading a response.

use std::error::Error as StdError;
use std::fmt;

use super::ErrorKind;

/// A 2xx answer that is not what the documentation shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    why: String,
    too_deep: bool,
}

impl DecodeError {
    /// `why` says what was found and where.
    pub fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), too_deep: false }
    }

    /// JSON that is nested deeper than its reader goes.
    pub fn too_deep(why: impl fmt::Display) -> Self {
        Self { too_deep: true, ..Self::new(why) }
    }

    /// JSON that is not `what` was expected, such as "a page of devices".
    pub fn json(what: &str, error: &serde_json::Error) -> Self {
        Self { too_deep: is_too_deep(error), ..Self::new(format_args!("not {what}: {error}")) }
    }

    /// `TooDeep` where the parser gave up for the depth, else `Decode`.
    pub(crate) fn kind(&self) -> ErrorKind {
        if self.too_deep { ErrorKind::TooDeep } else { ErrorKind::Decode }
    }

    /// The same kind in words that show nothing of the JSON.
    pub(crate) fn without_details(self, why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), ..self }
    }
}

/// serde_json stops at its depth of 128, and says so in words alone, which a visitor may have put others before.
/// An answer may hold these words as well.
fn is_too_deep(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    let in_content = text.split_once("]: ").filter(|(place, _)| place.starts_with("content["));
    in_content.map_or(&*text, |(_, why)| why).starts_with("recursion limit exceeded")
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
