//! Files that are no ledger, or none that can be trusted: each is refused with its own message, and left as it is.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use tempfile::TempDir;
use things_core::{BulkItem, Downlink, FPort, LedgerError, Outcome, Record, Transaction};
use things_store::{ItemState, JobId, NewJob, Resolution, SqliteStore, Store};

const ACCOUNT: &str = "an account";

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    (folder, path)
}

fn id() -> JobId {
    JobId::generate(1_700_000_000_000, 1)
}

fn item(number: u64) -> BulkItem {
    let dev_eui = format!("{number:016X}").parse().unwrap();
    Downlink::raw(dev_eui, FPort::new(1).unwrap(), number.to_be_bytes()).unwrap().into()
}

fn job(id: JobId) -> NewJob {
    NewJob {
        id,
        created: SystemTime::now(),
        source: "valves.csv".to_owned(),
        digest: String::new(),
        account: ACCOUNT.to_owned(),
        options: String::new(),
    }
}

fn create(path: &Path, count: u64) -> Result<u64, LedgerError> {
    SqliteStore::open(path)?.create(&job(id()), &mut (0..count).map(|number| Ok(item(number))))
}

/// Opens the job of a ledger for a run, and returns the items that it claims.
fn run(path: &Path) -> Result<usize, LedgerError> {
    let store: Box<dyn Store> = Box::new(SqliteStore::open(path)?);
    let mut ledger = store.open(&id(), ACCOUNT, false)?;
    let now = Some(SystemTime::now());
    Ok(ledger.commit(&Transaction { claim: 3, now, ..Transaction::default() })?.claims.len())
}

/// A file is refused with these words, whatever is asked of it, and not changed.
fn refused(path: &Path, words: &[&str]) {
    let before = fs::read(path).ok();
    for error in [run(path).err(), create(path, 1).err(), SqliteStore::open(path).err()] {
        let error = error.expect("the file is refused");
        for word in words {
            assert!(error.to_string().contains(word), "{error}: {word}");
        }
        assert!(error.message().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
        assert!(error.advice().is_some() && !error.is_temporary(), "{error}");
    }
    assert_eq!(fs::read(path).ok(), before);
}

#[test]
fn a_folder_is_refused() {
    let (folder, _) = folder();
    refused(folder.path(), &["is a folder", "name a file in it"]);
}

#[test]
fn a_folder_that_is_missing_is_named_and_nothing_is_created() {
    let (folder, _) = folder();
    let path = folder.path().join("missing").join("ledger.db");
    let error = create(&path, 1).unwrap_err();
    assert!(error.to_string().contains("create its folder first"), "{error}");
    assert!(!path.parent().unwrap().exists());
    // There are no jobs in a ledger that does not exist, and looking does not create it.
    let path = folder.path().join("ledger.db");
    assert_eq!(SqliteStore::open(&path).unwrap().jobs().unwrap().len(), 0);
    assert!(run(&path).unwrap_err().message().contains("there is no ledger"));
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_folder, path) = folder();
    for content in ["dev_eui;port;hex\n".repeat(100), "no".to_owned(), "SQLite format 3\0".repeat(64)] {
        fs::write(&path, content).unwrap();
        refused(&path, &["is not a ledger"]);
    }
}

#[test]
fn the_database_of_another_application_is_refused() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE item (id INTEGER PRIMARY KEY)").unwrap();
    refused(&path, &["is not a ledger", "a file that does not exist yet"]);
    other.pragma_update(None, "application_id", 0x0F05_5112).unwrap();
    other.pragma_update(None, "user_version", 1).unwrap();
    refused(&path, &["is not a ledger"]);
}

#[test]
fn another_version_is_refused() {
    for (version, words) in [(2, ["a newer version", "update"]), (0, ["an older version", "that version"])] {
        let (_folder, path) = folder();
        create(&path, 3).unwrap();
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
        refused(&path, &words);
    }
}

#[test]
fn an_empty_file_becomes_a_ledger() {
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    create(&path, 3).unwrap();
    assert_eq!(run(&path).unwrap(), 3);
}

/// A ledger of some pages, as bytes, and the size of a page.
fn pages() -> (Vec<u8>, usize) {
    let (_folder, path) = folder();
    create(&path, 150).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 10 * 4096);
    (bytes, 4096)
}

#[test]
fn a_torn_file_is_refused() {
    let (bytes, page) = pages();
    let (_folder, path) = folder();
    for length in (page..bytes.len()).step_by(page / 2) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = run(&path).expect_err("a part is missing");
        assert!(error.message().contains("is damaged"), "{length} bytes: {error}");
        assert!(error.advice().unwrap().contains("do not start its jobs again"), "{error}");
    }
    // Less than the first page is nothing that could be recognised.
    fs::write(&path, &bytes[..page - 1]).unwrap();
    assert!(run(&path).is_err());
}

#[test]
fn a_page_of_anything_else_is_refused() {
    let (bytes, page) = pages();
    let (_folder, path) = folder();
    for (number, filling) in (1..bytes.len() / page).flat_map(|number| [(number, 0), (number, 0x5A)]) {
        let mut damaged = bytes.clone();
        damaged[number * page..(number + 1) * page].fill(filling);
        fs::write(&path, &damaged).unwrap();
        let error = run(&path).expect_err("a page is damaged");
        assert!(error.message().contains("is damaged"), "page {number} of {filling:#x}: {error}");
    }
    fs::write(&path, &bytes).unwrap();
    assert_eq!(run(&path).unwrap(), 3);
}

#[test]
fn an_index_that_offers_an_item_that_was_sent_claims_nothing() {
    let (_folder, path) = folder();
    create(&path, 3).unwrap();
    // The index of what may be claimed becomes one of what was accepted, which no check of pages finds.
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "UPDATE item SET state = 'accepted', ready_at = NULL;
             CREATE INDEX item_sent ON item (job, attempts) WHERE state = 'accepted';",
        )
        .unwrap();
    assert_eq!(run(&path).unwrap(), 0);
    other
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage =
                (SELECT SUM(rootpage) FROM sqlite_schema WHERE name IN ('item_claimable', 'item_sent')) - rootpage
             WHERE name IN ('item_claimable', 'item_sent');",
        )
        .unwrap();
    drop(other);
    let error = run(&path).unwrap_err();
    assert!(error.message().contains("an item that was sent is among those to be sent"), "{error}");
}

#[test]
fn two_names_of_a_file_have_one_lock() {
    let (folder, path) = folder();
    create(&path, 3).unwrap();
    let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
    let ledger = store.open(&id(), ACCOUNT, false).unwrap();
    let mut names = vec![path.clone()];
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        names.push(link);
    }
    for name in names {
        let held = |error: LedgerError| {
            let process = format!("(process {})", std::process::id());
            assert!(error.message().contains(&process), "{error}");
            assert!(error.advice().is_some_and(|hint| hint.contains("wait until it has ended")), "{error}");
        };
        held(run(&name).unwrap_err());
        let mut store = SqliteStore::open(&name).unwrap();
        held(store.resolve(&id(), 0, Resolution::Accepted).unwrap_err());
        held(store.remove(&id()).unwrap_err());
        assert_eq!(store.jobs().unwrap().len(), 1);
    }
    drop(ledger);
    assert_eq!(run(&path).unwrap(), 3);
    drop(folder);
}

#[test]
fn a_job_that_cannot_be_opened_is_not_created() {
    let (_folder, path) = folder();
    create(&path, 3).unwrap();
    let copy = fs::read(&path).unwrap();
    let begin = || {
        let new = job(JobId::generate(1_700_000_000_001, 2));
        let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
        let error = store.begin(&new, &mut [Ok(item(7))].into_iter()).err().unwrap();
        let jobs = SqliteStore::open(&path).unwrap().jobs().unwrap();
        assert_eq!(jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>(), [id()], "{error}");
        assert!(!error.advice().unwrap_or_default().contains("was created"), "{error}");
        error.to_string()
    };
    let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    assert!(begin().contains("holds the ledger"));
    ledger.commit(&Transaction { claim: 1, now: Some(SystemTime::now()), ..Transaction::default() }).unwrap();
    drop(ledger);
    fs::write(&path, copy).unwrap();
    assert!(begin().contains("lacks transactions"));
}

#[test]
fn many_threads_create_one_ledger() {
    let (_folder, path) = folder();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let job = NewJob {
                    id: JobId::generate(number, 1),
                    created: SystemTime::now(),
                    source: String::new(),
                    digest: String::new(),
                    account: ACCOUNT.to_owned(),
                    options: String::new(),
                };
                let mut store = SqliteStore::open(path).unwrap();
                assert_eq!(store.create(&job, &mut (0..20).map(|number| Ok(item(number)))).unwrap(), 20);
            });
        }
    });
    let jobs = SqliteStore::open(&path).unwrap().jobs().unwrap();
    assert_eq!(jobs.iter().map(|job| job.counts.pending).collect::<Vec<_>>(), [20; 8]);
}

#[test]
#[cfg(unix)]
fn only_its_owner_can_read_a_ledger() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    create(&path, 3).unwrap();
    let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
    let ledger = store.open(&id(), ACCOUNT, false).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.lock"]);
    drop(ledger);
}

#[test]
fn a_failed_transaction_claims_nothing_and_the_ledger_goes_on() {
    let (_folder, path) = folder();
    create(&path, 3).unwrap();
    let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    // No room for another page.
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TRIGGER full BEFORE UPDATE ON item BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    let claim = Transaction { claim: 3, now: Some(SystemTime::now()), ..Transaction::default() };
    let error = ledger.commit(&claim).unwrap_err();
    assert!(error.message().contains("ledger.db"), "{error}");
    let mut store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.items(&id(), Some(ItemState::Pending), 0, 9).unwrap().len(), 3);
    other.execute_batch("DROP TRIGGER full").unwrap();
    let claims = ledger.commit(&claim).unwrap().claims;
    assert_eq!(claims.len(), 3);
    let outcome = |claim: &things_core::Claim| Record {
        id: claim.id(),
        token: claim.token(),
        outcome: Outcome::Accepted,
        again: None,
        resumable: false,
        status: Some(201),
        attempts: 1,
        detail: String::new(),
    };
    let outcomes = claims.iter().map(outcome).collect();
    ledger.commit(&Transaction { outcomes, ..Transaction::default() }).unwrap();
    assert_eq!(store.items(&id(), Some(ItemState::Accepted), 0, 9).unwrap().len(), 3);
}

#[test]
fn a_ledger_that_another_process_writes_is_busy_for_a_while_only() {
    let (_folder, path) = folder();
    create(&path, 3).unwrap();
    let store: Box<dyn Store> = Box::new(SqliteStore::open(&path).unwrap());
    let mut ledger = store.open(&id(), ACCOUNT, false).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let claim = Transaction { claim: 3, now: Some(SystemTime::now()), ..Transaction::default() };
    let mut read = SqliteStore::open(&path).unwrap();
    assert_eq!(read.jobs().unwrap()[0].counts.pending, 3);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ledger.commit(&claim).map(|granted| granted.claims.len()));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), 3);
    });
}
