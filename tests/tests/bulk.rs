//! Thousands of worlds of bulk runs, each made of one number, and what holds in all of them.
//!
//! ```text
//! THINGS_SEEDS=100000 cargo test -p things-tests --test bulk               more worlds
//! THINGS_SEED=123 cargo test -p things-tests --test bulk -- --nocapture    one world, and its story
//! ```

use std::collections::BTreeSet;

use things_tests::seeds::Seeds;
use things_tests::{BulkWorld, Failure, Invariant, Mutant};

const WORLDS: u64 = 5_000;

#[test]
fn all_invariants_hold_in_every_world() -> Result<(), Failure> {
    let seeds = Seeds::from_env(WORLDS)?;
    if let Some(seed) = seeds.only {
        println!("{}", told(seed)?);
    }
    let wrong = seeds.wrong(|share| wrong(share))?;
    let Some(simplest) = wrong.iter().min_by_key(|world| world.events()) else { return Ok(()) };
    let broken = |invariant: &Invariant| {
        let worlds = wrong.iter().filter(|world| breaks(world, *invariant)).count();
        (worlds > 0).then(|| format!("  {invariant:?} in {worlds} worlds\n"))
    };
    Err(Failure::new(format!(
        "{} worlds are wrong:\n{}The simplest, of THINGS_SEED={}:\n{}",
        wrong.len(),
        Invariant::ALL.iter().filter_map(broken).collect::<String>(),
        simplest.seed(),
        told(simplest.seed())?,
    )))
}

/// The worlds of these seeds in which an invariant does not hold.
fn wrong(seeds: impl Iterator<Item = u64>) -> Result<Vec<BulkWorld>, Failure> {
    let worlds = seeds.map(world);
    worlds.filter(|world| !world.as_ref().is_ok_and(|world| world.violations().is_empty())).collect()
}

#[test]
fn a_seed_is_always_the_same_world() -> Result<(), Failure> {
    let stories: BTreeSet<_> =
        (0..100).map(|seed| Ok(told(seed)?.to_string())).collect::<Result<_, Failure>>()?;
    assert_eq!(stories.len(), 100, "no two seeds are the same world");
    for seed in 0..100 {
        assert!(stories.contains(&told(seed)?.to_string()), "the world of seed {seed} is another one");
    }
    Ok(())
}

/// An invariant says little of worlds in which nothing happens.
#[test]
fn all_that_can_happen_happens() -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for seed in 0..1_000 {
        seen.extend(world(seed)?.seen().iter().copied());
    }
    let expected = [
        "accepted",
        "not sent",
        "unknown",
        "retried",
        "put back",
        "recorded late",
        "ignored outcome",
        "held",
        "stopped",
        "expired",
        "killed",
        "dropped",
        "paused",
        "suspended",
        "wall clock set",
        "swept",
        "undone",
        "given up at start",
        "refused ledger",
        "refused transaction",
        "lost before",
        "lost after",
        "done after a kill",
        "resolved with care",
        "resolved without care",
        "finished",
        "ended by its ledger",
        "ended by its key",
        "ended by an outage",
    ];
    let unseen: Vec<_> = expected.iter().filter(|what| !seen.contains(*what)).collect();
    assert!(unseen.is_empty(), "{unseen:?} of {seen:?}");
    Ok(())
}

/// A model checker sent an item twice as soon as one of these rules was removed. So do the worlds.
#[test]
fn without_one_of_the_seven_rules_an_item_is_done_twice() -> Result<(), Failure> {
    for rule in Mutant::SENDS_TWICE {
        caught(rule, Invariant::NoDownlinkIsDoneTwice)?;
    }
    Ok(())
}

#[test]
fn each_invariant_about_the_ledger_notices_a_ledger_that_breaks_it() -> Result<(), Failure> {
    for (rule, invariant) in [
        (Mutant::SentBeforeCommit, Invariant::NoRequestWithoutDurableClaim),
        (Mutant::UnclearIsDone, Invariant::NoRequestWithoutDurableClaim),
        (Mutant::TimeoutIsNotSent, Invariant::OutcomesAreTrue),
        (Mutant::ExpiredStaysSending, Invariant::NothingIsLost),
        (Mutant::ClaimsAreGreedy, Invariant::AKillLeavesFewUnknown),
        (Mutant::ScopeIsIgnored, Invariant::NoRequestAfterUnknown),
        (Mutant::ScopeIsIgnored, Invariant::NothingIsSentTooLate),
        (Mutant::LeasesAreShort, Invariant::ALiveClaimIsKept),
        (Mutant::UnknownIsNotCounted, Invariant::TheLimitPerDeviceIsKept),
        (Mutant::LostIsKept, Invariant::EachItemIsReportedOnce),
    ] {
        caught(rule, invariant)?;
    }
    Ok(())
}

/// Plays worlds without a rule, until one of them breaks an invariant.
fn caught(rule: Mutant, invariant: Invariant) -> Result<(), Failure> {
    const MOST: u64 = 5_000;
    for seed in 0..MOST {
        let world = BulkWorld::without(rule, seed).map_err(|error| Failure::new(error.to_string()))?;
        if breaks(&world, invariant) {
            println!("{rule:?} breaks {invariant:?} in the world of seed {seed}");
            return Ok(());
        }
    }
    Err(Failure::new(format!("{rule:?} breaks {invariant:?} in none of {MOST} worlds")))
}

fn breaks(world: &BulkWorld, invariant: Invariant) -> bool {
    world.violations().iter().any(|violation| violation.invariant == invariant)
}

fn world(seed: u64) -> Result<BulkWorld, Failure> {
    BulkWorld::of(seed).map_err(|error| Failure::new(error.to_string()))
}

/// The world of a seed, with its story.
fn told(seed: u64) -> Result<BulkWorld, Failure> {
    BulkWorld::told(seed, None).map_err(|error| Failure::new(error.to_string()))
}
