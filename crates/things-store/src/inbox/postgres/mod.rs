//! An inbox on PostgreSQL, which any number of receivers and consumers share.
//!
//! - **Ids are in the order of commits.** An append takes a lock for its transaction, so it reads the newest id after the append
//!   before it was committed. A consumer never reads a message while one with a smaller id can still appear.
//! - **A message is stored once.** The digests of the messages of the last day have a table with a primary key, from which each
//!   append removes some of those that are older.
//! - **If the commit of an append was not confirmed, the append is an error.** The server may have stored its messages. The retry
//!   of one that was stored is a duplicate.

use std::time::{Duration, SystemTime};

use futures_util::future::join4;
use tokio_postgres::Row;

use super::recent::{Candidate, distinct};
use super::{
    Appended, Inbox, InboxCounts, InboxError, InboxOptions, Message, NewMessage, check_consumer, headers,
    not_yet, opened_to_read,
};
use crate::LedgerError;
use crate::postgres::address::Address;
use crate::postgres::failure::Failure;
use crate::postgres::item::{micros, signed};
use crate::postgres::link::Link;
use crate::postgres::password::{self, Found, Wanted};
use crate::postgres::schema::{self, LOCKS, Tables};
use crate::postgres::session::Session;
use crate::time::{millis, time};

static TABLES: Tables = Tables {
    name: "inbox",
    version: 1,
    sql: include_str!("schema.sql"),
    outdated: "read it to its end with the program that wrote it, then use another database",
};

/// How long an append or a read may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the removal of one batch may take.
const REMOVING: Duration = Duration::from_secs(120);

/// The number of messages that are removed in one transaction.
const REMOVED: i64 = 10_000;

/// The second number of the lock that serializes appends.
const APPENDING: i32 = -2;

/// The longest window, which keeps its beginning within the range of the server's times.
const LONGEST: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

/// Stores those messages whose digests are new, or old enough. `$7` is the window, and zero stores all.
const APPEND: &str = "
    with given as materialized (
        select * from unnest($1::bytea[], $2::timestamptz[], $3::text[], $4::text[], $5::bytea[], $6::bytea[])
            with ordinality as given (digest, received, source, label, headers, body, place)
    ),
    fresh as (
        insert into kpn_things.digest as known (digest, received)
        select digest, received from given where $7::bigint > 0
        on conflict (digest) do update set received = excluded.received
            where known.received <= excluded.received - $7::bigint * interval '1 microsecond'
        returning digest
    ),
    chosen as materialized (
        select place, row_number() over (order by place) as number from given
        where $7::bigint = 0 or digest in (select digest from fresh)
    ),
    counted as (
        update kpn_things.inbox set last = last + (select count(*) from chosen)
        where exists (select from chosen) returning last
    ),
    numbered as materialized (
        select place, last - (select count(*) from chosen) + number as id from chosen, counted
    ),
    stored as (
        insert into kpn_things.message (id, received, source, label, headers, body)
        select id, received, source, label, headers, body from numbered join given using (place)
    )
    select place, id from numbered";

/// Removes some digests that no message is compared with any more.
const FORGET: &str = "
    delete from kpn_things.digest where digest in (
        select digest from kpn_things.digest where received <= $1 order by received limit $2::bigint
    )";

const READ: &str = "
    select id, received, source, label, headers, body from kpn_things.message
    where id > $1 order by id limit $2::bigint";

/// Moves a cursor forward, unless there is no such message yet, and returns the newest one.
const ADVANCE: &str = "
    with moved as (
        insert into kpn_things.consumer as consumer (name, message)
        select $1::text, $2::bigint from kpn_things.inbox where last >= $2::bigint
        on conflict (name) do update set message = greatest(consumer.message, excluded.message)
    )
    select last from kpn_things.inbox";

const REMOVE: &str = "
    with gone as (
        delete from kpn_things.message
        where id < $1::bigint and id < (select min(id) from kpn_things.message) + $2::bigint
        returning id
    ),
    counted as (
        update kpn_things.inbox set removed = (select max(id) from gone) where exists (select from gone)
    )
    select count(*) from gone";

/// An inbox on PostgreSQL.
#[derive(Debug)]
pub struct PostgresInbox {
    link: Link,
    /// The window of duplicates of a receiver. `None`: it was opened to read.
    window: Option<Duration>,
}

impl PostgresInbox {
    /// Connects to the database that a URL names, like [`PostgresStore::connect`](crate::PostgresStore::connect), and creates
    /// the tables in the schema `kpn_things` if there are none.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is not valid, if the server cannot be reached, refuses the role, cannot write, or runs
    /// with `fsync = off`, or if the tables can neither be found nor created, or are of another version.
    pub fn connect(url: &str, options: &InboxOptions) -> Result<Self, InboxError> {
        Self::receiver(url, options, |_| Found::default())
    }

    /// Connects like [`connect`](Self::connect). If the URL has no password, it is read from the environment variable
    /// `PGPASSWORD`, or from the file that `PGPASSFILE` names, by default `~/.pgpass`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`connect`](Self::connect).
    pub fn connect_from_env(url: &str, options: &InboxOptions) -> Result<Self, InboxError> {
        Self::receiver(url, options, password::from_env)
    }

    /// Connects to read. Receivers may append meanwhile.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is not valid, if the server cannot be reached or refuses the role, or if there is no inbox in
    /// the database, or one of another version.
    pub fn read(url: &str) -> Result<Self, InboxError> {
        Self::consumer(url, |_| Found::default())
    }

    /// Connects like [`read`](Self::read), and finds a password like [`connect_from_env`](Self::connect_from_env).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](Self::read).
    pub fn read_from_env(url: &str) -> Result<Self, InboxError> {
        Self::consumer(url, password::from_env)
    }

    fn receiver(
        url: &str,
        options: &InboxOptions,
        find: impl FnOnce(&Wanted<'_>) -> Found,
    ) -> Result<Self, InboxError> {
        let link = Link::start(Address::parse(url, find)?)?;
        link.call(PATIENCE, async |session| {
            schema::prepare(session, &TABLES).await?;
            schema::durable(session).await?;
            // A standby refuses this.
            session.begin("select 1").await?;
            session.batch("rollback").await
        })?;
        Ok(Self { link, window: Some(options.duplicates_within.min(LONGEST)) })
    }

    fn consumer(url: &str, find: impl FnOnce(&Wanted<'_>) -> Found) -> Result<Self, InboxError> {
        let link = Link::start(Address::parse(url, find)?)?;
        link.call(PATIENCE, async |session| {
            if schema::exists(session, &TABLES).await? {
                return schema::check(session, &TABLES).await;
            }
            Err(LedgerError::new("there is no inbox in the database")
                .hint("check the name of the database, or start its receiver first")
                .into())
        })?;
        Ok(Self { link, window: None })
    }
}

impl Inbox for PostgresInbox {
    fn append(&mut self, messages: &[NewMessage]) -> Result<Vec<Appended>, InboxError> {
        let window = self.window.ok_or_else(opened_to_read)?;
        let mut appended = vec![Appended { id: None }; messages.len()];
        let candidates = distinct(messages, window);
        if candidates.is_empty() {
            return Ok(appended);
        }
        let indexes: Vec<usize> = candidates.iter().map(|candidate| candidate.index).collect();
        let batch = Batch::of(candidates, window);
        for (place, id) in self.link.call(PATIENCE, async move |session| batch.store(session).await)? {
            let index = indexes.get(place.saturating_sub(1)).copied();
            if let Some(appended) = index.and_then(|index| appended.get_mut(index)) {
                appended.id = Some(id);
            }
        }
        Ok(appended)
    }

    fn read(&mut self, after: u64, most: usize) -> Result<Vec<Message>, InboxError> {
        let (after, most) = (signed(after), i64::try_from(most).unwrap_or(i64::MAX));
        let messages = self.link.call(PATIENCE, async move |session| {
            let read = session.prepare(READ).await?;
            let rows = session.run(&read, &[&after, &most]).await?;
            rows.iter().map(message).collect::<Result<Vec<_>, Failure>>()
        })?;
        Ok(messages)
    }

    fn cursor(&mut self, consumer: &str) -> Result<u64, InboxError> {
        check_consumer(consumer)?;
        let name = consumer.to_owned();
        let found = self.link.call(PATIENCE, async move |session| {
            first(&session.query("select message from kpn_things.consumer where name = $1", &[&name]).await?)
        })?;
        Ok(found.unsigned_abs())
    }

    fn advance(&mut self, consumer: &str, id: u64) -> Result<(), InboxError> {
        check_consumer(consumer)?;
        let (name, message) = (consumer.to_owned(), signed(id));
        let newest = self.link.call(PATIENCE, async move |session| {
            session.begin("select 1").await?;
            let rows = session.query(ADVANCE, &[&name, &message]).await?;
            session.batch("commit").await?;
            first(&rows)
        })?;
        if message <= newest { Ok(()) } else { Err(not_yet(id, newest.unsigned_abs())) }
    }

    fn counts(&mut self) -> Result<InboxCounts, InboxError> {
        let counts = self.link.call(PATIENCE, async |session| {
            let rows = session.query("select last, last - removed from kpn_things.inbox", &[]).await?;
            let Some(row) = rows.first() else { return Ok(InboxCounts::default()) };
            let (last, messages): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(InboxCounts { messages: messages.unsigned_abs(), last_id: last.unsigned_abs() })
        })?;
        Ok(counts)
    }

    fn remove_before(&mut self, id: u64) -> Result<u64, InboxError> {
        let (end, mut count) = (signed(id), 0);
        loop {
            let removed = self.link.call(REMOVING, async move |session| {
                session.begin("select 1").await?;
                let rows = session.query(REMOVE, &[&end, &REMOVED]).await?;
                session.batch("commit").await?;
                first(&rows)
            })?;
            if removed == 0 {
                return Ok(count);
            }
            count += removed.unsigned_abs();
        }
    }
}

/// The messages of one append in the form of parameters.
struct Batch {
    digests: Vec<Vec<u8>>,
    received: Vec<SystemTime>,
    sources: Vec<&'static str>,
    labels: Vec<Option<String>>,
    headers: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
    /// In microseconds.
    window: i64,
    /// The newest digest that is too old to be compared with.
    forgotten: SystemTime,
}

impl Batch {
    fn of(candidates: Vec<Candidate<'_>>, window: Duration) -> Self {
        let messages = || candidates.iter().map(|candidate| candidate.message);
        let received: Vec<_> = messages().map(|message| time(millis(message.received))).collect();
        let newest = received.iter().max().copied().unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            digests: candidates.iter().map(|candidate| candidate.seen.0.to_vec()).collect(),
            sources: messages().map(|message| message.source.as_str()).collect(),
            // PostgreSQL has no text with this character.
            labels: messages()
                .map(|message| message.label.as_ref().map(|label| label.replace('\0', "\u{fffd}")))
                .collect(),
            headers: messages().map(|message| headers::encode(&message.headers)).collect(),
            bodies: messages().map(|message| message.body.clone()).collect(),
            window: micros(window),
            forgotten: newest.checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH),
            received,
        }
    }

    /// Stores the batch in one exchange with the server, and returns the places and ids of what is new. If one of the statements
    /// fails, so do those behind it, and the server rolls back.
    async fn store(&self, session: &mut Session) -> Result<Vec<(usize, u64)>, Failure> {
        let (append, forget) = (session.prepare(APPEND).await?, session.prepare(FORGET).await?);
        let lock = format!("select pg_advisory_xact_lock({LOCKS}, {APPENDING})");
        // More than are added, so that the table does not grow.
        let most = if self.window == 0 { 0 } else { signed(self.bodies.len() as u64).saturating_mul(2) };
        let (begun, stored, forgotten, committed) = join4(
            session.begin(&lock),
            session.run(
                &append,
                &[
                    &self.digests,
                    &self.received,
                    &self.sources,
                    &self.labels,
                    &self.headers,
                    &self.bodies,
                    &self.window,
                ],
            ),
            session.run(&forget, &[&self.forgotten, &most]),
            session.batch("commit"),
        )
        .await;
        begun?;
        let stored = stored?;
        forgotten?;
        committed?;
        stored
            .iter()
            .map(|row| {
                let (place, id): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                Ok((usize::try_from(place).unwrap_or(0), id.unsigned_abs()))
            })
            .collect()
    }
}

/// Returns the only number of some rows, and 0 if there is none.
fn first(rows: &[Row]) -> Result<i64, Failure> {
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

fn message(row: &Row) -> Result<Message, Failure> {
    let source: &str = row.try_get("source")?;
    let damaged =
        || LedgerError::new("a message of the inbox cannot be read").hint("it was changed by something else");
    let id: i64 = row.try_get("id")?;
    Ok(Message {
        id: id.unsigned_abs(),
        received: row.try_get("received")?,
        source: source.parse().map_err(|_| damaged())?,
        label: row.try_get("label")?,
        headers: headers::decode(row.try_get("headers")?).ok_or_else(damaged)?,
        body: row.try_get("body")?,
    })
}
