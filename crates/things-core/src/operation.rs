//! The typed layer of a call: the request of an endpoint, and how to read its response.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::utf8_percent_encode;

use crate::answer::Answer;
use crate::error::{DecodeError, Error};
use crate::input::{COMPONENT, InputError};
use crate::retry::Replay;

/// An endpoint: a request and how to read its response. Each endpoint has a file of this shape.
///
/// The [`Session`](crate::Session) adds base URL, bearer token and sub-customer. An operation never does.
pub trait Operation {
    /// The contents of the response.
    type Output;

    /// Builds the request.
    ///
    /// # Errors
    ///
    /// Returns why the request cannot be built. Nothing is sent then.
    fn encode(&self) -> Result<Call, InputError>;

    /// Whether the call must not be made twice, like a downlink. This decides the outcome in the error of a call that
    /// cannot be encoded. The retries of all other calls follow from [`Call::replay`].
    fn at_most_once(&self) -> bool {
        false
    }

    /// Reads a response with a 2xx status.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the response, and where.
    fn decode(&self, answer: Answer) -> Result<Self::Output, DecodeError>;
}

/// A request without host, token and customer.
#[derive(Clone)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) replay: Replay,
    pub(crate) external_reference: Option<Arc<str>>,
}

impl Call {
    /// Creates a call to `path`, which starts with `/` and is already percent-encoded, or to a whole URL below the base
    /// URL. For anything else, the call fails before anything is sent.
    ///
    /// It is retried on failure as HTTP defines its method (RFC 9110, section 9.2): `GET`, `HEAD` and `OPTIONS` are
    /// safe, `PUT` and `DELETE` are idempotent, and any other method is not retried.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let replay = match method {
            Method::GET | Method::HEAD | Method::OPTIONS => Replay::Safe,
            Method::PUT | Method::DELETE => Replay::Idempotent,
            _ => Replay::Never,
        };
        Self {
            method,
            target: path.into(),
            headers: HeaderMap::with_capacity(8),
            body: Bytes::new(),
            replay,
            external_reference: None,
        }
    }

    /// Adds a query parameter; name and value are percent-encoded.
    pub fn query(self, name: &str, value: impl fmt::Display) -> Self {
        let encode = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
        self.encoded_query(&encode(name), &encode(&value.to_string()))
    }

    /// Adds a query parameter whose name and value are percent-encoded already.
    pub(crate) fn encoded_query(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(name);
        self.target.push('=');
        self.target.push_str(value);
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

    /// Sets what a retry would do, if the method does not define it.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Sets the caller's reference for the call, which its error contains. It is not sent: add it to the query as well.
    pub fn external_reference(mut self, reference: impl Into<Arc<str>>) -> Self {
        self.external_reference = Some(reference.into());
        self
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Shows method and path only, because query, headers and body may hold secrets.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} {}, {} bytes)", self.method, self.path(), self.body.len())
    }
}

/// Reads the result of [`Step::Done`](crate::Step::Done). If the body cannot be read, the error names the request and
/// the service.
///
/// # Errors
///
/// Returns the call's own error, or an error of the kind [`Decode`](crate::ErrorKind::Decode) or
/// [`TooDeep`](crate::ErrorKind::TooDeep) if the operation cannot read the response.
pub fn finish<O: Operation + ?Sized>(
    operation: &O,
    result: Result<Answer, Error>,
) -> Result<O::Output, Error> {
    let answer = result?;
    let asked = answer.asked.clone();
    let (status, body, elapsed) = (answer.status, answer.body.clone(), answer.elapsed);
    operation.decode(answer).map_err(|error| match asked {
        Some(asked) => asked.undecodable(&error, status, &body, asked.started + elapsed),
        None => error.into(),
    })
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
    }
}
