//! What an error of SQLite means for the user.

use std::path::Path;

use rusqlite::ErrorCode;
use things_core::LedgerError;

/// Returns the error of a ledger for one of SQLite.
pub(super) fn trouble(path: &Path, error: rusqlite::Error) -> LedgerError {
    let path = path.display();
    let code = error.sqlite_error_code();
    let explained = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            LedgerError::temporary(format!("the ledger {path} is locked by another process"))
                .hint("try again once it is done")
        }
        Some(ErrorCode::DiskFull) => LedgerError::new(format!("the ledger {path} is full: no room for more"))
            .hint("make room on its disk, then resume the job"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => read_only(&path.to_string()),
        Some(ErrorCode::CannotOpen) => LedgerError::new(format!("the ledger {path} cannot be opened")).hint(
            "check the permissions of the file and of its folder, in which SQLite keeps two more files",
        ),
        Some(ErrorCode::NotADatabase) => not_a_ledger(&path.to_string()),
        Some(ErrorCode::DatabaseCorrupt) => damaged(&path.to_string(), &error.to_string()),
        Some(ErrorCode::SystemIoFailure) => {
            LedgerError::new(format!("the ledger {path} cannot be read or written: {error}"))
                .hint("check the health of its disk, its free space and your quota, then resume the job")
        }
        _ => LedgerError::new(format!("the ledger {path} failed: {error}")),
    };
    explained.cause(error)
}

pub(super) fn read_only(path: &str) -> LedgerError {
    LedgerError::new(format!("the ledger {path} is read-only"))
        .hint("make the file and its folder writable, or name another file")
}

pub(super) fn not_a_ledger(path: &str) -> LedgerError {
    LedgerError::new(format!("{path} is not a ledger"))
        .hint("name a ledger, or a file that does not exist yet")
}

pub(super) fn damaged(path: &str, how: &str) -> LedgerError {
    LedgerError::new(format!("the ledger {path} is damaged: {how}")).hint(
        "do not start its jobs again from their input, because downlinks would be sent twice. Check in the portal which \
         downlinks arrived",
    )
}

pub(super) fn older(path: &str) -> LedgerError {
    LedgerError::new(format!(
        "the ledger {path} lacks transactions that it had confirmed: it is an older copy, or its -wal file was lost"
    ))
    .hint(format!(
        "put back the newest file, and the -wal file that belongs to it. If you remove {path}.lock, this one is used, and \
         downlinks that were sent since are sent again"
    ))
}
