//! A disk that is full: nothing is acknowledged, nothing that was is lost, and the inbox works again when there is room.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use things_store::inbox::{Inbox, InboxError, InboxOptions, SqliteInbox};

use crate::maker::message;

/// A file system in memory, until it is dropped.
struct Disk(TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(disk.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(disk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Without a mount there is nothing to undo.
        let _ = Command::new("umount").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

/// Appends messages one by one until there is an error, and returns their number and the error.
fn fill(inbox: &mut SqliteInbox, from: usize) -> (usize, InboxError) {
    for number in from.. {
        if let Err(error) = inbox.append(&[message(&format!("{number:01000}"))]) {
            return (number, error);
        }
    }
    unreachable!("a disk is full at some time")
}

fn bodies(inbox: &mut SqliteInbox) -> Vec<usize> {
    let messages = inbox.read(0, usize::MAX).unwrap();
    messages.iter().map(|message| str::from_utf8(&message.body).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_full_disk_is_an_error_and_the_inbox_goes_on_once_there_is_room() {
    let Some(disk) = Disk::mount("size=2m") else {
        eprintln!("skipped: the full disk, because no file system can be mounted here");
        return;
    };
    let (path, filler) = (disk.path().join("inbox.db"), disk.path().join("filler"));
    fs::write(&filler, vec![1; 1 << 20]).unwrap();
    let mut inbox = SqliteInbox::open(&path, &InboxOptions::default()).unwrap();
    let (stored, error) = fill(&mut inbox, 0);
    assert!(stored > 50, "{stored}: {error}");
    assert!(error.message().contains("the inbox") && error.advice().unwrap().contains("room"), "{error}");
    // It stays full, and everything can be read.
    assert_eq!(fill(&mut inbox, stored).0, stored);
    assert_eq!(bodies(&mut inbox), (0..stored).collect::<Vec<_>>());

    fs::remove_file(&filler).unwrap();
    let (more, _) = fill(&mut inbox, stored);
    assert!(more > stored + 50, "{more}");
    drop(inbox);
    let mut inbox = SqliteInbox::read(&path).unwrap();
    assert_eq!(bodies(&mut inbox), (0..more).collect::<Vec<_>>());
}

/// The message that was refused is stored by its retry, and those that were stored are still duplicates.
#[test]
fn a_batch_that_does_not_fit_is_stored_by_none_of_its_messages() {
    let Some(disk) = Disk::mount("size=2m") else {
        eprintln!("skipped: the full disk, because no file system can be mounted here");
        return;
    };
    let path = disk.path().join("inbox.db");
    let mut inbox = SqliteInbox::open(&path, &InboxOptions::default()).unwrap();
    let batch: Vec<_> = (0..4_000).map(|number| message(&format!("{number:01000}"))).collect();
    inbox.append(&batch[..10]).unwrap();
    for _ in 0..3 {
        inbox.append(&batch).unwrap_err();
        assert_eq!(inbox.counts().unwrap().messages, 10);
    }
    let appended = inbox.append(&batch[5..15]).unwrap();
    let ids: Vec<_> = appended.iter().map(|appended| appended.id.unwrap_or(0)).collect();
    assert_eq!(ids, [0, 0, 0, 0, 0, 11, 12, 13, 14, 15]);
}
