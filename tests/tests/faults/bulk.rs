//! Runs of many downlinks in seeded worlds: with a model of the ledger and of the service, and the real run and flow.

use std::collections::BTreeMap;

use things_tests::{BulkWorld, Invariant, Mutant};

use crate::client::each;
use crate::trial::{Trial, share};

/// Plays the world of a seed. Returns how much happened, or which invariants it broke.
fn play(seed: u64) -> Result<u64, String> {
    let world = BulkWorld::of(seed).map_err(|error| format!("seed {seed}: {error}"))?;
    let broken: Vec<_> = world.violations().iter().map(ToString::to_string).collect();
    if broken.is_empty() {
        return Ok(world.events());
    }
    Err(format!(
        "{}; for the story: THINGS_SEED={seed} cargo test -p things-tests --test bulk -- --nocapture",
        broken.join("; ")
    ))
}

#[test]
fn r38_run_of_downlinks_sends_none_twice_and_loses_none() {
    let mut trial = Trial::new("R38", "virtual clock");
    let first = trial.random().u64(..);
    let mut events = 0;
    for result in each(share(5_000, 1_000_000), 2, |case| play(first.wrapping_add(case))) {
        trial.case(result.map(|number| events += number));
    }
    trial.measured(format!("{events} events"));
    trial.end();
}

/// Worlds without violations say little if they do not notice a ledger that sends twice.
#[test]
fn r38_worlds_notice_a_ledger_without_one_of_the_seven_rules() {
    let mut trial = Trial::new("R38", "virtual clock");
    let first = trial.random().u64(..);
    let mut found = BTreeMap::new();
    for (number, rule) in Mutant::SENDS_TWICE.into_iter().enumerate() {
        let is_twice = |seed: &u64| {
            BulkWorld::without(rule, *seed).is_ok_and(|world| {
                world.violations().iter().any(|broken| broken.invariant == Invariant::NoDownlinkIsDoneTwice)
            })
        };
        let seeds = (0..5_000).map(|case| first.wrapping_add(case));
        let worlds = seeds.take_while(|seed| !is_twice(seed)).count();
        trial.holds(worlds < 5_000, || format!("no world noticed {rule:?}"));
        found.insert(number, format!("{rule:?} after {} worlds", worlds + 1));
    }
    trial.measured(found.into_values().collect::<Vec<_>>().join(", "));
    trial.end();
}
