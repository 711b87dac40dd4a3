//! Transactions of which the worker does not learn whether they were committed.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use things_core::{BulkItem, Ledger, Outcome, Transaction};
use things_store::{Counts, Store};
use things_tests::postgres::Server;

use crate::ledger::{
    LEASE, ahead, claim, claiming, counts, create, database, ended, indexes, item, join, new_job, open,
    recording, store,
};
use crate::wire::{Cut, Wire};

/// Lets a transaction be committed whose acknowledgement is lost.
fn lose(wire: &Wire, ledger: &mut Box<dyn Ledger>, transaction: &Transaction) {
    wire.cut(Cut::BeforeCommitted);
    let error = ledger.commit(transaction).unwrap_err();
    assert!(error.is_temporary() && wire.is_cut(), "{error}");
}

#[test]
fn claims_whose_acknowledgement_was_lost_are_granted_again() {
    let Some(server) = Server::shared() else { return };
    for per_device in [None, Some(1)] {
        let url = server.database();
        let id = create(&url, 4, 4);
        let wire = Wire::to(&url);
        let mut ledger = open(&wire.url(&url), &id);
        let first = claim(&mut ledger, 1);
        let transaction = Transaction { per_device, ..claiming(2, LEASE) };
        lose(&wire, &mut ledger, &transaction);
        assert_eq!(counts(&url, &id), Counts { pending: 1, sending: 3, ..Counts::default() });
        // The claim that the run has stays, and the others are granted as if nothing had happened.
        let granted = ledger.commit(&Transaction { claim: 9, ..transaction }).unwrap();
        assert_eq!((indexes(&granted), granted.next), (vec![1, 2, 3], None));
        assert!(granted.claims.iter().all(|claim| claim.tries() == 1));
        let all = first.claims.iter().chain(&granted.claims).map(|claim| ended(claim, Outcome::Accepted));
        ledger.commit(&recording(all.collect())).unwrap();
        assert_eq!(counts(&url, &id), Counts { accepted: 4, ..Counts::default() });
    }
}

#[test]
fn lost_claims_that_another_worker_gave_up_are_granted_again() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 2, 2);
    let wire = Wire::to(&url);
    let mut ledger = open(&wire.url(&url), &id);
    lose(&wire, &mut ledger, &claiming(2, LEASE));
    ahead(server, &url, LEASE.as_secs() + 1);
    assert_eq!(claim(&mut join(&url, &id), 9).next, None);
    assert_eq!(counts(&url, &id), Counts { unknown: 2, ..Counts::default() });
    assert_eq!(indexes(&claim(&mut ledger, 9)), [0, 1]);
}

#[test]
fn items_that_expired_in_a_lost_transaction_are_reported_by_the_next() {
    let Some(server) = Server::shared() else { return };
    for per_device in [None, Some(1)] {
        let url = server.database();
        let job = new_job();
        let late =
            BulkItem { not_after: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)), ..item(0, 0) };
        let mut items = [Ok(late), Ok(item(1, 1))].into_iter();
        store(&url).create(&job, &mut items).unwrap();
        let wire = Wire::to(&url);
        let mut ledger = open(&wire.url(&url), &job.id);
        let transaction = Transaction { per_device, ..claiming(9, LEASE) };
        lose(&wire, &mut ledger, &transaction);
        let granted = ledger.commit(&transaction).unwrap();
        let expired: Vec<_> = granted.expired.iter().map(|(index, _)| *index).collect();
        assert_eq!((indexes(&granted), expired), (vec![1], vec![0]));
        assert_eq!(counts(&url, &job.id), Counts { sending: 1, not_sent: 1, ..Counts::default() });
        // Only once.
        assert_eq!(ledger.commit(&transaction).unwrap().expired.len(), 0);
    }
}

/// The server can commit after the client has tried again.
#[test]
fn a_worker_waits_for_a_lost_transaction_that_is_committed_late() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 2, 2);
    let wire = Wire::to(&url);
    let mut ledger = open(&wire.url(&url), &id);
    lose(&wire, &mut ledger, &claiming(1, LEASE));
    // As if its changes had not been visible to the transaction that undoes it.
    let name = database(&url);
    let copy = "create table late as select * from kpn_things.item where place = 0";
    server.sql(name, copy);
    assert_eq!(indexes(&claim(&mut ledger, 1)), [0]);
    server.sql(
        name,
        "update kpn_things.item as item set worker = late.worker, token = late.token from late where item.place = 0",
    );
    let granted = claim(&mut ledger, 9);
    assert_eq!((indexes(&granted), granted.next), (vec![1], Some(Duration::from_secs(1))));
    assert_eq!(indexes(&claim(&mut ledger, 9)), [0]);
}

#[test]
fn a_failure_after_the_commit_loses_no_claim() {
    let Some(server) = Server::shared() else { return };
    for per_device in [None, NonZeroU32::new(1)] {
        let url = server.database();
        let id = create(&url, 2, 2);
        let wire = Wire::to(&url);
        let mut ledger = open(&wire.url(&url), &id);
        wire.cut(Cut::AfterCommitted);
        let per_device = per_device.map(NonZeroU32::get);
        let granted = ledger.commit(&Transaction { per_device, ..claiming(9, LEASE) }).unwrap();
        assert!(wire.is_cut());
        assert_eq!(indexes(&granted), [0, 1]);
        assert!(granted.next.is_some_and(|next| next < Duration::from_secs(1)), "{:?}", granted.next);
        assert_eq!(claim(&mut ledger, 9).next, None);
    }
}

#[test]
fn an_item_that_cannot_be_read_leaves_no_claims_of_others() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 3, 3);
    let mut ledger = open(&url, &id);
    server.sql(database(&url), "update kpn_things.item set downlink = '{}' where place = 1");
    let error = ledger.commit(&claiming(9, LEASE)).unwrap_err();
    assert!(!error.is_temporary() && error.message().contains("cannot be read"), "{error}");
    // The last transaction of a run claims nothing.
    ledger.commit(&recording(Vec::new())).unwrap();
    server.sql(
        database(&url),
        "update kpn_things.item set downlink = (select downlink from kpn_things.item where place = 0)",
    );
    assert_eq!(counts(&url, &id), Counts { pending: 3, ..Counts::default() });
}
