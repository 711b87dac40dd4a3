//! The error type of all calls, the kinds of errors, and the outcome of a failed downlink.

mod decode;
mod excerpt;
mod hint;
mod kind;
mod refusal;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::body::Body;
use crate::input::InputError;
use crate::retry::Stop;
use crate::stage::Stage;
use crate::status::{Meaning, Retry};
use crate::transport::{TransportError, TransportErrorKind};

pub use decode::DecodeError;
pub(crate) use excerpt::{excerpt, shorten};
pub(crate) use hint::hint;
pub use kind::{ErrorKind, Outcome};
pub(crate) use refusal::{Form, Refusal, token_error};

/// An error: why a call failed, which request failed and where, after how many attempts, and what to do.
///
/// Holds no secret and no token: if a response contains one, it is redacted.
#[derive(Clone)]
pub struct Error(Box<Report>);

/// All data of an [`Error`].
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
    /// The form of the response that refused the request, if there was one.
    pub(crate) form: Option<Form>,
    pub(crate) reference: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) gave_up_because: Option<Stop>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) external_reference: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// Whether the request was meant to go through a proxy.
    pub(crate) proxied: bool,
    pub(crate) cause: Option<Arc<dyn StdError + Send + Sync>>,
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
            body: Body::default(),
            form: None,
            reference: None,
            retry_after: None,
            gave_up_because: None,
            outcome: None,
            external_reference: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            proxied: false,
            cause: None,
        }))
    }

    /// Settings that cannot make a client.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, Stage::Prepare, message)
    }

    /// A call or a listing that the caller stopped.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, Stage::Call, message)
    }

    /// The ledger of a run cannot be used.
    pub(crate) fn ledger(
        message: String,
        hint: Option<String>,
        cause: Option<Arc<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(ErrorKind::Ledger, Stage::Prepare, message).with(|report| {
            report.hint = hint;
            report.cause = cause;
        })
    }

    /// A downlink that was not sent, under its own reference.
    pub(crate) fn unsent_downlink(self, reference: Option<&str>) -> Self {
        self.with(|report| {
            report.outcome = Some(Outcome::NotSent);
            report.external_reference = reference.map(str::to_owned);
        })
    }

    /// The pages of a listing contradict each other.
    pub(crate) fn listing(message: impl Into<String>) -> Self {
        let hint = "the fleet may be changing, or the server pages in an unexpected way: list again, or with a window of 1";
        Self::new(ErrorKind::Listing, Stage::Call, message).with(|report| report.hint = Some(hint.into()))
    }

    /// A listing that does not end within its limit.
    pub(crate) fn too_many_pages(message: impl Into<String>) -> Self {
        let hint =
            "allow more pages, or ask for larger ones; a server that always has one more would never end";
        Self::new(ErrorKind::TooManyPages, Stage::Call, message)
            .with(|report| report.hint = Some(hint.into()))
    }

    /// Returns the part of a failure that later calls share, without body, headers and cause, because these can be
    /// large.
    pub(crate) fn kept(&self) -> Self {
        let report = &self.0;
        Self::new(report.kind, report.stage, report.message.clone()).with(|kept| {
            kept.hint.clone_from(&report.hint);
            kept.asked.clone_from(&report.asked);
            kept.status = report.status;
            kept.form = report.form;
            kept.reference.clone_from(&report.reference);
            kept.retry_after = report.retry_after;
            kept.gave_up_because = report.gave_up_because;
        })
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Report)) -> Self {
        change(&mut self.0);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The part of the call that failed.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// The message without the request, the counts and the hint, which `Display` adds.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A hint on how to fix the error, if there is one.
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

    /// The status of the last response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The headers of the last response. A service desk may need one of them, such as a request id.
    ///
    /// Secrets and tokens in them are redacted.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The body of the last response. A body of more than 1 MiB is not kept.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// The service's reference of the failed request, for its service desk: `instance`, `transactionId` or
    /// `correlation_id` in the body.
    pub fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Whether the response was an HTML page. A proxy or a firewall may have sent it instead of the service.
    pub fn is_page(&self) -> bool {
        self.0.form == Some(Form::Page)
    }

    /// The wait that the server requests (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The reason why the client did not retry.
    pub fn gave_up_because(&self) -> Option<Stop> {
        self.0.gave_up_because
    }

    /// Whether an attempt or the whole call timed out.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout | ErrorKind::Deadline)
    }

    /// Whether the same call can succeed later, and cannot do anything twice.
    ///
    /// Returns `false` if the outcome is [`Unknown`](Outcome::Unknown). The client has already made its own retries.
    /// Wait before another one, at least for [`retry_after`](Self::retry_after).
    pub fn is_retryable(&self) -> bool {
        let report = &self.0;
        let useful =
            |status| Meaning::of(status, report.stage, report.retry_after.is_some()).retry() == Retry::Useful;
        report.outcome != Some(Outcome::Unknown)
            && match report.kind {
                // A refusal by a proxy is final.
                ErrorKind::Connect => report.gave_up_because != Some(Stop::Final),
                ErrorKind::Timeout | ErrorKind::Deadline | ErrorKind::Interrupted | ErrorKind::Cancelled => {
                    true
                }
                _ => report.status.is_some_and(useful),
            }
    }

    /// The error of the underlying library. [`Display`](fmt::Display) shows it, so it is not the `source()`.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    /// The outcome of a call that must not be made twice (a downlink): whether it may have arrived. `None` for reads.
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome
    }

    /// Your reference for the downlink that failed, if it has one.
    pub fn external_reference(&self) -> Option<&str> {
        self.0.external_reference.as_deref()
    }

    /// The number of requests that were sent for the failed part of the call.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The time that the call took before it failed.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }
}

impl From<InputError> for Error {
    fn from(input: InputError) -> Self {
        Self::new(ErrorKind::Input, Stage::Prepare, input.to_string())
            .with(|report| report.cause = Some(Arc::new(input)))
    }
}

impl From<things_senml::Error> for Error {
    fn from(error: things_senml::Error) -> Self {
        InputError::from(error).into()
    }
}

/// Lets functions accept a value or anything that converts into one.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        if let Some((method, url)) = &report.asked {
            write!(f, "{method} {url}: ")?;
        }
        f.write_str(&report.message)?;
        if let Some(reference) = &report.reference {
            write!(f, "; reference {reference}")?;
        }
        if report.attempts > 0 {
            let plural = if report.attempts == 1 { "" } else { "s" };
            write!(f, " (after {} attempt{plural}, {:.1?})", report.attempts, report.elapsed)?;
        }
        let outcome = report.outcome.map(|outcome| match outcome {
            Outcome::Accepted => "was accepted",
            Outcome::Unknown => "may have arrived and was not retried",
            Outcome::NotSent if report.stage == Stage::Call && report.status.is_some() => {
                "was refused, and the service did not act on it"
            }
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

impl StdError for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::new(error.kind(), Stage::Call, shorten(error.to_string()))
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let kind = match error.kind() {
            TransportErrorKind::Connect | TransportErrorKind::ProxyRefused => ErrorKind::Connect,
            TransportErrorKind::Timeout => ErrorKind::Timeout,
            TransportErrorKind::Interrupted => ErrorKind::Interrupted,
            TransportErrorKind::TooLarge => ErrorKind::TooLarge,
            TransportErrorKind::HeadTooLarge => ErrorKind::HeadTooLarge,
            TransportErrorKind::Other => ErrorKind::Transport,
        };
        Self::new(kind, Stage::Call, error.to_string()).with(|report| {
            report.proxied = error.proxy().is_some();
            report.cause = error.into_cause();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(error.to_string().ends_with("; it may have arrived and was not retried"), "{error}");
        let error = error.with(|report| report.external_reference = Some("valve 42".into()));
        assert!(error.to_string().ends_with("; downlink \"valve 42\" may have arrived and was not retried"));
    }

    #[test]
    fn display_tells_what_never_left_from_what_was_refused() {
        let error = Error::new(ErrorKind::BadRequest, Stage::Call, "400 Bad Request");
        let error = error.with(|report| report.outcome = Some(Outcome::NotSent));
        assert_eq!(error.to_string(), "400 Bad Request; it was not sent");
        let error = error.with(|report| report.status = Some(StatusCode::BAD_REQUEST));
        assert!(
            error.to_string().ends_with("; it was refused, and the service did not act on it"),
            "{error}"
        );
        // This is the status of GRIP. The downlink itself was never sent.
        let error = error.with(|report| report.stage = Stage::Token);
        assert_eq!(error.to_string(), "400 Bad Request; it was not sent");
    }

    #[test]
    fn retryable_is_what_can_succeed_later_and_cannot_happen_twice() {
        use ErrorKind::*;
        for (kind, status, retryable) in [
            (Config, None, false),
            (Input, None, false),
            (Connect, None, true),
            (Timeout, None, true),
            (Deadline, None, true),
            (Interrupted, None, true),
            (Cancelled, None, true),
            (TooLarge, None, false),
            (Transport, None, false),
            (Auth, Some(401), false),
            (BadRequest, Some(400), false),
            (Forbidden, Some(403), false),
            (RateLimited, Some(429), true),
            (Server, Some(500), true),
            (Server, Some(501), false),
            (UnexpectedStatus, Some(408), true),
            (UnexpectedStatus, Some(418), false),
            (Decode, Some(200), false),
            (Incomplete, None, false),
        ] {
            let error = Error::new(kind, Stage::Call, "").with(|report| {
                report.status = status.map(|status| StatusCode::from_u16(status).unwrap());
            });
            assert_eq!(error.is_retryable(), retryable, "{kind:?} {status:?}");
            assert_eq!(error.is_timeout(), matches!(kind, Timeout | Deadline));
            let unknown = error.with(|report| report.outcome = Some(Outcome::Unknown));
            assert!(!unknown.is_retryable(), "{kind:?}");
        }
        let proxy = Error::from(TransportError::proxy_status(407, "no"));
        assert!(proxy.is_retryable());
        assert!(!proxy.with(|report| report.gave_up_because = Some(Stop::Final)).is_retryable());
    }

    #[test]
    fn the_innermost_cause_is_told_once() {
        let io = std::io::Error::other("connection refused");
        let error = Error::from(TransportError::new(TransportErrorKind::Connect, io));
        assert_eq!(error.message(), "no connection: connection refused");
        assert!(error.source().is_none() && error.cause().unwrap().is::<std::io::Error>());
    }
}
