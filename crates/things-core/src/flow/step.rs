//! The steps of a call, as a driver sees them.

use std::fmt;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};

use super::Flow;
use crate::access_token::AccessToken;
use crate::answer::Answer;
use crate::asked::without_query;
use crate::coding;
use crate::error::Error;
use crate::moment::Moment;
use crate::retry::Replay;
use crate::secret::Secret;
use crate::slot::Ticket;
use crate::stage::Stage;
use crate::status::Meaning;
use crate::token;
use crate::transport::{TransportError, TransportErrorKind};

/// The next action of a driver.
#[must_use]
pub enum Step {
    /// Send this request, and resume with the response or the error.
    Send(Request<Bytes>, Exchange),
    /// Wait until a point in time, and resume.
    Sleep(Pause),
    /// Wait until another call's fetch has settled or the deadline of the turn has passed, and resume.
    Wait(Turn),
    /// The call is over.
    Done(Result<Answer, Error>),
}

impl Step {
    /// Cancels a call instead of performing this step. The result of a finished call stays unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled). A call that must not be made twice is
    /// [`NotSent`](crate::Outcome::NotSent), because it has a step only before it is sent, or after the service
    /// provably did not act on it.
    pub fn cancel(self, now: Moment) -> Result<Answer, Error> {
        match self {
            Self::Send(_, exchange) => Err(exchange.flow.cancelled(true, now)),
            Self::Sleep(pause) => Err(pause.flow.cancelled(false, now)),
            Self::Wait(turn) => Err(turn.flow.cancelled(false, now)),
            Self::Done(result) => result,
        }
    }

    /// Continues with a token from elsewhere, if this step requests a token. Nothing is sent then.
    ///
    /// Returns the step itself if it requests no token, or if this one has expired or is invalid.
    pub fn with_token(self, token: &AccessToken, now: Moment) -> Self {
        match self {
            Self::Send(request, exchange) if exchange.stage() == Stage::Token => {
                match token::stored(token, now, exchange.flow.shared().jitter()) {
                    Some((value, life)) => exchange.flow.adopt(value, life, now),
                    None => Self::Send(request, exchange),
                }
            }
            step => step,
        }
    }

    /// Ends a call for which the driver has no connection, instead of performing this step. The result of a finished call
    /// stays unchanged.
    ///
    /// # Errors
    ///
    /// Returns the error of the transport. A call that must not be made twice is [`NotSent`](crate::Outcome::NotSent).
    pub fn unsent(self, error: TransportError, now: Moment) -> Result<Answer, Error> {
        match self {
            Self::Send(_, exchange) => Err(exchange.flow.unsent(true, error, now)),
            Self::Sleep(pause) => Err(pause.flow.unsent(false, error, now)),
            Self::Wait(turn) => Err(turn.flow.unsent(false, error, now)),
            Self::Done(result) => result,
        }
    }
}

/// Shows the request without query, headers and body, because they may hold secrets.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request, _) => {
                write!(f, "Send({} {})", request.method(), without_query(request.uri()))
            }
            Self::Sleep(pause) => write!(f, "Sleep(until {:?})", pause.until.monotonic()),
            Self::Wait(_) => f.write_str("Wait"),
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
        }
    }
}

/// An HTTP exchange in flight.
#[must_use]
pub struct Exchange {
    pub(super) flow: Box<Flow>,
    pub(super) timeout: Duration,
    /// Whether the exchange has all the time that the call has left. If so, its timeout is the deadline of the call.
    pub(super) ends_at_deadline: bool,
}

impl Exchange {
    /// Time limit from now to the last byte of the response.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Maximum size of the response body in bytes. A larger body is [`TooLarge`](crate::TransportErrorKind::TooLarge).
    pub fn limit(&self) -> usize {
        self.flow.shared().config.limits.max_body
    }

    /// The purpose of the request. A log or a ledger can distinguish the request that acts from those that prepare it.
    pub fn stage(&self) -> Stage {
        self.flow.stage
    }

    /// The number of the attempt at this stage, from 1.
    pub fn attempt(&self) -> u32 {
        self.flow.attempts.of(self.flow.stage)
    }

    /// The method of the request.
    pub fn method(&self) -> &Method {
        self.flow.target().0
    }

    /// The URL of the request without its query, which may hold secrets.
    pub fn url(&self) -> String {
        without_query(self.flow.target().1)
    }

    /// Whether this is the request of a call that must not be made twice, such as a downlink.
    pub fn acts(&self) -> bool {
        self.flow.stage == Stage::Call && self.flow.call.replay == Replay::Never
    }

    /// Returns the access token that this response rejects, if it does.
    pub fn rejected_token(&self, response: &Response<Bytes>) -> Option<Secret> {
        let grant = self.flow.grant.as_ref().filter(|_| self.flow.stage != Stage::Token)?;
        let meaning = Meaning::of(response.status(), self.flow.stage, false);
        token::text(&grant.value).filter(|_| meaning == Meaning::TokenRejected)
    }

    /// Continues with the response, whatever its status, or with the transport's error.
    pub fn resume(self, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> Step {
        let limit = self.limit();
        let mut flow = self.flow;
        // This happens before the body is read anywhere, so that no response stays compressed.
        let reply = reply.and_then(|response| coding::unpacked(response, limit));
        flow.out_of_time = self.ends_at_deadline
            && reply.as_ref().is_err_and(|error| error.kind() == TransportErrorKind::Timeout);
        if let Ok(response) = &reply
            && !Meaning::of(response.status(), flow.stage, true).is_throttled()
        {
            flow.pace().succeeded(now);
        }
        match flow.stage {
            Stage::Token => flow.token_reply(reply, now),
            Stage::ContextSwitch => flow.switch_reply(reply, now),
            Stage::Prepare | Stage::Call => flow.call_reply(reply, now),
        }
    }
}

/// A wait for a point in time.
#[must_use]
pub struct Pause {
    pub(super) flow: Box<Flow>,
    pub(super) until: Moment,
}

impl Pause {
    /// The stage of the next request. [`Stage::Prepare`] before the first request.
    pub fn stage(&self) -> Stage {
        self.flow.stage
    }

    /// The number of attempts so far at this stage. If it is 0, the call waits for its turn.
    pub fn attempts(&self) -> u32 {
        self.flow.attempts.of(self.flow.stage)
    }

    /// The method of the next request.
    pub fn method(&self) -> &Method {
        self.flow.target().0
    }

    /// The URL of the next request without its query, which may hold secrets.
    pub fn url(&self) -> String {
        without_query(self.flow.target().1)
    }

    /// The time at which to continue.
    pub fn until(&self) -> Moment {
        self.until
    }

    /// Continues the call.
    pub fn resume(self, now: Moment) -> Step {
        self.flow.advance(now)
    }
}

/// A wait for the fetch of another call.
#[must_use]
pub struct Turn {
    pub(super) flow: Box<Flow>,
    pub(super) ticket: Ticket,
}

impl Turn {
    /// Returns `Ready` once the fetch has ended. Otherwise wakes `waker` when it does.
    pub fn poll(&self, waker: &Waker) -> Poll<()> {
        self.ticket.poll(waker)
    }

    /// The latest time to continue.
    pub fn deadline(&self) -> Moment {
        self.ticket.until()
    }

    /// Continues the call.
    pub fn resume(mut self, now: Moment) -> Step {
        // The token may have expired or been rejected while the call waited for a context switch.
        self.flow.grant = None;
        match self.ticket.failure() {
            Some(error) => self.flow.refused(error, now),
            None => self.flow.advance(now),
        }
    }
}

/// Hides the call in the debug output of a step, because the call may hold secrets.
macro_rules! opaque_debug {
    ($($step:ident),+) => {
        $(impl fmt::Debug for $step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($step)).finish_non_exhaustive()
            }
        })+
    };
}

opaque_debug!(Exchange, Pause, Turn);
