//! Several workers on one job.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use things_core::{Ledger, Outcome, Record, Transaction};
use things_store::{Counts, Resolution, Store};
use things_tests::postgres::Server;

use crate::ledger::{
    LEASE, ahead, claim, claiming, counts, create, ended, indexes, join, open, recording, store,
};

#[test]
fn workers_never_claim_the_same_item() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 400, 400);
    let mut ledgers = vec![open(&url, &id)];
    ledgers.extend((0..3).map(|_| join(&url, &id)));
    let work = |mut ledger: Box<dyn Ledger>| {
        let mut claimed = Vec::new();
        loop {
            let granted = claim(&mut ledger, 7);
            if granted.claims.is_empty() && granted.next.is_none_or(|next| next >= Duration::from_secs(1)) {
                return claimed;
            }
            claimed.extend(indexes(&granted));
        }
    };
    let workers: Vec<_> = ledgers.into_iter().map(|ledger| thread::spawn(move || work(ledger))).collect();
    let claimed: Vec<u64> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    assert_eq!(claimed.len(), 400);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 400);
}

#[test]
fn a_worker_waits_for_what_another_one_may_give_back() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 2, 2);
    let (mut first, mut second) = (open(&url, &id), join(&url, &id));
    let one = claim(&mut first, 1);
    let two = claim(&mut second, 9);
    assert_eq!((indexes(&one), indexes(&two)), (vec![0], vec![1]));
    assert_eq!(two.next, Some(Duration::from_secs(1)));
    // What it has itself, it knows.
    let outcomes = vec![ended(&two.claims[0], Outcome::Accepted)];
    second.commit(&recording(outcomes)).unwrap();
    assert_eq!(claim(&mut first, 9).next, None);
    let again = Some(Duration::ZERO);
    let back = Record { again, resumable: true, ..ended(&one.claims[0], Outcome::NotSent) };
    first.commit(&recording(vec![back])).unwrap();
    let three = claim(&mut second, 9);
    assert_eq!((indexes(&three), three.claims[0].tries(), three.next), (vec![0], 2, None));
}

#[test]
fn an_item_whose_lease_has_ended_is_unknown_and_never_claimable() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 3, 3);
    let (mut paused, mut other) = (open(&url, &id), join(&url, &id));
    let granted = claim(&mut paused, 2);
    assert_eq!(counts(&url, &id), Counts { pending: 1, sending: 2, ..Counts::default() });
    ahead(server, &url, LEASE.as_secs() + 1);
    // A reader sees it before any worker has recorded it.
    assert_eq!(counts(&url, &id), Counts { pending: 1, unknown: 2, ..Counts::default() });
    let next = claim(&mut other, 9);
    assert_eq!((indexes(&next), next.next), (vec![2], None));
    let item = &store(&url).items(&id, None, 0, 1).unwrap()[0];
    assert!(item.detail.contains("lost") && item.ended.is_some());
    // The worker goes on, and knows the outcome of one.
    let late = ended(&granted.claims[0], Outcome::Accepted);
    paused.commit(&recording(vec![late])).unwrap();
    assert_eq!(counts(&url, &id), Counts { accepted: 1, sending: 1, unknown: 1, ..Counts::default() });
    assert_eq!(indexes(&claim(&mut paused, 9)), [0; 0]);
}

#[test]
fn a_worker_that_joins_changes_nothing_and_a_new_run_does() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 3, 3);
    let mut first = open(&url, &id);
    let granted = claim(&mut first, 3);
    let outcomes = vec![
        Record { resumable: true, ..ended(&granted.claims[0], Outcome::NotSent) },
        Record {
            again: Some(Duration::from_secs(3_600)),
            resumable: true,
            ..ended(&granted.claims[1], Outcome::NotSent)
        },
        ended(&granted.claims[2], Outcome::NotSent),
    ];
    first.commit(&recording(outcomes)).unwrap();
    let joined = claim(&mut join(&url, &id), 9);
    assert_eq!(indexes(&joined), [0; 0]);
    assert!(joined.next.is_some_and(|next| next > Duration::from_secs(3_000)));
    let opened = claim(&mut open(&url, &id), 9);
    assert_eq!(indexes(&opened), [0, 1]);
    assert!(opened.claims.iter().all(|claim| claim.tries() == 1));
}

#[test]
fn the_limit_of_a_device_holds_between_workers() {
    const DEVICES: u64 = 10;
    let Some(server) = Server::shared() else { return };
    for most in [1, 3] {
        let url = server.database();
        let id = create(&url, 200, DEVICES);
        let limited = move || Transaction { per_device: Some(most), ..claiming(3, LEASE) };
        let work = move |mut ledger: Box<dyn Ledger>| {
            let mut devices = Vec::new();
            // As long as another worker claims, an item can be free that is not any more.
            while devices.len() < 100 {
                let granted = ledger.commit(&limited()).unwrap();
                if granted.claims.is_empty() {
                    return devices;
                }
                devices.extend(granted.claims.iter().map(|claim| claim.item().device_key()));
            }
            devices
        };
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let ledger = join(&url, &id);
                thread::spawn(move || work(ledger))
            })
            .collect();
        let mut sent = BTreeMap::<String, u32>::new();
        for device in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
            *sent.entry(device).or_default() += 1;
        }
        assert_eq!(sent.len() as u64, DEVICES);
        assert!(sent.values().all(|times| *times == most), "{sent:?}");
    }
}

#[test]
fn a_job_is_neither_resolved_nor_removed_while_a_claim_is_alive() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 2, 2);
    let mut ledger = open(&url, &id);
    let granted = claim(&mut ledger, 2);
    ledger.commit(&recording(vec![ended(&granted.claims[0], Outcome::Unknown)])).unwrap();
    let errors =
        [store(&url).resolve(&id, 0, Resolution::NotSent).unwrap_err(), store(&url).remove(&id).unwrap_err()];
    for error in errors {
        assert!(error.message().contains("in progress"), "{error}");
        assert!(error.advice().unwrap().contains("wait"), "{error}");
    }
    // No claim is alive, but a request of the item can be: its lease, and once more the time of a call.
    ahead(server, &url, LEASE.as_secs() + 1);
    let error = store(&url).resolve(&id, 0, Resolution::NotSent).unwrap_err();
    assert!(error.message().contains("in flight"), "{error}");
    ahead(server, &url, 2 * LEASE.as_secs() + 1);
    store(&url).resolve(&id, 0, Resolution::NotSent).unwrap();
    // What the old claim reports now is of a claim that is over.
    ledger.commit(&recording(vec![ended(&granted.claims[0], Outcome::Accepted)])).unwrap();
    assert_eq!(counts(&url, &id), Counts { not_sent: 1, resumable: 1, unknown: 1, ..Counts::default() });
    store(&url).remove(&id).unwrap();
    let error = ledger.commit(&claiming(1, LEASE)).unwrap_err();
    assert!(error.message().contains("removed") && !error.is_temporary(), "{error}");
}
