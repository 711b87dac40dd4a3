//! Input from the user, checked before anything is sent: ids, path segments, header values, addresses.

mod paste;
mod product;

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// An invalid argument, rejected before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    what: &'static str,
    why: String,
}

impl InputError {
    /// Creates an error. `what` is the name of the value, `why` a clause such as "is empty".
    pub(crate) fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }

    /// Adds the index of the SenML record with the value, from 0. The message counts from 1.
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

/// Rejects a text that cannot be an id or a secret of the service: empty, or with an artefact of copying.
///
/// Apart from that, ids are opaque: nothing is assumed about their alphabet or length.
pub(crate) fn check_opaque(what: &'static str, text: &str) -> Result<(), InputError> {
    paste::flaw(text).map_or(Ok(()), |why| Err(InputError::new(what, why)))
}

/// Rejects a text that cannot be an address, for the same reasons as [`check_opaque`]. The error is a clause that
/// follows the name.
pub(crate) fn check_address(text: &str) -> Result<(), String> {
    let within = || {
        paste::placeholder_within(text)
            .map(|kind| format!("contains a placeholder ({kind}): replace it by the value"))
    };
    paste::flaw(text).or_else(within).map_or(Ok(()), Err)
}

/// Rejects an invalid free text: empty, space at an end, or with control characters. Unlike an id, it may hold any
/// character that can be part of a text, such as the joiner inside an emoji.
pub(crate) fn check_text(what: &'static str, text: &str) -> Result<(), InputError> {
    let control = text.chars().any(char::is_control);
    if text.is_empty() || text.trim() != text || control {
        let why = paste::flaw(text).unwrap_or_else(|| "has a control character".into());
        return Err(InputError::new(what, why));
    }
    Ok(())
}

/// Rejects a path, or a URL with one, that HTTP libraries read in different ways or that could leave the base URL.
pub(crate) fn check_target(target: &str) -> Result<(), InputError> {
    let refuse = |why: &str| Err(InputError::new("path", why));
    let stray = |byte: u8| byte.is_ascii_control() || matches!(byte, b'\\' | b'#');
    if target.bytes().any(stray) || (!target.is_ascii() && target.contains(char::is_control)) {
        return refuse("has a control character, '\\' or '#'");
    }
    let path =
        target.bytes().position(|byte| byte == b'?').and_then(|end| target.get(..end)).unwrap_or(target);
    if path.bytes().any(|byte| matches!(byte, b'.' | b'%')) && path.split('/').any(is_relative) {
        return refuse("has a '.' or '..' segment, which could leave the base URL");
    }
    Ok(())
}

/// Whether a segment is `.` or `..`, also if it is percent-encoded.
fn is_relative(segment: &str) -> bool {
    let mut dots = 0;
    let mut rest = segment;
    while let Some(after) = rest.strip_prefix('.').or_else(|| {
        let (start, after) = rest.split_at_checked(3)?;
        start.eq_ignore_ascii_case("%2e").then_some(after)
    }) {
        dots += 1;
        rest = after;
    }
    rest.is_empty() && matches!(dots, 1 | 2)
}

/// Checks a custom `User-Agent` (RFC 9110, section 10.1.5), such as `my-app/1.2 (+https://example.com)`.
pub(crate) fn check_products(text: &str) -> Result<(), InputError> {
    product::check(text).map_err(|why| InputError::new("user agent", why))
}

/// Rejects, in addition to [`check_opaque`], a text that would not stay inside its path segment or its header value.
pub(crate) fn check_segment(what: &'static str, text: &str) -> Result<(), InputError> {
    check_opaque(what, text)?;
    if text == "." || text == ".." {
        return Err(InputError::new(what, "is a relative path, not an id"));
    }
    let stray = |char: char| !char.is_ascii_graphic() || matches!(char, '/' | '\\' | '?' | '#' | '%');
    match text.chars().find(|char| stray(*char)) {
        Some(char) => Err(InputError::new(
            what,
            format!("contains {char:?}, which an id cannot contain: copy only the id"),
        )),
        None => Ok(()),
    }
}

/// Returns a custom header value: visible ASCII and spaces only, so that it can neither end its line nor be misread.
/// HTTP allows an empty value. The error is a clause that follows the name.
pub(crate) fn header_value(value: Bytes) -> Result<HeaderValue, String> {
    if [value.first(), value.last()].into_iter().flatten().any(u8::is_ascii_whitespace) {
        return Err("starts or ends with a space or a line break".into());
    }
    let stray = value.iter().position(|byte| *byte != b' ' && !byte.is_ascii_graphic());
    if let Some(place) = stray {
        return Err(format!("has a control character, or one that is not ASCII, at byte {}", place + 1));
    }
    HeaderValue::from_maybe_shared(value).map_err(|_| "cannot be a header value".into())
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
