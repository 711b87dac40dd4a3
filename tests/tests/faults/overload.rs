//! A service that is down, and callers that do not let go of it.

use std::time::{Duration, Instant};

use things_core::{ErrorKind, ListDevices, Stop};
use things_sim::{Route, Sim};

use crate::client::{Client, quick, settings};
use crate::trial::{Trial, share};

/// Retries that a client may make before it has made calls.
const AT_FIRST: u64 = 20;

#[test]
fn r14_outage_gets_a_sixth_more_load_and_ends_for_all_at_once() {
    let outage = Duration::from_secs(share(0, 300));
    for name in Client::NAMES {
        let mut trial = Trial::new("R14", name);
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let client = Client::new(name, settings(&sim).retry(quick(3)).build().unwrap());
        let (read, callers) = (ListDevices::new().page_size(1), Client::crowd(name));
        client.call(&read).unwrap();
        sim.add_fault("any=status:503".parse().unwrap());
        let (began, before) = (Instant::now(), sim.calls_total());
        let mut first_attempts = 0;
        while first_attempts < 2_000 || began.elapsed() < outage {
            for result in client.together(callers, &read) {
                first_attempts += 1;
                let error = result.as_ref().err();
                let found = error.map(|error| (error.kind(), error.gave_up_because()));
                let stops = [Stop::BudgetExhausted, Stop::AttemptsExhausted];
                let stopped = stops.map(|stop| Some((ErrorKind::Server, Some(stop)))).contains(&found);
                trial.holds(stopped, || format!("in the outage: {result:?}"));
            }
        }
        let load = sim.calls_total() - before;
        // The call before the outage counts too.
        let most = first_attempts + AT_FIRST + first_attempts.div_ceil(6);
        trial.holds(first_attempts < load && load <= most, || {
            format!("{load} requests for {first_attempts} calls, and {most} at most")
        });
        trial.measured(format!("load {:.3} times the first attempts", load as f64 / first_attempts as f64));
        sim.clear_faults();
        for result in client.together(callers, &read) {
            trial.holds(result.is_ok(), || format!("after the outage: {result:?}"));
        }
        let tokens = sim.calls(Route::Token);
        trial.holds(tokens == 1, || format!("{tokens} requests for a token"));
        trial.end();
    }
}
