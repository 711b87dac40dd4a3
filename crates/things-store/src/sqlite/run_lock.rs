//! The lock of a file: one run at a time has a ledger, and one receiver an inbox.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

use fs4::{FileExt, TryLockError};
use things_core::LedgerError;

use super::content::Content;
use super::process::is_this;

/// A lock of the operating system on a file next to the one that it is for. It ends with the process, however that ends.
///
/// The file stays, because removing it could take it away from a process that has just opened it. It holds the id of the
/// process that had the lock last, and how many transactions a ledger had confirmed. A ledger that has fewer is an older
/// copy, or its write-ahead log was lost.
#[derive(Debug)]
pub(crate) struct RunLock {
    file: File,
    /// The process that has taken it.
    process: u32,
    confirmed: Option<(String, i64)>,
}

impl RunLock {
    /// Takes the lock of the file with this real path.
    pub(crate) fn take(content: &Content, file: &Path) -> Result<Self, LedgerError> {
        let path = path(file);
        let failed = |error: io::Error| {
            LedgerError::new(format!("the lock {} cannot be taken: {error}", path.display()))
                .hint(format!("put the {} into a folder that you can write to", content.name))
                .cause(error)
        };
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut lock =
            options.create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        match FileExt::try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(content, file, &path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut text = Vec::new();
        (&mut lock).take(1_000).read_to_end(&mut text).map_err(failed)?;
        let confirmed = confirmed(&String::from_utf8_lossy(&text));
        let mut taken = Self { file: lock, process: process::id(), confirmed };
        taken.write();
        Ok(taken)
    }

    /// Returns how many transactions the ledger with this id had confirmed.
    pub(crate) fn confirmed(&self, ledger: &str) -> i64 {
        self.confirmed.as_ref().filter(|(of, _)| of == ledger).map_or(0, |(_, transactions)| *transactions)
    }

    /// Notes that the ledger with this id has confirmed so many transactions.
    pub(crate) fn confirm(&mut self, ledger: &str, transactions: i64) {
        self.confirmed = Some((ledger.to_owned(), transactions));
        self.write();
    }

    /// Writes the file, which always has the same length. It is not waited for until it is on the disk: after a crash of the
    /// machine it may name fewer transactions than there are, and then less is noticed.
    fn write(&mut self) {
        let (ledger, transactions) = self.confirmed.as_ref().map_or(("", 0), |(id, number)| (id, *number));
        let text = format!("{:<10}\n{ledger:<32} {transactions:019}\n", process::id());
        // A full disk must not prevent reading what was sent.
        let _ = self.file.rewind().and_then(|()| self.file.write_all(text.as_bytes()));
    }
}

impl Drop for RunLock {
    /// Closing the file is not enough: the processes that were forked meanwhile have it open too. They must not release it.
    fn drop(&mut self) {
        if is_this(self.process) {
            let _ = FileExt::unlock(&self.file);
        }
    }
}

/// Reads the second line of the file.
fn confirmed(text: &str) -> Option<(String, i64)> {
    let (ledger, transactions) = text.lines().nth(1)?.split_once(' ')?;
    Some((ledger.to_owned(), transactions.trim().parse().ok()?))
}

fn path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".lock");
    name.into()
}

fn held(content: &Content, file: &Path, lock: &Path) -> LedgerError {
    let text = fs::read_to_string(lock).unwrap_or_default();
    let holder = text.lines().next().and_then(|line| line.trim().parse::<u32>().ok());
    let holder = holder.map(|id| format!(" (process {id})")).unwrap_or_default();
    let name = content.name;
    LedgerError::new(format!("another {}{holder} holds the {name} {}", content.holder, file.display()))
        .hint(format!("wait until it has ended, stop it, or use another {name}"))
}

#[cfg(test)]
mod tests {
    use super::super::schema::LEDGER;
    use super::*;

    #[test]
    fn one_at_a_time_has_the_lock_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let lock = RunLock::take(&LEDGER, &ledger).unwrap();
        let error = RunLock::take(&LEDGER, &ledger).unwrap_err();
        let process = format!("(process {})", process::id());
        assert!(error.message().contains(&process), "{error}");
        assert!(error.message().contains("ledger.db") && !error.is_temporary(), "{error}");
        drop(lock);
        assert!(RunLock::take(&LEDGER, &ledger).is_ok());
    }

    #[test]
    fn a_forked_process_neither_keeps_nor_releases_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let mut copy = RunLock::take(&LEDGER, &ledger).unwrap();
        let original =
            RunLock { file: copy.file.try_clone().unwrap(), process: process::id(), confirmed: None };
        copy.process = 0;
        drop(copy);
        assert!(RunLock::take(&LEDGER, &ledger).is_err(), "the copy has released the lock");
        let _copy = original.file.try_clone().unwrap();
        drop(original);
        assert!(RunLock::take(&LEDGER, &ledger).is_ok(), "the copy keeps the lock");
    }

    #[test]
    fn the_number_of_transactions_outlives_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let mut lock = RunLock::take(&LEDGER, &ledger).unwrap();
        let id = "0123456789abcdef".repeat(2);
        assert_eq!(lock.confirmed(&id), 0);
        lock.confirm(&id, 41);
        lock.confirm(&id, 42);
        drop(lock);
        drop(RunLock::take(&LEDGER, &ledger).unwrap());
        let lock = RunLock::take(&LEDGER, &ledger).unwrap();
        assert_eq!((lock.confirmed(&id), lock.confirmed("another")), (42, 0));
        drop(lock);
        for text in ["", "123", "no number\n\n", "1\nx y\n", "\u{1f600}"] {
            fs::write(path(&ledger), text).unwrap();
            assert_eq!(RunLock::take(&LEDGER, &ledger).unwrap().confirmed(&id), 0);
        }
    }
}
