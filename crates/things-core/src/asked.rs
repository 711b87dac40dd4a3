//! The description of a request, and the error of a request that failed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri};

use crate::body::Body;
use crate::coding;
use crate::error::{
    DecodeError, Error, ErrorKind, Form, Outcome, Refusal, Report, excerpt, hint, shorten, token_error,
};
use crate::input::InputError;
use crate::moment::Moment;
use crate::redaction::Redactor;
use crate::retry::{Failure, Replay, Stop, retry_after};
use crate::secret::overwrite;
use crate::stage::Stage;
use crate::status::Meaning;
use crate::transport::{TransportError, TransportErrorKind};

/// One request of a call, with the details that its error reports.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// The purpose of the request.
    pub(crate) stage: Stage,
    /// The number of requests that were sent for this stage.
    pub(crate) attempts: u32,
    /// When the call began.
    pub(crate) started: Moment,
    /// The total time limit of the call.
    pub(crate) limit: Duration,
    pub(crate) replay: Replay,
    pub(crate) external_reference: Option<Arc<str>>,
    /// The sub-customer that the call is made for.
    pub(crate) customer: Option<Arc<str>>,
    /// Whether a device signed the request, so that it has no access token.
    pub(crate) is_signed: bool,
    pub(crate) redactor: Arc<Redactor>,
}

/// An error does not keep a larger body, because programs keep errors, and its message shows the start anyway.
const LONGEST_BODY: usize = 1 << 20;

/// The step that a call had not reached when its time ran out.
#[derive(Clone, Copy)]
pub(crate) enum Before {
    Start,
    Token,
    ContextSwitch,
    Call,
}

impl Asked {
    /// Returns the error of an exchange without a usable response. `out_of_time` means that the exchange had all the
    /// time that was left to the call.
    pub(crate) fn unanswered(
        &self,
        error: TransportError,
        out_of_time: bool,
        now: Moment,
    ) -> (Failure, Error) {
        let failure = Failure::Transport(error.kind());
        let timed_out = error.kind() == TransportErrorKind::Timeout;
        let mut error = Error::from(error);
        if out_of_time && timed_out {
            error = error.with(|report| {
                report.kind = ErrorKind::Deadline;
                report.message = format!("timed out after {:.1?}, before the response arrived", self.limit);
            });
        }
        (failure, self.failed(error, failure, now))
    }

    /// Returns the failure and the error of a response that is not a success.
    pub(crate) fn refusal(&self, response: Response<Bytes>, now: Moment) -> (Failure, Error) {
        let (mut parts, body) = response.into_parts();
        let wait = retry_after(&parts.headers, now);
        let redactor = &self.redactor;
        redactor.headers(&mut parts.headers);
        let bytes = redactor.bytes(&body);
        // Overwrite the original if redaction made a copy.
        overwrite(body);
        // An unreadable body is not kept, because redaction could not find a secret in it.
        let unread = coding::text(&parts.headers, &bytes).err().filter(|no_text| no_text.at.is_none());
        let body = if unread.is_none() { Body::of(&parts.headers, bytes) } else { Body::default() };
        let meaning = Meaning::of(parts.status, self.stage, wait.is_some());
        let kind = ErrorKind::of(meaning);
        let mut refusal = Refusal::read(parts.status, &parts.headers, body.bytes());
        let mut message = refusal_message(parts.status, kind, self.stage, &refusal.text);
        if self.is_signed {
            message = message.replacen(TOKEN_REJECTED, ": the message token was rejected", 1);
        }
        if let Some(unread) = unread.filter(|_| !parts.status.is_redirection()) {
            message.push_str("; ");
            message.push_str(&unread.why);
        }
        // Dropping control characters or reading escapes can join the parts of a secret, so redact once more.
        redactor.text(&mut message);
        refusal.reference.iter_mut().for_each(|reference| redactor.text(reference));
        let error = Error::new(kind, self.stage, message).with(|report| {
            report.status = Some(parts.status);
            report.headers = parts.headers;
            report.body = if body.bytes().len() > LONGEST_BODY { Body::default() } else { body };
            report.form = Some(refusal.form);
            report.reference = refusal.reference;
            report.retry_after = wait;
        });
        let failure = Failure::Status(meaning, wait);
        (failure, self.failed(error, failure, now))
    }

    /// Returns the error of a 2xx response whose body cannot be read. It does not show a token response, because that
    /// may hold a token.
    pub(crate) fn undecodable(
        &self,
        error: &DecodeError,
        status: StatusCode,
        body: &Bytes,
        now: Moment,
    ) -> Error {
        let redactor = &self.redactor;
        if self.stage == Stage::Token
            && let Some(mut text) = token_error(&redactor.bytes(body))
        {
            redactor.text(&mut text);
            let message = refusal_message(status, ErrorKind::Auth, Stage::Token, &text);
            return Error::new(ErrorKind::Auth, self.stage, message).with(|report| {
                report.status = Some(status);
                report.form = Some(Form::Service);
                self.complete(report, None, now);
            });
        }
        // Redact whole secrets before the text is shortened.
        let mut message = error.to_string();
        redactor.text(&mut message);
        let mut message = shorten(message);
        if self.stage == Stage::Call {
            message.push_str(&match error.place() {
                Some(at) if at > 0 => format!("; near {:?}", excerpt(&redactor.near(body, at))),
                _ => format!("; the response starts with {:?}", excerpt(&redactor.bytes(body))),
            });
        }
        redactor.text(&mut message);
        Error::new(error.kind(), self.stage, message).with(|report| {
            report.status = Some(status);
            self.complete(report, Some(Failure::Status(Meaning::Success, None)), now);
            let mut hint = match (error.kind(), error.part()) {
                (ErrorKind::TooLarge, _) => "request fewer devices per page".into(),
                (_, Some(part)) => format!("{part} is not what KPN documents: look at it in the portal"),
                _ => "the response is not what KPN documents: check the address, and any proxy in between"
                    .into(),
            };
            redactor.text(&mut hint);
            report.hint = Some(hint);
        })
    }

    /// Returns the error of a call that ended instead of performing a step. `unsent` is true if that step was counted as
    /// an attempt.
    pub(crate) fn unsent(&self, error: Error, unsent: bool, now: Moment) -> Error {
        error.with(|report| {
            self.complete(report, None, now);
            report.attempts = report.attempts.saturating_sub(u32::from(unsent));
        })
    }

    /// Returns the error of a call with an invalid input.
    pub(crate) fn refused(input: InputError, replay: Replay, reference: Option<Arc<str>>) -> Error {
        Error::from(input).with(|report| {
            report.outcome = (replay == Replay::Never).then_some(Outcome::NotSent);
            report.external_reference = reference.as_deref().map(str::to_owned);
        })
    }

    /// Returns the error of a call whose time ran out between two requests.
    pub(crate) fn out_of_time(&self, before: Before, now: Moment) -> Error {
        let limit = self.limit;
        let message = match before {
            Before::Start => "the deadline had passed before the call began".to_owned(),
            Before::Token => {
                format!("timed out after {limit:.1?}, before there was an access token")
            }
            Before::ContextSwitch => {
                format!("timed out after {limit:.1?}, before the context switch to the customer")
            }
            Before::Call => {
                format!("timed out after {limit:.1?}, before the call could be sent")
            }
        };
        Error::new(ErrorKind::Deadline, self.stage, message).with(|report| {
            report.gave_up_because = Some(Stop::Deadline);
            self.complete(report, None, now);
        })
    }

    /// Returns the error of a call whose request must not be sent any more.
    pub(crate) fn too_late(&self, now: Moment) -> Error {
        let message = "the time up to which it was to be sent had passed";
        Error::new(ErrorKind::Deadline, self.stage, message).with(|report| {
            report.gave_up_because = Some(Stop::Deadline);
            self.complete(report, None, now);
        })
    }

    /// Returns the failure of a fetch that this call shares with others, as an error of this call.
    pub(crate) fn shared(&self, error: Error, now: Moment) -> Error {
        error.with(|report| {
            report.outcome = self.outcome(None);
            report.external_reference = self.external_reference.as_deref().map(str::to_owned);
            report.elapsed = now.since(self.started);
        })
    }

    /// Returns the error of a call that cannot be sent in time, because the service requested too long a wait.
    pub(crate) fn held_back(&self, asked: Option<Error>, wait: Duration, stop: Stop, now: Moment) -> Error {
        let error = asked.unwrap_or_else(|| {
            Error::new(
                ErrorKind::RateLimited,
                self.stage,
                "the session sends one request at a time, because the service requested a wait",
            )
        });
        error.with(|report| {
            report.retry_after = Some(wait);
            report.gave_up_because = Some(stop);
            self.complete(report, None, now);
        })
    }

    fn failed(&self, error: Error, failure: Failure, now: Moment) -> Error {
        error.with(|report| self.complete(report, Some(failure), now))
    }

    /// Adds the request, the number of attempts, the elapsed time, the outcome of a call that must not be made twice, and
    /// a hint to the report.
    fn complete(&self, report: &mut Report, failure: Option<Failure>, now: Moment) {
        report.stage = self.stage;
        report.asked = Some((self.method.clone(), without_query(&self.uri)));
        report.attempts = self.attempts;
        report.elapsed = now.since(self.started);
        report.external_reference = self.external_reference.as_deref().map(str::to_owned);
        report.outcome = self.outcome(failure);
        report.hint = hint(report, self.customer.as_deref());
    }

    /// Returns the outcome of a call that must not be made twice.
    fn outcome(&self, failure: Option<Failure>) -> Option<Outcome> {
        if self.replay != Replay::Never {
            return None;
        }
        let unknown = self.stage == Stage::Call && failure.is_some_and(Failure::may_have_acted);
        Some(if unknown { Outcome::Unknown } else { Outcome::NotSent })
    }
}

/// Returns a URL without its query for an error or a log, because the query may hold secrets.
pub(crate) fn without_query(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    format!("{scheme}://{authority}{}", uri.path())
}

const TOKEN_REJECTED: &str = ": the access token was rejected";

fn refusal_message(status: StatusCode, kind: ErrorKind, stage: Stage, reason: &str) -> String {
    let mut message = status.as_u16().to_string();
    if let Some(phrase) = status.canonical_reason() {
        message.push(' ');
        message.push_str(phrase);
    }
    message.push_str(match (kind, stage) {
        (ErrorKind::Auth, Stage::Token) => ": GRIP refused to issue an access token",
        (ErrorKind::Auth, _) => TOKEN_REJECTED,
        (ErrorKind::Forbidden, Stage::ContextSwitch) => ": the context switch to the customer was refused",
        _ => "",
    });
    if !reason.is_empty() {
        message.push_str("; the response says: ");
        message.push_str(reason);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_refusal_begins_with_the_status() {
        use ErrorKind::{Auth, Forbidden};
        for (status, kind, stage, reason, expected) in [
            (
                400,
                Auth,
                Stage::Token,
                "who?",
                "400 Bad Request: GRIP refused to issue an access token; the response says: who?",
            ),
            (
                401,
                Auth,
                Stage::Call,
                "no",
                "401 Unauthorized: the access token was rejected; the response says: no",
            ),
            (302, Auth, Stage::Call, "", "302 Found: the access token was rejected"),
            (
                403,
                Forbidden,
                Stage::ContextSwitch,
                "",
                "403 Forbidden: the context switch to the customer was refused",
            ),
            (403, Forbidden, Stage::Call, "", "403 Forbidden"),
            (599, ErrorKind::Server, Stage::Call, "", "599"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refusal_message(status, kind, stage, reason), expected);
        }
    }
}
