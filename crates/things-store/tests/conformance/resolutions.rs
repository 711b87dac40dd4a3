//! The rules of stores about an unknown item that a person looked after.

use std::time::{Duration, SystemTime};

use things_core::{Outcome, Transaction};
use things_store::{Counts, ItemState, Resolution};

use crate::maker::{Maker, claim, claiming, create, ended, indexes, items, open, record};

/// A job whose items are unknown after a run.
fn unknown(maker: &impl Maker, count: usize) -> things_store::JobId {
    let id = create(maker, items(count as u64));
    let mut ledger = open(maker, &id);
    for item in claim(&mut ledger, count, 0).claims {
        record(&mut ledger, ended(&item, Outcome::Unknown), 1);
    }
    drop(ledger);
    maker.end_leases();
    id
}

pub(crate) fn an_unknown_item_is_resolved_as_accepted(maker: &impl Maker) {
    let id = unknown(maker, 2);
    maker.store().resolve(&id, 1, Resolution::Accepted).unwrap();
    let item = &maker.store().items(&id, None, 1, 1).unwrap()[0];
    assert_eq!((item.state, item.resumable), (ItemState::Accepted, false));
    assert_eq!(item.detail, "resolved by hand: told by the test");
    assert_eq!(indexes(&claim(&mut open(maker, &id), 9, 10)), [0; 0]);
    let counts = Counts { accepted: 1, unknown: 1, ..Counts::default() };
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts, counts);
}

pub(crate) fn an_unknown_item_that_did_not_arrive_is_sent_by_the_next_run(maker: &impl Maker) {
    let id = create(maker, items(1));
    let mut ledger = open(maker, &id);
    let old = claim(&mut ledger, 1, 0);
    drop(ledger);
    maker.end_leases();
    drop(open(maker, &id));
    maker.store().resolve(&id, 0, Resolution::NotSent).unwrap();
    let job = maker.store().job(&id).unwrap().unwrap();
    assert_eq!((job.counts.resumable, job.counts.is_finished()), (1, false));
    let mut ledger = open(maker, &id);
    let new = claim(&mut ledger, 9, 10);
    assert_eq!(indexes(&new), [0]);
    assert_ne!(new.claims[0].token(), old.claims[0].token());
    // What the old run may still report is of another claim.
    record(&mut ledger, ended(&old.claims[0], Outcome::NotSent), 11);
    assert_eq!(maker.store().items(&id, None, 0, 1).unwrap()[0].state, ItemState::Sending);
}

pub(crate) fn only_an_unknown_item_is_resolved(maker: &impl Maker) {
    let id = create(maker, items(4));
    let mut ledger = open(maker, &id);
    let granted = claim(&mut ledger, 2, 0);
    record(&mut ledger, ended(&granted.claims[0], Outcome::Accepted), 1);
    record(&mut ledger, ended(&granted.claims[1], Outcome::NotSent), 1);
    drop(ledger);
    maker.end_leases();
    for (index, state) in [(0, "accepted"), (1, "not_sent"), (2, "pending")] {
        for resolution in [Resolution::Accepted, Resolution::NotSent] {
            let error = maker.store().resolve(&id, index, resolution).unwrap_err();
            assert!(error.message().contains(state), "{error}");
        }
    }
    for index in [4, u64::MAX] {
        let error = maker.store().resolve(&id, index, Resolution::Accepted).unwrap_err();
        assert!(error.message().contains(&index.to_string()), "{error}");
    }
    let counts = Counts { pending: 2, accepted: 1, not_sent: 1, ..Counts::default() };
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts, counts);
}

pub(crate) fn an_item_whose_request_may_be_in_flight_is_not_resolved_as_not_sent(maker: &impl Maker) {
    let id = create(maker, items(1));
    let mut ledger = open(maker, &id);
    let now = Some(SystemTime::now());
    let lease = Duration::from_secs(3_600);
    let granted = ledger.commit(&Transaction { now, lease, ..claiming(1, 0) }).unwrap();
    let outcomes = vec![ended(&granted.claims[0], Outcome::Unknown)];
    ledger.commit(&Transaction { outcomes, now, ..claiming(0, 0) }).unwrap();
    drop(ledger);
    let error = maker.store().resolve(&id, 0, Resolution::NotSent).unwrap_err();
    assert!(error.message().contains("in flight"), "{error}");
    assert!(error.advice().is_some_and(|hint| hint.contains("wait")), "{error}");
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts.unknown, 1);
    maker.store().resolve(&id, 0, Resolution::Accepted).unwrap();
    assert_eq!(maker.store().job(&id).unwrap().unwrap().counts.accepted, 1);
}
