//! The tables of a ledger, and how a file is recognised as what it is.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use things_core::LedgerError;

use super::content::Content;

/// A ledger of bulk downlinks. Its mark is `KPNT`.
pub(crate) static LEDGER: Content = Content {
    name: "ledger",
    with_article: "a ledger",
    application: 0x4B50_4E54,
    version: 1,
    tables: TABLES,
    holder: "run",
    then: ", then resume the job",
    outdated: "finish its jobs with that version, or name another file",
    damaged: "do not start its jobs again from their input, because downlinks would be sent twice. Check in the portal \
              which downlinks arrived",
};

/// How long to wait for another process that writes, such as one that creates a job of a million items.
const BUSY: Duration = Duration::from_secs(10);

/// The wait before the next try where SQLite does not wait itself.
const PAUSE: Duration = Duration::from_millis(5);

/// The size to which the write-ahead log is cut once it is written back: about the one at which SQLite does that.
pub(super) const LOG: i64 = 4 << 20;

/// Times are in milliseconds since 1970.
///
/// `ledger` has one row: an id that no other ledger has, and the number of transactions of all runs.
///
/// The items of a job have consecutive ids, from `job.first` on. `ready_at` is the time from which a run may claim an item,
/// and NULL if none may: it is what the index of claimable items consists of. `ended` is when the outcome was recorded.
/// `run_tries` counts the claims of the last run, `tries` those of all runs.
///
/// `room` takes the space that the claim and the outcome of an item need, until they have it. Otherwise they would not fit into the
/// page of the item, and move half of it to another page.
///
/// An index of all states would make each transaction write twice as many pages, so the items of other states are found by their
/// ids.
const TABLES: &str = "
    CREATE TABLE ledger (
        id TEXT NOT NULL,
        transactions INTEGER NOT NULL
    ) STRICT;
    INSERT INTO ledger VALUES (lower(hex(randomblob(16))), 0);
    CREATE TABLE job (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        source TEXT NOT NULL,
        digest TEXT NOT NULL,
        account TEXT NOT NULL,
        options TEXT NOT NULL,
        first INTEGER NOT NULL,
        size INTEGER NOT NULL,
        runs INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE item (
        id INTEGER PRIMARY KEY,
        job INTEGER NOT NULL,
        downlink TEXT NOT NULL,
        customer TEXT,
        not_after INTEGER,
        device TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending',
        ready_at INTEGER DEFAULT 0,
        resumable INTEGER NOT NULL DEFAULT 0,
        token BLOB,
        lease_until INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        run_tries INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        status INTEGER,
        detail TEXT NOT NULL DEFAULT '',
        claimed INTEGER,
        ended INTEGER,
        room BLOB,
        CHECK (ready_at IS NULL OR state = 'pending' OR state = 'not_sent')
    ) STRICT;
    CREATE INDEX item_claimable ON item (job, ready_at) WHERE ready_at IS NOT NULL;
    CREATE INDEX item_sending ON item (id) WHERE state = 'sending';
";

/// The downlinks that count for the limit per device. Runs without a limit do not need this index, and it would make them
/// write twice as many pages, so the first run with a limit creates it.
pub(super) const DEVICES: &str = "
    CREATE INDEX IF NOT EXISTS item_device ON item (device, claimed)
        WHERE state IN ('sending', 'accepted', 'unknown')
";

/// Connects to a file that exists, and creates the tables if it is empty.
pub(crate) fn connect(content: &Content, path: &Path) -> Result<Connection, LedgerError> {
    let failed = |error| content.trouble(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Before anything is read: the files next to it would be created with the same permissions, and keep them.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(content.read_only(path));
    }
    configure(&connection).map_err(failed)?;
    // Another process may be creating the tables, so all of it is read at one moment.
    let moment = connection.unchecked_transaction().map_err(failed)?;
    let found = kind(content, &moment).map_err(failed)?;
    moment.finish().map_err(failed)?;
    match found {
        Kind::This => {}
        Kind::Empty => initialise(content, &mut connection).map_err(failed)?,
        Kind::Other(known) => return Err(content.other(path, known)),
        Kind::Version(version) => return Err(content.other_version(path, version)),
    }
    durable(content, &connection, path)?;
    Ok(connection)
}

/// Checks that no page of the file is damaged.
pub(crate) fn check(content: &Content, connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let result: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| content.trouble(path, error))?;
    if result == "ok" { Ok(()) } else { Err(content.damaged(path, result.trim())) }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    // A file from elsewhere must not run code of its own, and a damaged one must not be believed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Makes each commit wait until it is on the disk.
fn durable(content: &Content, connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |error| content.trouble(path, error);
    let begun = Instant::now();
    let mode: String = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)) {
            // SQLite does not wait for another process that creates the file and switches it at the same time.
            Err(error) if is_busy(&error) && begun.elapsed() < BUSY => thread::sleep(PAUSE),
            mode => break mode.map_err(failed)?,
        }
    };
    if mode != "wal" {
        let name = content.name;
        let message = format!("the {name} {} cannot use a write-ahead log: it uses {mode:?}", path.display());
        return Err(LedgerError::new(message).hint("name a file on a disk of this machine"));
    }
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    // The log of a large job is not kept at its size.
    connection.pragma_update(None, "journal_size_limit", LOG).map_err(failed)?;
    // On macOS, a plain fsync leaves the data in the cache of the disk.
    connection.pragma_update(None, "fullfsync", true).map_err(failed)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true).map_err(failed)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

enum Kind {
    Empty,
    This,
    Version(i32),
    Other(Option<&'static Content>),
}

fn kind(content: &Content, connection: &Connection) -> rusqlite::Result<Kind> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (0, 0, 0) => Kind::Empty,
        _ if application != content.application => Kind::Other(Content::of(application)),
        _ if version != content.version => Kind::Version(version),
        _ => Kind::This,
    })
}

fn initialise(content: &Content, connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if matches!(kind(content, &transaction)?, Kind::Empty) {
        transaction.execute_batch(content.tables)?;
        transaction.pragma_update(None, "application_id", content.application)?;
        transaction.pragma_update(None, "user_version", content.version)?;
    }
    transaction.commit()
}
