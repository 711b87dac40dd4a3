//! The steps of a call: token, context switch, the call itself, and what to do when one of them fails.
//!
//! ```text
//!   start ──► grant? ──no──► lead: Send(token) ──► settle ─┐      follow: Wait ──► grant?
//!               │ yes ◄──────────────────────────────────┘
//!               ▼
//!           customer? ──switch not done──► lead: Send(switch) ──► settle ─┐      follow: Wait ──► customer?
//!               │ none, or done ◄──────────────────────────────────────────┘
//!               ▼
//!           Send(call) ──2xx──► Done(answer)
//!               ├──302, 401──► drop the token, once ──► grant?
//!               ├──403 for a customer──► drop the switch, once ──► customer?
//!               ├──may be repeated──► Sleep ──► grant?
//!               └──anything else──► Done(error)
//! ```
//!
//! A step owns the call. It can only be resumed with what it asked for, and dropping it cancels the call: if the
//! call was fetching the token for others, the next of them takes over.

use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::customers::{ContextSwitch, CustomerId};
use crate::error::{
    Body, DecodeError, Error, ErrorKind, InputError, Outcome, Report, Stage, TransportError,
    TransportErrorKind, excerpt, redact, redact_json, redact_text, shorten,
};
use crate::moment::Moment;
use crate::operation::{Answer, Call, Operation};
use crate::retry::{Decision, Failure, Replay, Stop, may_have_acted, retry_after};
use crate::secret::{overwrite, secret_json};
use crate::session::{Session, Shared};
use crate::single_flight::{Acquired, Grant, Lease, PAUSE, Ticket};
use crate::token;

/// What a driver does next.
#[must_use]
pub enum Step {
    /// Send this request and resume with the answer, or with what kept it from coming.
    Send(Request<Bytes>, Exchange),
    /// Wait until a point in time, and resume.
    Sleep(Pause),
    /// Wait until another call's fetch has settled or the turn's deadline has come, and resume.
    Wait(Turn),
    /// The call is over.
    Done(Result<Answer, Error>),
}

impl Step {
    /// Ends a call that is not wanted any more, in place of doing what this step says; one that is done stays so.
    ///
    /// The error is of the kind [`Interrupted`](ErrorKind::Interrupted). A call that must not be made twice is
    /// [`NotSent`](Outcome::NotSent): it has a step only before it is sent, and after it is proven that the service did
    /// not act on it.
    pub fn cancel(self, now: Moment) -> Self {
        match self {
            Self::Send(_, exchange) => exchange.flow.cancelled(true, now),
            Self::Sleep(pause) => pause.flow.cancelled(false, now),
            Self::Wait(turn) => turn.flow.cancelled(false, now),
            Self::Done(result) => Self::Done(result),
        }
    }
}

/// Shows what is asked of whom: query, headers and body may hold what must not be seen.
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

/// An HTTP exchange under way.
#[must_use]
pub struct Exchange {
    flow: Box<Flow>,
    timeout: Duration,
    /// It has all the time that the call has left.
    last: bool,
}

impl Exchange {
    /// Time from now to the last byte of the answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Most bytes of the answer's body; more is [`TooLarge`](crate::TransportErrorKind::TooLarge).
    pub fn limit(&self) -> usize {
        self.flow.shared().config.limits.max_body
    }

    /// Goes on with the answer, whatever its status, or with the transport's error.
    pub fn resume(self, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> Step {
        let mut flow = self.flow;
        flow.out_of_time =
            self.last && reply.as_ref().is_err_and(|error| error.kind() == TransportErrorKind::Timeout);
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
    flow: Box<Flow>,
    until: Moment,
}

impl Pause {
    /// When to go on.
    pub fn until(&self) -> Moment {
        self.until
    }

    /// Goes on.
    pub fn resume(self, now: Moment) -> Step {
        self.flow.advance(now)
    }
}

/// A wait for what another call is fetching.
#[must_use]
pub struct Turn {
    flow: Box<Flow>,
    ticket: Ticket,
}

impl Turn {
    /// Ready once the fetch has ended; else `waker` is woken when it does.
    pub fn poll(&self, waker: &Waker) -> Poll<()> {
        self.ticket.poll(waker)
    }

    /// Blocks this thread until the fetch has ended or the deadline has come, for drivers that block.
    pub fn block(&self, clock: &dyn Clock) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        while self.poll(&waker).is_pending() {
            let left = self.deadline().since(clock.now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// The latest time to go on.
    pub fn deadline(&self) -> Moment {
        self.ticket.until()
    }

    /// Goes on.
    pub fn resume(mut self, now: Moment) -> Step {
        // The token may have expired, or been rejected, while the call waited for a context switch.
        self.flow.grant = None;
        match self.ticket.failure() {
            Some(error) => self.flow.refused(error, now),
            None => self.flow.advance(now),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Begins a call.
pub(crate) fn start(session: &Session, call: Result<Call, InputError>, now: Moment) -> Step {
    let shared = &session.shared;
    let prepared = call.and_then(|call| {
        let join = |target: &str| {
            shared
                .config
                .base_url
                .join(target.to_owned())
                .map_err(|_| InputError::new("path", "does not make a URL"))
        };
        let customer = match &session.customer {
            None => None,
            Some(id) => {
                let switch = ContextSwitch::to(id.clone()).encode()?;
                let uri = join(&switch.target)?;
                Some(Customer { header: id.header_value()?, id: id.clone(), switch, uri })
            }
        };
        Ok((join(&call.target)?, customer, call))
    });
    let (uri, customer, call) = match prepared {
        Ok(prepared) => prepared,
        Err(input) => return Step::Done(Err(input.into())),
    };
    shared.budget.deposit();
    let flow = Flow {
        session: session.clone(),
        uri,
        call,
        customer,
        started: now,
        deadline: session
            .deadline
            .map_or(now + session.timeout, |deadline| deadline.min(now + session.timeout)),
        stage: Stage::Prepare,
        attempts: Attempts::default(),
        grant: None,
        token_lease: None,
        token_renewed: false,
        switched: None,
        switch_lease: None,
        switch_renewed: false,
        out_of_time: false,
    };
    Box::new(flow).advance(now)
}

/// The sub-customer of a call, and the context switch to it.
struct Customer {
    id: CustomerId,
    header: HeaderValue,
    switch: Call,
    uri: Uri,
}

/// How many requests were sent: for the fetch in hand of the token, for that of the switch, and for the call.
#[derive(Clone, Copy, Default)]
struct Attempts {
    token: u32,
    switch: u32,
    call: u32,
}

impl Attempts {
    fn of(self, stage: Stage) -> u32 {
        match stage {
            Stage::Token => self.token,
            Stage::ContextSwitch => self.switch,
            Stage::Prepare | Stage::Call => self.call,
        }
    }

    fn count(&mut self, stage: Stage) {
        match stage {
            Stage::Token => self.token += 1,
            Stage::ContextSwitch => self.switch += 1,
            Stage::Prepare | Stage::Call => self.call += 1,
        }
    }
}

/// A call under way.
pub(crate) struct Flow {
    session: Session,
    call: Call,
    uri: Uri,
    customer: Option<Customer>,
    started: Moment,
    deadline: Moment,
    /// What the exchange in hand is for.
    stage: Stage,
    attempts: Attempts,
    grant: Option<Grant>,
    token_lease: Option<Lease>,
    token_renewed: bool,
    switched: Option<Grant>,
    switch_lease: Option<Lease>,
    switch_renewed: bool,
    /// The exchange that failed had all the time that was left.
    out_of_time: bool,
}

/// A refusal that is longer than this is not read as JSON: as values it could take ten times its size.
const MOST_PARSED: usize = 64 << 10;

/// A transport that counts in whole milliseconds ends that much before its time.
const ROUNDING: Duration = Duration::from_millis(2);

const X_CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");
const SECURITY_CONTEXT: HeaderName = HeaderName::from_static("kpn-things-security-context");
const OUR_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("kpn-things-sdk/", env!("CARGO_PKG_VERSION")));

impl Flow {
    fn shared(&self) -> &Shared {
        &self.session.shared
    }

    /// Takes the next step from what is there and what is not.
    fn advance(mut self: Box<Self>, now: Moment) -> Step {
        if now >= self.deadline {
            return self.out_of_time(now);
        }
        if self.grant.is_none() {
            if self.token_lease.is_none() {
                match self.shared().token.acquire(now, self.deadline) {
                    Acquired::Use(grant) => self.grant = Some(grant),
                    Acquired::Lead(lease) => {
                        self.attempts.token = 0;
                        self.token_lease = Some(lease);
                    }
                    Acquired::Follow(ticket) => return Step::Wait(Turn { flow: self, ticket }),
                    Acquired::Refused(error) => return self.refused(error, now),
                }
            }
            if self.token_lease.is_some() {
                return self.send_token(now);
            }
        }
        if let (Some(customer), None) = (&self.customer, &self.switched) {
            if self.switch_lease.is_none() {
                match self.shared().switch(&customer.id).acquire(now, self.deadline) {
                    Acquired::Use(grant) => self.switched = Some(grant),
                    Acquired::Lead(lease) => {
                        self.attempts.switch = 0;
                        self.switch_lease = Some(lease);
                    }
                    Acquired::Follow(ticket) => return Step::Wait(Turn { flow: self, ticket }),
                    Acquired::Refused(error) => return self.refused(error, now),
                }
            }
            if self.switch_lease.is_some() {
                return self.send_switch(now);
            }
        }
        self.send_call(now)
    }

    fn send_token(self: Box<Self>, now: Moment) -> Step {
        let shared = self.shared();
        let mut request = Request::new(shared.token_body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = shared.config.token_url.clone();
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(ACCEPT, json.clone());
        headers.insert(CONTENT_TYPE, json);
        headers.insert(USER_AGENT, OUR_USER_AGENT);
        self.send(Stage::Token, request, now)
    }

    fn send_switch(self: Box<Self>, now: Moment) -> Step {
        let Some(customer) = &self.customer else { return self.send_call(now) };
        let request = self.api_request(&customer.switch, &customer.uri);
        self.send(Stage::ContextSwitch, request, now)
    }

    fn send_call(self: Box<Self>, now: Moment) -> Step {
        let mut request = self.api_request(&self.call, &self.uri);
        if let Some(switched) = &self.switched {
            request.headers_mut().insert(X_CLIENT_ID, switched.value.clone());
        }
        self.send(Stage::Call, request, now)
    }

    fn api_request(&self, call: &Call, uri: &Uri) -> Request<Bytes> {
        let mut request = Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        headers.insert(USER_AGENT, OUR_USER_AGENT);
        if let Some(grant) = &self.grant {
            headers.insert(AUTHORIZATION, grant.value.clone());
        }
        if let Some(context) = &self.shared().config.security_context {
            headers.insert(SECURITY_CONTEXT, context.clone());
        }
        request
    }

    fn send(mut self: Box<Self>, stage: Stage, request: Request<Bytes>, now: Moment) -> Step {
        self.stage = stage;
        self.attempts.count(stage);
        let left = self.deadline.since(now);
        // A refresh leaves time for the call itself, which can still go out with the old token.
        let refresh = stage == Stage::Token
            && self.token_lease.as_ref().is_some_and(|lease| lease.fallback(now).is_some());
        let attempt_timeout = self.shared().config.limits.attempt_timeout;
        let timeout = attempt_timeout.min(if refresh { left / 2 } else { left });
        Step::Send(request, Exchange { flow: self, timeout, last: timeout == left })
    }

    fn token_reply(mut self: Box<Self>, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> Step {
        let decoded = match &reply {
            Ok(response) if response.status().is_success() => Some(token::decode(response.body())),
            _ => None,
        };
        let Some(lease) = self.token_lease.take() else { return self.advance(now) };
        match decoded {
            Some(Ok((value, life))) => {
                // What the transport read; the token has a copy that is overwritten when it goes.
                overwrite(reply.map_or_else(|_| Bytes::new(), Response::into_body));
                let schedule = token::schedule(life, now, self.shared().jitter());
                self.grant = Some(lease.settle(value, Some(schedule), now));
                self.advance(now)
            }
            Some(Err(error)) => {
                let (status, body) =
                    reply.map_or_else(|_| Default::default(), |reply| (reply.status(), reply.into_body()));
                let error = self.undecodable(&error, status, &body, now);
                overwrite(body);
                self.token_failed(lease, error, now)
            }
            None => {
                let (failure, error) = self.failed(reply, now);
                if lease.fallback(now).is_some() {
                    return self.token_failed(lease, error, now);
                }
                match self.pause(Replay::Idempotent, failure, now) {
                    Ok(until) => {
                        self.token_lease = Some(lease);
                        Step::Sleep(Pause { flow: self, until })
                    }
                    Err(stop) => self.token_failed(lease, error.with(|report| report.stop = Some(stop)), now),
                }
            }
        }
    }

    /// Shares the failure of a fetch; the call goes on if the old token still lives.
    fn token_failed(mut self: Box<Self>, lease: Lease, error: Error, now: Moment) -> Step {
        let fallback = lease.fallback(now);
        self.fail_lease(lease, &error, now);
        match fallback {
            Some(grant) => {
                self.grant = Some(grant);
                self.advance(now)
            }
            None => Step::Done(Err(error)),
        }
    }

    fn switch_reply(
        mut self: Box<Self>,
        reply: Result<Response<Bytes>, TransportError>,
        now: Moment,
    ) -> Step {
        let Some(lease) = self.switch_lease.take() else { return self.advance(now) };
        if let (Ok(response), Some(customer)) = (&reply, &self.customer) {
            if self.rejected(response, now) {
                self.switch_lease = Some(lease);
                return self.renew_token(now);
            }
            if response.status().is_success() {
                self.switched = Some(lease.settle(customer.header.clone(), None, now));
                self.grant = None;
                return self.advance(now);
            }
        }
        let (failure, error) = self.failed(reply, now);
        match self.pause(Replay::Safe, failure, now) {
            Ok(until) => {
                self.switch_lease = Some(lease);
                self.grant = None;
                Step::Sleep(Pause { flow: self, until })
            }
            Err(stop) => {
                let error = error.with(|report| report.stop = Some(stop));
                self.fail_lease(lease, &error, now);
                Step::Done(Err(error))
            }
        }
    }

    fn call_reply(mut self: Box<Self>, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> Step {
        if let Ok(response) = &reply {
            if self.rejected(response, now) {
                return self.renew_token(now);
            }
            if self.switch_forgotten(response, now) {
                self.switch_renewed = true;
                self.switched = None;
                self.grant = None;
                return self.advance(now);
            }
        }
        match reply {
            Ok(response) if response.status().is_success() => self.done(response, now),
            reply => {
                let (failure, error) = self.failed(reply, now);
                match self.pause(self.call.replay, failure, now) {
                    Ok(until) => {
                        self.grant = None;
                        Step::Sleep(Pause { flow: self, until })
                    }
                    Err(stop) => Step::Done(Err(error.with(|report| report.stop = Some(stop)))),
                }
            }
        }
    }

    fn done(mut self: Box<Self>, response: Response<Bytes>, now: Moment) -> Step {
        let attempts = self.attempts.call;
        let elapsed = now.since(self.started);
        let (parts, body) = response.into_parts();
        self.stage = Stage::Call;
        Step::Done(Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body,
            attempts,
            elapsed,
            origin: Some(self),
        }))
    }

    /// Whether the answer rejects the token and a new one is worth a try.
    fn rejected(&self, response: &Response<Bytes>, now: Moment) -> bool {
        let Some(grant) = &self.grant else { return false };
        // The next call should not send it either, even if this one may not try again.
        matches!(response.status(), StatusCode::FOUND | StatusCode::UNAUTHORIZED)
            && self.shared().token.invalidate(grant, now)
            && !self.token_renewed
    }

    /// Whether the answer may mean that the context switch is gone and a new one is worth a try.
    fn switch_forgotten(&self, response: &Response<Bytes>, now: Moment) -> bool {
        let (Some(customer), Some(switched)) = (&self.customer, &self.switched) else { return false };
        response.status() == StatusCode::FORBIDDEN
            && !self.switch_renewed
            && self.shared().switch(&customer.id).invalidate(switched, now)
    }

    fn renew_token(mut self: Box<Self>, now: Moment) -> Step {
        self.token_renewed = true;
        self.grant = None;
        self.advance(now)
    }

    /// When the exchange in hand may be repeated, or why it may not.
    fn pause(&self, replay: Replay, failure: Failure, now: Moment) -> Result<Moment, Stop> {
        let shared = self.shared();
        match shared.config.limits.retry.decide(
            replay,
            self.attempts.of(self.stage),
            failure,
            shared.jitter(),
        ) {
            Decision::Stop(stop) => Err(stop),
            Decision::After(wait) if now + wait >= self.deadline => Err(Stop::Deadline),
            Decision::After(_) if !shared.budget.withdraw() => Err(Stop::BudgetExhausted),
            Decision::After(wait) => Ok(now + wait),
        }
    }

    /// Ends a fetch that failed. A caller in a hurry whose own time ran out hands over instead: others have more.
    fn fail_lease(&self, lease: Lease, error: &Error, now: Moment) {
        let short = error.kind() == ErrorKind::Deadline
            || (error.kind() == ErrorKind::Connect && now + ROUNDING >= self.deadline);
        let hurried = short && lease.age(now) < self.shared().config.limits.attempt_timeout;
        if hurried {
            drop(lease);
        } else {
            let longest = self.shared().config.limits.retry.max_retry_after;
            let pause = error.retry_after().unwrap_or_default().min(longest).max(PAUSE);
            lease.fail(error.clone(), now + pause);
        }
    }

    /// Ends the call with the failure of a fetch that it shares with others.
    fn refused(self: Box<Self>, error: Error, now: Moment) -> Step {
        let outcome = self.outcome(None);
        Step::Done(Err(error.with(|report| {
            report.outcome = outcome;
            report.elapsed = now.since(self.started);
        })))
    }

    /// Ends the call; `counted` is one request that it counted and that is not sent.
    fn cancelled(self: Box<Self>, counted: bool, now: Moment) -> Step {
        let error = Error::new(ErrorKind::Interrupted, self.stage, "the call was stopped");
        let outcome = self.outcome(None);
        Step::Done(Err(error.with(|report| {
            self.describe(report, now);
            report.attempts = report.attempts.saturating_sub(u32::from(counted));
            report.outcome = outcome;
        })))
    }

    fn out_of_time(self: Box<Self>, now: Moment) -> Step {
        let limit = self.deadline.since(self.started);
        let waited = match (&self.grant, &self.customer, &self.switched) {
            (None, _, _) => "before there was an access token",
            (_, Some(_), None) => "before the context switch to the customer",
            _ => "before the call could be sent",
        };
        let error = Error::new(
            ErrorKind::Deadline,
            self.stage,
            format!("the time of the call, {limit:.1?}, ran out {waited}"),
        );
        let outcome = self.outcome(None);
        Step::Done(Err(error.with(|report| {
            report.stop = Some(Stop::Deadline);
            self.describe(report, now);
            report.outcome = outcome;
            report.hint = hint(report, self.customer.as_ref());
        })))
    }

    /// What a failure leaves of a call that must not be made twice.
    fn outcome(&self, failure: Option<Failure>) -> Option<Outcome> {
        if self.call.replay != Replay::Never {
            return None;
        }
        let unknown = self.stage == Stage::Call && failure.is_some_and(may_have_acted);
        Some(if unknown { Outcome::Unknown } else { Outcome::NotSent })
    }

    /// Turns a reply that is not a success into what the policy decides by and what the caller is told.
    fn failed(&self, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> (Failure, Error) {
        let (failure, error) = match reply {
            Err(error) => (Failure::Transport(error.kind()), self.unanswered(error)),
            Ok(response) => self.refusal(response, now),
        };
        let outcome = self.outcome(Some(failure));
        let error = error.with(|report| {
            self.describe(report, now);
            report.outcome = outcome;
            report.hint = hint(report, self.customer.as_ref());
        });
        (failure, error)
    }

    /// A transport's error, told as the end of the whole call where it is that.
    fn unanswered(&self, error: TransportError) -> Error {
        let error = Error::from(error);
        if !self.out_of_time {
            return error;
        }
        error.with(|report| {
            report.kind = ErrorKind::Deadline;
            let limit = self.deadline.since(self.started);
            report.message =
                format!("the time of the call, {limit:.1?}, ran out before the answer was there");
        })
    }

    fn refusal(&self, response: Response<Bytes>, now: Moment) -> (Failure, Error) {
        let (parts, body) = response.into_parts();
        let asked = retry_after(&parts.headers, now);
        let secrets = self.secrets();
        let mut bytes = redact(&body, &secrets);
        // If something was cut out, this is the last of it.
        overwrite(body);
        let mut body = if bytes.len() <= MOST_PARSED { Body::read(&bytes) } else { Body::Raw(bytes.clone()) };
        // JSON has more than one way to write a text: what it says is looked through too.
        if let Body::Json(value) = &mut body
            && redact_json(value, &secrets)
        {
            bytes = value.to_string().into();
        }
        let mut kind = ErrorKind::of_status(parts.status);
        let refused = parts.status.is_client_error()
            && kind != ErrorKind::RateLimited
            && parts.status != StatusCode::REQUEST_TIMEOUT;
        if self.stage == Stage::Token && (refused || parts.status.is_redirection()) {
            kind = ErrorKind::Auth;
        }
        let mut message = refusal_message(parts.status, kind, self.stage, &body, &bytes);
        // An excerpt leaves out control characters: what they held apart comes together.
        redact_text(&mut message, &secrets);
        let error = Error::new(kind, self.stage, message).with(|report| {
            report.status = Some(parts.status);
            report.headers = parts.headers;
            report.body = body;
            report.retry_after = asked;
        });
        (Failure::Status(parts.status, asked), error)
    }

    /// An answer with a 2xx status whose body cannot be read. A token's answer is not shown: it may hold a token.
    fn undecodable(&self, error: &DecodeError, status: StatusCode, body: &Bytes, now: Moment) -> Error {
        let secrets = self.secrets();
        // Whole secrets are cut out before a text is cut short.
        let mut message = error.to_string();
        redact_text(&mut message, &secrets);
        let mut message = shorten(message);
        if self.stage == Stage::Call {
            message.push_str(&format!("; the answer starts with {:?}", excerpt(&redact(body, &secrets))));
        }
        redact_text(&mut message, &secrets);
        Error::new(error.kind(), self.stage, message).with(|report| {
            self.describe(report, now);
            report.status = Some(status);
            report.outcome = (self.call.replay == Replay::Never).then_some(if self.stage == Stage::Call {
                Outcome::Unknown
            } else {
                Outcome::NotSent
            });
            report.hint = Some(
                "the answer is not what KPN documents: check the address, and any proxy in between".into(),
            );
        })
    }

    /// Says what was asked of whom, how often and how long.
    fn describe(&self, report: &mut Report, now: Moment) {
        let asked = match (self.stage, &self.customer) {
            (Stage::Token, _) => Some((Method::POST, &self.shared().config.token_url)),
            (Stage::ContextSwitch, Some(customer)) => Some((customer.switch.method.clone(), &customer.uri)),
            _ => Some((self.call.method.clone(), &self.uri)),
        };
        report.stage = self.stage;
        report.asked = asked.map(|(method, uri)| (method, without_query(uri)));
        report.attempts = self.attempts.of(self.stage);
        report.elapsed = now.since(self.started);
    }

    /// What no error may show: the key's secret and the token, as they are and as JSON writes them.
    fn secrets(&self) -> Vec<Zeroizing<String>> {
        let secret = self.shared().config.credentials.key_secret.expose();
        let token = self.grant.as_ref().and_then(|grant| grant.value.to_str().ok()?.strip_prefix("Bearer "));
        let texts = [Some(secret), token].into_iter().flatten();
        let written = |text| {
            let json = secret_json(text);
            let inner = json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
            Zeroizing::new(String::from_utf8_lossy(inner.unwrap_or_default()).into_owned())
        };
        texts.flat_map(|text| [Zeroizing::new(text.to_owned()), written(text)]).collect()
    }
}

/// Reads the answer of a finished call.
pub(crate) fn finish<O: Operation + ?Sized>(operation: &O, mut answer: Answer) -> Result<O::Output, Error> {
    let origin = answer.origin.take();
    let (status, body, elapsed) = (answer.status, answer.body.clone(), answer.elapsed);
    operation.decode(answer).map_err(|error| match origin {
        Some(flow) => flow.undecodable(&error, status, &body, flow.started + elapsed),
        None => error.into(),
    })
}

fn without_query(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    format!("{scheme}://{authority}{}", uri.path())
}

fn refusal_message(status: StatusCode, kind: ErrorKind, stage: Stage, body: &Body, bytes: &[u8]) -> String {
    let mut message = status.as_u16().to_string();
    if let Some(reason) = status.canonical_reason() {
        message.push(' ');
        message.push_str(reason);
    }
    message.push_str(match (kind, stage) {
        (ErrorKind::Auth, Stage::Token) => ": GRIP refused to give an access token",
        (ErrorKind::Auth, _) => ": the access token was rejected",
        (ErrorKind::Forbidden, Stage::ContextSwitch) => ": the context switch to the customer was refused",
        _ => "",
    });
    // A redirect's body is a page for people, and its target is never asked.
    if status.is_redirection() {
        return message;
    }
    let told = match (body.field("error"), body.field("error_description")) {
        (Some(error), Some(description)) => excerpt(format!("{error} ({description})").as_bytes()),
        (Some(error), None) => excerpt(error.as_bytes()),
        _ => excerpt(bytes),
    };
    if !told.is_empty() {
        message.push_str("; the answer says: ");
        message.push_str(&told);
    }
    message
}

/// What the user can do, where the documentation or HTTP tells.
fn hint(report: &Report, customer: Option<&Customer>) -> Option<String> {
    let status = report.status.map(|status| status.as_u16());
    let hint = match (report.kind, report.stage, status) {
        (ErrorKind::Auth, Stage::Token, Some(404)) => {
            "check the tenant id and GRIP's base URL (KPN_THINGS_TENANT_ID, KPN_THINGS_GRIP_BASE_URL)"
        }
        (ErrorKind::Auth, Stage::Token, Some(401)) => {
            "check the key id and the key secret (KPN_THINGS_KEY_ID, KPN_THINGS_KEY_SECRET)"
        }
        (ErrorKind::Auth, Stage::Token, _) => {
            "check tenant id, key id, key secret and application id (KPN_THINGS_*)"
        }
        (ErrorKind::Auth, _, _) => "check in GRIP that the API key has the service \"KPN Things\"",
        (ErrorKind::Forbidden, _, _) => {
            let Some(customer) = customer else {
                return Some("the token is right and has no authorisation for this".into());
            };
            return Some(format!(
                "check that this key may act for customer {}, and that the customer has this resource",
                customer.id
            ));
        }
        (ErrorKind::BadRequest, _, _) => {
            "the service did not take the body, the Accept header or a query parameter"
        }
        (ErrorKind::NotFound, _, _) => "check the base URL and the path (KPN_THINGS_BASE_URL)",
        // To try again would be to send it twice.
        (ErrorKind::RateLimited | ErrorKind::Server, _, _) if report.outcome == Some(Outcome::Unknown) => {
            return None;
        }
        (ErrorKind::RateLimited | ErrorKind::Server, _, _) => match report.retry_after {
            Some(wait) => return Some(format!("the service asks to wait {} s", wait.as_secs())),
            None => "try again later",
        },
        (ErrorKind::Connect, Stage::Token, _) => {
            "check the network, the proxy and GRIP's address (KPN_THINGS_GRIP_BASE_URL)"
        }
        (ErrorKind::Connect, _, _) => "check the network, the proxy and the address (KPN_THINGS_BASE_URL)",
        (ErrorKind::TooLarge, _, _) => "ask for smaller pages, or allow larger answers",
        (ErrorKind::HeadTooLarge, _, _) => "check the address, and any proxy in between",
        // To try again would be to send it twice.
        (ErrorKind::Deadline, _, _) if report.outcome == Some(Outcome::Unknown) => return None,
        (ErrorKind::Deadline, _, _) => "give the call more time, or try again later",
        (ErrorKind::UnexpectedStatus, _, Some(300..=399)) => {
            "redirects are never followed: set the address that is meant"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// The steps show nothing of the call: it may hold what must not be seen.
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::SystemTime;

    use super::*;
    use crate::config::{Builder, Config, Credentials};
    use crate::downlinks::{Downlink, FPort};
    use crate::raw::RawCall;

    fn session_and_downlink() -> (Session, Downlink, Moment) {
        let config: Config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        let port = FPort::new(1).unwrap();
        let downlink = Downlink::raw("0059AC0000181EB6".parse().unwrap(), port, [0xde, 0xad]).unwrap();
        let downlink = downlink.external_reference("valve-42").unwrap();
        (Session::new(config, 0), downlink, Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH))
    }

    #[test]
    fn debug_of_a_step_shows_no_secret_token_or_payload() {
        let (session, downlink, now) = session_and_downlink();
        let step = session.start(&downlink, now);
        assert_eq!(format!("{step:?}"), "Send(POST https://auth.grip-on-it.com/v2/t/oidc/idp/c1/token)");
        let Step::Send(_, exchange) = step else { panic!("the token comes first") };
        let token = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
        let step = exchange.resume(Ok(token), now);
        assert_eq!(format!("{step:?}"), "Send(POST https://api.kpnthings.com/api/actuator/downlinks)");
    }

    #[test]
    fn a_downlink_that_is_cancelled_between_two_steps_was_not_sent() {
        let (session, downlink, now) = session_and_downlink();
        let cancelled = |step: Step, stage: Stage, attempts: u32| {
            let Step::Done(result) = step.cancel(now).cancel(now) else { panic!("it is over") };
            let error = downlink.finish(result).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Interrupted, "the call was stopped"));
            assert_eq!((error.stage(), error.attempts()), (stage, attempts));
            assert_eq!(error.outcome(), Some(Outcome::NotSent));
            assert_eq!(error.external_reference(), Some("valve-42"));
        };
        let leader = session.start(&downlink, now);
        let follower = session.start(&downlink, now);
        assert!(matches!(follower, Step::Wait(_)));
        cancelled(follower, Stage::Prepare, 0);
        cancelled(leader, Stage::Token, 0);
        let Step::Send(_, exchange) = session.start(&downlink, now) else { panic!("the next one leads") };
        let token = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
        let Step::Send(_, exchange) = exchange.resume(Ok(token), now) else { panic!("a downlink follows") };
        let mut busy = Response::new(Bytes::new());
        *busy.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let pause = exchange.resume(Ok(busy), now);
        assert!(matches!(pause, Step::Sleep(_)));
        cancelled(pause, Stage::Call, 1);
        cancelled(session.start(&downlink, now), Stage::Call, 0);
    }

    /// A call that fetches the token, and one that waits for it.
    fn lead_and_follow() -> (Exchange, Turn) {
        let config: Config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        let session = Session::new(config, 0);
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let call = RawCall::new(Method::GET, "/api/things");
        let Step::Send(_, exchange) = session.start(&call, now) else { panic!("the first call leads") };
        let Step::Wait(turn) = session.start(&call, now) else { panic!("the second call follows") };
        (exchange, turn)
    }

    #[test]
    fn a_thread_that_waits_its_turn_is_woken_when_the_fetch_ends() {
        let (exchange, turn) = lead_and_follow();
        let exchange = Mutex::new(Some(exchange));
        // The fetch ends between the look at it and the sleep: the thread must not oversleep that.
        let clock = || {
            let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            if let Some(exchange) = exchange.lock().unwrap().take() {
                let token = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
                assert!(matches!(exchange.resume(Ok(token), now), Step::Send(..)));
            }
            now
        };
        assert!(turn.poll(Waker::noop()).is_pending());
        turn.block(&clock);
        assert!(turn.poll(Waker::noop()).is_ready());
    }

    #[test]
    fn a_thread_waits_its_turn_until_its_deadline_and_no_longer() {
        let (_exchange, turn) = lead_and_follow();
        let deadline = turn.deadline();
        turn.block(&move || deadline);
        assert!(turn.poll(Waker::noop()).is_pending());
    }

    /// What comes of a call with more time that waits for the token of one in a hurry, whose fetch fails like this, so late.
    fn after_one_in_a_hurry(kind: TransportErrorKind, timeout: u64, failed_after: u64) -> Step {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        let once = crate::RetryPolicy { max_attempts: 1, ..Default::default() };
        let config = config.retry(once).attempt_timeout(Duration::from_millis(500)).build().unwrap();
        let session = Session::new(config, 0);
        let at = |ms| Moment::new(Duration::from_millis(ms), SystemTime::UNIX_EPOCH);
        let call = RawCall::new(Method::GET, "/api/things");
        let hurried = session.with_timeout(Duration::from_millis(timeout));
        let Step::Send(_, exchange) = hurried.start(&call, at(0)) else { panic!("the first call leads") };
        let Step::Wait(turn) = session.start(&call, at(0)) else { panic!("the second call follows") };
        let failed = exchange.resume(Err(kind.into()), at(failed_after));
        assert!(matches!(failed, Step::Done(Err(_))), "{failed:?}");
        assert!(turn.poll(Waker::noop()).is_ready());
        turn.resume(at(failed_after))
    }

    #[test]
    fn who_runs_out_of_time_fetching_a_token_hands_over_and_who_fails_tells_the_others() {
        use TransportErrorKind::{Connect, Interrupted, Timeout};
        // No answer, or not even a connection, in the little time there was.
        for (kind, failed_after) in [(Timeout, 100), (Connect, 100), (Connect, 98)] {
            assert!(matches!(after_one_in_a_hurry(kind, 100, failed_after), Step::Send(..)), "{kind:?}");
        }
        // Early; for another reason; or after the time that any attempt has.
        for (kind, timeout, failed_after) in [
            (Connect, 100, 97),
            (Interrupted, 100, 100),
            (Timeout, 500, 500),
            (Connect, 500, 500),
            (Connect, 501, 501),
            (Timeout, 1_000, 500),
        ] {
            let step = after_one_in_a_hurry(kind, timeout, failed_after);
            assert!(
                matches!(step, Step::Done(Err(_))),
                "{kind:?} after {failed_after} of {timeout}: {step:?}"
            );
        }
    }

    /// One attempt at everything, and a second for a call.
    fn session_in_a_hurry() -> Session {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        let once = crate::RetryPolicy { max_attempts: 1, ..Default::default() };
        Session::new(config.retry(once).timeout(Duration::from_secs(1)).build().unwrap(), 0)
    }

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH)
    }

    fn answered(step: Step, body: &'static [u8], now: Moment) -> Step {
        let Step::Send(_, exchange) = step else { panic!("nothing is sent: {step:?}") };
        exchange.resume(Ok(Response::new(Bytes::from_static(body))), now)
    }

    const TOKEN: &[u8] = br#"{"access_token":"canary"}"#;

    #[test]
    fn an_error_tells_what_was_asked_at_each_stage() {
        let fails = |step: Step| {
            let Step::Send(_, exchange) = step else { panic!("nothing is sent: {step:?}") };
            let failed = exchange.resume(Err(TransportErrorKind::Interrupted.into()), at(0));
            let Step::Done(Err(error)) = failed else { panic!("no error: {failed:?}") };
            (error.method().cloned().unwrap(), error.url().unwrap().to_owned(), error.stage())
        };
        let call = RawCall::new(Method::DELETE, "/api/things").query("a", "b");
        let begin = || session_in_a_hurry().for_customer("c-1").unwrap().start(&call, at(0));
        let (method, url, stage) = fails(begin());
        assert_eq!((method, stage), (Method::POST, Stage::Token));
        assert_eq!(url, "https://auth.grip-on-it.com/v2/t/oidc/idp/c1/token");
        let (method, url, stage) = fails(answered(begin(), TOKEN, at(0)));
        assert_eq!((method, stage), (Method::GET, Stage::ContextSwitch));
        assert!(url.contains("c-1"), "{url}");
        let switched = answered(answered(begin(), TOKEN, at(0)), b"", at(0));
        let (method, url, stage) = fails(switched);
        assert_eq!((method, stage), (Method::DELETE, Stage::Call));
        assert_eq!(url, "https://api.kpnthings.com/api/things");
    }

    #[test]
    fn a_call_that_runs_out_of_time_tells_what_it_waited_for() {
        let call = RawCall::new(Method::GET, "/api/things");
        let told = |step: Step| {
            let Step::Done(Err(error)) = step else { panic!("no error: {step:?}") };
            assert_eq!((error.kind(), error.stop()), (ErrorKind::Deadline, Some(Stop::Deadline)));
            error.message().to_owned()
        };
        let session = session_in_a_hurry();
        let leader = session.start(&call, at(0));
        let Step::Wait(turn) = session.start(&call, at(0)) else { panic!("the second call follows") };
        assert_eq!(
            told(turn.resume(at(1))),
            "the time of the call, 1.0s, ran out before there was an access token"
        );
        let late = "the time of the call, 1.0s, ran out before the call could be sent";
        assert_eq!(told(answered(leader, TOKEN, at(1))), late);
        let customer = session_in_a_hurry().for_customer("c-1").unwrap();
        let late = "the time of the call, 1.0s, ran out before the context switch to the customer";
        assert_eq!(told(answered(customer.start(&call, at(0)), TOKEN, at(1))), late);
    }

    #[test]
    fn a_refusal_is_told_in_words_with_what_the_answer_says() {
        use ErrorKind::{Auth, BadRequest, Forbidden};
        let told = |status: u16, kind, stage, body: &'static str| {
            let bytes = Bytes::from_static(body.as_bytes());
            refusal_message(StatusCode::from_u16(status).unwrap(), kind, stage, &Body::read(&bytes), &bytes)
        };
        for (told, expected) in [
            (
                told(400, Auth, Stage::Token, r#"{"error":"invalid_client","error_description":"who?"}"#),
                "400 Bad Request: GRIP refused to give an access token; the answer says: invalid_client (who?)",
            ),
            (
                told(400, BadRequest, Stage::Call, r#"{"error":"bad"}"#),
                "400 Bad Request; the answer says: bad",
            ),
            (
                told(401, Auth, Stage::Call, "no\nway"),
                "401 Unauthorized: the access token was rejected; the answer says: no way",
            ),
            (told(302, Auth, Stage::Call, "<html>"), "302 Found: the access token was rejected"),
            (
                told(403, Forbidden, Stage::ContextSwitch, ""),
                "403 Forbidden: the context switch to the customer was refused",
            ),
            (told(403, Forbidden, Stage::Call, ""), "403 Forbidden"),
            (told(599, ErrorKind::Server, Stage::Call, ""), "599"),
        ] {
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_hint_says_what_the_user_can_do() {
        use ErrorKind::*;
        let unknown = Some(Outcome::Unknown);
        for (kind, stage, status, outcome, expected) in [
            (Auth, Stage::Token, Some(404), None, Some("KPN_THINGS_TENANT_ID")),
            (Auth, Stage::Token, Some(401), None, Some("KPN_THINGS_KEY_SECRET")),
            (Auth, Stage::Token, Some(400), None, Some("application id")),
            (Auth, Stage::Call, Some(302), None, Some("the API key has the service")),
            (Forbidden, Stage::Call, Some(403), None, Some("no authorisation")),
            (BadRequest, Stage::Call, Some(400), None, Some("the Accept header")),
            (NotFound, Stage::Call, Some(404), None, Some("the path")),
            (Server, Stage::Call, Some(500), None, Some("try again later")),
            (Server, Stage::Call, Some(500), unknown, None),
            (Connect, Stage::Token, None, None, Some("KPN_THINGS_GRIP_BASE_URL")),
            (Connect, Stage::Call, None, None, Some("KPN_THINGS_BASE_URL")),
            (TooLarge, Stage::Call, None, None, Some("smaller pages")),
            (HeadTooLarge, Stage::Call, None, None, Some("any proxy")),
            (Deadline, Stage::Call, None, None, Some("more time")),
            (Deadline, Stage::Call, None, unknown, None),
            (UnexpectedStatus, Stage::Call, Some(307), None, Some("redirects are never followed")),
            (UnexpectedStatus, Stage::Call, Some(418), None, None),
            (Timeout, Stage::Call, None, None, None),
        ] {
            let error = Error::new(kind, stage, "").with(|report| {
                report.status = status.map(|status| StatusCode::from_u16(status).unwrap());
                report.outcome = outcome;
                report.hint = hint(report, None);
            });
            let fits = error.hint().zip(expected).is_some_and(|(hint, part)| hint.contains(part));
            assert!(
                fits || (error.hint(), expected) == (None, None),
                "{kind:?} {stage:?}: {:?}",
                error.hint()
            );
        }
    }
}
