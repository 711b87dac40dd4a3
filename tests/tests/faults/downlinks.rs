//! Downlinks: sent at most once, and accounted for.

use std::collections::HashMap;
use std::time::Duration;

use things_core::{Downlink, Error, FPort, Outcome, Receipt};
use things_sim::{Route, Sim};

use crate::client::{Client, each, settings};
use crate::trial::{Trial, share};

pub(crate) fn downlink(reference: u64) -> Downlink {
    let downlink = Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]);
    downlink.unwrap().external_reference(reference.to_string()).unwrap()
}

/// How often each of the downlinks was accepted, by its reference.
fn accepted(sim: &Sim) -> HashMap<u64, u64> {
    let mut times = HashMap::new();
    for downlink in sim.downlinks() {
        *times.entry(downlink.external_reference.unwrap().parse().unwrap()).or_default() += 1;
    }
    times
}

fn told(result: &Result<Receipt, Error>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "accepted".to_owned())
}

/// Each of them with the same chance: a rule is asked only if those before it did not hit.
fn one_of(faults: &[&str]) -> Vec<String> {
    let rule = |(place, fault): (usize, &&str)| {
        let left = faults.len() - place;
        format!("downlinks@{}%={fault}", 100.0 / left as f64)
    };
    faults.iter().enumerate().map(rule).collect()
}

#[test]
fn r1_downlink_that_may_have_arrived_is_never_repeated() {
    const FAULTS: [&str; 8] = [
        "drop-after",
        "stall-after",
        "status-after:500",
        "status-after:502",
        "status-after:503",
        "status-after:504",
        "status-after:408",
        "truncate:1",
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R1", name);
        let cases = share(2_000, 250_000);
        let sim = Sim::builder().seed(trial.random().u64(..)).keep_requests(0).start().unwrap();
        for rule in one_of(&FAULTS) {
            sim.add_fault(rule.parse().unwrap());
        }
        let config = settings(&sim).attempt_timeout(Duration::from_millis(200)).build().unwrap();
        let client = Client::new(name, config);
        let results = each(cases, 64, |case| client.call(&downlink(case)));
        let accepted = accepted(&sim);
        for (case, result) in (0..).zip(&results) {
            let times = accepted.get(&case).copied().unwrap_or(0);
            let outcome = result.as_ref().err().and_then(Error::outcome);
            trial.holds(times == 1 && outcome == Some(Outcome::Unknown), || {
                format!("downlink {case} was accepted {times} times, and told was: {}", told(result))
            });
        }
        let calls = sim.calls(Route::Downlinks);
        trial.holds(calls == cases, || format!("{calls} requests for {cases} downlinks"));
        trial.end();
    }
}
