//! The steps of a call: token, context switch, the call itself, and what to do when one of them fails.
//!
//! ```text
//!   start ──► grant? ──no──► lead: Send(token) ──► settle ─┐      follow: Wait ──► grant?
//!               │ yes ◄──────────────────────────────────┘
//!               ▼
//!           customer? ──switch not done──► lead: Send(switch) ──► settle ─┐      follow: Wait ──► customer?
//!               │ none, or done ◄──────────────────────────────────────────┘
//!               ▼
//!           Send(call) ──2xx──► Done(response)
//!               ├──302, 401──► drop the token, once ──► grant?
//!               ├──403 for a customer──► drop the switch, once ──► customer?
//!               ├──may be retried──► Sleep ──► grant?
//!               └──anything else──► Done(error)
//! ```
//!
//! A step owns the call. It can only be resumed with the result that it requested, and dropping it cancels the call. If
//! the call was fetching the token for others, the next of them takes over.

mod reply;
mod request;
mod retirement;
mod step;
mod waiting;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri};

use crate::asked::{Asked, Before};
use crate::config::Access;
use crate::customers::{ContextSwitch, CustomerId};
use crate::error::Error;
use crate::input::InputError;
use crate::moment::Moment;
use crate::operation::{Call, Operation};
use crate::pace::Place;
use crate::retry::{Failure, Replay, Stop};
use crate::session::{Session, Shared};
use crate::slot::{Acquired, Grant, Lease};
use crate::stage::Stage;
use crate::transport::TransportError;

use request::X_CLIENT_ID;
pub use retirement::Retirement;
pub use step::{Exchange, Pause, Step, Turn};
pub use watch::Watch;

impl Session {
    /// Starts a call. Perform each step and resume it, until it is [`Step::Done`].
    pub fn start<O: Operation>(&self, operation: &O, now: Moment) -> Step {
        let replay = if operation.at_most_once() { Replay::Never } else { Replay::Safe };
        start(self, operation.encode(), replay, now)
    }
}

/// `replay` applies to a call that cannot be encoded.
fn start(session: &Session, call: Result<Call, InputError>, replay: Replay, now: Moment) -> Step {
    let shared = &session.shared;
    let replay = call.as_ref().map_or(replay, |call| call.replay);
    let reference = call.as_ref().ok().and_then(|call| call.external_reference.clone());
    let prepared = call.and_then(|call| {
        let join = |target: &str| shared.config.base_url.join(target);
        let customer = match &session.customer {
            None => None,
            Some(id) => {
                let switch = ContextSwitch::to(id.clone()).encode()?;
                let uri = join(&switch.target)?;
                Some(Customer { header: id.header_value()?, id: id.clone(), switch, uri })
            }
        };
        let message_token = match &shared.config.access {
            Access::Key(_) => None,
            Access::Device(secret) => Some(secret.sign(&call.body)?),
        };
        Ok((join(&call.target)?, customer, message_token, call))
    });
    let (uri, customer, message_token, call) = match prepared {
        Ok(prepared) => prepared,
        Err(input) => return Step::Done(Err(Asked::refused(input, replay, reference))),
    };
    shared.budget.deposit(now);
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
        message_token,
        grant: None,
        token_lease: None,
        token_renewed: false,
        switched: None,
        switch_lease: None,
        switch_renewed: false,
        out_of_time: false,
        place: None,
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

/// The number of requests that were sent: for the current fetch of the token, for that of the switch, and for the call.
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

/// A call in flight.
pub(crate) struct Flow {
    session: Session,
    call: Call,
    uri: Uri,
    customer: Option<Customer>,
    started: Moment,
    deadline: Moment,
    /// The purpose of the current exchange.
    stage: Stage,
    attempts: Attempts,
    /// The signature of a call by a device, which needs no access token.
    message_token: Option<HeaderValue>,
    grant: Option<Grant>,
    token_lease: Option<Lease>,
    token_renewed: bool,
    switched: Option<Grant>,
    switch_lease: Option<Lease>,
    switch_renewed: bool,
    /// Whether the failed exchange had all the time that was left.
    out_of_time: bool,
    /// Its place in the session's line for the service that the next request is for.
    place: Option<Place>,
}

impl Flow {
    fn shared(&self) -> &Shared {
        &self.session.shared
    }

    /// Returns the next step, according to what is already there.
    fn advance(mut self: Box<Self>, now: Moment) -> Step {
        if now >= self.deadline {
            return self.out_of_time(now);
        }
        // A leader that was resumed too late has been replaced, so it waits like the others.
        self.token_lease.take_if(|lease| !lease.is_current());
        self.switch_lease.take_if(|lease| !lease.is_current());
        if self.message_token.is_some() {
            return self.send_call(now);
        }
        if self.grant.is_none() {
            if self.token_lease.is_none() {
                match self.shared().token.acquire(now, self.deadline) {
                    Acquired::Use(grant) => self.grant = Some(grant),
                    Acquired::Lead(lease) => {
                        self.attempts.token = 0;
                        self.token_lease = Some(lease);
                    }
                    Acquired::Follow(ticket) => return self.wait(ticket),
                    Acquired::Later(until) => return self.sleep(until),
                    Acquired::Refused(error) => return self.refused(error, now),
                }
            }
            if self.token_lease.is_some() {
                return self.send_token(now);
            }
        }
        if let (Some(customer), None) = (&self.customer, &self.switched) {
            if self.switch_lease.is_none() {
                match self.shared().switch(&customer.id, now).acquire(now, self.deadline) {
                    Acquired::Use(grant) => self.switched = Some(grant),
                    Acquired::Lead(lease) => {
                        self.attempts.switch = 0;
                        self.switch_lease = Some(lease);
                    }
                    Acquired::Follow(ticket) => return self.wait(ticket),
                    Acquired::Later(until) => {
                        self.stage = Stage::ContextSwitch;
                        return self.sleep(until);
                    }
                    Acquired::Refused(error) => return self.refused(error, now),
                }
            }
            if self.switch_lease.is_some() {
                return self.send_switch(now);
            }
        }
        self.send_call(now)
    }

    fn send_token(mut self: Box<Self>, now: Moment) -> Step {
        self.stage = Stage::Token;
        let refresh = self.token_lease.as_ref().is_some_and(|lease| lease.fallback(now).is_some());
        if refresh && self.pace().is_closed(now) {
            // The old token is still valid, and no call waits for a refresh that the service does not accept now.
            if let Some(lease) = self.token_lease.take() {
                let error = self.asked().held_back(None, Duration::ZERO, Stop::Deadline, now);
                return self.token_failed(lease, error, None, now);
            }
        }
        let this = match self.take_turn(now) {
            Ok(this) => this,
            Err(step) => return step,
        };
        let request = this.token_request();
        // A refresh leaves time for the call itself, which can still use the old token.
        let most = if refresh {
            this.shared().config.limits.refresh_timeout.min(this.deadline.since(now) / 2)
        } else {
            Duration::MAX
        };
        this.send(request, most, now)
    }

    fn send_switch(mut self: Box<Self>, now: Moment) -> Step {
        self.stage = Stage::ContextSwitch;
        let this = match self.take_turn(now) {
            Ok(this) => this,
            Err(step) => return step,
        };
        let Some(customer) = &this.customer else { return this.send_call(now) };
        let request = this.api_request(&customer.switch, &customer.uri);
        this.send(request, Duration::MAX, now)
    }

    fn send_call(mut self: Box<Self>, now: Moment) -> Step {
        self.stage = Stage::Call;
        let this = match self.take_turn(now) {
            Ok(this) => this,
            Err(step) => return step,
        };
        if this.session.not_after.is_some_and(|end| now.wall() >= end) {
            return Step::Done(Err(this.asked().too_late(now)));
        }
        let mut request = this.api_request(&this.call, &this.uri);
        if let Some(switched) = &this.switched {
            request.headers_mut().insert(X_CLIENT_ID, switched.value.clone());
        }
        this.send(request, Duration::MAX, now)
    }

    fn send(mut self: Box<Self>, request: Request<Bytes>, most: Duration, now: Moment) -> Step {
        self.attempts.count(self.stage);
        let left = self.deadline.since(now);
        let timeout = self.shared().config.limits.attempt_timeout.min(left).min(most);
        self.renew_leases(now + timeout);
        Step::Send(request, Exchange { flow: self, timeout, ends_at_deadline: timeout == left })
    }

    /// Ends the call with the failure of a fetch that it shares with others.
    fn refused(self: Box<Self>, error: Error, now: Moment) -> Step {
        Step::Done(Err(self.asked().shared(error, now)))
    }

    /// Returns the error of a call that the caller stopped. `unsent` is true if the current step was counted as an
    /// attempt but not performed.
    fn cancelled(&self, unsent: bool, now: Moment) -> Error {
        let stopped = Error::cancelled("the call was stopped");
        self.asked().unsent(stopped, unsent, now)
    }

    /// Returns the error of a call for which there was no connection.
    fn unsent(&self, unsent: bool, error: TransportError, now: Moment) -> Error {
        let hint = "make fewer calls at a time, or allow more connections or a longer wait for one";
        self.asked().unsent(error.into(), unsent, now).with(|report| report.hint = Some(hint.into()))
    }

    fn out_of_time(self: Box<Self>, now: Moment) -> Step {
        let before = match (&self.grant, &self.customer, &self.switched) {
            _ if now == self.started => Before::Start,
            (None, _, _) if self.message_token.is_none() => Before::Token,
            (_, Some(_), None) => Before::ContextSwitch,
            _ => Before::Call,
        };
        Step::Done(Err(self.asked().out_of_time(before, now)))
    }

    /// Returns the failure that the policy decides on, and the error for the caller, of a reply that is not a success.
    fn failed(&self, reply: Result<Response<Bytes>, TransportError>, now: Moment) -> (Failure, Error) {
        let (failure, error) = match reply {
            Err(error) => self.asked().unanswered(error, self.out_of_time, now),
            Ok(response) => self.asked().refusal(response, now),
        };
        if let Some(wait) = failure.asked_wait() {
            let shared = self.shared();
            let longest = shared.config.limits.retry.max_retry_after;
            self.pace().refused(&error, wait.min(longest), shared.jitter(), now);
        }
        (failure, error)
    }

    /// Returns method and URL of the request of the current stage.
    fn target(&self) -> (&Method, &Uri) {
        match (self.stage, &self.customer) {
            (Stage::Token, _) => (&Method::POST, &self.shared().config.token_url),
            (Stage::ContextSwitch, Some(customer)) => (&customer.switch.method, &customer.uri),
            _ => (&self.call.method, &self.uri),
        }
    }

    /// Describes the request of the current stage.
    fn asked(&self) -> Asked {
        let shared = self.shared();
        let (method, uri) = self.target();
        let token = self.message_token.as_ref().or(self.grant.as_ref().map(|grant| &grant.value));
        Asked {
            method: method.clone(),
            uri: uri.clone(),
            stage: self.stage,
            attempts: self.attempts.of(self.stage),
            started: self.started,
            limit: self.deadline.since(self.started),
            replay: self.call.replay,
            external_reference: self.call.external_reference.clone(),
            customer: self.customer.as_ref().map(|customer| customer.id.shared()),
            is_signed: self.message_token.is_some(),
            redactor: shared.redactors.of(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::StatusCode;

    use super::*;
    use crate::client::Builder;
    use crate::config::{Config, Credentials};
    use crate::downlinks::{Downlink, FPort};
    use crate::error::{ErrorKind, Outcome};
    use crate::operation::finish;
    use crate::raw::RawCall;
    use crate::transport::TransportErrorKind;

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
            let error = finish(&downlink, Step::Done(step.cancel(now)).cancel(now)).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Cancelled, "the call was stopped"));
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

    #[test]
    fn a_downlink_whose_reference_makes_its_url_too_long_is_refused_under_this_reference() {
        let (session, downlink, now) = session_and_downlink();
        let reference = "x".repeat(70_000);
        let downlink = downlink.external_reference(reference.as_str()).unwrap();
        let error = finish(&downlink, session.start(&downlink, now).cancel(now)).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Input, Some(Outcome::NotSent)));
        assert_eq!(error.external_reference(), Some(reference.as_str()));
    }

    #[test]
    fn a_token_of_another_session_serves_and_nothing_is_sent_to_grip() {
        let (session, downlink, now) = session_and_downlink();
        assert_eq!(session.access_token(now), None);
        let fetched = answered(session.start(&downlink, now), TOKEN, now);
        let token = session.access_token(now).unwrap();
        assert_eq!((token.text.expose(), token.fetched_at), ("canary", now.wall()));
        // A step that requests no token stays as it is.
        assert_eq!(sent_to(&fetched.with_token(&token, now)), "/api/actuator/downlinks");

        let (other, downlink, _) = session_and_downlink();
        let (leader, follower) = (other.start(&downlink, now), other.start(&downlink, now));
        let Step::Wait(turn) = follower else { panic!("the second call follows") };
        let step = leader.with_token(&token, now);
        let Step::Send(request, exchange) = step else { panic!("nothing is sent: {step:?}") };
        assert_eq!(request.headers()["authorization"], "Bearer canary");
        assert_eq!((exchange.stage(), exchange.attempt()), (Stage::Call, 1));
        assert_eq!(sent_to(&turn.resume(now)), "/api/actuator/downlinks");
        assert_eq!(other.access_token(now).unwrap(), token);
    }

    #[test]
    fn a_stored_token_that_has_expired_does_not_serve() {
        let (session, downlink, now) = session_and_downlink();
        let token = crate::AccessToken {
            text: "canary".into(),
            fetched_at: now.wall(),
            expires_at: now.wall() + Duration::from_secs(10),
        };
        let later = now + Duration::from_secs(10);
        let step = session.start(&downlink, later).with_token(&token, later);
        assert_eq!(sent_to(&step), "/v2/t/oidc/idp/c1/token");
    }

    #[test]
    fn a_response_that_rejects_a_token_names_it() {
        let (session, downlink, now) = session_and_downlink();
        let step = session.start(&downlink, now);
        let Step::Send(_, exchange) = &step else { panic!("{step:?}") };
        let with = |status: u16| {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        };
        assert_eq!(exchange.rejected_token(&with(401)), None);
        let step = answered(step, TOKEN, now);
        let Step::Send(_, exchange) = &step else { panic!("{step:?}") };
        for (status, rejected) in [(302, true), (401, true), (403, false), (200, false), (500, false)] {
            assert_eq!(exchange.rejected_token(&with(status)).is_some(), rejected, "{status}");
        }
        let again = refused(step, 401, None, now);
        assert_eq!((sent_to(&again), session.access_token(now)), ("/v2/t/oidc/idp/c1/token", None));
    }

    /// Runs a call with more time that waits for the token of a call with little time, whose fetch fails in this way at
    /// this time. Returns the next step of the waiting call.
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
        assert!(turn.poll(std::task::Waker::noop()).is_ready());
        turn.resume(at(failed_after))
    }

    #[test]
    fn who_runs_out_of_time_fetching_a_token_hands_over_and_who_fails_tells_the_others() {
        use TransportErrorKind::{Connect, Interrupted, Timeout};
        // There was no response, or not even a connection, in the short time.
        for (kind, failed_after) in [(Timeout, 100), (Connect, 100), (Connect, 98)] {
            assert!(matches!(after_one_in_a_hurry(kind, 100, failed_after), Step::Send(..)), "{kind:?}");
        }
        // The fetch fails early, for another reason, or after the time limit of any attempt.
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

    /// A session with one attempt for everything, and a time limit of a second per call.
    fn session_in_a_hurry() -> Session {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        let once = crate::RetryPolicy { max_attempts: 1, ..Default::default() };
        Session::new(config.retry(once).timeout(Duration::from_secs(1)).build().unwrap(), 0)
    }

    #[test]
    fn a_scope_has_its_own_retry_policy_for_its_calls_but_not_for_what_scopes_share() {
        let (session, _, now) = session_and_downlink();
        let once = crate::RetryPolicy { max_attempts: 1, ..Default::default() };
        let scope = session.with_retry(once).unwrap().for_customer("c-1").unwrap();
        let fails = |step: Step| {
            let Step::Send(_, exchange) = step else { panic!("nothing is sent: {step:?}") };
            exchange.resume(Err(TransportErrorKind::Interrupted.into()), now)
        };
        let again = |step: Step| {
            let Step::Sleep(pause) = step else { panic!("there is no retry: {step:?}") };
            pause.resume(now)
        };
        let token = again(fails(scope.start(&RawCall::get("/x"), now)));
        let switch = again(fails(answered(token, TOKEN, now)));
        let failed = fails(answered(switch, b"", now));
        let Step::Done(Err(error)) = failed else { panic!("the call is made once: {failed:?}") };
        assert_eq!((error.stage(), error.attempts()), (Stage::Call, 1));
        assert_eq!(error.gave_up_because(), Some(Stop::AttemptsExhausted));
        assert!(matches!(again(fails(session.start(&RawCall::get("/x"), now))), Step::Send(..)));
    }

    #[test]
    fn the_longest_wait_of_a_scope_is_that_of_its_own_policy() {
        let (session, _, now) = session_and_downlink();
        let hasty = crate::RetryPolicy { max_retry_after: Duration::from_secs(1), ..Default::default() };
        let hasty = session.with_retry(hasty).unwrap();
        let read = RawCall::get("/x");
        let Step::Send(_, exchange) = answered(hasty.start(&read, now), TOKEN, now) else {
            panic!("a call follows the token")
        };
        let mut busy = Response::new(Bytes::new());
        *busy.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        busy.headers_mut().insert("retry-after", HeaderValue::from_static("5"));
        let ended = exchange.resume(Ok(busy), now);
        let Step::Done(Err(error)) = ended else { panic!("5 s are too long: {ended:?}") };
        assert_eq!(error.gave_up_because(), Some(Stop::RetryAfterTooLong));
        let held_back = hasty.start(&read, now);
        let Step::Done(Err(error)) = held_back else { panic!("5 s are too long: {held_back:?}") };
        assert_eq!((error.attempts(), error.gave_up_because()), (0, Some(Stop::RetryAfterTooLong)));
        assert!(matches!(session.start(&read, now), Step::Sleep(_)), "the session waits");
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
    fn a_secret_where_a_long_reason_is_cut_is_redacted_as_a_whole() {
        let call = RawCall::new(Method::GET, "/api/things");
        for before in 185..205 {
            let reason = format!("{} hunter2", "x".repeat(before));
            let body =
                serde_json::json!({"error": "invalid_client", "error_description": reason}).to_string();
            let Step::Send(_, exchange) = session_in_a_hurry().start(&call, at(0)) else {
                panic!("no request")
            };
            let Step::Done(Err(error)) = exchange.resume(Ok(Response::new(Bytes::from(body))), at(0)) else {
                panic!("there is no token")
            };
            assert!(error.message().contains("xxx") && !error.message().contains("hunt"), "{error}");
        }
    }

    #[test]
    fn a_call_that_runs_out_of_time_tells_what_it_waited_for() {
        let call = RawCall::new(Method::GET, "/api/things");
        let told = |step: Step| {
            let Step::Done(Err(error)) = step else { panic!("no error: {step:?}") };
            assert_eq!((error.kind(), error.gave_up_because()), (ErrorKind::Deadline, Some(Stop::Deadline)));
            error.message().to_owned()
        };
        let session = session_in_a_hurry();
        let leader = session.start(&call, at(0));
        let Step::Wait(turn) = session.start(&call, at(0)) else { panic!("the second call follows") };
        assert_eq!(told(turn.resume(at(1))), "timed out after 1.0s, before there was an access token");
        let late = "timed out after 1.0s, before the call could be sent";
        assert_eq!(told(answered(leader, TOKEN, at(1))), late);
        let customer = session_in_a_hurry().for_customer("c-1").unwrap();
        let late = "timed out after 1.0s, before the context switch to the customer";
        assert_eq!(told(answered(customer.start(&call, at(0)), TOKEN, at(1))), late);
    }

    fn refused(step: Step, status: u16, retry_after: Option<u64>, now: Moment) -> Step {
        let Step::Send(_, exchange) = step else { panic!("nothing is sent: {step:?}") };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
        }
        exchange.resume(Ok(response), now)
    }

    fn sent_to(step: &Step) -> &str {
        match step {
            Step::Send(request, _) => request.uri().path(),
            other => panic!("nothing is sent: {other:?}"),
        }
    }

    fn error_of(step: Step) -> Error {
        match step {
            Step::Done(Err(error)) => error,
            other => panic!("no error: {other:?}"),
        }
    }

    fn patient() -> Session {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        Session::new(config.timeout(Duration::from_secs(300)).build().unwrap(), 0)
    }

    #[test]
    fn a_call_whose_deadline_has_passed_says_so_and_sends_nothing() {
        let session = session_in_a_hurry().with_deadline(at(1));
        let error = error_of(session.start(&RawCall::new(Method::GET, "/x"), at(1)));
        assert_eq!(error.message(), "the deadline had passed before the call began");
        let other = error_of(answered(session.start(&RawCall::new(Method::GET, "/x"), at(0)), TOKEN, at(1)));
        assert!(other.message().contains("before the call could be sent"), "{other}");
    }

    #[test]
    fn an_exchange_tells_its_stage_and_its_attempt() {
        let step = patient().start(&RawCall::new(Method::GET, "/x"), at(0));
        let Step::Send(_, exchange) = &step else { panic!("{step:?}") };
        assert_eq!((exchange.stage(), exchange.attempt()), (Stage::Token, 1));
        let Step::Sleep(pause) = refused(step, 503, None, at(0)) else { panic!("no retry") };
        let Step::Send(_, exchange) = pause.resume(at(200)) else { panic!("no retry") };
        assert_eq!((exchange.stage(), exchange.attempt()), (Stage::Token, 2));
    }

    #[test]
    fn a_leader_whose_time_ends_between_two_attempts_leaves_the_next_one_to_the_others() {
        let (session, call) = (patient(), RawCall::new(Method::GET, "/x"));
        let leader = session.with_timeout(Duration::from_millis(1)).start(&call, at(0));
        let Step::Wait(turn) = session.start(&call, at(0)) else { panic!("the second call follows") };
        assert_eq!(error_of(refused(leader, 503, None, at(0))).gave_up_because(), Some(Stop::Deadline));
        let Step::Sleep(pause) = turn.resume(at(0)) else { panic!("the failure was shared") };
        assert_eq!(pause.until(), at(1));
        assert_eq!(sent_to(&pause.resume(at(1))), "/v2/t/oidc/idp/c1/token");
    }

    #[test]
    fn a_leader_that_had_the_time_of_an_attempt_tells_the_others() {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        let session = Session::new(config.attempt_timeout(Duration::from_secs(2)).build().unwrap(), 0);
        let call = RawCall::new(Method::GET, "/x");
        let leader = session.with_timeout(Duration::from_secs(2)).start(&call, at(0));
        let Step::Wait(turn) = session.start(&call, at(0)) else { panic!("the second call follows") };
        let Step::Send(_, exchange) = leader else { panic!("the first call leads") };
        let error = error_of(exchange.resume(Err(TransportErrorKind::Timeout.into()), at(2)));
        assert_eq!((error.kind(), error.gave_up_because()), (ErrorKind::Deadline, Some(Stop::Deadline)));
        assert_eq!(error_of(turn.resume(at(2))).kind(), ErrorKind::Deadline);
    }

    #[test]
    fn a_refresh_whose_leader_has_no_time_left_for_another_attempt_pauses_like_any_other() {
        let (session, call) = (patient(), RawCall::new(Method::GET, "/x"));
        let token = br#"{"access_token":"canary","expires_in":1000}"#;
        assert_eq!(sent_to(&answered(session.start(&call, at(0)), token, at(0))), "/x");
        let refresh = session.with_timeout(Duration::from_millis(1)).start(&call, at(950));
        assert_eq!(sent_to(&refresh), "/v2/t/oidc/idp/c1/token");
        // The old token still serves.
        assert_eq!(sent_to(&refused(refresh, 503, None, at(950))), "/x");
        assert_eq!(sent_to(&session.start(&call, at(952))), "/x");
        assert_eq!(sent_to(&session.start(&call, at(956))), "/v2/t/oidc/idp/c1/token");
    }

    #[test]
    fn a_fetch_that_must_wait_too_long_for_its_turn_is_released() {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok::<Config, Error>);
        let (session, call) = (Session::new(config.build().unwrap(), 7), RawCall::new(Method::GET, "/x"));
        let hurried = session.with_timeout(Duration::from_millis(1));
        error_of(refused(hurried.start(&call, at(0)), 429, Some(100), at(0)));
        // The service asked for 100 s. A little more passes until a request is sent, differently in each session.
        let error = error_of(hurried.start(&call, at(100)));
        assert_eq!(error.gave_up_because(), Some(Stop::Deadline));
        let Step::Sleep(pause) = session.start(&call, at(100)) else { panic!("it leads at once") };
        assert_eq!(pause.until(), at(101));
    }

    #[test]
    fn a_turn_after_the_deadline_and_one_after_too_long_a_wait_are_told_apart() {
        let call = RawCall::new(Method::GET, "/x");
        let after = |timeout: Duration| {
            let session = patient();
            let hurried = session.with_timeout(Duration::from_secs(1));
            error_of(refused(answered(hurried.start(&call, at(0)), TOKEN, at(0)), 429, Some(500), at(0)));
            error_of(session.with_timeout(timeout).start(&call, at(0)))
        };
        let error = after(Duration::from_secs(300));
        assert_eq!(error.gave_up_because(), Some(Stop::RetryAfterTooLong));
        let wait = error.retry_after().unwrap();
        assert!(wait > Duration::from_secs(120) && wait < Duration::from_secs(122), "{wait:?}");
        assert_eq!(after(wait).gave_up_because(), Some(Stop::Deadline));
        assert_eq!(after(wait + Duration::from_nanos(1)).gave_up_because(), Some(Stop::RetryAfterTooLong));
    }

    #[test]
    fn successes_bring_the_rate_of_requests_back() {
        let (session, call) = (patient(), RawCall::new(Method::GET, "/x"));
        let hurried = session.with_timeout(Duration::from_millis(1));
        error_of(refused(answered(hurried.start(&call, at(0)), TOKEN, at(0)), 429, Some(1), at(0)));
        let pause_of_a_second_call = |now: Moment| {
            let (first, second) = (session.start(&call, now), session.start(&call, now));
            assert!(matches!(answered(first, b"", now), Step::Done(Ok(_))));
            let Step::Sleep(pause) = second else { panic!("there is no gap: {second:?}") };
            pause.until().since(now)
        };
        for now in [2, 4, 6] {
            assert_eq!(pause_of_a_second_call(at(now)), Duration::from_secs(1), "{now}");
        }
        assert_eq!(pause_of_a_second_call(at(8)), Duration::from_millis(500));
    }
}
