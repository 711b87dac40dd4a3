//! An identity service that hangs: few requests, whatever time callers have, and nobody waits for long without need.

use std::thread;
use std::time::{Duration, Instant};

use things_core::{ErrorKind, ListDevices, Stage};
use things_sim::{Route, Sim};

use crate::client::{Client, quick, settings};
use crate::clock::ManualClock;
use crate::trial::{Trial, share};

/// What a busy machine may add to a time.
const SLACK: Duration = Duration::from_secs(2);

fn read() -> ListDevices {
    ListDevices::new().page_size(1)
}

#[test]
fn r36_callers_with_less_time_than_an_attempt_cost_few_token_requests() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R36", name);
        for timeout in [50, 300, 900].map(Duration::from_millis) {
            let sim = Sim::builder().keep_requests(0).fault("token=stall".parse().unwrap()).start().unwrap();
            let client = Client::new(name, settings(&sim).timeout(timeout).build().unwrap());
            let lasts = Duration::from_secs(share(2, 20));
            let began = Instant::now();
            thread::scope(|scope| {
                for caller in 0..16_u64 {
                    let client = &client;
                    scope.spawn(move || {
                        // Each caller has a little more time than the one before.
                        let client = client.with_timeout(timeout + Duration::from_millis(caller));
                        while began.elapsed() < lasts {
                            let error = client.call(&read()).unwrap_err();
                            assert_eq!(
                                (error.kind(), error.status()),
                                (ErrorKind::Deadline, None),
                                "{error}"
                            );
                            // A shared failure comes at once. The callers leave the machine some time for the simulator.
                            thread::sleep(Duration::from_millis(10));
                        }
                    });
                }
            });
            let requests = sim.calls(Route::Token);
            // A pause of a second follows on two fetches at most.
            let most = 3 * (1 + began.elapsed().as_secs());
            trial.holds((1..=most).contains(&requests), || {
                format!("{timeout:?}: {requests} token requests, {most} at most")
            });
        }
        trial.end();
    }
}

#[test]
fn r36_hanging_refresh_delays_one_call_by_three_seconds_and_no_other() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R36", name);
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let clock = ManualClock::new();
        let client = Client::new(name, settings(&sim).build().unwrap()).with_clock(clock.clone());
        client.call(&read()).unwrap();
        sim.add_fault("token=stall".parse().unwrap());
        clock.advance(Duration::from_secs(2_900));
        for call in 0..50 {
            let began = Instant::now();
            let result = client.call(&read());
            let (took, most) = (began.elapsed(), Duration::from_secs(if call == 0 { 3 } else { 0 }) + SLACK);
            trial.holds(result.is_ok() && took < most, || format!("call {call} took {took:?}: {result:?}"));
        }
        let requests = sim.calls(Route::Token);
        trial.holds(requests == 2, || format!("{requests} token requests"));
        trial.end();
    }
}

#[test]
fn r36_failed_refresh_refuses_nobody_when_the_token_dies() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R36", name);
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let clock = ManualClock::new();
        let client =
            Client::new(name, settings(&sim).retry(quick(3)).build().unwrap()).with_clock(clock.clone());
        client.call(&read()).unwrap();
        clock.advance(Duration::from_millis(3_599_500));
        sim.add_fault("token@1=status:500".parse().unwrap());
        for state in ["dying", "dead"] {
            let results = client.together(16, &read());
            let error = results.iter().find_map(|result| result.as_ref().err());
            trial.holds(error.is_none(), || format!("a token that is {state}: {error:?}"));
            clock.advance(Duration::from_millis(500));
        }
        trial.end();
    }
}

#[test]
fn r36_leader_that_nobody_drives_is_replaced() {
    // A thread drives its call to the end, so this is about tasks alone.
    let mut trial = Trial::new("R36", "reqwest");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let attempt = Duration::from_millis(500);
    let sim = Sim::builder().keep_requests(0).start().unwrap();
    let config = settings(&sim).attempt_timeout(attempt).build().unwrap();
    let client = things_reqwest::Client::new(config).unwrap();
    runtime.block_on(async {
        let query = read();
        let forgotten = client.call(&query);
        tokio::pin!(forgotten);
        // Polled once, it leads the fetch of the token; and then nobody polls it.
        let first =
            std::future::poll_fn(|context| std::task::Poll::Ready(forgotten.as_mut().poll(context))).await;
        assert!(first.is_pending());
        let began = Instant::now();
        let result = client.call(&query).await;
        let (took, most) = (began.elapsed(), attempt + Duration::from_secs(1) + SLACK);
        trial.holds(result.is_ok() && took < most, || format!("the other call took {took:?}: {result:?}"));
        let late = forgotten.await;
        let stage = late.as_ref().err().map(|error| error.stage());
        trial.holds(stage != Some(Stage::Prepare), || format!("the forgotten call: {late:?}"));
    });
    trial.end();
}
