//! The time rules of what calls share, seen from outside: many calls of one session on a virtual clock.
//!
//! Each test is a story that once went wrong: a service that hangs or limits, and callers that come one after the other.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use things_core::{
    Builder, Config, Credentials, Error, ErrorKind, Exchange, Moment, Outcome, Pause, RawCall, Session,
    Stage, Step, Stop, TransportError, TransportErrorKind, Turn,
};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn moment(at: Duration) -> Moment {
    Moment::new(at, SystemTime::UNIX_EPOCH)
}

fn builder() -> Builder<Config> {
    Builder::new(Credentials::new("t", "k", "hunter2"), Ok)
}

fn session() -> Session {
    Session::new(builder().build().unwrap(), 7)
}

/// A response after this long; `None` never comes.
type Reply = Option<(Duration, Response<Bytes>)>;

fn reply(status: u16, body: &'static str) -> Reply {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Some((ms(5), response))
}

fn token(seconds: u64) -> Reply {
    let body = format!(r#"{{"access_token":"t","expires_in":{seconds}}}"#);
    Some((ms(5), Response::new(Bytes::from(body))))
}

fn busy(status: u16, retry_after: u64) -> Reply {
    reply(status, "").map(|(after, mut response)| {
        response.headers_mut().insert("retry-after", retry_after.into());
        (after, response)
    })
}

fn is_token(request: &Request<Bytes>) -> bool {
    request.uri().host() == Some("auth.grip-on-it.com")
}

/// Makes calls one after the other.
struct Caller {
    session: Session,
    begins: Duration,
    calls: usize,
    /// The caller drops its call after this long, and makes no other.
    gives_up: Option<Duration>,
    /// Nobody drives its calls after the first step.
    forgotten: bool,
}

impl Caller {
    fn new(session: &Session, begins: Duration) -> Self {
        Self { session: session.clone(), begins, calls: 1, gives_up: None, forgotten: false }
    }
}

enum Doing {
    Exchange(Exchange, Option<Response<Bytes>>, Duration),
    Pause(Pause),
    Wait(Turn),
    Nothing,
}

struct Running {
    begun: Duration,
    doing: Doing,
}

/// How a call ended.
struct Ended {
    caller: usize,
    begun: Duration,
    over: Duration,
    result: Result<(), Error>,
}

#[derive(Default)]
struct Played {
    /// When a token was requested, and when the API got a request.
    tokens: Vec<Duration>,
    requests: Vec<Duration>,
    ended: Vec<Ended>,
}

impl Played {
    fn successes(&self) -> usize {
        self.ended.iter().filter(|ended| ended.result.is_ok()).count()
    }

    fn errors(&self) -> impl Iterator<Item = &Error> {
        self.ended.iter().filter_map(|ended| ended.result.as_ref().err())
    }

    fn slowest(&self) -> Duration {
        self.ended.iter().map(|ended| ended.over - ended.begun).max().unwrap_or_default()
    }
}

/// Drives all callers to their end, or until `end`.
fn play(
    mut callers: Vec<Caller>,
    end: Duration,
    mut server: impl FnMut(&Request<Bytes>, Duration) -> Reply,
) -> Played {
    let mut played = Played::default();
    let mut running = BTreeMap::<usize, Running>::new();
    let mut now = Duration::ZERO;
    let mut idle: BTreeSet<_> = callers.iter().enumerate().map(|(id, caller)| (caller.begins, id)).collect();
    loop {
        let begins = idle.first().map(|(at, id)| ((*at).max(now), *id));
        let goes_on = running.iter().map(|(id, run)| {
            let next = match &run.doing {
                Doing::Exchange(_, _, until) => *until,
                Doing::Pause(pause) => pause.until().monotonic(),
                Doing::Wait(turn) if turn.poll(Waker::noop()).is_ready() => now,
                Doing::Wait(turn) => turn.deadline().monotonic(),
                Doing::Nothing => Duration::MAX,
            };
            let gives_up = callers[*id].gives_up.map_or(Duration::MAX, |after| run.begun + after);
            (next.min(gives_up).max(now), *id)
        });
        let Some((at, id)) = begins.into_iter().chain(goes_on).min() else { return played };
        if at > end {
            return played;
        }
        now = at;
        let caller = &mut callers[id];
        let (begun, step) = match running.remove(&id) {
            None => {
                idle.pop_first();
                caller.calls -= 1;
                (now, caller.session.start(&RawCall::get("/api/things"), moment(now)))
            }
            Some(run) if caller.gives_up.is_some_and(|after| now >= run.begun + after) => continue,
            Some(Running { begun, doing }) => match doing {
                Doing::Exchange(exchange, response, _) => {
                    let response = response.ok_or(TransportError::from(TransportErrorKind::Timeout));
                    (begun, exchange.resume(response, moment(now)))
                }
                Doing::Pause(pause) => (begun, pause.resume(moment(now))),
                Doing::Wait(turn) => (begun, turn.resume(moment(now))),
                Doing::Nothing => unreachable!("it never goes on"),
            },
        };
        let doing = match step {
            Step::Send(request, exchange) => {
                let sent = if is_token(&request) { &mut played.tokens } else { &mut played.requests };
                sent.push(now);
                let answer = server(&request, now).filter(|(after, _)| *after <= exchange.timeout());
                let until =
                    now.saturating_add(answer.as_ref().map_or(exchange.timeout(), |(after, _)| *after));
                Doing::Exchange(exchange, answer.map(|(_, response)| response), until)
            }
            Step::Sleep(pause) => Doing::Pause(pause),
            Step::Wait(turn) => Doing::Wait(turn),
            Step::Done(result) => {
                played.ended.push(Ended { caller: id, begun, over: now, result: result.map(drop) });
                if caller.calls > 0 {
                    idle.insert((now, id));
                }
                continue;
            }
        };
        if caller.forgotten {
            // The step lives on, and nobody does it.
            std::mem::forget(doing);
            running.insert(id, Running { begun, doing: Doing::Nothing });
        } else {
            running.insert(id, Running { begun, doing });
        }
    }
}

/// The most of these within any second.
fn busiest_second(times: &[Duration]) -> usize {
    let within = |from: &Duration| times.iter().filter(|at| (*from..*from + SECOND).contains(at)).count();
    times.iter().map(within).max().unwrap_or_default()
}

fn crowd(
    session: &Session,
    callers: u64,
    apart: Duration,
    change: impl Fn(u64, Caller) -> Caller,
) -> Vec<Caller> {
    (0..callers).map(|nth| change(nth, Caller::new(session, apart * nth as u32))).collect()
}

#[test]
fn calls_with_less_time_than_an_attempt_cost_a_hanging_identity_service_few_requests() {
    for timeout in [ms(50), ms(400), SECOND, 5 * SECOND, 14 * SECOND] {
        let session = session().with_timeout(timeout);
        let played = play(crowd(&session, 1_500, ms(10), |_, caller| caller), Duration::MAX, |_, _| None);
        let most = 2 + 15_000 / (timeout + SECOND).as_millis() as usize * 3;
        assert!(
            played.tokens.len() <= most && busiest_second(&played.tokens) <= 3,
            "{timeout:?}: {}",
            played.tokens.len()
        );
        assert_eq!(played.ended.len(), 1_500);
        assert!(played.slowest() <= timeout);
    }
}

#[test]
fn calls_with_ever_more_time_cost_a_hanging_identity_service_few_requests() {
    let base = session();
    // The next in line has always a little more time than the one before.
    let callers = crowd(&base, 2_000, Duration::ZERO, |nth, caller| Caller {
        session: base.with_timeout(ms(10 + nth)),
        ..caller
    });
    let played = play(callers, Duration::MAX, |_, _| None);
    assert!(busiest_second(&played.tokens) <= 3, "{:?}", played.tokens);
    // All times there are, in no order.
    let callers = crowd(&base, 1_500, ms(10), |nth, caller| Caller {
        session: base.with_timeout(ms(20 + nth * 7_919 % 20_000)),
        ..caller
    });
    let played = play(callers, Duration::MAX, |_, _| None);
    assert!(busiest_second(&played.tokens) <= 3, "{}", played.tokens.len());
}

#[test]
fn callers_that_drop_their_calls_cost_a_hanging_identity_service_few_requests() {
    for after in [ms(20), SECOND, 5 * SECOND] {
        let callers =
            crowd(&session(), 1_500, ms(10), |_, caller| Caller { gives_up: Some(after), ..caller });
        let played = play(callers, Duration::MAX, |_, _| None);
        assert!(busiest_second(&played.tokens) <= 3, "{after:?}: {}", played.tokens.len());
        assert!(played.tokens.len() <= 3 * 25, "{after:?}: {}", played.tokens.len());
    }
}

#[test]
fn short_calls_cost_a_failing_identity_service_few_requests() {
    for timeout in [ms(50), ms(300), 2 * SECOND] {
        let session = session().with_timeout(timeout);
        let played =
            play(crowd(&session, 1_500, ms(10), |_, caller| caller), Duration::MAX, |_, _| reply(500, ""));
        assert!(busiest_second(&played.tokens) <= 6, "{timeout:?}: {}", busiest_second(&played.tokens));
    }
}

#[test]
fn a_hanging_identity_service_delays_few_calls_while_the_token_lives() {
    let session = session();
    let caller = Caller { calls: 100_000, ..Caller::new(&session, Duration::ZERO) };
    let mut fetched = false;
    let played = play(vec![caller], 3_590 * SECOND, |request, _| match is_token(request) {
        true if std::mem::replace(&mut fetched, true) => None,
        true => token(3_600),
        false => reply(200, "").map(|(_, response)| (ms(100), response)),
    });
    assert_eq!(played.errors().count(), 0);
    assert!(played.slowest() <= 3 * SECOND + ms(100), "{:?}", played.slowest());
    let slow = played.ended.iter().filter(|ended| ended.over - ended.begun > SECOND).count();
    assert!((10..=80).contains(&slow), "{slow} calls were slow");
}

#[test]
fn a_leader_that_nobody_drives_is_replaced_when_its_step_must_have_ended() {
    for timeout in [30 * SECOND, Duration::MAX] {
        let session = session().with_timeout(timeout);
        let forgotten = Caller { forgotten: true, ..Caller::new(&session, Duration::ZERO) };
        let played = play(
            vec![forgotten, Caller::new(&session, ms(500))],
            Duration::from_secs(1_000),
            |request, _| {
                if is_token(request) { token(3_600) } else { reply(200, "") }
            },
        );
        assert_eq!((played.tokens.len(), played.successes()), (2, 1));
        assert!(played.slowest() <= 16 * SECOND, "{:?}", played.slowest());
    }
}

#[test]
fn a_leader_without_time_for_a_retry_fails_alone() {
    let late = reply(500, "").map(|(_, response)| (ms(250), response));
    for (refusal, within) in [(late, 3 * SECOND), (busy(429, 3), 5 * SECOND)] {
        let base = session();
        let hurried = Caller::new(&base.with_timeout(ms(300)), Duration::ZERO);
        let others = (0..5).map(|_| Caller::new(&base, ms(1)));
        let mut refusal = Some(refusal);
        let played = play([hurried].into_iter().chain(others).collect(), Duration::MAX, |request, _| {
            if !is_token(request) {
                return reply(200, "");
            }
            refusal.take().unwrap_or_else(|| token(3_600))
        });
        let failed: Vec<_> = played.ended.iter().filter(|ended| ended.result.is_err()).collect();
        assert!(failed.len() == 1 && failed[0].caller == 0, "{} failed", failed.len());
        assert!(played.slowest() <= within, "{:?}", played.slowest());
        assert_eq!(played.tokens.len(), 2);
    }
}

/// A limit of one request per `every` (a token bucket of one), which answers 429 with this `Retry-After` beyond it.
fn limited(every: Duration, retry_after: u64) -> impl FnMut(&Request<Bytes>, Duration) -> Reply {
    let mut last = None;
    move |request, now| {
        if is_token(request) {
            return token(3_600);
        }
        if last.is_some_and(|last| now < last + every) {
            return busy(429, retry_after);
        }
        last = Some(now);
        reply(200, "")
    }
}

#[test]
fn eight_callers_finish_under_a_limit_of_one_request_per_second() {
    for calls in [1, 3, 40] {
        let session = session();
        let callers = crowd(&session, 8, Duration::ZERO, |_, caller| Caller { calls, ..caller });
        let played = play(callers, Duration::MAX, limited(SECOND, 1));
        let errors: Vec<_> = played.errors().map(ToString::to_string).collect();
        assert_eq!(errors, [""; 0], "{calls} calls each");
        let over = played.ended.iter().map(|ended| ended.over).max().unwrap();
        let least = SECOND * (8 * calls as u32 - 1);
        assert!(over <= least * 2 + 3 * SECOND, "{over:?} for {least:?}");
    }
}

#[test]
fn calls_that_were_refused_once_all_at_once_finish_soon() {
    // One moment of trouble, and a service that takes all requests again after it.
    for (callers, within) in [(8, 6 * SECOND), (64, 12 * SECOND), (300, 20 * SECOND)] {
        let session = session();
        let mut callers_left = callers;
        let callers = crowd(&session, callers, Duration::ZERO, |_, caller| caller);
        let played = play(callers, Duration::MAX, |request, _| {
            if is_token(request) {
                return token(3_600);
            }
            if callers_left == 0 {
                return reply(200, "");
            }
            callers_left -= 1;
            busy(429, 1)
        });
        assert_eq!(played.errors().count(), 0, "what the service requests a wait of for costs no budget");
        assert!(played.slowest() <= within, "{:?}", played.slowest());
    }
}

#[test]
fn a_call_that_gave_up_its_place_holds_nobody_back() {
    let session = session();
    let mut callers =
        crowd(&session, 30, Duration::ZERO, |_, caller| Caller { gives_up: Some(ms(500)), ..caller });
    callers.push(Caller::new(&session, ms(100)));
    let mut refused = false;
    let played = play(callers, Duration::MAX, |request, now| {
        if is_token(request) {
            return token(3_600);
        }
        refused = true;
        if now < SECOND { busy(503, 1) } else { reply(200, "") }
    });
    assert!(refused && played.successes() == 1);
    assert!(played.slowest() <= 3 * SECOND, "{:?}", played.slowest());
}

#[test]
fn retry_after_holds_for_all_calls_of_the_session() {
    let session = session();
    let callers = vec![
        Caller::new(&session, Duration::ZERO),
        Caller::new(&session, SECOND),
        Caller::new(&session.with_timeout(200 * SECOND), 2 * SECOND),
    ];
    let mut refused = false;
    let played = play(callers, Duration::MAX, |request, _| match is_token(request) {
        true => token(3_600),
        false if std::mem::replace(&mut refused, true) => reply(200, ""),
        false => busy(429, 100),
    });
    let [first, second] = played.errors().collect::<Vec<_>>()[..] else { panic!("two have no time to wait") };
    assert_eq!((first.attempts(), first.gave_up_because()), (1, Some(Stop::Deadline)));
    assert_eq!(
        (second.kind(), second.attempts(), second.gave_up_because()),
        (ErrorKind::RateLimited, 0, Some(Stop::Deadline))
    );
    assert!(second.retry_after().is_some_and(|wait| wait >= 99 * SECOND - ms(20)), "{second:?}");
    assert_eq!((played.requests.len(), played.successes()), (2, 1));
    assert!(played.requests[1] >= 100 * SECOND);
}

#[test]
fn a_downlink_that_is_held_back_was_not_sent() {
    let session = session();
    let post = RawCall::new(Method::POST, "/api/things");
    let now = moment(Duration::ZERO);
    let Step::Send(_, exchange) = session.start(&post, now) else { panic!("the token comes first") };
    let Step::Send(_, exchange) = exchange.resume(Ok(token(60).unwrap().1), now) else {
        panic!("the call follows")
    };
    let Step::Done(Err(error)) = exchange.resume(Ok(busy(503, 60).unwrap().1), now) else {
        panic!("too long")
    };
    assert_eq!((error.outcome(), error.gave_up_because()), (Some(Outcome::NotSent), Some(Stop::Deadline)));
    let Step::Done(Err(error)) = session.start(&post, now) else { panic!("too long as well") };
    assert_eq!((error.outcome(), error.stage(), error.attempts()), (Some(Outcome::NotSent), Stage::Call, 0));
    assert_eq!(error.gave_up_because(), Some(Stop::Deadline));
    assert!(error.retry_after().is_some_and(|wait| wait >= 60 * SECOND));
}

#[test]
fn a_403_that_is_meant_costs_one_request() {
    let session = session().for_customer("c-1").unwrap();
    let caller = |begins| Caller::new(&session, begins);
    let callers =
        vec![caller(Duration::ZERO), caller(2 * SECOND), caller(290 * SECOND), caller(302 * SECOND)];
    let played = play(callers, Duration::MAX, |request, _| match is_token(request) {
        true => token(3_600),
        false if request.uri().path().contains("context-switch") => reply(204, ""),
        false => reply(403, ""),
    });
    assert_eq!(played.errors().filter(|error| error.kind() == ErrorKind::Forbidden).count(), 4);
    // Switch, call, switch, call; then the call alone; and after minutes a new context switch is tried again.
    assert_eq!(played.requests.len(), 4 + 1 + 1 + 3);
}

#[test]
fn a_client_with_few_calls_can_retry_again_after_an_outage() {
    let session = session();
    let callers = crowd(&session, 75, 60 * SECOND, |_, caller| caller);
    let mut failed = false;
    let played = play(callers, Duration::MAX, |request, now| match is_token(request) {
        true => token(86_400),
        false if now < 3_600 * SECOND => reply(500, ""),
        // From then on each call fails once.
        false => {
            failed = !failed;
            if failed { reply(500, "") } else { reply(200, "") }
        }
    });
    assert_eq!(played.successes(), 15);
}

#[test]
fn what_cannot_be_made_into_a_request_was_not_sent() {
    let now = moment(Duration::ZERO);
    for (call, expected) in [
        (RawCall::new(Method::POST, "/a/../b"), Some(Outcome::NotSent)),
        (RawCall::new(Method::PATCH, "/x").header("authorization", "x"), Some(Outcome::NotSent)),
        (RawCall::get("/a/../b"), None),
    ] {
        let Step::Done(Err(error)) = session().start(&call, now) else { panic!("it cannot be right") };
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Input, expected), "{error}");
    }
}

#[test]
fn a_path_without_a_slash_is_refused() {
    struct Bare;
    impl things_core::Operation for Bare {
        type Output = ();
        fn encode(&self) -> Result<things_core::Call, things_core::InputError> {
            Ok(things_core::Call::new(Method::POST, "devices"))
        }
        fn decode(&self, _: things_core::Answer) -> Result<(), things_core::DecodeError> {
            Ok(())
        }
    }
    let prefixed = builder().base_url("https://api.kpnthings.com/prefix").build().unwrap();
    let Step::Done(Err(error)) = Session::new(prefixed, 0).start(&Bare, moment(Duration::ZERO)) else {
        panic!("it would go to /prefixdevices")
    };
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Input, Some(Outcome::NotSent)));
}

#[test]
fn a_call_whose_time_is_over_before_it_begins_says_so() {
    let session = session().with_deadline(moment(SECOND));
    let Step::Done(Err(error)) = session.start(&RawCall::get("/x"), moment(2 * SECOND)) else {
        panic!("too late")
    };
    assert_eq!(
        (error.kind(), error.gave_up_because(), error.attempts()),
        (ErrorKind::Deadline, Some(Stop::Deadline), 0)
    );
    assert!(
        error.message().contains("before the call began") && !error.message().contains("0.0ns"),
        "{error}"
    );
}
