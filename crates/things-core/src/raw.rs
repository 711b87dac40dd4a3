//! `METHOD {baseUrl}/...`: an authenticated call to any endpoint that this library does not model.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;

use crate::answer::Answer;
use crate::devices::ListDevices;
use crate::downlinks::Downlink;
use crate::error::DecodeError;
use crate::input::{InputError, check_target, header_value};
use crate::operation::{Call, Operation};
use crate::retry::Replay;

/// A call to any method and path of the API, with the same token, customer, retries and errors as all other calls.
///
/// `GET`, `HEAD`, `OPTIONS`, `PUT` and `DELETE` are retried on failure. A `POST` or `PATCH` is retried only if the service
/// provably did not act on it.
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
    /// Creates a call to `path`, which is relative to the base URL and may have a query. `/devices`, `devices` and
    /// `//devices` are the same path. A whole URL on the base URL's own server is accepted too, for example the link to
    /// a next page.
    ///
    /// Characters that are not allowed in a URL are encoded, and so is a `%` that does not start an encoded byte. The
    /// call fails before anything is sent if the path would leave the base URL, or if the method is `CONNECT` or
    /// `TRACE`.
    ///
    /// `Accept` is the media type that KPN documents for the path, and `application/json` for any other path.
    pub fn new(method: Method, path: &str) -> Self {
        let input = check_target(path).and_then(|()| check_drive(path));
        let path = rooted(path);
        let call = Call::new(method, encode_target(&path))
            .header(ACCEPT, HeaderValue::from_static(media_type(&path)));
        Self { call, input }
    }

    /// Creates a `GET` call.
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a query parameter; name and value are percent-encoded.
    pub fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.call = self.call.query(name, value);
        self
    }

    /// Sets a header; the value may be empty.
    ///
    /// The call fails if the client sets this header (`Authorization`, `Accept-Encoding`, `x-client-id`,
    /// `KPN-Things-Security-Context`, `User-Agent`), or if it belongs to the framing of the message or to the connection.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match parse_header(name, value) {
            Ok((name, value)) => self.call = self.call.header(name, value),
            Err(error) => self.input = self.input.and(Err(error)),
        }
        self
    }

    /// Sets a JSON body, and `Content-Type: application/json`. The bytes are sent unchanged, except for a byte order
    /// mark, which is removed.
    ///
    /// The call fails if they are not JSON. [`body`](RawCall::body) does not check them.
    pub fn json(self, body: impl Into<Bytes>) -> Self {
        let mut body: Bytes = body.into();
        if body.starts_with(BYTE_ORDER_MARK) {
            body = body.slice(BYTE_ORDER_MARK.len()..);
        }
        let valid = check_json(&body);
        let mut this = self.body("application/json", body);
        this.input = this.input.and(valid);
        this
    }

    /// Sets a body of another type, or one that needs no check.
    pub fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut this = self.header(CONTENT_TYPE.as_str(), content_type);
        this.call = this.call.body(body);
        this
    }

    /// Sets what a retry would do, if the method does not define it.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.call = self.call.replay(replay);
        self
    }
}

/// Returns the media type of the response that is documented for this path, which may have a query or be a whole URL.
fn media_type(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    let types = [(ListDevices::PATH, ListDevices::MEDIA_TYPE), (Downlink::PATH, Downlink::MEDIA_TYPE)];
    let found = types.into_iter().find(|(documented, _)| path.ends_with(documented));
    found.map_or("application/json", |(_, media_type)| media_type)
}

/// U+FEFF in UTF-8, which some editors write first.
const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

impl Operation for RawCall {
    type Output = Answer;

    fn encode(&self) -> Result<Call, InputError> {
        self.input.clone()?;
        check_method(&self.call.method)?;
        let bodiless = matches!(self.call.method, Method::GET | Method::HEAD);
        if bodiless && !self.call.body.is_empty() {
            return Err(InputError::new(
                "body",
                format!("cannot be sent with {}: use POST or PUT", self.call.method),
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

/// Rejects the two methods that are not calls to a path of the API or must not carry a token (RFC 9110, section 9.3).
fn check_method(method: &Method) -> Result<(), InputError> {
    let why = match *method {
        Method::CONNECT => "requests a tunnel, not a path",
        Method::TRACE => "must not carry a token",
        _ => return Ok(()),
    };
    Err(InputError::new("method", format!("{method} {why}")))
}

/// Rejects a Windows path, because a shell may have converted a path of the API into one.
fn check_drive(path: &str) -> Result<(), InputError> {
    let mut chars = path.chars();
    let drive = chars.next().is_some_and(|char| char.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && chars.next() == Some('/')
        // A scheme of one letter is not a drive.
        && chars.next() != Some('/');
    if !drive {
        return Ok(());
    }
    Err(InputError::new(
        "path",
        "is a Windows path, into which Git Bash turns a path with a leading slash: leave that slash out, for example api/devices",
    ))
}

/// Rejects a body that is not one JSON value.
fn check_json(body: &[u8]) -> Result<(), InputError> {
    serde_json::from_slice::<IgnoredAny>(body).map(|_| ()).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        InputError::new("body", format!("is not JSON ({place})"))
    })
}

/// Returns the path with exactly one `/` in front, or a whole URL unchanged.
fn rooted(path: &str) -> Cow<'_, str> {
    let is_url = path.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    let below = path.trim_start_matches('/');
    if is_url || path.len() == below.len() + 1 { path.into() } else { format!("/{below}").into() }
}

/// Encodes the characters that a request target must not contain. Keeps the rest, including percent-encoded parts.
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
    let encoded = utf8_percent_encode(path, NOT_IN_TARGET).to_string();
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut target, part| {
        let encodes = part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        target.push_str(if encodes { "%" } else { "%25" });
        target.push_str(part);
        target
    })
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
    let ours = ["accept-encoding", "authorization", "x-client-id", "kpn-things-security-context"];
    if ours.contains(&parsed.as_str()) {
        return Err(InputError::new(what, format!("{parsed} is set by the client: set it there")));
    }
    if parsed == USER_AGENT {
        let why = "user-agent names the client: set your program's name as the user agent of the client";
        return Err(InputError::new(what, why));
    }
    if OF_THE_CONNECTION.contains(&parsed.as_str()) {
        return Err(InputError::new(what, format!("{parsed} is set by the HTTP library")));
    }
    let value = header_value(Bytes::copy_from_slice(value.as_bytes()))
        .map_err(|why| InputError::new(what, format!("{parsed} {why}")))?;
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_stays_below_the_base_url() {
        for bad in ["/a/../b", "/a/%2E%2e/b", "/.", "..", "/a\\b", "/a#b", "/a\nb", "https://a.example/../b"]
        {
            assert!(RawCall::get(bad).encode().is_err(), "{bad:?}");
        }
        for good in
            ["/", "/devices", "/api/devices?currentPage=0", "/a%20b", "/a..b/c", "/c:/x", "/x?next=http://a"]
        {
            assert_eq!(RawCall::get(good).encode().unwrap().target, good);
        }
        assert_eq!(RawCall::get("/é b").encode().unwrap().target, "/%C3%A9%20b");
    }

    #[test]
    fn a_path_is_the_same_with_one_slash_none_or_two() {
        for (path, target) in [
            ("api/devices", "/api/devices"),
            ("//api/devices", "/api/devices"),
            ("///api//devices", "/api//devices"),
            ("", "/"),
            ("?a=b", "/?a=b"),
            ("//evil.example/", "/evil.example/"),
            ("x?next=http://a", "/x?next=http://a"),
            ("HTTPS://api.kpnthings.com/x", "HTTPS://api.kpnthings.com/x"),
            ("://x", "/://x"),
        ] {
            assert_eq!(RawCall::get(path).encode().unwrap().target, target, "{path:?}");
        }
    }

    #[test]
    fn accept_is_what_is_documented_for_the_path() {
        for (path, media_type) in [
            ("/api/devices", "application/vnd.kpnthings.device.v1.response+json"),
            ("api/devices?pageSize=1", "application/vnd.kpnthings.device.v1.response+json"),
            ("https://api.kpnthings.com/api/devices", "application/vnd.kpnthings.device.v1.response+json"),
            ("/api/actuator/downlinks?port=1", "application/vnd.kpnthings.actuator.v1.response+json"),
            ("/api/v1/lifecycle/clients/c/context-switch", "application/json"),
            ("/devices", "application/json"),
            ("/api/devices/x", "application/json"),
            ("/x?next=/api/devices", "application/json"),
        ] {
            assert_eq!(RawCall::get(path).encode().unwrap().headers[ACCEPT], media_type, "{path}");
        }
        let call = RawCall::get("/api/devices").header("accept", "text/plain");
        assert_eq!(call.encode().unwrap().headers[ACCEPT], "text/plain");
    }

    #[test]
    fn the_path_that_git_bash_makes_is_refused_with_the_way_out() {
        for path in ["C:/Program Files/Git/api/devices", "d:/x"] {
            let error = RawCall::get(path).encode().unwrap_err().to_string();
            assert!(error.contains("Git Bash") && error.contains("leave that slash out"), "{error}");
        }
    }

    #[test]
    fn a_percent_sign_that_encodes_nothing_is_encoded() {
        for (path, target) in [
            ("/100%", "/100%25"),
            ("/a%zz%4", "/a%25zz%254"),
            ("/a%2Fb%é", "/a%2Fb%25%C3%A9"),
            ("/%%41", "/%25%41"),
        ] {
            assert_eq!(RawCall::get(path).encode().unwrap().target, target);
        }
    }

    #[test]
    fn json_is_json_and_is_sent_as_it_is() {
        let post = || RawCall::new(Method::POST, "/");
        for good in ["1.0E9", " {\"a\":89314404000123456789}\n", "[null]"] {
            assert_eq!(post().json(good).encode().unwrap().body, good);
        }
        assert_eq!(post().json("\u{FEFF}[1]").encode().unwrap().body, "[1]");
        for (bad, place) in
            [("", "line 1, column 0"), ("{'a': 1}", "line 1, column 2"), ("[1] [2]", "line 1, column 5")]
        {
            let error = post().json(bad).encode().unwrap_err().to_string();
            assert_eq!(error, format!("body is not JSON ({place})"));
        }
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(post().json(deep).encode().is_ok());
        assert_eq!(post().body("application/json", "{'a': 1}").encode().unwrap().body, "{'a': 1}");
    }

    #[test]
    fn headers_of_the_client_and_of_the_framing_are_refused() {
        for name in [
            "Accept-Encoding",
            "Authorization",
            "X-Client-Id",
            "KPN-Things-Security-Context",
            "Content-Length",
            "Host",
            "a b",
        ] {
            assert!(RawCall::get("/").header(name, "x").encode().is_err(), "{name}");
        }
        for name in ["Keep-Alive", "Proxy-Authorization", "TE", "Upgrade", "Expect"] {
            assert!(RawCall::get("/").header(name, "x").encode().is_err(), "{name}");
        }
        let error = RawCall::get("/").header("User-Agent", "my-app").encode().unwrap_err().to_string();
        assert!(error.contains("set your program's name as the user agent"), "{error}");
        for value in ["a\r\nb: c", "a\0b", "é", " a", " "] {
            assert!(RawCall::get("/").header("x-note", value).encode().is_err(), "{value:?}");
        }
        for value in ["a b", ""] {
            assert!(RawCall::get("/").header("x-note", value).encode().is_ok(), "{value:?}");
        }
    }

    #[test]
    fn a_tunnel_and_an_echo_are_no_calls() {
        for method in [Method::CONNECT, Method::TRACE] {
            assert!(RawCall::new(method.clone(), "/").encode().is_err(), "{method}");
        }
        assert!(RawCall::new(Method::from_bytes(b"PURGE").unwrap(), "/").encode().is_ok());
    }

    #[test]
    fn a_method_is_sent_as_it_is_given() {
        // Methods are case-sensitive (RFC 9110, section 9.1), so nothing is known of the effect of `get`.
        let method = Method::from_bytes(b"get").unwrap();
        let call = RawCall::new(method, "/");
        assert_eq!(call.encode().unwrap().method.as_str(), "get");
        assert!(call.at_most_once() && !RawCall::get("/").at_most_once());
    }

    #[test]
    fn a_get_takes_no_body() {
        assert!(RawCall::get("/").json("{}").encode().is_err());
        assert!(RawCall::new(Method::POST, "/").json("{}").encode().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_legal_request_target(path in "/?/?\\PC{0,40}") {
            if let Ok(call) = RawCall::get(&path).encode() {
                prop_assert!(call.target.parse::<http::uri::PathAndQuery>().is_ok(), "{}", call.target);
            }
        }
    }
}
