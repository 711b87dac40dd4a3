//! What must hold, whatever the server does.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::Value;
use things_core::{Error, Moment, Outcome, Stage, Step};

use super::plan::{Break, End, Life};
use crate::account::{API, GRIP, SECRET, assert_hidden, bearer};

/// A call, as far as the oracle knows it.
pub(super) struct Call {
    pub(super) id: u64,
    /// It must not be made twice.
    pub(super) once: bool,
    pub(super) customer: Option<String>,
    pub(super) deadline: Duration,
    /// How many requests of its own it has sent, and what the latest of them left.
    sent: u32,
    left: Option<Left>,
}

/// What a reply to a request leaves of it.
#[derive(Clone, Copy, Debug)]
struct Left {
    succeeded: bool,
    /// The service may have done what was asked.
    may_be_done: bool,
    /// What is not to be done twice may be asked again all the same.
    may_be_repeated: bool,
}

/// What a request is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Endpoint {
    Token,
    Switch(String),
    Page(u64),
    Other,
}

struct Token {
    text: String,
    expires: Duration,
}

pub(super) struct Oracle {
    attempts: u32,
    attempt_timeout: Duration,
    tokens: Vec<Token>,
    /// When tokens were requested, and when they arrived.
    token_requests: Vec<Duration>,
    arrived: Vec<Duration>,
    /// The call that fetches, what it fetches, and until when no other call may.
    fetching: BTreeMap<(Endpoint, u64), Duration>,
    switched: Vec<String>,
}

impl Call {
    pub(super) fn new(id: u64, once: bool, customer: Option<String>, deadline: Duration) -> Self {
        Self { id, once, customer, deadline, sent: 0, left: None }
    }

    /// The caller's own name for it.
    pub(super) fn reference(&self) -> String {
        format!("call-{}", self.id)
    }
}

impl Oracle {
    pub(super) fn new(attempts: u32, attempt_timeout: Duration) -> Self {
        Self {
            attempts,
            attempt_timeout,
            tokens: Vec::new(),
            token_requests: Vec::new(),
            arrived: Vec::new(),
            fetching: BTreeMap::new(),
            switched: Vec::new(),
        }
    }

    /// The text of the next token.
    pub(super) fn new_token(&self) -> String {
        format!("token-{}./\\\"~", self.tokens.len())
    }

    /// The client got this token.
    pub(super) fn issued(&mut self, text: String, life: Life, now: Duration) {
        self.arrived.push(now);
        self.tokens.push(Token { text, expires: now.saturating_add(life.length()) });
    }

    /// A step keeps to the deadline, and its debug output shows nothing.
    pub(super) fn steps(&self, call: &Call, step: &Step, now: Duration) {
        let left = call.deadline.saturating_sub(now);
        match step {
            Step::Send(_, exchange) => {
                let timeout = exchange.timeout();
                assert!(
                    !timeout.is_zero() && timeout <= left && timeout <= self.attempt_timeout,
                    "{timeout:?}"
                );
            }
            Step::Sleep(pause) => assert!(pause.until().monotonic() <= call.deadline),
            Step::Wait(turn) => assert!(turn.deadline().monotonic() <= call.deadline),
            Step::Done(_) => {}
        }
        let shown = format!("{step:?}");
        assert!(self.hidden().iter().all(|text| !shown.contains(text)), "{shown}");
    }

    /// A request goes to its own host, with what belongs there and nothing else, and only if it may go out at all.
    pub(super) fn sends(
        &mut self,
        call: &mut Call,
        request: &Request<Bytes>,
        timeout: Duration,
        now: Duration,
    ) -> Endpoint {
        let uri = request.uri().to_string();
        let endpoint = match uri.strip_prefix(API) {
            Some(target) => self.asks_the_api(call, request, target, now),
            None => {
                assert_eq!(uri, format!("{GRIP}/v2/rjsfm52t/oidc/idp/c1/token"));
                self.asks_for_a_token(request, now);
                Endpoint::Token
            }
        };
        match &endpoint {
            Endpoint::Token | Endpoint::Switch(_) => self.fetches(call, endpoint.clone(), timeout, now),
            Endpoint::Page(_) | Endpoint::Other => self.asks_itself(call, request),
        }
        endpoint
    }

    fn asks_for_a_token(&mut self, request: &Request<Bytes>, now: Duration) {
        assert_eq!(request.method(), Method::POST);
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            (&body["client_secret"], &body["grant_type"]),
            (&SECRET.into(), &"client_credentials".into())
        );
        assert_eq!(request.headers().get(AUTHORIZATION), None);
        self.token_requests.push(now);
        // Two fetches begin per second, whatever time the callers have and whoever gives up. A token that is rejected or
        // comes to its end can cost two more.
        let last_second = |at: &&Duration| **at + Duration::from_secs(1) > now;
        let requests = self.token_requests.iter().rev().take_while(last_second).count();
        let tokens = self.arrived.iter().rev().take_while(last_second).count();
        let most = self.attempts as usize * (2 + 2 * tokens);
        assert!(requests <= most, "{requests} token requests in the second before {now:?}");
    }

    fn asks_the_api(&self, call: &Call, request: &Request<Bytes>, target: &str, now: Duration) -> Endpoint {
        let token = bearer(request).expect("a call carries a token");
        let token = self.tokens.iter().find(|known| known.text == token).expect("GRIP gave this token");
        assert!(now < token.expires, "{} expired at {:?}", token.text, token.expires);
        let hidden = self.hidden();
        let seen = |text: &str| hidden.iter().any(|hidden| text.contains(hidden));
        assert!(!seen(target) && !seen(&String::from_utf8_lossy(request.body())));
        for (name, value) in request.headers() {
            assert!(name == AUTHORIZATION || !seen(value.to_str().unwrap()), "{name}");
        }
        let customer = request.headers().get("x-client-id").map(|value| value.to_str().unwrap());
        let switch = target.strip_prefix("/api/v1/lifecycle/clients/");
        if let Some(switch) = switch.and_then(|rest| rest.strip_suffix("/context-switch")) {
            assert_eq!((call.customer.as_deref(), request.method()), (Some(switch), &Method::GET));
            return Endpoint::Switch(switch.to_owned());
        }
        assert_eq!(customer, call.customer.as_deref());
        assert!(call.customer.as_ref().is_none_or(|customer| self.switched.contains(customer)));
        match target.strip_prefix("/api/devices?currentPage=") {
            Some(page) => Endpoint::Page(page.split('&').next().unwrap().parse().unwrap()),
            None => Endpoint::Other,
        }
    }

    /// One call fetches, as long as its step can take and a second more.
    fn fetches(&mut self, call: &Call, endpoint: Endpoint, timeout: Duration, now: Duration) {
        let others = self.fetching.iter().filter(|((other, id), _)| *other == endpoint && *id != call.id);
        for ((_, id), until) in others {
            assert!(now >= *until, "call {} asks for what call {id} is asking for: {endpoint:?}", call.id);
        }
        let until = now.saturating_add(timeout).saturating_add(Duration::from_secs(1));
        self.fetching.insert((endpoint, call.id), until);
    }

    fn asks_itself(&mut self, call: &mut Call, request: &Request<Bytes>) {
        if call.once {
            assert_eq!(request.method(), Method::POST);
            let target = request.uri().path_and_query().unwrap().as_str();
            assert!(target.ends_with(&format!("externalReference={}", call.reference())), "{target}");
            assert!(call.left.is_none_or(|left| left.may_be_repeated), "sent again after {:?}", call.left);
        }
        call.sent += 1;
        // A rejected token and a forgotten switch cost a repeat each, once.
        assert!(call.sent <= self.attempts + 2, "call {} is sent for the {}th time", call.id, call.sent);
    }

    /// This came of a request. `None` is no answer in time.
    pub(super) fn receives(&mut self, call: &mut Call, endpoint: &Endpoint, end: Option<&End>) {
        self.fetching.remove(&(endpoint.clone(), call.id));
        let left = left(end, call.customer.is_some());
        match endpoint {
            Endpoint::Token => {}
            Endpoint::Switch(customer) if left.succeeded => self.switched.push(customer.clone()),
            Endpoint::Switch(_) => {}
            Endpoint::Page(_) | Endpoint::Other => call.left = Some(left),
        }
    }

    /// A pause is not shorter than the server asked.
    pub(super) fn pauses(&self, end: Option<&End>, step: &Step, now: Moment) {
        if let (Some(End::Refused { retry_after, .. }), Step::Sleep(pause)) = (end, step) {
            assert!(pause.until().since(now) >= retry_after.seconds());
        }
    }

    /// A call is over: what it says of itself is true, and shows nothing.
    pub(super) fn ends(&mut self, call: &Call, error: Option<&Error>) {
        self.abandoned(call);
        let Some(error) = error else {
            return assert!(call.left.is_some_and(|left| left.succeeded), "a success without an answer");
        };
        assert_hidden(error, &self.hidden());
        let done = call.left.is_some_and(|left| left.may_be_done);
        let expected = if done { Outcome::Unknown } else { Outcome::NotSent };
        assert_eq!(error.outcome(), Some(expected).filter(|_| call.once), "after {:?}: {error}", call.left);
        if error.stage() == Stage::Call {
            assert_eq!(error.attempts(), call.sent, "{error}");
        }
    }

    /// A call is dropped.
    pub(super) fn dropped(&mut self, call: &Call) {
        self.abandoned(call);
    }

    fn abandoned(&mut self, call: &Call) {
        self.fetching.retain(|(_, id), _| *id != call.id);
    }

    pub(super) fn shows_nothing(&self, error: &Error) {
        assert_hidden(error, &self.hidden());
    }

    /// What nothing may show.
    fn hidden(&self) -> Vec<&str> {
        self.tokens.iter().map(|token| token.text.as_str()).chain([SECRET]).collect()
    }
}

/// What HTTP and the documentation say of a reply.
///
/// Repeated is what could not connect, whose token was rejected (302, 401), whose context switch may be gone (403 for a
/// customer), or what was refused for the time being: 429, and 503 that says when to come back. Not done either is what a
/// client error refused, but for 408, with which gateways give up on what they passed on.
fn left(end: Option<&End>, for_customer: bool) -> Left {
    let (status, come_back) = match end {
        None => return Left { succeeded: false, may_be_done: true, may_be_repeated: false },
        Some(End::Broken(broken)) => {
            let connected = !matches!(broken, Break::Connect);
            return Left { succeeded: false, may_be_done: connected, may_be_repeated: !connected };
        }
        Some(End::Good | End::Token(_) | End::Page(_)) => (200, false),
        Some(End::Refused { status, retry_after, .. }) => (status.code(), retry_after.is_told()),
    };
    let turned_away = status == 429 || (status == 503 && come_back);
    let may_be_repeated = turned_away || matches!(status, 302 | 401) || (status == 403 && for_customer);
    let refused = matches!(status, 400..=407 | 409..=499);
    Left {
        succeeded: (200..300).contains(&status),
        may_be_done: !(may_be_repeated || refused),
        may_be_repeated,
    }
}
