//! `METHOD {baseUrl}/...`: an authenticated call to anything this library does not model.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};

use crate::answer::Answer;
use crate::error::DecodeError;
use crate::input::{InputError, header_value};
use crate::operation::{Call, Operation};
use crate::retry::Replay;

/// A call to any method and path of the API, with the same token, customer, retries and errors as the rest.
///
/// `GET`, `HEAD` and `OPTIONS` are repeated on failure, `PUT` and `DELETE` too; a `POST` or `PATCH` never is
/// unless it is proven that it was not processed.
///
/// ```
/// use things_core::RawCall;
///
/// let call = RawCall::get("/devices").query("limit", 50).query("sort", "createdAt,-name");
/// ```
#[derive(Debug, Clone)]
pub struct RawCall {
    call: Call,
    input: Result<(), InputError>,
}

impl RawCall {
    /// A call to `path`, which starts with `/`, is relative to the base URL, and may have a query.
    ///
    /// What is neither a legal URL character nor percent-encoded is encoded. A path that would leave the base
    /// URL is refused when the call is made, and so are the methods `CONNECT` and `TRACE`.
    pub fn new(method: Method, path: &str) -> Self {
        let input = check_path(path);
        let call = Call::new(method, encode_target(path))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        Self { call, input }
    }

    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a query parameter; name and value are percent-encoded.
    pub fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.call = self.call.query(name, value);
        self
    }

    /// Sets a header. `Authorization`, `x-client-id` and `KPN-Things-Security-Context` come from the client and
    /// are refused here, and so are the headers of the message's framing and of the connection.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match parse_header(name, value) {
            Ok((name, value)) => self.call = self.call.header(name, value),
            Err(error) => self.input = self.input.and(Err(error)),
        }
        self
    }

    /// Sets a JSON body, and `Content-Type: application/json`.
    pub fn json(self, body: impl Into<Bytes>) -> Self {
        self.body("application/json", body)
    }

    /// Sets a body of another type.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut this = self.header(CONTENT_TYPE.as_str(), content_type);
        this.call = this.call.body(body);
        this
    }

    /// Says what a repeat would do, where the method does not tell.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.call = self.call.replay(replay);
        self
    }
}

impl Operation for RawCall {
    type Output = Answer;

    fn encode(&self) -> Result<Call, InputError> {
        self.input.clone()?;
        check_method(&self.call.method)?;
        let bodiless = matches!(self.call.method, Method::GET | Method::HEAD);
        if bodiless && !self.call.body.is_empty() {
            return Err(InputError::new(
                "body",
                format!("goes with no {}: use POST or PUT", self.call.method),
            ));
        }
        Ok(self.call.clone())
    }

    fn at_most_once(&self) -> bool {
        self.call.replay == Replay::Never
    }

    fn decode(&self, answer: Answer) -> Result<Answer, DecodeError> {
        Ok(answer)
    }
}

/// Refuses the two methods that are no calls to a path of the API, or may not carry a token (RFC 9110, section 9.3).
fn check_method(method: &Method) -> Result<(), InputError> {
    let why = match *method {
        Method::CONNECT => "asks for a tunnel, not for a path",
        Method::TRACE => "must not carry a token",
        _ => return Ok(()),
    };
    Err(InputError::new("method", format!("{method} {why}")))
}

const PATH: &str = "path";

fn check_path(path: &str) -> Result<(), InputError> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(InputError::new(
            PATH,
            "does not start with a single '/': give the path after the base URL, for example /api/devices",
        ));
    }
    if path.chars().any(|char| char.is_control() || char == '\\' || char == '#') {
        return Err(InputError::new(PATH, "holds a control character, '\\' or '#'"));
    }
    let segments = path.split('?').next().unwrap_or_default().split('/');
    let dots = segments.map(|segment| segment.to_ascii_lowercase().replace("%2e", "."));
    if dots.into_iter().any(|segment| segment == "." || segment == "..") {
        return Err(InputError::new(PATH, "has a '.' or '..' segment, which could leave the base URL"));
    }
    Ok(())
}

/// Encodes what may not stand in a request target, and keeps the rest, percent-encoded parts included.
fn encode_target(path: &str) -> String {
    const NOT_IN_TARGET: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'`')
        .add(b'{')
        .add(b'}')
        .add(b'|')
        .add(b'^');
    percent_encoding::utf8_percent_encode(path, NOT_IN_TARGET).to_string()
}

/// Headers that frame the message, or belong to a connection, which calls share (RFC 9110, sections 7.6.1 and 10.1.1).
const OF_THE_CONNECTION: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InputError> {
    let what = "header";
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| InputError::new(what, format!("name {name:?} is not an HTTP field name")))?;
    let ours = ["authorization", "x-client-id", "kpn-things-security-context"];
    if ours.contains(&parsed.as_str()) {
        return Err(InputError::new(what, format!("{parsed} is set by the client: set it there")));
    }
    if OF_THE_CONNECTION.contains(&parsed.as_str()) {
        return Err(InputError::new(what, format!("{parsed} is set by the HTTP library")));
    }
    let value = header_value(what, value)?;
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_stays_below_the_base_url() {
        for bad in [
            "",
            "devices",
            "//evil.example",
            "https://evil.example/",
            "/a/../b",
            "/a/%2E%2e/b",
            "/.",
            "/a\\b",
            "/a#b",
            "/a\nb",
        ] {
            assert!(RawCall::get(bad).encode().is_err(), "{bad:?}");
        }
        for good in ["/", "/devices", "/api/devices?currentPage=0", "/a%20b", "/a..b/c"] {
            assert_eq!(RawCall::get(good).encode().unwrap().target, good);
        }
        assert_eq!(RawCall::get("/é b").encode().unwrap().target, "/%C3%A9%20b");
    }

    #[test]
    fn headers_of_the_client_and_of_the_framing_are_refused() {
        for name in
            ["Authorization", "X-Client-Id", "KPN-Things-Security-Context", "Content-Length", "Host", "a b"]
        {
            assert!(RawCall::get("/").header(name, "x").encode().is_err(), "{name}");
        }
        for name in ["Keep-Alive", "Proxy-Authorization", "TE", "Upgrade", "Expect"] {
            assert!(RawCall::get("/").header(name, "x").encode().is_err(), "{name}");
        }
        for value in ["a\r\nb: c", "a\0b", "é", "", " a"] {
            assert!(RawCall::get("/").header("x-note", value).encode().is_err(), "{value:?}");
        }
        assert!(RawCall::get("/").header("x-note", "a b").encode().is_ok());
    }

    #[test]
    fn a_tunnel_and_an_echo_are_no_calls() {
        for method in [Method::CONNECT, Method::TRACE] {
            assert!(RawCall::new(method.clone(), "/").encode().is_err(), "{method}");
        }
        assert!(RawCall::new(Method::from_bytes(b"PURGE").unwrap(), "/").encode().is_ok());
    }

    #[test]
    fn a_get_takes_no_body() {
        assert!(RawCall::get("/").json("{}").encode().is_err());
        assert!(RawCall::new(Method::POST, "/").json("{}").encode().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_legal_request_target(path in "/\\PC{0,40}") {
            if let Ok(call) = RawCall::get(&path).encode() {
                prop_assert!(call.target.parse::<http::uri::PathAndQuery>().is_ok(), "{}", call.target);
            }
        }
    }
}
