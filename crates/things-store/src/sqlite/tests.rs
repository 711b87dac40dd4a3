//! What only the store in SQLite promises.

use std::time::Duration;

use rusqlite::types::Null;
use tempfile::TempDir;
use things_core::{BulkItem, Claim, Downlink, FPort, Outcome, Record, Transaction as Commit};

use super::*;

const ACCOUNT: &str = "an account";

fn store() -> (TempDir, Box<SqliteStore>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
    (folder, Box::new(store))
}

fn id() -> JobId {
    JobId::generate(1_700_000_000_000, 1)
}

/// Creates a job of downlinks to one device.
fn create(store: &mut SqliteStore, count: u64) {
    let job = NewJob {
        id: id(),
        created: SystemTime::now(),
        source: String::new(),
        digest: String::new(),
        account: ACCOUNT.to_owned(),
        options: String::new(),
    };
    let port = FPort::new(1).unwrap();
    let item = |number: u64| -> BulkItem {
        Downlink::raw("0059AC0000000001".parse().unwrap(), port, number.to_be_bytes()).unwrap().into()
    };
    store.create(&job, &mut (0..count).map(|number| Ok(item(number)))).unwrap();
}

fn outcome(claim: &Claim, outcome: Outcome) -> Record {
    Record {
        id: claim.id(),
        token: claim.token(),
        outcome,
        again: None,
        resumable: false,
        status: None,
        attempts: 0,
        detail: String::new(),
    }
}

/// How SQLite finds the rows of a statement.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    for place in 1..=plan.parameter_count() {
        plan.raw_bind_parameter(place, Null).unwrap();
    }
    let mut rows = plan.raw_query();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        text += &row.get::<_, String>(3).unwrap();
        text.push('\n');
    }
    text
}

#[test]
fn each_statement_walks_an_index() {
    let (_folder, mut store) = store();
    create(&mut store, 1);
    let connection = store.connection.as_ref().unwrap().connection.get().unwrap();
    connection.execute_batch(schema::DEVICES).unwrap();
    for (sql, index) in [
        (ledger::NEXT, "SEARCH item USING INDEX item_claimable (job=? AND ready_at<?)"),
        (ledger::READY, "SEARCH item USING COVERING INDEX item_claimable (job=? AND ready_at>?)"),
        (ledger::SENT, "SEARCH item USING INDEX item_device (device=? AND claimed>?)"),
        (ledger::IN_FLIGHT, "SEARCH item USING INDEX item_device (device=? AND claimed>?)"),
        (SWEEP, "SCAN item USING INDEX item_sending"),
        (FORGET_WAITS, "SEARCH item USING INDEX item_claimable (job=? AND ready_at>?)"),
        (SEND_AGAIN, "SEARCH item USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (COUNTS, "SEARCH item USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (&page(OF_ALL), "SEARCH item USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (&page(OF_STATE), "SEARCH item USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    ] {
        let plan = plan(connection, sql);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}

#[test]
fn a_transaction_looks_at_a_share_of_the_items() {
    let (_folder, mut store) = store();
    create(&mut store, 2_500);
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    let limited = Commit {
        claim: 2,
        now: Some(SystemTime::now()),
        lease: Duration::from_secs(60),
        per_device: Some(1),
        ..Commit::default()
    };
    let mut claims = 0;
    for _ in 0..2_500 / ledger::MOST {
        let granted = ledger.commit(&limited).unwrap();
        assert_eq!(granted.next, Some(Duration::ZERO));
        claims += granted.claims.len();
    }
    let granted = ledger.commit(&limited).unwrap();
    assert_eq!(granted.next, Some(Duration::from_secs(1)));
    assert_eq!(claims + granted.claims.len(), 1);
}

#[test]
fn a_ledger_that_cannot_be_written_is_refused_before_a_claim() {
    let (folder, mut store) = store();
    create(&mut store, 1);
    let other = Connection::open(folder.path().join("ledger.db")).unwrap();
    other
        .execute_batch("CREATE TRIGGER no BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    assert!(store.open(&id(), ACCOUNT, false).is_err());
}

#[test]
fn an_item_of_a_run_that_was_killed_is_resolved_without_another_run() {
    let (folder, mut store) = store();
    create(&mut store, 2);
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    let now = Some(SystemTime::UNIX_EPOCH);
    assert_eq!(ledger.commit(&Commit { claim: 1, now, ..Commit::default() }).unwrap().claims.len(), 1);
    drop(ledger);
    let mut store = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
    assert_eq!(store.job(&id()).unwrap().unwrap().counts.sending, 1);
    store.resolve(&id(), 0, Resolution::NotSent).unwrap();
    assert_eq!(store.job(&id()).unwrap().unwrap().counts.resumable, 1);
}

#[test]
fn the_log_of_a_large_job_is_cut() {
    let (folder, mut store) = store();
    create(&mut store, 20_000);
    let size = || std::fs::metadata(folder.path().join("ledger.db-wal")).unwrap().len();
    assert!(size() > 4 << 20, "the job is not large: {}", size());
    let mut reader = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    ledger.commit(&Commit { claim: 1, ..Commit::default() }).unwrap();
    assert!(size() <= 4 << 20, "{}", size());
    assert_eq!(reader.job(&id()).unwrap().unwrap().counts.sending, 1);
}

/// A commit that makes the log larger takes longer.
#[test]
fn the_log_has_its_size_before_a_run_needs_it() {
    for (items, size) in [(3, 64 << 10), (1_000, 4 << 20)] {
        let (folder, mut store) = store();
        create(&mut store, items);
        let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
        let log = || std::fs::metadata(folder.path().join("ledger.db-wal")).unwrap().len();
        let before = log();
        assert!((size..2 * size).contains(&before), "{before} for {items} items");
        ledger.commit(&Commit { claim: 1, ..Commit::default() }).unwrap();
        assert_eq!(log(), before);
        // What follows the last frame of the log is not read.
        let mut reader = SqliteStore::open(folder.path().join("ledger.db")).unwrap();
        assert_eq!(reader.job(&id()).unwrap().unwrap().counts.sending, 1);
    }
}

#[test]
fn an_older_copy_is_noticed() {
    let (folder, mut store) = store();
    let (path, lock) = (folder.path().join("ledger.db"), folder.path().join("ledger.db.lock"));
    create(&mut store, 3);
    let open = || Box::new(SqliteStore::open(&path).unwrap()).open(&id(), ACCOUNT, false);
    let claim = Commit { claim: 1, now: Some(SystemTime::now()), ..Commit::default() };
    drop(store);
    let copy = std::fs::read(&path).unwrap();
    let mut ledger = open().unwrap();
    ledger.commit(&claim).unwrap();
    // Without its log, the file knows nothing of the claim.
    let torn = std::fs::read(&path).unwrap();
    drop(ledger);
    let newest = std::fs::read(&path).unwrap();
    for older in [copy, torn] {
        std::fs::write(&path, &older).unwrap();
        let error = open().err().unwrap();
        assert!(error.message().contains("lacks transactions that it had confirmed"), "{error}");
        assert!(error.advice().unwrap().contains("are sent again"), "{error}");
    }
    std::fs::write(&path, newest).unwrap();
    assert_eq!(open().unwrap().commit(&claim).unwrap().claims[0].index(), 1);
    // Another ledger under the same name has transactions of its own.
    std::fs::remove_file(&path).unwrap();
    create(&mut SqliteStore::open(&path).unwrap(), 3);
    let copy = std::fs::read(&path).unwrap();
    open().unwrap().commit(&claim).unwrap();
    std::fs::write(&path, copy).unwrap();
    assert!(open().is_err());
    std::fs::remove_file(lock).unwrap();
    assert_eq!(open().unwrap().commit(&claim).unwrap().claims[0].index(), 0);
}

/// What a forked process does with its copy of a run: here, this process takes itself for the forked one.
#[test]
fn a_forked_process_cannot_use_or_close_a_ledger() {
    let (folder, mut store) = store();
    create(&mut store, 2);
    let path = folder.path().join("ledger.db");
    let mut ledger = store.connection.take().unwrap().run(&id(), ACCOUNT, false).unwrap();
    let claim = Commit { claim: 1, now: Some(SystemTime::now()), ..Commit::default() };
    let granted = ledger.commit(&claim).unwrap();
    ledger.connection.fork();
    // The copy gives back the claim, which the original is about to send.
    let record = Record { resumable: true, ..outcome(&granted.claims[0], Outcome::NotSent) };
    let error = ledger.commit(&Commit { outcomes: vec![record], ..Commit::default() }).unwrap_err();
    assert!(error.message().contains("forked") && !error.is_temporary(), "{error}");
    assert!(ledger.commit(&claim).is_err());
    drop(ledger);
    // The last connection that is closed removes the log.
    assert!(folder.path().join("ledger.db-wal").exists());
    let mut reader = SqliteStore::open(path).unwrap();
    assert_eq!(reader.job(&id()).unwrap().unwrap().counts.sending, 1);
    reader.connection.as_mut().unwrap().connection.fork();
    assert!(reader.jobs().is_err() && reader.items(&id(), None, 0, 1).is_err());
    assert!(reader.resolve(&id(), 0, Resolution::Accepted).is_err() && reader.remove(&id()).is_err());
}
