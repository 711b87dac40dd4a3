//! Copies the write-ahead log into the file of an inbox, on a thread of its own.
//!
//! By default, SQLite does this within a commit, each 4 MB. The commit then waits for two more `fsync`, and all messages of
//! its batch with it. Here a thread does it while commits go on. It cannot always reach the end of the log, because that
//! grows meanwhile. So a commit does the rest once the log has [`LONGEST`] pages, which is rare.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use things_core::LedgerError;

use super::schema::INBOX;
use crate::sqlite::schema;

/// The number of pages of 4 KiB (64 MiB) after which a commit copies what is left of the log.
const LONGEST: i64 = 16_384;

/// The size to which a longer log is cut. A log that is written over is faster than one that grows.
const KEPT: i64 = LONGEST * 4_096;

/// The number of bytes after which the thread copies the log: a quarter of the longest.
const STEP: usize = 16 << 20;

/// Makes the commits of a connection leave the log to the thread.
pub(super) fn postpone(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", LONGEST)?;
    connection.pragma_update(None, "journal_size_limit", KEPT)
}

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    written: usize,
}

impl Checkpoints {
    pub(super) fn start(file: &Path) -> Result<Self, LedgerError> {
        let connection = schema::connect(&INBOX, file)?;
        let (wake, woken) = sync_channel(1);
        let copy = move || {
            while woken.recv().is_ok() {
                // If it fails, the log stays, and is copied later. A full disk is an error of the next append.
                let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            }
        };
        let thread = thread::Builder::new().name("things-inbox".to_owned()).spawn(copy).map_err(|error| {
            LedgerError::new("could not start the thread that copies the log of the inbox").cause(error)
        })?;
        Ok(Self { wake: Some(wake), thread: Some(thread), written: 0 })
    }

    /// Counts what was appended, and wakes the thread if that is enough.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
        if self.written >= STEP
            && let Some(wake) = &self.wake
        {
            self.written = 0;
            // If it is busy, it is about to look at the log again.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
