//! The write-ahead log of a ledger, which is as large as it gets before a run needs it.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::Transaction;

use super::schema::LOG;

/// About how many bytes of the log the claim and the outcome of one item take.
const ITEM: i64 = 8 << 10;

/// What the first transactions take in any case.
const LEAST: i64 = 64 << 10;

/// Fills the log with zeros up to the size that a run of this many items makes it, and at most to the size at which SQLite begins it
/// anew. An `fsync` of a file that grows takes twice as long as one of a file that is written over.
///
/// SQLite reads the log up to the first frame with a wrong checksum, so it does not read zeros
/// (<https://www.sqlite.org/walformat.html>). The transaction keeps others from writing to the log meanwhile.
pub(super) fn grow(_no_other_writes: &Transaction<'_>, file: &Path, items: i64) {
    let size = items.saturating_mul(ITEM).saturating_add(LEAST).clamp(0, LOG).unsigned_abs();
    // Without it, the run is slower. A full disk is an error of the next commit.
    let _ = fill(file, size);
}

fn fill(file: &Path, size: u64) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    let mut log = OpenOptions::new().write(true).open(name)?;
    let missing = size.saturating_sub(log.seek(SeekFrom::End(0))?);
    io::copy(&mut io::Read::take(io::repeat(0), missing), &mut log)?;
    log.flush()
}
