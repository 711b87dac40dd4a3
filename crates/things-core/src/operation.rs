//! The typed skin of a call: what an endpoint asks, and how its answer reads.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{DecodeError, Error, InputError};
use crate::flow::{self, Flow};
use crate::retry::Replay;

/// An endpoint: a request and how to read its answer. One file per endpoint, all of this shape.
///
/// Base URL, bearer token and sub-customer are added by the [`Session`](crate::Session), never here.
pub trait Operation {
    /// What the answer holds.
    type Output;

    /// The request, or why it cannot be made.
    fn encode(&self) -> Result<Call, InputError>;

    /// Reads an answer with a 2xx status.
    fn decode(&self, answer: Answer) -> Result<Self::Output, DecodeError>;

    /// Reads the result of [`Step::Done`](crate::Step::Done), and says what was asked of whom if it cannot be read.
    fn finish(&self, result: Result<Answer, Error>) -> Result<Self::Output, Error> {
        result.and_then(|answer| flow::finish(self, answer))
    }
}

/// A request without host, token and customer.
#[derive(Clone)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) replay: Replay,
}

impl Call {
    /// A call to `path`, which starts with `/` and is percent-encoded already.
    ///
    /// It is repeated on failure as HTTP defines its method (RFC 9110, section 9.2): `GET`, `HEAD` and
    /// `OPTIONS` are safe, `PUT` and `DELETE` idempotent, anything else is never repeated.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let replay = match method {
            Method::GET | Method::HEAD | Method::OPTIONS => Replay::Safe,
            Method::PUT | Method::DELETE => Replay::Idempotent,
            _ => Replay::Never,
        };
        Self { method, target: path.into(), headers: HeaderMap::with_capacity(8), body: Bytes::new(), replay }
    }

    /// Adds a query parameter; name and value are percent-encoded.
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.extend(utf8_percent_encode(name, COMPONENT));
        self.target.push('=');
        self.target.extend(utf8_percent_encode(&value.to_string(), COMPONENT));
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Says what a repeat would do, where the method does not tell.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Shows method and path: query, headers and body may hold what must not be seen.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {}, {} bytes)", self.method, self.path(), self.body.len())
    }
}

/// An answer with a 2xx status.
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came, within the size bound.
    pub body: Bytes,
    /// How many requests were sent for it, token requests not counted.
    pub attempts: u32,
    /// How long the whole call took, token and pauses included.
    pub elapsed: Duration,
    /// The call it answers, for the error if it cannot be read.
    pub(crate) origin: Option<Box<Flow>>,
}

impl Answer {
    /// An answer that belongs to no call, to try an operation's [`decode`](Operation::decode).
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self { status, headers, body: body.into(), attempts: 1, elapsed: Duration::ZERO, origin: None }
    }
}

/// Shows the status and the size of the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}

/// Everything but the unreserved characters of RFC 3986 is encoded, in a path segment and in a query alike.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn queries_encode_everything_that_is_not_plain() {
        let call =
            Call::new(Method::GET, "/api/devices").query("search", "a&b+c é%/=").query("currentPage", 0);
        assert_eq!(call.target, "/api/devices?search=a%26b%2Bc%20%C3%A9%25%2F%3D&currentPage=0");
        assert_eq!(call.path(), "/api/devices");
    }

    #[test]
    fn methods_say_whether_they_may_be_repeated() {
        assert_eq!(Call::new(Method::GET, "/").replay, Replay::Safe);
        assert_eq!(Call::new(Method::DELETE, "/").replay, Replay::Idempotent);
        assert_eq!(Call::new(Method::POST, "/").replay, Replay::Never);
        assert_eq!(Call::new(Method::PATCH, "/").replay, Replay::Never);
    }

    #[test]
    fn debug_shows_no_query_and_no_body() {
        let call = Call::new(Method::POST, "/x").query("externalReference", "valve").body("0102");
        assert_eq!(format!("{call:?}"), "Call(POST /x, 4 bytes)");
    }

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
        fn every_query_reads_back_as_it_was(name in "\\PC{1,10}", value in any::<String>()) {
            let call = Call::new(Method::GET, "/x").query(&name, &value);
            let read = |text| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
            let (path, query) = call.target.split_once('?').unwrap();
            let (encoded_name, encoded_value) = query.split_once('=').unwrap();
            prop_assert_eq!((path, read(encoded_name), read(encoded_value)), ("/x", name, value));
            prop_assert!(call.target.parse::<http::uri::PathAndQuery>().is_ok());
        }

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
