//! What can go wrong, as values: one error type, its kinds, and what each says about a downlink.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use zeroize::Zeroize;

use crate::retry::Stop;

/// Why a call failed: one flat list, the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, malformed or contradicts another. Nothing was sent.
    Config,
    /// An argument cannot be right. Nothing was sent.
    Input,
    /// No connection could be made: refused, DNS, TLS, proxy. The request was not sent.
    Connect,
    /// No answer within the time of the attempt.
    Timeout,
    /// The time of the whole call ran out: token, context switch, attempts and pauses, or all pages of a listing that
    /// has a time of its own.
    Deadline,
    /// The connection broke before the whole answer was there; or the caller stopped the call, or the listing.
    Interrupted,
    /// The answer's body is larger than the bound (16 MiB by default).
    TooLarge,
    /// The answer's head is larger than the transport takes.
    HeadTooLarge,
    /// Another failure below HTTP.
    Transport,
    /// The access token was rejected (302 or 401), or GRIP refused to give one.
    Auth,
    /// 400: body, `Accept` or a query parameter is badly formed.
    BadRequest,
    /// 403: the token is right and has no authorisation for this resource.
    Forbidden,
    /// 404.
    NotFound,
    /// 429.
    RateLimited,
    /// 5xx.
    Server,
    /// A status outside 2xx that has no kind of its own.
    UnexpectedStatus,
    /// A 2xx answer whose body is not what the documentation shows.
    Decode,
    /// A 2xx answer whose JSON is nested more than 127 levels deep.
    TooDeep,
    /// The pages of a listing contradict each other.
    Listing,
    /// A listing has more pages than the bound (100,000 by default), or does not end.
    TooManyPages,
}

impl ErrorKind {
    /// All kinds, for who gives each a class or a code of their own.
    pub const ALL: &[Self] = &[
        Self::Config,
        Self::Input,
        Self::Connect,
        Self::Timeout,
        Self::Deadline,
        Self::Interrupted,
        Self::TooLarge,
        Self::HeadTooLarge,
        Self::Transport,
        Self::Auth,
        Self::BadRequest,
        Self::Forbidden,
        Self::NotFound,
        Self::RateLimited,
        Self::Server,
        Self::UnexpectedStatus,
        Self::Decode,
        Self::TooDeep,
        Self::Listing,
        Self::TooManyPages,
    ];

    /// The kind that an answer with this status has.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            302 | 401 => Self::Auth,
            400 => Self::BadRequest,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            429 => Self::RateLimited,
            500..=599 => Self::Server,
            _ => Self::UnexpectedStatus,
        }
    }
}

/// Which part of a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before anything was sent.
    Prepare,
    /// Taking an access token from GRIP.
    Token,
    /// The context switch to a sub-customer.
    ContextSwitch,
    /// The call itself.
    Call,
}

/// What a failure leaves of a call that must not be made twice, such as a downlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is proven that the service did not act on it: sending it again is safe.
    NotSent,
    /// It may have arrived. The library never repeats it; look before you do.
    Unknown,
}

/// What kept a transport from bringing an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// No connection: refused, DNS, TLS, proxy, or too slow to connect. **The request was not sent.**
    Connect,
    /// The time of the exchange ran out after a connection was made. The request may have reached the server.
    Timeout,
    /// The connection broke before the whole answer was there. The request may have reached the server.
    Interrupted,
    /// The answer's body is larger than [`Exchange::limit`](crate::Exchange::limit). The request reached the server.
    TooLarge,
    /// The answer's head is larger than the transport takes. The request reached the server.
    HeadTooLarge,
    /// Anything else. The request may have reached the server.
    Other,
}

/// A failed exchange, as a transport reports it.
#[derive(Debug, Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// A failure of this kind, with the HTTP library's own error as its source.
    pub fn new(kind: TransportErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Some(Arc::from(source.into())) }
    }

    /// What happened.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::Timeout => "no answer in time",
            TransportErrorKind::Interrupted => "the connection broke before the answer was complete",
            TransportErrorKind::TooLarge => "the answer is larger than allowed",
            TransportErrorKind::HeadTooLarge => "the answer's head is larger than allowed",
            TransportErrorKind::Other => "the exchange failed",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {}", innermost(source.as_ref())),
            None => Ok(()),
        }
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<TransportErrorKind> for TransportError {
    fn from(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// The body of an answer, as far as it can be read.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// No bytes at all.
    Empty,
    /// JSON of any shape.
    Json(Value),
    /// Not JSON.
    Raw(Bytes),
}

impl Body {
    /// Reads the bytes of an answer.
    pub fn read(bytes: &Bytes) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        serde_json::from_slice(bytes).map_or_else(|_| Self::Raw(bytes.clone()), Self::Json)
    }

    /// The JSON, if it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Raw(_) => None,
        }
    }

    /// A text field of a JSON object, such as `error` or `error_description` (RFC 6749, section 5.2).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.json()?.get(name)?.as_str()
    }
}

/// Shows the kind of the body and its size, not what it says.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Json(_) => f.write_str("Json(..)"),
            Self::Raw(bytes) => write!(f, "Raw({} bytes)", bytes.len()),
        }
    }
}

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

/// Why a call failed, what was asked of whom, after how many attempts, and what to do.
///
/// Holds no secret and no token: where an answer repeats one, it is cut out.
#[derive(Clone)]
pub struct Error(Box<Report>);

/// Everything an [`Error`] can tell.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) kind: ErrorKind,
    pub(crate) stage: Stage,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) asked: Option<(Method, String)>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) stop: Option<Stop>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) external_reference: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Report {
            kind,
            stage,
            message: message.into(),
            hint: None,
            asked: None,
            status: None,
            headers: HeaderMap::new(),
            body: Body::Empty,
            retry_after: None,
            stop: None,
            outcome: None,
            external_reference: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            source: None,
        }))
    }

    /// Settings that cannot make a client.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, Stage::Prepare, message)
    }

    /// The pages of a listing contradict each other.
    pub(crate) fn listing(message: impl Into<String>) -> Self {
        let hint = "the fleet may be changing, or the server pages in an unexpected way: list again, or with a window of 1";
        Self::new(ErrorKind::Listing, Stage::Call, message).with(|report| report.hint = Some(hint.into()))
    }

    /// A listing that does not end within its bound.
    pub(crate) fn too_many_pages(message: impl Into<String>) -> Self {
        let hint =
            "allow more pages, or ask for larger ones; a server that always has one more would never end";
        Self::new(ErrorKind::TooManyPages, Stage::Call, message)
            .with(|report| report.hint = Some(hint.into()))
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Report)) -> Self {
        change(&mut self.0);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Which part of the call failed.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What was found, without the request, the counts and the hint that `Display` adds.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What you can do about it, where we know.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The method of the request that failed.
    pub fn method(&self) -> Option<&Method> {
        self.0.asked.as_ref().map(|(method, _)| method)
    }

    /// The URL of the request that failed, without its query.
    pub fn url(&self) -> Option<&str> {
        self.0.asked.as_ref().map(|(_, url)| url.as_str())
    }

    /// The status of the last answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The headers of the last answer: among them what a service desk may ask for, such as a request id.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The body of the last answer.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// How long the server asks to wait (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Why it was not tried again.
    pub fn stop(&self) -> Option<Stop> {
        self.0.stop
    }

    /// For a call that must not be made twice (a downlink): whether it can have arrived. `None` for reads.
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome
    }

    /// Your own name for the downlink that failed, if it has one.
    pub fn external_reference(&self) -> Option<&str> {
        self.0.external_reference.as_deref()
    }

    /// How many requests were sent for the failed part of the call.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long the call took until it failed.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }
}

impl From<InputError> for Error {
    fn from(input: InputError) -> Self {
        Self::new(ErrorKind::Input, Stage::Prepare, input.to_string())
            .with(|report| report.source = Some(Arc::new(input)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        if let Some((method, url)) = &report.asked {
            write!(f, "{method} {url}: ")?;
        }
        f.write_str(&report.message)?;
        if report.attempts > 0 {
            let plural = if report.attempts == 1 { "" } else { "s" };
            write!(f, " (after {} attempt{plural}, {:.1?})", report.attempts, report.elapsed)?;
        }
        let outcome = report.outcome.map(|outcome| match outcome {
            Outcome::Unknown => "may have arrived and was not repeated",
            Outcome::NotSent => "was not sent",
        });
        match (outcome, &report.external_reference) {
            (Some(outcome), Some(reference)) => write!(f, "; downlink {reference:?} {outcome}")?,
            (Some(outcome), None) => write!(f, "; it {outcome}")?,
            (None, _) => {}
        }
        if let Some(hint) = &report.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("stage", &self.0.stage)
            .field("message", &self.to_string())
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::new(error.kind(), Stage::Call, shorten(error.to_string()))
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let kind = match error.kind {
            TransportErrorKind::Connect => ErrorKind::Connect,
            TransportErrorKind::Timeout => ErrorKind::Timeout,
            TransportErrorKind::Interrupted => ErrorKind::Interrupted,
            TransportErrorKind::TooLarge => ErrorKind::TooLarge,
            TransportErrorKind::HeadTooLarge => ErrorKind::HeadTooLarge,
            TransportErrorKind::Other => ErrorKind::Transport,
        };
        Self::new(kind, Stage::Call, error.to_string()).with(|report| report.source = error.source)
    }
}

/// The message of the innermost cause, where HTTP libraries keep what really happened.
fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a dyn StdError {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// A short text of an answer for an error message: one line, at most 200 characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..1_000).unwrap_or(bytes));
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|char| !char.is_control()));
    }
    if line.chars().count() > 200 || bytes.len() > 1_000 {
        line = line.chars().take(200).collect();
        line.push('…');
    }
    line
}

/// The beginning and the end of a text that may be of any length, such as that of a parser which repeats what it found.
pub(crate) fn shorten(text: String) -> String {
    const BEGINNING: usize = 200;
    const END: usize = 100;
    let Some(rest) = text.chars().count().checked_sub(BEGINNING + END).filter(|rest| *rest > 0) else {
        return text;
    };
    let mut short: String = text.chars().take(BEGINNING).collect();
    short.push('…');
    short.extend(text.chars().skip(BEGINNING + rest));
    short
}

/// Cuts every occurrence of the secrets out of an answer.
pub(crate) fn redact(bytes: &Bytes, secrets: &[impl AsRef<str>]) -> Bytes {
    let secrets: Vec<_> = tellable(secrets).map(str::as_bytes).collect();
    let found =
        |rest: &[u8]| secrets.iter().find(|secret| rest.starts_with(secret)).map(|secret| secret.len());
    let (mut clean, mut kept) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match found(rest) {
            Some(length) => {
                clean.extend_from_slice(bytes.get(kept..at).unwrap_or_default());
                clean.extend_from_slice(b"[redacted]");
                at += length;
                kept = at;
            }
            None => at += 1,
        }
    }
    if kept == 0 {
        return bytes.clone();
    }
    clean.extend_from_slice(bytes.get(kept..).unwrap_or_default());
    clean.into()
}

/// Cuts them out of the texts and names of a value, and tells whether there were any.
pub(crate) fn redact_json(value: &mut Value, secrets: &[impl AsRef<str>]) -> bool {
    match value {
        Value::String(text) => redact_text(text, secrets),
        Value::Array(values) => {
            let mut found = false;
            for value in values {
                found |= redact_json(value, secrets);
            }
            found
        }
        Value::Object(fields) => {
            let mut found = false;
            for (mut name, mut value) in std::mem::take(fields) {
                found |= redact_text(&mut name, secrets) | redact_json(&mut value, secrets);
                fields.insert(name, value);
            }
            found
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Cuts them out of a text, and tells whether there were any.
pub(crate) fn redact_text(text: &mut String, secrets: &[impl AsRef<str>]) -> bool {
    let mut found = false;
    for secret in tellable(secrets) {
        if text.contains(secret) {
            let clean = text.replace(secret, "[redacted]");
            text.zeroize();
            *text = clean;
            found = true;
        }
    }
    found
}

/// Those that are long enough to be told from any other text.
fn tellable(secrets: &[impl AsRef<str>]) -> impl Iterator<Item = &str> {
    secrets.iter().map(AsRef::as_ref).filter(|secret| secret.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kinds_is_complete() {
        assert_eq!(
            ErrorKind::ALL.len(),
            ErrorKind::TooManyPages as usize + 1,
            "the last kind has the highest number"
        );
        assert!(ErrorKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }

    #[test]
    fn display_says_what_was_asked_of_whom_and_what_to_do() {
        let error = Error::new(ErrorKind::Auth, Stage::Call, "302 Found: the access token was rejected")
            .with(|report| {
                report.asked = Some((Method::GET, "https://api.kpnthings.com/api/devices".into()));
                report.attempts = 2;
                report.elapsed = Duration::from_millis(1300);
                report.hint = Some("give the key the service \"KPN Things\" in GRIP".into());
            });
        assert_eq!(
            error.to_string(),
            "GET https://api.kpnthings.com/api/devices: 302 Found: the access token was rejected \
             (after 2 attempts, 1.3s); give the key the service \"KPN Things\" in GRIP"
        );
    }

    #[test]
    fn display_names_the_downlink_that_may_have_arrived() {
        let error = Error::new(ErrorKind::Server, Stage::Call, "500 Internal Server Error");
        let error = error.with(|report| report.outcome = Some(Outcome::Unknown));
        assert!(error.to_string().ends_with("; it may have arrived and was not repeated"), "{error}");
        let error = error.with(|report| report.external_reference = Some("valve 42".into()));
        assert!(error.to_string().ends_with("; downlink \"valve 42\" may have arrived and was not repeated"));
    }

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

    #[test]
    fn bodies_are_read_leniently() {
        assert_eq!(Body::read(&Bytes::new()), Body::Empty);
        assert_eq!(Body::read(&Bytes::from_static(b"<html>")), Body::Raw(Bytes::from_static(b"<html>")));
        let body = Body::read(&Bytes::from_static(br#"{"error":"invalid_client"}"#));
        assert_eq!(body.field("error"), Some("invalid_client"));
        assert_eq!(body.field("error_description"), None);
    }

    #[test]
    fn excerpts_are_one_short_line() {
        assert_eq!(excerpt(b"<html>\r\n\t<b>no\x1b[0m</b>"), "<html> <b>no[0m</b>");
        assert_eq!(excerpt("é".repeat(900).as_bytes()).chars().count(), 201);
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shorten("é".repeat(300)), "é".repeat(300));
        let long = format!("begins {} ends", "é".repeat(10_000));
        let short = shorten(long);
        assert!(short.starts_with("begins é") && short.ends_with("é ends"), "{short}");
        assert_eq!(short.chars().count(), 301);
        let unread = Error::from(DecodeError::new("a".repeat(10_000)));
        assert_eq!(unread.message().chars().count(), 301);
    }

    #[test]
    fn secrets_are_cut_out_wherever_they_stand() {
        let clean = redact(&Bytes::from_static(b"hush! and hush!"), &["hush!"]);
        assert_eq!(clean, "[redacted] and [redacted]");
        let part_of_its_place = redact(&Bytes::from_static(b"redacted"), &["redacted"]);
        assert_eq!(part_of_its_place, "[redacted]");
        let untouched = Bytes::from_static(b"plain");
        assert_eq!(redact(&untouched, &["hush!", "abc"]), untouched);
    }

    #[test]
    fn secrets_are_cut_out_of_the_texts_and_names_of_json() {
        let mut value = serde_json::json!({"a hush!": ["hush!", 1, null], "b": {"c": "d"}});
        assert!(redact_json(&mut value, &["hush!"]));
        assert_eq!(value, serde_json::json!({"a [redacted]": ["[redacted]", 1, null], "b": {"c": "d"}}));
        assert!(!redact_json(&mut value, &["hush!", "abc"]));
    }

    #[test]
    fn the_innermost_cause_is_told() {
        let io = std::io::Error::other("connection refused");
        let error = Error::from(TransportError::new(TransportErrorKind::Connect, io));
        assert_eq!(error.message(), "no connection: connection refused");
    }
}
