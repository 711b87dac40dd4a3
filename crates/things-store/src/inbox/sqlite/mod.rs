//! The inbox in a SQLite file: one receiver, and any number of consumers.

mod checkpoints;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use things_core::LedgerError;

use self::checkpoints::Checkpoints;
pub(crate) use self::schema::INBOX;
use super::recent::{Candidate, Recent, Seen, distinct};
use super::{
    Appended, Inbox, InboxCounts, InboxError, InboxOptions, Message, NewMessage, Source, check_consumer,
    headers, not_yet, opened_to_read,
};
use crate::sqlite::process::OfProcess;
use crate::sqlite::run_lock::RunLock;
use crate::sqlite::{place, schema as file};
use crate::time::time;

/// The largest file, in bytes, of which every page is checked before a receiver uses it. A receiver that checks a larger one
/// would miss messages meanwhile.
const CHECKED: i64 = 1 << 30;

/// The number of messages that are removed in one transaction, during which a receiver waits.
const REMOVED: i64 = 1_000;

/// About the number of bytes of the log that one message takes in addition to its content.
const ROW: usize = 200;

const INSERT: &str = "
    INSERT INTO message (id, received, digest, source, label, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
";

const READ: &str = "
    SELECT id, received, source, label, headers, body FROM message WHERE id > ?1 ORDER BY id LIMIT ?2
";

const DIGESTS: &str = "SELECT id, digest, received FROM message WHERE id > ?1 ORDER BY id";

/// The newest id, also if it was removed.
const LAST: &str = "SELECT MAX(removed, COALESCE((SELECT MAX(id) FROM message), 0)) FROM inbox";

/// An inbox in a SQLite file.
///
/// Only its owner can read the file. SQLite keeps two more files next to it while it is in use, with `-wal` and `-shm` at the end
/// of their names, and the lock of the receiver ends with `.lock`. The `-wal` file is a part of the inbox: after a crash,
/// do not move the one without the other.
pub struct SqliteInbox {
    // Ends before the last connection is closed, which removes the log.
    checkpoints: Option<OfProcess<Checkpoints>>,
    connection: OfProcess<Connection>,
    /// The real path of the file.
    real: PathBuf,
    // Its lock is released after the connection is closed.
    writer: Option<Writer>,
}

/// What the process that appends knows of the inbox.
struct Writer {
    /// The id of the newest message that is known here.
    last: i64,
    /// Whether the file may have other messages, because a transaction failed.
    is_behind: bool,
    recent: Recent,
    options: InboxOptions,
    _lock: RunLock,
}

impl SqliteInbox {
    /// Opens an inbox for a receiver, and creates the file if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if another receiver holds the file, if it is not an inbox, or one of another version, if it is damaged or
    /// read-only, or if it is on a file system of a network.
    pub fn open(path: impl AsRef<Path>, options: &InboxOptions) -> Result<Self, InboxError> {
        let real = place::create(&INBOX, path.as_ref(), place::file_system)?;
        let real = place::find(&INBOX, &real)?.unwrap_or(real);
        let mut inbox = Self::connect(real)?;
        let lock = RunLock::take(&INBOX, &inbox.real)?;
        let connection = inbox.connection.get()?;
        let size = page_bytes(connection).map_err(|error| inbox.trouble(error))?;
        if size <= CHECKED {
            file::check(&INBOX, connection, &inbox.real)?;
        }
        let recent = Recent::new(options.duplicates_within, options.recent);
        let most = i64::try_from(recent.most()).unwrap_or(i64::MAX);
        let last = last(connection).map_err(|error| inbox.trouble(error))?;
        let mut writer = Writer {
            last: last.saturating_sub(most).max(0),
            is_behind: true,
            recent,
            options: *options,
            _lock: lock,
        };
        writer.catch_up(connection).map_err(|error| inbox.trouble(error))?;
        // Also if the newest messages were removed.
        writer.last = last;
        inbox.checkpoints = Some(OfProcess::new(INBOX.name, Checkpoints::start(&inbox.real)?));
        inbox.writer = Some(writer);
        Ok(inbox)
    }

    /// Opens an inbox for a consumer. A receiver may append to it meanwhile.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such file, if it is not an inbox, or one of another version, if it is read-only, or if it
    /// is on a file system of a network.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, InboxError> {
        let path = path.as_ref();
        let Some(real) = place::find(&INBOX, path)? else {
            return Err(InboxError::new(format!("there is no inbox {}", path.display()))
                .hint("check its name, or start its receiver first"));
        };
        let inbox = Self::connect(real)?;
        // A cursor that is lost in a crash means that messages are read again, so consumers do not wait for the disk. The
        // receiver waits for all that is in the log before its own commit.
        let connection = inbox.connection.get()?;
        connection.pragma_update(None, "synchronous", "normal").map_err(|error| inbox.trouble(error))?;
        Ok(inbox)
    }

    fn connect(real: PathBuf) -> Result<Self, InboxError> {
        place::refuse_network(&INBOX, &real, place::file_system(&real))?;
        let connection = file::connect(&INBOX, &real)?;
        checkpoints::postpone(&connection).map_err(|error| INBOX.trouble(&real, error))?;
        Ok(Self { checkpoints: None, connection: OfProcess::new(INBOX.name, connection), real, writer: None })
    }

    fn trouble(&self, error: rusqlite::Error) -> LedgerError {
        INBOX.trouble(&self.real, error)
    }

    /// Runs something in a transaction that no other process writes during.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, InboxError> {
        let real = &self.real;
        let connection = self.connection.get_mut()?;
        let written = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        written().map_err(|error| INBOX.trouble(real, error).into())
    }
}

impl Writer {
    /// Reads the messages that are not known here.
    fn catch_up(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut digests = connection.prepare(DIGESTS)?;
        let mut rows = digests.query([self.last])?;
        while let Some(row) = rows.next()? {
            let seen: Seen = (row.get(1)?, row.get(2)?);
            self.recent.add(seen);
            self.last = row.get(0)?;
        }
        self.is_behind = false;
        Ok(())
    }
}

impl Inbox for SqliteInbox {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let Some(mut writer) = self.writer.take() else { return Err(opened_to_read()) };
        let appended = self.append_with(&mut writer, messages);
        writer.is_behind |= appended.is_err();
        self.writer = Some(writer);
        appended
    }

    fn read(&mut self, after: u64, most: usize) -> Result<Vec<Message>, InboxError> {
        let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let connection = self.connection.get()?;
        let read =
            || connection.prepare(READ)?.query_map([after, most], message)?.collect::<Result<Vec<_>, _>>();
        let messages = read().map_err(|error| self.trouble(error))?;
        let damaged = || INBOX.damaged(&self.real, "a message has headers that cannot be read").into();
        messages.into_iter().collect::<Option<_>>().ok_or_else(damaged)
    }

    fn cursor(&mut self, consumer: &str) -> Result<u64, InboxError> {
        check_consumer(consumer)?;
        let found: Option<i64> = self
            .connection
            .get()?
            .query_row("SELECT message FROM consumer WHERE name = ?1", [consumer], |row| row.get(0))
            .optional()
            .map_err(|error| self.trouble(error))?;
        Ok(found.unwrap_or(0).unsigned_abs())
    }

    fn advance(&mut self, consumer: &str, id: u64) -> Result<(), InboxError> {
        check_consumer(consumer)?;
        let message = i64::try_from(id).unwrap_or(i64::MAX);
        let newest = self.write(|transaction| {
            let newest = last(transaction)?;
            if message <= newest {
                transaction.execute(
                    "INSERT INTO consumer (name, message) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET message = MAX(message, excluded.message)",
                    params![consumer, message],
                )?;
            }
            Ok(newest)
        })?;
        if message <= newest { Ok(()) } else { Err(not_yet(id, newest.unsigned_abs())) }
    }

    fn counts(&mut self) -> Result<InboxCounts, InboxError> {
        let connection = self.connection.get()?;
        let read = || {
            // One view of both.
            let view = connection.unchecked_transaction()?;
            let removed: i64 = view.query_row("SELECT removed FROM inbox", [], |row| row.get(0))?;
            Ok((removed, last(&view)?))
        };
        let (removed, last) = read().map_err(|error| self.trouble(error))?;
        let messages = last.saturating_sub(removed).unsigned_abs();
        Ok(InboxCounts { messages, last_id: last.unsigned_abs() })
    }

    fn remove_before(&mut self, id: u64) -> Result<u64, InboxError> {
        let end = i64::try_from(id).unwrap_or(i64::MAX);
        let mut count = 0;
        loop {
            // A receiver can write between two transactions.
            let removed = self.write(|transaction| {
                let first: Option<i64> =
                    transaction.query_row("SELECT MIN(id) FROM message", [], |row| row.get(0))?;
                let Some(first) = first else { return Ok(0) };
                let end = end.min(first.saturating_add(REMOVED)).min(last(transaction)?.saturating_add(1));
                if end <= first {
                    return Ok(0);
                }
                transaction.execute("UPDATE inbox SET removed = ?1", [end - 1])?;
                transaction.execute("DELETE FROM message WHERE id < ?1", [end])
            })?;
            if removed == 0 {
                return Ok(count);
            }
            count += removed as u64;
        }
    }
}

impl SqliteInbox {
    fn append_with(
        &mut self,
        writer: &mut Writer,
        messages: &[NewMessage],
    ) -> Result<Vec<Appended>, InboxError> {
        if writer.is_behind {
            writer.catch_up(self.connection.get()?).map_err(|error| self.trouble(error))?;
        }
        let mut new = distinct(messages, writer.options.duplicates_within);
        new.retain(|candidate| !writer.recent.has(&candidate.seen));
        let mut appended = vec![Appended { id: None }; messages.len()];
        if new.is_empty() {
            return Ok(appended);
        }
        let last = writer.last;
        let bytes = self.write(|transaction| insert(transaction, last, &new))?;
        for candidate in new {
            writer.last += 1;
            writer.recent.add(candidate.seen);
            if let Some(appended) = appended.get_mut(candidate.index) {
                appended.id = Some(writer.last.unsigned_abs());
            }
        }
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.get_mut()?.wrote(bytes);
        }
        Ok(appended)
    }
}

/// Inserts messages with the ids after `last`, and returns about how many bytes they take.
fn insert(transaction: &Transaction<'_>, last: i64, new: &[Candidate<'_>]) -> rusqlite::Result<usize> {
    let mut statement = transaction.prepare(INSERT)?;
    let mut bytes = 0;
    for (id, Candidate { message, seen: (digest, received), .. }) in (last + 1..).zip(new) {
        let headers = headers::encode(&message.headers);
        bytes += ROW + headers.len() + message.body.len();
        statement.execute(params![
            id,
            received,
            digest,
            message.source.as_str(),
            message.label,
            headers,
            message.body
        ])?;
    }
    Ok(bytes)
}

/// Reads a message. `None`: its headers are damaged.
fn message(row: &Row<'_>) -> rusqlite::Result<Option<Message>> {
    let source = row.get_ref(2)?.as_str()?.parse::<Source>();
    let (Ok(source), Some(headers)) = (source, headers::decode(row.get_ref(4)?.as_blob()?)) else {
        return Ok(None);
    };
    Ok(Some(Message {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        received: time(row.get(1)?),
        source,
        label: row.get(3)?,
        headers,
        body: row.get(5)?,
    }))
}

fn last(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(LAST, [], |row| row.get(0))
}

/// Returns the size of the file, with what is in its log.
fn page_bytes(connection: &Connection) -> rusqlite::Result<i64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}

impl fmt::Debug for SqliteInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteInbox").field("path", &self.real).finish_non_exhaustive()
    }
}
