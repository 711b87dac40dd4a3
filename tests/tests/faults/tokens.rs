//! Access tokens: one fetch for all who need one, and patience with an identity service that is in trouble.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use things_core::{Error, ErrorKind, ListDevices, Moment, Outcome, Receipt, Stage};
use things_sim::{ExpiresIn, Route, Sim};
use things_tests::server::Server;

use crate::client::{Client, quick, settings};
use crate::clock::ManualClock;
use crate::downlinks::downlink;
use crate::trial::{Trial, share};

/// The documented life of a token.
const LIFE: Duration = Duration::from_secs(3600);

/// After a failed fetch nobody tries again for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause after a failed refresh.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// What a busy machine may add to a time.
const SLACK: Duration = Duration::from_secs(2);

/// Time for an attempt at what never answers.
const SHORT: Duration = Duration::from_millis(500);

fn read() -> ListDevices {
    ListDevices::new().page_size(1)
}

/// What the first of them says that went wrong.
fn first_error<T>(results: &[Result<T, Error>]) -> Option<&Error> {
    results.iter().find_map(|result| result.as_ref().err())
}

#[test]
fn r5_token_is_fetched_once_for_all_who_need_one() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R5", name);
        for round in 0..share(1, 100) {
            let sim = Sim::builder().seed(round).keep_requests(0).start().unwrap();
            // Now a fetch takes so long that all others come meanwhile, now it does not.
            if round % 2 == 0 {
                sim.add_fault("token=latency:50ms".parse().unwrap());
            }
            let clock = ManualClock::new();
            let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
            for state in ["missing", "due", "expired", "revoked", "due and revoked"] {
                match state {
                    "due" => clock.advance(LIFE.mul_f64(0.9)),
                    "expired" => clock.advance(LIFE),
                    "revoked" => sim.revoke_tokens(),
                    // Some are rejected while another renews the token.
                    "due and revoked" => {
                        clock.advance(LIFE.mul_f64(0.9));
                        sim.revoke_tokens();
                    }
                    _ => {}
                }
                let before = sim.calls(Route::Token);
                let results = client.together(Client::crowd(name), &read());
                let fetches = sim.calls(Route::Token) - before;
                let error = first_error(&results);
                trial.holds(fetches == 1 && error.is_none(), || {
                    format!("round {round}, a token that is {state}: {fetches} requests for one, {error:?}")
                });
            }
        }
        trial.end();
    }
}

/// Calls that go out while there is no token to be had.
struct Down<'a> {
    case: &'a str,
    kind: ErrorKind,
    client: Client,
    clock: Arc<ManualClock>,
    callers: usize,
    requests: &'a dyn Fn() -> u64,
}

impl Down<'_> {
    /// All at once, twice, and once more after the pause.
    fn tried(&self, trial: &mut Trial) {
        self.wave(trial, "the first", 3);
        self.wave(trial, "within the pause", 0);
        self.clock.advance(PAUSE);
        self.wave(trial, "after the pause", 3);
    }

    fn wave(&self, trial: &mut Trial, wave: &str, most: u64) {
        let before = (self.requests)();
        let results: Vec<Result<Receipt, Error>> = self.client.together(self.callers, &downlink(0));
        let requests = (self.requests)() - before;
        let told = |result: &Result<Receipt, Error>| {
            let error = result.as_ref().err();
            error.map(|error| (error.kind(), error.stage(), error.outcome(), error.attempts() <= 3))
        };
        let wanted = Some((self.kind, Stage::Token, Some(Outcome::NotSent), true));
        let other = results.iter().find(|result| told(result) != wanted);
        trial.holds(requests <= most && other.is_none(), || {
            format!("{}, {wave}: {requests} requests for a token, {other:?}", self.case)
        });
    }
}

#[test]
fn r6_failed_fetch_is_shared_and_then_paused_for() {
    const FAULTS: [(&str, ErrorKind); 7] = [
        ("status:500", ErrorKind::Server),
        ("status:429", ErrorKind::RateLimited),
        ("status:401", ErrorKind::Auth),
        ("status:200,body:<html>", ErrorKind::Decode),
        ("drop-before", ErrorKind::Interrupted),
        ("truncate:1", ErrorKind::Interrupted),
        ("stall", ErrorKind::Timeout),
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R6", name);
        for _ in 0..share(1, 20) {
            for (fault, kind) in FAULTS {
                let sim = Sim::builder().keep_requests(0).start().unwrap();
                sim.add_fault(format!("token={fault}").parse().unwrap());
                let mut settings = settings(&sim).retry(quick(3));
                if fault == "stall" {
                    settings = settings.attempt_timeout(SHORT);
                }
                let clock = ManualClock::new();
                let client = Client::new(name, settings.build().unwrap()).with_clock(clock.clone());
                let down = Down {
                    case: fault,
                    kind,
                    client,
                    clock,
                    callers: Client::crowd(name),
                    requests: &|| sim.calls(Route::Token),
                };
                down.tried(&mut trial);
                let accepted = sim.downlinks_received();
                trial.holds(accepted == 0, || format!("{fault}: {accepted} downlinks without a token"));
                sim.clear_faults();
                down.clock.advance(PAUSE);
                let before = sim.calls(Route::Token);
                let error = down.client.call(&read()).err();
                let fetches = sim.calls(Route::Token) - before;
                // With so little time for an attempt, a busy machine needs more than one.
                let most = if fault == "stall" { 3 } else { 1 };
                trial.holds((1..=most).contains(&fetches) && error.is_none(), || {
                    format!("{fault}, over: {fetches} requests for a token, {error:?}")
                });
            }
        }
        trial.end();
    }
}

#[test]
fn r6_identity_service_that_cannot_be_connected_to_is_asked_as_seldom() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R6", name);
        let sim = Sim::builder().start().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&connections);
        // There is no TLS: a connection is counted, and never is one.
        let server = Server::start(move |mut stream| {
            seen.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
        });
        for (case, url) in [("no TLS", server.https()), ("a closed port", "http://127.0.0.1:1".to_owned())] {
            let config = settings(&sim).grip_base_url(url).retry(quick(3)).build().unwrap();
            let clock = ManualClock::new();
            let client = Client::new(name, config).with_clock(clock.clone());
            let down = Down {
                case,
                kind: ErrorKind::Connect,
                client,
                clock,
                callers: Client::crowd(name),
                requests: &|| connections.load(Ordering::SeqCst),
            };
            down.tried(&mut trial);
        }
        trial.holds(sim.calls_total() == 0, || format!("{} calls without a token", sim.calls_total()));
        trial.end();
    }
}

#[test]
fn r7_refresh_that_fails_is_not_noticed_while_the_old_token_lives() {
    const FAULTS: [&str; 8] = [
        "status:500",
        "status:503,Retry-After:2",
        "status:429",
        "status:401",
        "status:302,Location:/login",
        "status:200,body:<html>",
        "drop-before",
        "stall",
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R7", name);
        for fault in FAULTS {
            let sim = Sim::builder().keep_requests(0).start().unwrap();
            let settings = settings(&sim).retry(quick(3)).refresh_timeout(SHORT);
            let clock = ManualClock::new();
            let client = Client::new(name, settings.build().unwrap()).with_clock(clock.clone());
            client.call(&read()).unwrap();
            sim.add_fault(format!("token={fault}").parse().unwrap());
            clock.advance(LIFE.mul_f64(0.8));
            for refresh in 0..share(4, 20) {
                for (wave, wanted) in [("at first", 1), ("in the pause", 0)] {
                    let (before, began) = (sim.calls(Route::Token), Instant::now());
                    let results = client.together(32, &read());
                    let (tried, took) = (sim.calls(Route::Token) - before, began.elapsed());
                    let error = first_error(&results);
                    trial.holds(tried == wanted && error.is_none() && took < SHORT + SLACK, || {
                        format!("{fault}, refresh {refresh}, {wave}: {tried} requests for a token, {took:?}, {error:?}")
                    });
                }
                clock.advance(REFRESH_PAUSE);
            }
        }
        trial.end();
    }
}

#[test]
fn r8_revoked_token_costs_one_fetch_and_one_repeat() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R8", name);
        let mut random = trial.random();
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let clock = ManualClock::new();
        let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
        client.call(&read()).unwrap();
        let counts = || [Route::Token, Route::Devices, Route::Downlinks].map(|route| sim.calls(route));
        for run in 0..share(300, 10_000) {
            clock.advance(PAUSE);
            let (calls, moment, under_way) = (random.u64(1..=4), random.u64(..) % 4, random.bool());
            let mut trouble = None;
            for call in 0..calls {
                if call == moment && under_way {
                    sim.add_fault("any@1=revoke".parse().unwrap());
                } else if call == moment {
                    sim.revoke_tokens();
                }
                let before = counts();
                let is_read = random.bool();
                let error =
                    if is_read { client.call(&read()).err() } else { client.call(&downlink(run)).err() };
                sim.clear_faults();
                let asked: Vec<_> = counts().iter().zip(before).map(|(now, before)| now - before).collect();
                let repeat = u64::from(call == moment);
                let wanted = if is_read { [repeat, 1 + repeat, 0] } else { [repeat, 0, 1 + repeat] };
                if error.is_some() || asked != wanted {
                    trouble = Some(format!("{asked:?} requests for tokens, devices, downlinks, {error:?}"));
                }
            }
            trial.holds(trouble.is_none(), || format!("run {run}: {trouble:?}"));
        }
        trial.end();
    }
}

#[test]
fn r8_token_that_is_rejected_for_ever_ends_in_an_error() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R8", name);
        let mut random = trial.random();
        for fault in ["any=revoke", "devices=status:302,Location:/login", "devices=status:401"] {
            let sim = Sim::builder().keep_requests(0).fault(fault.parse().unwrap()).start().unwrap();
            let clock = ManualClock::new();
            let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
            let mut passed = Duration::ZERO;
            for call in 0..share(50, 10_000) {
                let before = sim.calls(Route::Devices);
                let error = client.call(&read()).err();
                let (asked, fetched) = (sim.calls(Route::Devices) - before, sim.calls(Route::Token));
                let found = error.as_ref().map(|error| (error.kind(), error.stage()));
                let wanted = Some((ErrorKind::Auth, Stage::Call));
                // The first token, one in its place, and one a second from then on.
                let most = 2 + passed.as_secs();
                trial.holds((1..=2).contains(&asked) && fetched <= most && found == wanted, || {
                    format!("{fault}, call {call}: {asked} requests, {fetched} of {most} tokens, {error:?}")
                });
                let time = Duration::from_millis(random.u64(0..500));
                passed += time;
                clock.advance(time);
            }
            sim.clear_faults();
            clock.advance(PAUSE);
            let error = client.call(&read()).err();
            trial.holds(error.is_none(), || format!("{fault}, over: {error:?}"));
        }
        trial.end();
    }
}

#[test]
fn r8_token_that_is_rejected_slowly_and_for_ever_is_renewed_once_a_call() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R8", name);
        let sim = Sim::builder().keep_requests(0).without_access().start().unwrap();
        // Each step takes a second, so that no token is too young to be replaced.
        let steps = AtomicU64::new(0);
        let clock =
            move || Moment::new(PAUSE * steps.fetch_add(1, Ordering::SeqCst) as u32, SystemTime::UNIX_EPOCH);
        let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(Arc::new(clock));
        for call in 0..share(20, 2_000) {
            let counts = || [sim.calls(Route::Token), sim.calls(Route::Devices)];
            let before = counts();
            let error = client.call(&read()).err();
            let after = counts();
            let [tokens, requests] = [after[0] - before[0], after[1] - before[1]];
            let kind = error.as_ref().map(Error::kind);
            trial.holds(tokens <= 2 && requests <= 2 && kind == Some(ErrorKind::Auth), || {
                format!("call {call}: {tokens} tokens, {requests} requests, {error:?}")
            });
        }
        trial.end();
    }
}

#[test]
fn r9_life_that_makes_no_sense_costs_at_most_one_token_a_second() {
    let mut lives = vec![(ExpiresIn::Absent, 1)];
    // A life that is too short is taken for the shortest there is, one that cannot be read for the documented one.
    let short = [json!(0), json!(-1), json!(-1e300), json!("0"), json!(0.001), json!(1), json!(i64::MIN)];
    let other = [
        json!(1e12),
        json!(1e300),
        json!(u64::MAX),
        json!("1000000000000"),
        json!(3600),
        json!("3600"),
        json!(" 3600 "),
        json!("soon"),
        json!(""),
        json!("NaN"),
        json!("inf"),
        json!(null),
        json!(true),
        json!([]),
        json!({"seconds": 1}),
    ];
    lives.extend(short.map(|value| (ExpiresIn::Verbatim(value), u64::MAX)));
    lives.extend(other.map(|value| (ExpiresIn::Verbatim(value), 1)));
    for name in Client::NAMES {
        let mut trial = Trial::new("R9", name);
        for (life, most) in &lives {
            let sim = Sim::builder().keep_requests(0).expires_in(life.clone()).start().unwrap();
            let clock = ManualClock::new();
            let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
            let seconds = share(5, 600);
            for _ in 0..10 * seconds {
                let error = client.call(&read()).err();
                trial.holds(error.is_none(), || format!("{life:?}: {error:?}"));
                clock.advance(Duration::from_millis(100));
            }
            let (tokens, most) = (sim.calls(Route::Token), (*most).min(seconds));
            trial.holds(tokens <= most, || format!("{life:?}: {tokens} tokens in {seconds} s"));
        }
        trial.end();
    }
}

#[test]
fn r9_clock_that_is_set_changes_nothing() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R9", name);
        let mut random = trial.random();
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let clock = ManualClock::new();
        let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
        let mut needed = 0;
        for hour in 0..share(5, 500) {
            // The token before has expired.
            needed += 1;
            for jump in 0..20 {
                clock.set_wall(random.i64(-24..=24));
                if jump % 5 == 4 {
                    clock.advance(PAUSE);
                    sim.revoke_tokens();
                    needed += 1;
                }
                let error = client.call(&read()).err();
                let tokens = sim.calls(Route::Token);
                trial.holds(error.is_none() && tokens == needed, || {
                    format!("hour {hour}, jump {jump}: {tokens} of {needed} tokens, {error:?}")
                });
            }
            clock.advance(LIFE);
        }
        trial.end();
    }
}
