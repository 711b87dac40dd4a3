//! The account that all targets use: its secret and its tokens are nobody's, and nothing may show them.

use std::error::Error as _;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;
use things_core::{Builder, Config, Credentials, Error, Exchange, Moment, RetryPolicy, Session, Step};

/// Needs escapes in JSON, in a URL and in Rust.
pub(crate) const SECRET: &str = "s3cr/et+=&%\"é";

/// Legal in a header, and needs escapes in JSON.
pub(crate) const TOKEN: &str = "token-1./\\\"~";

pub(crate) const GRIP: &str = "https://grip.example";
pub(crate) const API: &str = "https://api.example";

pub(crate) fn config(policy: RetryPolicy, attempt_timeout: Duration) -> Config {
    let credentials = Credentials::new("rjsfm52t", "the-key-id", SECRET);
    let builder = Builder::new(credentials, Ok).grip_base_url(GRIP).base_url(API);
    builder.retry(policy).attempt_timeout(attempt_timeout).build().unwrap()
}

/// A session as most users have it.
pub(crate) fn session() -> Session {
    static CONFIG: LazyLock<Config> =
        LazyLock::new(|| config(RetryPolicy::default(), Duration::from_secs(15)));
    Session::new(CONFIG.clone(), 0)
}

/// A session with this policy.
pub(crate) fn session_with(policy: RetryPolicy) -> Session {
    Session::new(config(policy, Duration::from_secs(15)), 0)
}

/// So long after the start of all clocks.
pub(crate) fn moment(since_start: Duration) -> Moment {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Moment::new(since_start, wall + since_start)
}

pub(crate) fn start() -> Moment {
    moment(Duration::ZERO)
}

/// The answer that carries a token.
pub(crate) fn token_body(token: &str) -> Bytes {
    serde_json::json!({"access_token": token, "expires_in": 3600}).to_string().into()
}

pub(crate) fn response(status: u16, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = headers;
    response
}

/// The exchange that a step asks for.
pub(crate) fn sent(step: Step) -> (Request<Bytes>, Exchange) {
    match step {
        Step::Send(request, exchange) => (request, exchange),
        other => panic!("expected a request to be sent: {other:?}"),
    }
}

/// Answers with this status and body.
pub(crate) fn answer(step: Step, status: u16, body: Bytes) -> Step {
    sent(step).1.resume(Ok(response(status, HeaderMap::new(), body)), start())
}

pub(crate) fn bearer(request: &Request<Bytes>) -> Option<&str> {
    request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Panics if an error shows one of these texts anywhere.
pub(crate) fn assert_hidden(error: &Error, hidden: &[&str]) {
    let mut plain = vec![error.to_string(), error.message().to_owned()];
    // Here a text stands with escapes; without them another text could look like it.
    let mut written = vec![format!("{error:?} {error:#?}")];
    plain.extend(error.hint().map(str::to_owned));
    let mut source = error.source();
    while let Some(cause) = source {
        plain.push(cause.to_string());
        written.push(format!("{cause:?}"));
        source = cause.source();
    }
    match error.body().json() {
        Some(json) => {
            plain.extend(json.parse::<Value>().ok().as_ref().map(texts));
            written.push(json.to_string());
        }
        None => plain.push(String::from_utf8_lossy(error.body().bytes()).into_owned()),
    }
    for text in hidden {
        let (once, twice) = (escaped(text), escaped(&escaped(text)));
        assert_absent(&plain, &[text, &once]);
        assert_absent(&written, &[&once, &twice]);
    }
}

/// Panics if one of these places shows a text in one of these forms.
fn assert_absent(places: &[String], forms: &[&str]) {
    for form in forms {
        let leak = places.iter().find(|place| place.contains(form));
        assert!(leak.is_none(), "{form:?} is shown: {leak:?}");
    }
}

/// As it stands in a text of JSON.
pub(crate) fn escaped(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    json[1..json.len() - 1].to_owned()
}

/// The texts and names in a JSON value, as they read.
fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(values) => values.iter().map(texts).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}\n{}", texts(value))).collect()
        }
        _ => String::new(),
    }
}
