//! Reads the reason from a response that refuses a request, whatever its shape.
//!
//! No source documents the error bodies of KPN Things or GRIP, so this module reads every common shape: RFC 6749, RFC
//! 9457, Spring Boot, gateways, an `error` that is an object, lists of errors, HTML pages, plain text, and the
//! `WWW-Authenticate` header (RFC 6750). It leaves out no text of the response, except what the error shows anyway
//! (status, path, time).

use http::header::{CONTENT_TYPE, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::excerpt;
use crate::escapes::unescape_xml;
use crate::json::Json;

/// A longer body is not read as JSON, because its values could take ten times its size.
const MOST_PARSED: usize = 64 << 10;

/// The maximum number of list items that are shown.
const MOST_ITEMS: usize = 10;

/// Lists and objects below this depth are not shown.
const DEEPEST: usize = 4;

/// The form of the response that refuses a request. Hints depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON, or a challenge for a bearer token: the service itself refused.
    Service,
    /// An HTML page. It is more likely from a proxy, a firewall or a login page than from the service.
    Page,
    /// Anything else, or no body.
    Unclear,
}

/// The reason in a response.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) form: Form,
    /// The reason in one line; can be empty.
    pub(crate) text: String,
    /// The reference by which a service desk can find the request.
    pub(crate) reference: Option<String>,
}

impl Refusal {
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let json = parsed(body);
        let (mut form, mut text, mut reference) = (Form::Unclear, String::new(), None);
        if let Some(json) = json {
            form = Form::Service;
            text = reason(&json, status, 0);
            reference = json.as_object().and_then(reference_of);
            if text.is_empty() && is_telling(&json) {
                text = excerpt(body);
            }
        } else if is_page(headers, body) {
            form = Form::Page;
            // The body of a redirect is a page for people and adds nothing to the status.
            if !status.is_redirection() {
                text = page(body);
            }
        } else if !status.is_redirection() {
            text = excerpt(body);
        }
        if let Some(challenge) = bearer_challenge(headers) {
            form = Form::Service;
            if text.is_empty() {
                text = challenge;
            }
        }
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let schemes = headers.get_all(PROXY_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
            let schemes: Vec<_> = schemes.filter_map(|value| value.split([' ', ',']).next()).collect();
            if !schemes.is_empty() {
                append(&mut text, "; ", &format!("the proxy accepts {}", schemes.join(", ")));
            }
        }
        Self { form, text: excerpt_of(&text), reference }
    }
}

/// Returns the reason of a token response with a 2xx status that holds an error instead of a token.
///
/// Reads only the two fields of RFC 6749 and `message`, because the rest of the response might hold a token.
pub(crate) fn token_error(body: &[u8]) -> Option<String> {
    let json = parsed(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))?;
    let fields = json.as_object()?;
    field(fields, "error").filter(|error| !error.is_null())?;
    let mut known = Map::new();
    for name in ["error", "error_description", "message"] {
        if let Some(value) = field(fields, name) {
            known.insert(name.to_owned(), value.clone());
        }
    }
    let text = excerpt_of(&reason(&Value::Object(known), StatusCode::OK, 0));
    Some(text).filter(|text| !text.is_empty())
}

fn parsed(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MOST_PARSED)?;
    Json::read(text).ok()?.parse().ok()
}

/// Fields that hold the name of an error. They are shown before the fields that hold its reason.
const NAMES: [&str; 4] = ["title", "error", "name", "code"];
const REASONS: [&str; 5] = ["detail", "message", "error_description", "defaultMessage", "faultstring"];
const REFERENCES: [&str; 3] = ["instance", "transactionId", "correlation_id"];

/// Fields that duplicate what the error shows anyway, or that are for the service's developers.
const LEFT_OUT: [&str; 9] =
    ["timestamp", "status", "statusCode", "path", "trace", "type", "error_uri", "exception", "rejectedValue"];

/// Returns the texts of a JSON value in one line, the name of the error first.
fn reason(value: &Value, status: StatusCode, depth: usize) -> String {
    if depth > DEEPEST {
        return String::new();
    }
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => excerpt(text.as_bytes()),
        Value::Array(items) => {
            let mut text = String::new();
            for item in items.iter().take(MOST_ITEMS) {
                append(&mut text, "; ", &reason(item, status, depth + 1));
            }
            text
        }
        Value::Object(fields) => object_reason(fields, status, depth),
    }
}

fn object_reason(fields: &Map<String, Value>, status: StatusCode, depth: usize) -> String {
    let is = |name: &str, known: &[&str]| known.iter().any(|other| other.eq_ignore_ascii_case(name));
    let mut text = String::new();
    // An item in a list of errors names the field with the error.
    let place = ["field", "property", "pointer"].iter().find_map(|name| field(fields, name)?.as_str());
    if let Some(place) = place {
        text.push_str(&excerpt(place.as_bytes()));
    }
    for name in NAMES {
        let told = field(fields, name).map(|value| reason(value, status, depth + 1)).unwrap_or_default();
        // The message already begins with the status and its phrase. An item needs only its field and its reason.
        let known = told == status.as_str()
            || status.canonical_reason().is_some_and(|phrase| phrase.eq_ignore_ascii_case(&told));
        if !(known || place.is_some() && name == "code") {
            append(&mut text, ": ", &told);
        }
    }
    for name in REASONS {
        if let Some(value) = field(fields, name) {
            append(&mut text, ": ", &reason(value, status, depth + 1));
        }
    }
    if place.is_some() {
        return text;
    }
    for (name, value) in fields {
        let known = [&NAMES[..], &REASONS, &REFERENCES, &LEFT_OUT].iter().any(|names| is(name, names));
        if !known && !matches!(value, Value::Bool(_) | Value::Number(_)) {
            let told = reason(value, status, depth + 1);
            // Below the top level, a name can be that of the invalid parameter.
            let told = match (depth, told.is_empty()) {
                (0, _) | (_, true) => told,
                _ => format!("{}: {told}", excerpt(name.as_bytes())),
            };
            append(&mut text, "; ", &told);
        }
    }
    text
}

/// Returns a field by its name in any case, because AWS writes `Message`.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields
        .get(name)
        .or_else(|| fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Appends a part unless the text already holds it.
fn append(text: &mut String, separator: &str, part: &str) {
    if part.is_empty() || text.contains(part) {
        return;
    }
    if !text.is_empty() {
        text.push_str(separator);
    }
    text.push_str(part);
}

fn reference_of(fields: &Map<String, Value>) -> Option<String> {
    let found = REFERENCES.iter().find_map(|name| field(fields, name)?.as_str());
    found.map(|text| excerpt(text.as_bytes())).filter(|text| !text.is_empty())
}

/// Whether a JSON value without known texts contains information.
fn is_telling(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            !fields.is_empty() && reference_of(fields).is_none() && !only_left_out(fields)
        }
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Whether an object holds only what the error shows anyway.
fn only_left_out(fields: &Map<String, Value>) -> bool {
    let known = |name: &String| LEFT_OUT.iter().chain(&NAMES).any(|other| other.eq_ignore_ascii_case(name));
    fields.keys().all(known)
}

/// Returns `error` and `error_description` of a `WWW-Authenticate` header.
fn bearer_challenge(headers: &HeaderMap) -> Option<String> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let mut text = String::new();
    for challenge in challenges {
        for name in ["error", "error_description"] {
            append(&mut text, ": ", &excerpt(parameter(challenge, name).unwrap_or_default().as_bytes()));
        }
    }
    Some(text).filter(|text| !text.is_empty())
}

/// Returns a quoted or plain parameter of a challenge (RFC 9110, section 11.2).
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let start = challenge.match_indices(name).find_map(|(at, _)| {
        let before = challenge.get(..at)?;
        let rest = challenge.get(at + name.len()..)?.trim_start().strip_prefix('=')?;
        (before.is_empty() || before.ends_with([' ', ','])).then_some(rest.trim_start())
    })?;
    let Some(quoted) = start.strip_prefix('"') else {
        return start.split([',', ' ']).next().map(str::to_owned);
    };
    let (mut text, mut escaped) = (String::new(), false);
    for char in quoted.chars() {
        match char {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => break,
            char => {
                text.push(char);
                escaped = false;
            }
        }
    }
    Some(text)
}

fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    let start = body.trim_ascii_start();
    let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag));
    content_type.starts_with("text/html")
        || content_type.starts_with("application/xhtml")
        || begins(b"<!doctype html")
        || begins(b"<html")
}

/// Returns the title and the first visible text of a page.
fn page(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..MOST_PARSED).unwrap_or(body)).into_owned();
    let lower = text.to_ascii_lowercase();
    let title = between(&text, &lower, "<title", "</title").unwrap_or_default();
    let title = visible(title.split_once('>').map(|(_, title)| title).unwrap_or_default());
    let words = visible(body_of(&text, &lower));
    match (title.is_empty(), words.is_empty()) {
        (true, true) => "an HTML page without text".to_owned(),
        (false, true) => format!("an HTML page, {title:?}"),
        (true, false) => format!("an HTML page: {words}"),
        (false, false) if words.starts_with(&title) => format!("an HTML page: {words}"),
        (false, false) => format!("an HTML page, {title:?}: {words}"),
    }
}

fn body_of<'a>(text: &'a str, lower: &str) -> &'a str {
    let start = lower.find("</head").or_else(|| lower.find("<body")).unwrap_or_default();
    text.get(start..).unwrap_or_default()
}

fn between<'a>(text: &'a str, lower: &str, open: &str, close: &str) -> Option<&'a str> {
    let start = lower.find(open)?;
    let end = start + lower.get(start..)?.find(close)?;
    text.get(start..end)
}

/// Returns the text between the tags, without style sheets, scripts and comments.
fn visible(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let lower = tag.get(..7).unwrap_or(tag).to_ascii_lowercase();
        let end = ["style", "script", "title"].iter().find(|name| lower.starts_with(**name));
        rest = if let Some(comment) = tag.strip_prefix("!--") {
            comment.split_once("-->").map(|(_, rest)| rest).unwrap_or_default()
        } else if let Some(name) = end {
            let close = format!("</{name}");
            let end = tag.to_ascii_lowercase().find(&close);
            end.and_then(|end| tag.get(end..)).unwrap_or_default()
        } else {
            tag.split_once('>').map(|(_, rest)| rest).unwrap_or_default()
        };
        if let Some(closing) = rest.strip_prefix("</").filter(|_| end.is_some()) {
            rest = closing.split_once('>').map(|(_, rest)| rest).unwrap_or_default();
        }
        // The excerpt shows no more than this.
        if text.len() > 2_000 {
            break;
        }
    }
    if text.len() <= 2_000 {
        text.push_str(rest);
    }
    excerpt(unescape_xml(&text).as_bytes())
}

/// Shortens a text of several excerpts again.
fn excerpt_of(text: &str) -> String {
    const MOST: usize = 300;
    let text: String = text.chars().filter(|char| !char.is_control()).collect();
    if text.chars().count() <= MOST {
        return text;
    }
    let mut short: String = text.chars().take(MOST).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Refusal {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Refusal::read(StatusCode::from_u16(status).unwrap(), &map, body.as_bytes())
    }

    #[test]
    fn every_shape_of_json_shows_its_reason() {
        for (status, body, text) in [
            (400, r#"{"error":"invalid_client","error_description":"who?"}"#, "invalid_client: who?"),
            (
                400,
                r#"{"timestamp":"2026-01-05T09:00:00Z","status":400,"error":"Bad Request","message":"pageSize: at most 1000","path":"/api/devices"}"#,
                "pageSize: at most 1000",
            ),
            (
                400,
                r#"{"status":400,"error":"Bad Request","message":"invalid","errors":[{"field":"port","defaultMessage":"from 1 to 223","code":"Max","rejectedValue":224}]}"#,
                "invalid; port: from 1 to 223",
            ),
            (
                400,
                r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"Unknown device"}"#,
                "Unknown device",
            ),
            (
                403,
                r#"{"type":"about:blank","title":"No credit","detail":"it costs 50"}"#,
                "No credit: it costs 50",
            ),
            (
                403,
                r#"{"fault":{"faultstring":"wrong product","detail":{"errorcode":"gateway.wrong"}}}"#,
                "errorcode: gateway.wrong: wrong product",
            ),
            (403, r#"{"Message":"denied by a policy"}"#, "denied by a policy"),
            (400, r#"{"error":{"code":"invalidFilter","message":"too short"}}"#, "invalidFilter: too short"),
            (409, r#"{"error":"Conflict","message":"queue is full (10)"}"#, "queue is full (10)"),
            (
                400,
                r#"{"error":"invalid_request","error_description":"","message":"clientId missing"}"#,
                "invalid_request: clientId missing",
            ),
            (
                400,
                r#"{"transactionId":"t-1","status":400,"name":"BAD","message":"no","info":"see docs"}"#,
                "BAD: no; see docs",
            ),
            (400, r#"{"code":"INVALID_ARGUMENT","message":"no"}"#, "INVALID_ARGUMENT: no"),
            (400, r#"{"errors":{"port":["from 1 to 223"]}}"#, "port: from 1 to 223"),
            (400, r#""no""#, "no"),
            (400, r#"["a","b"]"#, "a; b"),
            (400, r#"{"status":400,"error":"Bad Request"}"#, ""),
        ] {
            let refusal = read(status, &[], body);
            assert_eq!(refusal.text, text, "{body}");
            assert_eq!(refusal.form, Form::Service);
        }
    }

    #[test]
    fn a_reference_is_read() {
        for (body, reference) in [
            (r#"{"instance":"/errors/1","transactionId":"t"}"#, Some("/errors/1")),
            (r#"{"transactionId":"t-1"}"#, Some("t-1")),
            (r#"{"correlation_id":"c-1"}"#, Some("c-1")),
            (r#"{"message":"no"}"#, None),
        ] {
            assert_eq!(read(400, &[], body).reference.as_deref(), reference);
        }
    }

    #[test]
    fn a_challenge_is_read_where_the_body_says_nothing() {
        let challenge =
            r#"Bearer realm="x", error="invalid_token", error_description="token ended at \"08:00\"""#;
        let refusal = read(401, &[("www-authenticate", challenge)], "");
        assert_eq!(refusal.text, "invalid_token: token ended at \"08:00\"");
        assert_eq!(refusal.form, Form::Service);
        assert_eq!(read(401, &[("www-authenticate", "Basic realm=\"x\"")], "").form, Form::Unclear);
        let proxy = [("proxy-authenticate", "Negotiate"), ("proxy-authenticate", "NTLM realm=\"x\"")];
        assert_eq!(read(407, &proxy, "").text, "the proxy accepts Negotiate, NTLM");
    }

    #[test]
    fn a_page_shows_its_title_and_its_words() {
        let style = "body{font-family:Arial}".repeat(2_000);
        for (body, text) in [
            (
                format!(
                    "<!DOCTYPE html><html><head><title>Web &amp; filter</title><style>{style}</style></head><body>Blocked: <b>ask</b><script>x<y</script> us</body></html>"
                ),
                "an HTML page, \"Web & filter\": Blocked: ask us",
            ),
            ("<html><h1>Not allowed</h1>".into(), "an HTML page: Not allowed"),
            ("<html><!-- x --></html>".into(), "an HTML page without text"),
        ] {
            let refusal = read(403, &[], &body);
            assert_eq!((refusal.text.as_str(), refusal.form), (text, Form::Page));
        }
        assert_eq!(read(302, &[], "<html>Log in").text, "");
        assert_eq!(read(403, &[("content-type", "text/html")], "<h1>no</h1>").form, Form::Page);
    }

    #[test]
    fn other_text_is_shown_as_it_is() {
        let xml = "<?xml version='1.0'?><error><message>DevEUI not found</message></error>";
        assert_eq!(read(400, &[], xml).text, xml);
        assert_eq!(read(400, &[], "no\nway").text, "no way");
        assert_eq!(read(400, &[], "").text, "");
    }

    #[test]
    fn an_error_in_place_of_a_token_is_read() {
        let body = br#"{"error":"bad_key","error_description":"no such key","data":"secret"}"#;
        assert_eq!(token_error(body).as_deref(), Some("bad_key: no such key"));
        assert_eq!(token_error(br#"{"data":{"access_token":"t"}}"#), None);
        assert_eq!(token_error(b"<html>"), None);
        assert_eq!(token_error(b"\xef\xbb\xbf{\"error\":\"no \\ud83d\"}").as_deref(), Some("no \u{FFFD}"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_short_line(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..400), html in any::<bool>()) {
            let body = if html { [b"<html>", body.as_slice()].concat() } else { body };
            let refusal = Refusal::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &body);
            prop_assert!(!refusal.text.chars().any(char::is_control));
            prop_assert!(refusal.text.chars().count() <= 301);
        }
    }
}
