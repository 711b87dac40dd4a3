//! The inbox of a receiver: messages that are on the disk before their sender gets a 2xx.
//!
//! KPN Things tries to deliver a message at most three times, and then discards it
//! ([HTTPS destination](https://docs.kpnthings.com/kpn-things/building-blocks/destinations/https-destination)). So a receiver
//! stores the raw body first, and parsing happens when a consumer reads it.
//! The README of this crate has an example.

mod error;
mod headers;
mod message;
#[cfg(feature = "postgres")]
mod postgres;
mod recent;
mod sqlite;

use std::time::Duration;

pub use self::error::InboxError;
pub use self::message::{Appended, Message, NewMessage, Source};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresInbox;
pub(crate) use self::sqlite::INBOX;
pub use self::sqlite::SqliteInbox;
use crate::url;

/// The stored messages, in the order in which they were stored, and how far each consumer has read.
///
/// All methods are blocking.
pub trait Inbox: Send {
    /// Stores messages in one transaction, and returns once they are durable.
    ///
    /// A message with the same body as one of the last [`duplicates_within`](InboxOptions::duplicates_within) is not stored
    /// again, because KPN retries with the same bytes. Equal bodies in one call are one message, too.
    ///
    /// # Errors
    ///
    /// Returns why the messages could not be stored. They are not acknowledged then: after a lost connection some may be in the
    /// inbox nevertheless, and a retry of them is a duplicate. An inbox that was opened to read returns an error.
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError>;

    /// Returns up to `most` messages whose ids are greater than `after`, in the order of their ids.
    ///
    /// Ids begin at 1, and are in the order in which messages were stored. So no message appears before one that was read.
    ///
    /// # Errors
    ///
    /// Returns why the inbox could not be read.
    fn read(&mut self, after: u64, most: usize) -> Result<Vec<Message>, InboxError>;

    /// Returns the id of the last message that a consumer is done with, and 0 if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is empty or longer than 128 bytes, or why the inbox could not be read.
    fn cursor(&mut self, consumer: &str) -> Result<u64, InboxError>;

    /// Records that a consumer is done with all messages up to this one. A cursor never moves back.
    ///
    /// A consumer that advances after its work gets each message at least once. After a crash of the machine, it may get the
    /// last ones again.
    ///
    /// # Errors
    ///
    /// Returns an error if the inbox has no message with this id yet, if the name is not valid, or why the inbox failed.
    fn advance(&mut self, consumer: &str, id: u64) -> Result<(), InboxError>;

    /// Returns how many messages there are.
    ///
    /// # Errors
    ///
    /// Returns why the inbox could not be read.
    fn counts(&mut self) -> Result<InboxCounts, InboxError>;

    /// Removes the messages whose ids are less than `id`, and returns how many those were. It does not look at cursors: remove
    /// what all consumers are done with. A file does not become smaller, but its room is used again.
    ///
    /// A receiver that opens a SQLite file knows no removed messages, so it stores a duplicate of one. Keep the messages of the
    /// last minutes.
    ///
    /// # Errors
    ///
    /// Returns why the inbox failed. Some of the messages can be removed already.
    fn remove_before(&mut self, id: u64) -> Result<u64, InboxError>;
}

/// The number of messages in an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InboxCounts {
    /// The messages that are stored now.
    pub messages: u64,
    /// The id of the newest message, also if it was removed since. 0 if there was none.
    pub last_id: u64,
}

/// How a receiver uses an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxOptions {
    /// A message is a duplicate if one with the same body was received less than this time before. Zero stores every message.
    pub duplicates_within: Duration,
    /// The number of messages that are compared, on SQLite. Each takes about 100 bytes of memory. PostgreSQL compares all
    /// messages within the time.
    pub recent: usize,
}

impl Default for InboxOptions {
    /// 24 hours, and 200,000 messages.
    fn default() -> Self {
        Self { duplicates_within: Duration::from_secs(24 * 60 * 60), recent: 200_000 }
    }
}

/// Opens an inbox for a receiver: the path of a SQLite file, which is created if there is none, or the URL of a PostgreSQL
/// database (`postgres://...`).
///
/// One receiver at a time can hold a SQLite file. Receivers that share an inbox need PostgreSQL.
///
/// # Errors
///
/// Returns an error if another receiver holds the file, or if the inbox cannot be used: it is damaged, read-only, of
/// another version, something else, or on a network file system. The error does not show a URL, because that can contain a
/// password.
pub fn open_inbox(inbox: &str, options: &InboxOptions) -> Result<Box<dyn Inbox>, InboxError> {
    if is_postgres(inbox)? {
        return open_postgres(inbox, options, false);
    }
    Ok(Box::new(SqliteInbox::open(inbox, options)?))
}

/// Opens an inbox like [`open_inbox`]. If it is a URL without a password, that is read from the environment variable
/// `PGPASSWORD`, or from the file that `PGPASSFILE` names, by default `~/.pgpass`.
///
/// # Errors
///
/// Returns the errors of [`open_inbox`].
pub fn open_inbox_from_env(inbox: &str, options: &InboxOptions) -> Result<Box<dyn Inbox>, InboxError> {
    if is_postgres(inbox)? { open_postgres(inbox, options, true) } else { open_inbox(inbox, options) }
}

/// Opens an inbox for a consumer. Receivers may append to it meanwhile.
///
/// # Errors
///
/// Returns an error if there is no such inbox, or if it cannot be used.
pub fn read_inbox(inbox: &str) -> Result<Box<dyn Inbox>, InboxError> {
    if is_postgres(inbox)? {
        return read_postgres(inbox, false);
    }
    Ok(Box::new(SqliteInbox::read(inbox)?))
}

/// Opens an inbox like [`read_inbox`], and finds the password of a URL like [`open_inbox_from_env`].
///
/// # Errors
///
/// Returns the errors of [`read_inbox`].
pub fn read_inbox_from_env(inbox: &str) -> Result<Box<dyn Inbox>, InboxError> {
    if is_postgres(inbox)? { read_postgres(inbox, true) } else { read_inbox(inbox) }
}

fn is_postgres(inbox: &str) -> Result<bool, InboxError> {
    url::is_postgres(inbox).map_err(InboxError::from)
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str, options: &InboxOptions, from_env: bool) -> Result<Box<dyn Inbox>, InboxError> {
    let inbox = if from_env {
        PostgresInbox::connect_from_env(url, options)?
    } else {
        PostgresInbox::connect(url, options)?
    };
    Ok(Box::new(inbox))
}

#[cfg(feature = "postgres")]
fn read_postgres(url: &str, from_env: bool) -> Result<Box<dyn Inbox>, InboxError> {
    let inbox = if from_env { PostgresInbox::read_from_env(url)? } else { PostgresInbox::read(url)? };
    Ok(Box::new(inbox))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: &str, _: &InboxOptions, _: bool) -> Result<Box<dyn Inbox>, InboxError> {
    Err(without_postgres())
}

#[cfg(not(feature = "postgres"))]
fn read_postgres(_: &str, _: bool) -> Result<Box<dyn Inbox>, InboxError> {
    Err(without_postgres())
}

#[cfg(not(feature = "postgres"))]
fn without_postgres() -> InboxError {
    InboxError::new("this program was built without PostgreSQL")
        .hint("name a file, or build it with the feature `postgres`")
}

/// Refuses a name that is not one of a consumer.
fn check_consumer(name: &str) -> Result<(), InboxError> {
    if name.is_empty() || name.len() > 128 || name.contains(char::is_control) {
        return Err(InboxError::new("the name of the consumer is not valid")
            .hint("use 1 to 128 characters without control characters"));
    }
    Ok(())
}

/// The error of a consumer that is done with a message which is not there yet.
fn not_yet(id: u64, last: u64) -> InboxError {
    InboxError::new(format!("the inbox has no message {id} yet: its newest is {last}"))
        .hint("advance to the id of a message that was read")
}

/// The error of a consumer that appends.
fn opened_to_read() -> InboxError {
    InboxError::new("the inbox was opened to read, so no message can be appended")
        .hint("open it for a receiver")
}
