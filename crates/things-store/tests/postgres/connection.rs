//! Connections that are lost, and the threads that use them.

use std::thread;
use std::time::{Duration, SystemTime};

use things_core::{Commit, Feed, Moment, Outcome, Run, RunOptions, Want};
use things_store::{Counts, Store};
use things_tests::postgres::Server;

use crate::ledger::{
    claim, claiming, counts, create, database, ended, indexes, item, new_job, open, recording, store,
};

#[test]
fn two_first_users_create_the_tables_once() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let users: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || store(&url).jobs().unwrap().len())
        })
        .collect();
    assert!(users.into_iter().all(|user| user.join().unwrap() == 0));
    assert_eq!(server.sql(database(&url), "select count(*) from kpn_things.ledger"), "1");
}

#[test]
fn a_connection_that_was_lost_is_opened_again() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 4, 4);
    let mut ledger = open(&url, &id);
    let granted = claim(&mut ledger, 2);
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()";
    server.sql(database(&url), others);
    // It may be noticed before or after the transaction was sent. No run owns what it claimed then.
    let outcomes = vec![ended(&granted.claims[0], Outcome::Accepted)];
    let transaction = things_core::Transaction { outcomes, ..claiming(1, Duration::from_secs(60)) };
    let next = match ledger.commit(&transaction) {
        Ok(granted) => granted,
        Err(error) => {
            assert!(error.is_temporary(), "{error}");
            ledger.commit(&transaction).unwrap()
        }
    };
    assert_eq!(indexes(&next), [2]);
    assert_eq!(counts(&url, &id), Counts { pending: 1, sending: 2, accepted: 1, ..Counts::default() });
}

#[test]
fn a_server_that_crashes_keeps_every_claim() {
    let Some(server) = Server::start() else { return };
    let url = server.database();
    let id = create(&url, 10, 10);
    let mut ledger = open(&url, &id);
    let granted = claim(&mut ledger, 3);
    server.crash();
    let transaction = recording(vec![ended(&granted.claims[0], Outcome::Accepted)]);
    let error = ledger.commit(&transaction).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    let error = ledger.commit(&transaction).unwrap_err();
    assert!(error.is_temporary() && error.message().starts_with("could not connect"), "{error}");
    server.up();
    ledger.commit(&transaction).unwrap();
    assert_eq!(counts(&url, &id), Counts { pending: 7, sending: 2, accepted: 1, ..Counts::default() });
    assert_eq!(indexes(&claim(&mut ledger, 99)), (3..10).collect::<Vec<_>>());
}

#[test]
fn an_iterator_that_panics_leaves_no_job_behind() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let mut store = store(&url);
    let job = new_job();
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut items = (0..2_000).map(|number| {
            assert!(number < 1_500, "a bug of the caller");
            Ok(item(number, number))
        });
        store.create(&job, &mut items)
    }));
    assert!(broken.is_err());
    assert_eq!(store.jobs().unwrap().len(), 0);
    assert_eq!(store.create(&job, &mut [Ok(item(0, 0))].into_iter()).unwrap(), 1);
}

#[test]
fn a_job_that_cannot_be_opened_is_not_created() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let mut other = store(&url);
    let begin = || Box::new(store(&url)).begin(&new_job(), &mut [Ok(item(0, 0))].into_iter()).err().unwrap();
    server.sql(
        database(&url),
        "create function refuse() returns trigger language plpgsql as 'begin raise exception ''not now''; end';
         create trigger refuse before update on kpn_things.item execute function refuse()",
    );
    let error = begin();
    assert!(
        error.message().contains("not now") && error.advice().is_none_or(|hint| !hint.contains("created"))
    );
    assert_eq!(other.jobs().unwrap().len(), 0);
    // If it cannot be removed either, the error names it.
    server.sql(
        database(&url),
        "create trigger keep before delete on kpn_things.job execute function refuse();
         create trigger keep before delete on kpn_things.item execute function refuse()",
    );
    let error = begin();
    assert!(error.advice().unwrap().contains(new_job().id.as_str()), "{error}");
    assert_eq!(other.jobs().unwrap().len(), 1);
}

/// The runtime of the connection is never inside another one, nor dropped there.
#[test]
fn a_run_may_be_dropped_inside_a_runtime() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let id = create(&url, 3, 3);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let now = Moment::new(Duration::ZERO, SystemTime::now());
        let mut run = Run::new(open(&url, &id), RunOptions { window: 1, spare: 1, ..RunOptions::default() });
        let Want::Commit(commit) = run.want(now) else { panic!("a claim comes first") };
        run.committed(commit.run());
        let Want::Call { .. } = run.want(now) else { panic!("the first claim is a call") };
        // One call has not begun, and one claim waits for its place.
        drop(run);
    });
    let expected = Counts { pending: 1, not_sent: 2, resumable: 2, ..Counts::default() };
    assert_eq!(counts(&url, &id), expected);
}
