//! The lock of a run: one run at a time has a ledger.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use fs4::{FileExt, TryLockError};
use things_core::LedgerError;

/// A lock of the operating system on a file next to the ledger. It ends with the process, however that ends.
///
/// The file stays, because removing it could take it away from a process that has just opened it. It holds the id of the
/// process that had the lock last.
#[derive(Debug)]
pub(super) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the ledger with this real path.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let path = path(ledger);
        let failed = |error: io::Error| {
            LedgerError::new(format!("the lock {} cannot be taken: {error}", path.display()))
                .hint("put the ledger into a folder that you can write to")
                .cause(error)
        };
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file =
            options.create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(ledger, &path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The number is for people. A full disk must not prevent reading what was sent.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", process::id()));
        Ok(Self { _file: file })
    }
}

fn path(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".lock");
    name.into()
}

fn held(ledger: &Path, lock: &Path) -> LedgerError {
    let holder = fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok());
    let holder = holder.map(|id| format!(" (process {id})")).unwrap_or_default();
    LedgerError::new(format!("another run{holder} holds the ledger {}", ledger.display()))
        .hint("wait until it has ended, stop it, or use another ledger")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_lock_and_the_other_learns_who() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let lock = RunLock::take(&ledger).unwrap();
        let error = RunLock::take(&ledger).unwrap_err();
        let process = format!("(process {})", process::id());
        assert!(error.message().contains(&process), "{error}");
        assert!(error.message().contains("ledger.db") && !error.is_temporary(), "{error}");
        drop(lock);
        assert!(RunLock::take(&ledger).is_ok());
    }
}
