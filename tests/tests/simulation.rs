//! Thousands of worlds, each made of one number, and what holds in all of them.
//!
//! ```text
//! THINGS_SEEDS=100000 cargo test -p things-tests --test simulation                 more worlds
//! THINGS_SEED=123 cargo test -p things-tests --test simulation -- --nocapture      one world, and its trace
//! ```

use std::collections::BTreeSet;

use things_tests::seeds::Seeds;
use things_tests::{Failure, World};

const WORLDS: u64 = 5_000;

#[test]
fn all_invariants_hold_in_every_world() -> Result<(), Failure> {
    let seeds = Seeds::from_env(WORLDS)?;
    if let Some(seed) = seeds.only {
        println!("{}", world(seed)?);
    }
    let wrong = seeds.wrong(|share| wrong(share))?;
    let Some(simplest) = wrong.iter().min_by_key(|world| world.events()) else { return Ok(()) };
    Err(Failure::new(format!(
        "{} worlds are wrong. The simplest, of THINGS_SEED={}:\n  {}\n\n{simplest}",
        wrong.len(),
        simplest.seed(),
        simplest.violations().join("\n  "),
    )))
}

/// The worlds of these seeds in which an invariant does not hold.
fn wrong(seeds: impl Iterator<Item = u64>) -> Result<Vec<World>, Failure> {
    let worlds = seeds.map(world);
    worlds.filter(|world| !world.as_ref().is_ok_and(|world| world.violations().is_empty())).collect()
}

#[test]
fn a_seed_is_always_the_same_world() -> Result<(), Failure> {
    for seed in 0..200 {
        assert_eq!(world(seed)?.to_string(), world(seed)?.to_string());
    }
    let traces: BTreeSet<_> =
        (0..200).map(|seed| Ok(world(seed)?.to_string())).collect::<Result<_, Failure>>()?;
    assert_eq!(traces.len(), 200, "no two seeds are the same world");
    Ok(())
}

/// An invariant says little of worlds in which nothing happens.
#[test]
fn all_that_can_come_of_a_call_comes_of_one() -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for seed in 0..1_000 {
        seen.extend(world(seed)?.outcomes());
    }
    let kinds = "Connect Timeout Deadline Interrupted TooLarge Transport Auth BadRequest Forbidden NotFound RateLimited Server \
        UnexpectedStatus Decode";
    let stops = "Final MayHaveArrived AttemptsExhausted RetryAfterTooLong BudgetExhausted Deadline";
    let words = [kinds, stops, "Prepare Token ContextSwitch Call", "Ok NotSent Unknown"];
    let words = words.iter().flat_map(|words| words.split_whitespace());
    let unseen: Vec<_> = words.filter(|word| !seen.contains(*word)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    Ok(())
}

fn world(seed: u64) -> Result<World, Failure> {
    World::of(seed).map_err(|error| Failure::new(error.to_string()))
}
