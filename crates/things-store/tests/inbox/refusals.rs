//! Files that are no inbox, or none that can be trusted: each is refused with its own message, and left as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use tempfile::TempDir;
use things_store::inbox::{Inbox, InboxError, InboxOptions, SqliteInbox};
use things_store::{JobId, NewJob, SqliteStore, Store};

use crate::maker::message;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    (folder, path)
}

fn open(path: &Path) -> Result<SqliteInbox, InboxError> {
    SqliteInbox::open(path, &InboxOptions::default())
}

/// A file is refused with these words by receivers and consumers, and not changed.
fn refused(path: &Path, words: &[&str]) {
    let before = fs::read(path).ok();
    for error in [open(path).err(), SqliteInbox::read(path).err()] {
        let error = error.expect("the file is refused");
        for word in words {
            assert!(error.to_string().contains(word), "{error}: {word}");
        }
        assert!(error.advice().is_some() && !error.is_temporary(), "{error}");
    }
    assert_eq!(fs::read(path).ok(), before);
}

/// Creates an inbox of some messages.
fn create(path: &Path, count: u64) {
    let messages: Vec<_> = (0..count).map(|number| message(&format!("{number:01000}"))).collect();
    open(path).unwrap().append(&messages).unwrap();
}

#[test]
fn a_folder_is_refused() {
    let (folder, _) = folder();
    refused(folder.path(), &["is a folder", "name a file in it, such as inbox.db"]);
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let (folder, path) = folder();
    let error = open(&folder.path().join("missing").join("inbox.db")).unwrap_err();
    assert!(error.to_string().contains("create its folder first"), "{error}");
    // A consumer creates nothing.
    let error = SqliteInbox::read(&path).unwrap_err();
    assert!(error.to_string().contains("there is no inbox"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_ledger_is_no_inbox_and_an_inbox_no_ledger() {
    let (_folder, path) = folder();
    let job = NewJob {
        id: JobId::generate(1, 1),
        created: SystemTime::now(),
        source: String::new(),
        digest: String::new(),
        account: String::new(),
        options: String::new(),
    };
    SqliteStore::open(&path).unwrap().create(&job, &mut std::iter::empty()).unwrap();
    refused(&path, &["inbox.db is not an inbox: it is a ledger", "name an inbox, or a file"]);

    let (_folder, path) = folder();
    create(&path, 1);
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.message().ends_with("inbox.db is not a ledger: it is an inbox"), "{error}");
    assert!(error.advice().unwrap().contains("name a ledger"), "{error}");
    assert_eq!(SqliteInbox::read(&path).unwrap().counts().unwrap().messages, 1);
}

#[test]
fn something_else_is_refused() {
    let (_folder, path) = folder();
    for content in ["received;body\n".repeat(100), "no".to_owned(), "SQLite format 3\0".repeat(64)] {
        fs::write(&path, content).unwrap();
        refused(&path, &["is not an inbox"]);
    }
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE message (id INTEGER PRIMARY KEY)").unwrap();
    refused(&path, &["is not an inbox", "a file that does not exist yet"]);
}

#[test]
fn another_version_is_refused() {
    for (version, words) in
        [(2, ["a newer version", "update"]), (0, ["an older version", "read it to its end"])]
    {
        let (_folder, path) = folder();
        create(&path, 1);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
        refused(&path, &words);
    }
}

#[test]
fn a_torn_file_is_refused() {
    let (_folder, path) = folder();
    create(&path, 100);
    let (bytes, page) = (fs::read(&path).unwrap(), 4096);
    assert!(bytes.len() > 20 * page);
    for length in (page..bytes.len()).step_by(page * 3 / 2) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = open(&path).expect_err("a part is missing");
        assert!(error.message().contains("the inbox") && error.message().contains("is damaged"), "{error}");
        assert!(error.advice().unwrap().contains(".recover"), "{error}");
    }
    fs::write(&path, &bytes).unwrap();
    assert_eq!(open(&path).unwrap().counts().unwrap().messages, 100);
}

#[test]
fn a_page_of_anything_else_is_refused() {
    let (_folder, path) = folder();
    create(&path, 20);
    let (bytes, page) = (fs::read(&path).unwrap(), 4096);
    for (number, filling) in (1..bytes.len() / page).flat_map(|number| [(number, 0), (number, 0x5A)]) {
        let mut damaged = bytes.clone();
        damaged[number * page..(number + 1) * page].fill(filling);
        fs::write(&path, &damaged).unwrap();
        let error = open(&path).expect_err("a page is damaged");
        assert!(error.message().contains("is damaged"), "page {number} of {filling:#x}: {error}");
    }
}

#[test]
fn headers_that_cannot_be_read_are_an_error() {
    let (_folder, path) = folder();
    create(&path, 2);
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE message SET headers = x'ff' WHERE id = 2", []).unwrap();
    let mut inbox = SqliteInbox::read(&path).unwrap();
    assert_eq!(inbox.read(0, 1).unwrap().len(), 1);
    let error = inbox.read(0, 2).unwrap_err();
    assert!(error.message().contains("is damaged"), "{error}");
}

#[test]
fn a_second_receiver_is_refused() {
    let (folder, path) = folder();
    let first = open(&path).unwrap();
    let link = folder.path().join("link.db");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = open(name).unwrap_err();
        let process = format!("another receiver (process {}) holds the inbox", std::process::id());
        assert!(error.message().contains(&process), "{error}");
        assert!(error.advice().unwrap().contains("another inbox"), "{error}");
    }
    let mut consumer = SqliteInbox::read(&path).unwrap();
    assert_eq!(consumer.counts().unwrap().messages, 0);
    drop(first);
    // A consumer does not hold it.
    open(&path).unwrap().append(&[message("a")]).unwrap();
    assert_eq!(consumer.counts().unwrap().messages, 1);
}

#[test]
#[cfg(unix)]
fn only_its_owner_can_read_an_inbox() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    let mut inbox = open(&path).unwrap();
    inbox.append(&[message("a")]).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["inbox.db", "inbox.db-shm", "inbox.db-wal", "inbox.db.lock"]);
}

#[test]
fn an_inbox_that_another_process_writes_is_busy_for_a_while_only() {
    let (_folder, path) = folder();
    let mut inbox = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| inbox.append(&[message("a")]));
        other.execute_batch("COMMIT").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().len(), 1);
    });
}
