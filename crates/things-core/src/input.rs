//! Input from the user, checked before anything is sent: ids, path segments, header values.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// An argument that cannot be right, refused before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    what: &'static str,
    why: String,
}

impl InputError {
    /// `what` is the name of the value, `why` a clause such as "is empty".
    pub(crate) fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }

    /// Adds the place of a SenML record, from 0, that the value is in. The message counts from 1.
    pub(crate) fn of_record(self, place: usize) -> Self {
        Self { why: format!("of SenML record {} {}", place + 1, self.why), ..self }
    }

    /// The name of the value, for example `DevEUI`.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.why)
    }
}

impl StdError for InputError {}

impl From<things_senml::Error> for InputError {
    fn from(error: things_senml::Error) -> Self {
        Self::new(error.what(), error.why())
    }
}

/// All bytes except the unreserved characters of RFC 3986 are encoded, both in a path segment and in a query.
pub(crate) const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one path segment.
pub(crate) fn encode_segment(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, COMPONENT)
}

/// Refuses what cannot be an id of the service: empty, blank at an end, or with control characters.
///
/// Ids are opaque otherwise: nothing is assumed of their alphabet or length.
pub(crate) fn check_opaque(what: &'static str, text: &str) -> Result<(), InputError> {
    if text.is_empty() {
        return Err(InputError::new(what, "is empty"));
    }
    if text.ends_with(['\n', '\r']) {
        return Err(InputError::new(
            what,
            "ends in a line break: was it read from a file with its last line end?",
        ));
    }
    if let Some(at) = text.chars().position(char::is_control) {
        return Err(InputError::new(what, format!("has a control character at position {}", at + 1)));
    }
    if text.trim() != text {
        return Err(InputError::new(what, "starts or ends with a blank"));
    }
    Ok(())
}

/// Refuses, beyond [`check_opaque`], what would not stay inside its path segment or its header value.
pub(crate) fn check_segment(what: &'static str, text: &str) -> Result<(), InputError> {
    check_opaque(what, text)?;
    if text == "." || text == ".." {
        return Err(InputError::new(what, "is a relative path, not an id"));
    }
    let stray = |char: char| !char.is_ascii_graphic() || matches!(char, '/' | '\\' | '?' | '#' | '%');
    match text.chars().find(|char| stray(*char)) {
        Some(char) => {
            Err(InputError::new(what, format!("holds {char:?}, which an id cannot hold: copy the bare id")))
        }
        None => Ok(()),
    }
}

/// A header value of a user: visible ASCII and blanks only, so that it can neither end its line nor be misread.
pub(crate) fn header_value(what: &'static str, value: &str) -> Result<HeaderValue, InputError> {
    header_value_of(what, Bytes::copy_from_slice(value.as_bytes()))
}

/// The same of bytes that are not copied.
pub(crate) fn header_value_of(what: &'static str, value: Bytes) -> Result<HeaderValue, InputError> {
    let plain = value.iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic());
    let blank_end = [value.first(), value.last()].iter().any(|end| end.is_none_or(|byte| *byte == b' '));
    let parsed = HeaderValue::from_maybe_shared(value).ok();
    parsed.filter(|_| plain && !blank_end).ok_or_else(|| {
        InputError::new(what, "value is empty, blank at an end, or holds a control or non-ASCII character")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        for bad in
            ["", ".", "..", "a/b", "../a", "a\\b", "a?b", "a#b", "a%2Fb", "a b", "é", "a\r\nb", "a\n", " a"]
        {
            assert!(check_segment("customer id", bad).is_err(), "{bad:?}");
        }
        for good in [
            "79658ca8-f1ba-4c25-b824-93813e9fba76",
            "rjsfm52t",
            "4dc82561-f65f-523g-dek9-6c79ec314f02",
            "a..b",
        ] {
            assert_eq!(check_segment("customer id", good), Ok(()), "{good:?}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_as_a_segment_is_one(text in "\\PC{0,20}") {
            if check_segment("id", &text).is_ok() {
                let target = format!("/a/{}/b", encode_segment(&text));
                let path = target.parse::<http::uri::PathAndQuery>().unwrap();
                prop_assert_eq!(path.path().split('/').count(), 4);
                prop_assert!(path.query().is_none() && text != "." && text != "..");
            }
        }
    }
}
