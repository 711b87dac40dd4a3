//! What an error of SQLite means for the user.

use std::path::Path;

use rusqlite::ErrorCode;
use things_core::LedgerError;

use super::content::Content;

impl Content {
    /// Returns our error for one of SQLite.
    pub(crate) fn trouble(&self, path: &Path, error: rusqlite::Error) -> LedgerError {
        let (name, then) = (self.name, self.then);
        let shown = path.display();
        let explained = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                LedgerError::temporary(format!("the {name} {shown} is locked by another process"))
                    .hint("try again once it is done")
            }
            Some(ErrorCode::DiskFull) => {
                LedgerError::new(format!("the {name} {shown} is full: no room for more"))
                    .hint(format!("make room on its disk{then}"))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => self.read_only(path),
            Some(ErrorCode::CannotOpen) => LedgerError::new(format!("the {name} {shown} cannot be opened"))
                .hint(
                    "check the permissions of the file and of its folder, in which SQLite keeps two more files",
                ),
            Some(ErrorCode::NotADatabase) => self.other(path, None),
            Some(ErrorCode::DatabaseCorrupt) => self.damaged(path, &error.to_string()),
            Some(ErrorCode::SystemIoFailure) => {
                LedgerError::new(format!("the {name} {shown} cannot be read or written: {error}"))
                    .hint(format!("check the health of its disk, its free space and your quota{then}"))
            }
            _ => LedgerError::new(format!("the {name} {shown} failed: {error}")),
        };
        explained.cause(error)
    }

    pub(super) fn read_only(&self, path: &Path) -> LedgerError {
        LedgerError::new(format!("the {} {} is read-only", self.name, path.display()))
            .hint("make the file and its folder writable, or name another file")
    }

    /// The error of a file that is something else, which may be known.
    pub(super) fn other(&self, path: &Path, known: Option<&Self>) -> LedgerError {
        let it_is = known.map(|known| format!(": it is {}", known.with_article)).unwrap_or_default();
        LedgerError::new(format!("{} is not {}{it_is}", path.display(), self.with_article))
            .hint(format!("name {}, or a file that does not exist yet", self.with_article))
    }

    /// The error of a file of another version.
    pub(super) fn other_version(&self, path: &Path, version: i32) -> LedgerError {
        let (age, hint) = if version > self.version {
            ("a newer", "update this program")
        } else {
            ("an older", self.outdated)
        };
        LedgerError::new(format!(
            "the {} {} was written by {age} version: it has format {version}, and this program uses {}",
            self.name,
            path.display(),
            self.version
        ))
        .hint(hint)
    }

    pub(crate) fn damaged(&self, path: &Path, how: &str) -> LedgerError {
        LedgerError::new(format!("the {} {} is damaged: {how}", self.name, path.display())).hint(self.damaged)
    }
}

/// The error of a ledger that was replaced by an older one.
pub(super) fn older(path: &Path) -> LedgerError {
    let path = path.display();
    LedgerError::new(format!(
        "the ledger {path} lacks transactions that it had confirmed: it is an older copy, or its -wal file was lost"
    ))
    .hint(format!(
        "put back the newest file, and the -wal file that belongs to it. If you remove {path}.lock, this one is used, and \
         downlinks that were sent since are sent again"
    ))
}
