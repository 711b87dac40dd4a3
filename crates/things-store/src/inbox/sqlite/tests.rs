//! What needs a look inside of an inbox in a SQLite file.

use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::inbox::Source;

fn inbox() -> (TempDir, SqliteInbox) {
    let folder = tempfile::tempdir().unwrap();
    let inbox = SqliteInbox::open(folder.path().join("inbox.db"), &InboxOptions::default()).unwrap();
    (folder, inbox)
}

fn messages(numbers: std::ops::Range<u32>) -> Vec<NewMessage> {
    let message = |number: u32| NewMessage {
        received: SystemTime::UNIX_EPOCH,
        source: Source::Http,
        label: None,
        headers: Vec::new(),
        body: number.to_be_bytes().repeat(250),
    };
    numbers.map(message).collect()
}

fn ids(appended: &[Appended]) -> Vec<u64> {
    appended.iter().map(|appended| appended.id.unwrap_or(0)).collect()
}

#[test]
fn a_commit_waits_for_the_disk_and_leaves_the_log_to_the_thread() {
    let (folder, inbox) = inbox();
    let pragma = |inbox: &SqliteInbox, name| -> i64 {
        inbox.connection.get().unwrap().pragma_query_value(None, name, |row| row.get(0)).unwrap()
    };
    assert_eq!(pragma(&inbox, "synchronous"), 2);
    assert_eq!(pragma(&inbox, "wal_autocheckpoint"), 16_384);
    assert_eq!(pragma(&inbox, "journal_size_limit"), 64 << 20);
    let reader = SqliteInbox::read(folder.path().join("inbox.db")).unwrap();
    assert_eq!(pragma(&reader, "synchronous"), 1);
    assert_eq!(pragma(&reader, "wal_autocheckpoint"), 16_384);
}

#[test]
fn a_full_inbox_stores_nothing_and_goes_on_once_there_is_room() {
    let (_folder, mut inbox) = inbox();
    assert_eq!(ids(&inbox.append(&messages(0..3)).unwrap()), [1, 2, 3]);
    let most = |inbox: &SqliteInbox, pages: u32| {
        inbox
            .connection
            .get()
            .unwrap()
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    };
    most(&inbox, 10);
    for _ in 0..2 {
        let error = inbox.append(&messages(2..40)).unwrap_err();
        assert!(error.message().contains("inbox.db is full: no room for more"), "{error}");
        assert_eq!(error.advice(), Some("make room on its disk"));
        assert_eq!(inbox.counts().unwrap().messages, 3);
    }
    // A smaller batch fits, and the retry of one that did not is stored.
    assert_eq!(ids(&inbox.append(&messages(2..4)).unwrap()), [0, 4]);
    most(&inbox, 1_000_000);
    assert_eq!(ids(&inbox.append(&messages(0..6)).unwrap()), [0, 0, 0, 0, 5, 6]);
}

/// A commit whose outcome is unclear: here, another connection commits what this process believes to have failed.
#[test]
fn what_was_stored_although_its_commit_failed_is_a_duplicate() {
    let (_folder, mut inbox) = inbox();
    let mut writer = inbox.writer.take().unwrap();
    let new = messages(0..2);
    let candidates = distinct(&new, Duration::from_secs(60));
    inbox.write(|transaction| insert(transaction, writer.last, &candidates)).unwrap();
    writer.is_behind = true;
    inbox.writer = Some(writer);
    assert_eq!(ids(&inbox.append(&messages(1..3)).unwrap()), [0, 3]);
}

#[test]
fn each_statement_walks_the_ids() {
    let (_folder, inbox) = inbox();
    let connection = inbox.connection.get().unwrap();
    for (sql, expected) in [
        (READ, "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)"),
        (DIGESTS, "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)"),
        (LAST, "SEARCH message"),
    ] {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for place in 1..=plan.parameter_count() {
            plan.raw_bind_parameter(place, 1).unwrap();
        }
        let (mut rows, mut text) = (plan.raw_query(), String::new());
        while let Some(row) = rows.next().unwrap() {
            text += &row.get::<_, String>(3).unwrap();
            text.push('\n');
        }
        assert!(text.contains(expected) && !text.contains("TEMP B-TREE"), "{sql}: {text}");
    }
}

#[test]
fn only_the_newest_digests_are_read_again() {
    let (folder, mut inbox) = inbox();
    inbox.append(&messages(0..5)).unwrap();
    drop(inbox);
    let options = InboxOptions { recent: 2, ..InboxOptions::default() };
    let mut inbox = SqliteInbox::open(folder.path().join("inbox.db"), &options).unwrap();
    assert_eq!(ids(&inbox.append(&messages(2..5)).unwrap()), [6, 0, 0]);
}

#[test]
fn the_thread_copies_the_log_while_messages_are_appended() {
    let (folder, mut inbox) = inbox();
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |file| file.len());
    // Less than what a commit copies, so only the thread makes the file grow.
    for batch in 0..15 {
        inbox.append(&messages(batch * 1_000..(batch + 1) * 1_000)).unwrap();
    }
    // The thread ends after its work.
    inbox.checkpoints = None;
    assert!(size("inbox.db") > 10 << 20, "{}", size("inbox.db"));
    assert!(size("inbox.db-wal") > 10 << 20, "{}", size("inbox.db-wal"));
    drop(inbox);
    assert_eq!(size("inbox.db-wal"), 0, "the whole log is in the file");
    let mut inbox = SqliteInbox::read(folder.path().join("inbox.db")).unwrap();
    assert_eq!(inbox.counts().unwrap().messages, 15_000);
}

/// What a forked process does with its copy of an inbox: here, this process takes itself for the forked one.
#[test]
fn a_forked_process_cannot_use_or_close_an_inbox() {
    let (folder, mut inbox) = inbox();
    inbox.append(&messages(0..1)).unwrap();
    inbox.connection.fork();
    let error = inbox.append(&messages(1..2)).unwrap_err();
    assert!(error.message().contains("the inbox was opened by process 0"), "{error}");
    assert_eq!(error.advice(), Some("open the inbox after the fork"));
    assert!(inbox.read(0, 1).is_err() && inbox.cursor("a").is_err() && inbox.counts().is_err());
    drop(inbox);
    assert!(folder.path().join("inbox.db-wal").exists());
}
