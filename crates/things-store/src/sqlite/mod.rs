//! The store in a SQLite file: one run at a time, and any number of readers.

pub(crate) mod content;
mod ledger;
mod log;
pub(crate) mod place;
pub(crate) mod process;
mod row;
pub(crate) mod run_lock;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
mod trouble;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use things_core::{BulkItem, Ledger, LedgerError};

use self::ledger::{Run, SqliteLedger};
use self::process::OfProcess;
use self::run_lock::RunLock;
use self::schema::LEDGER;
use self::trouble::older;
use crate::random::random;
use crate::store::not_begun;
use crate::time::{millis, time};
use crate::{Counts, ItemState, Items, Job, JobId, NewJob, Resolution, Store, StoredItem};

/// A store in a SQLite file.
///
/// The file is created with the first job. Only its owner can read it. SQLite keeps two more files next to it while it
/// is in use, with `-wal` and `-shm` at the end of their names, and the lock of its runs ends with `.lock`. The `-wal` file
/// is a part of the ledger: after a crash, do not move the one without the other. The `.lock` file counts the transactions
/// of runs, so that an older copy of the ledger is noticed.
pub struct SqliteStore {
    /// As the user named it.
    path: PathBuf,
    connection: Option<Open>,
}

/// A connection to a file that exists.
struct Open {
    connection: OfProcess<Connection>,
    /// The real path of the file.
    real: PathBuf,
}

impl SqliteStore {
    /// Opens a ledger. If there is no such file, there are no jobs in it, and [`create`](Store::create) creates it.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is not a ledger, or one of another version, if it is damaged, or if it is on a file
    /// system of a network.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerError> {
        let path = path.into();
        let connection = match place::find(&LEDGER, &path)? {
            Some(real) => Some(Open::new(real)?),
            None => None,
        };
        Ok(Self { path, connection })
    }

    /// The path of the file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connection, and creates the file if there is none.
    fn created(&mut self) -> Result<&mut Open, LedgerError> {
        if self.connection.is_none() {
            let real = place::create(&LEDGER, &self.path, place::file_system)?;
            self.connection = Some(Open::new(real)?);
        }
        self.connection.as_mut().ok_or_else(|| missing(&self.path))
    }

    fn opened(&mut self) -> Result<&mut Open, LedgerError> {
        self.connection.as_mut().ok_or_else(|| missing(&self.path))
    }
}

fn missing(path: &Path) -> LedgerError {
    LedgerError::new(format!("there is no ledger {}", path.display())).hint("check its name")
}

fn no_job(id: &JobId, path: &Path) -> LedgerError {
    LedgerError::new(format!("there is no job {id} in the ledger {}", path.display()))
        .hint("list the jobs of this ledger, or name the ledger that the job was created in")
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

const SWEEP: &str = "
    UPDATE item SET state = 'unknown', ended = ?1, detail = 'the run ended while it was in flight'
    WHERE state = 'sending'
";

const FORGET_WAITS: &str = "UPDATE item SET ready_at = 0 WHERE job = ?1 AND ready_at > 0";

const SEND_AGAIN: &str = "
    UPDATE item SET ready_at = 0, run_tries = 0, resumable = 1
    WHERE id >= ?1 AND id < ?2 AND state = 'not_sent' AND (resumable = 1 OR ?3)
";

/// Doubles, because a sum of no rows is not a number. They count exactly up to 2^53.
const COUNTS: &str = "
    SELECT TOTAL(state = 'pending'), TOTAL(state = 'sending'), TOTAL(state = 'accepted'), TOTAL(state = 'not_sent'),
        TOTAL(state = 'unknown'), TOTAL(state = 'not_sent' AND resumable)
    FROM item WHERE id >= ?1 AND id < ?2
";

/// The conditions of a page of items, of all and of those in one state.
const OF_ALL: &str = "id >= ?2 AND id < ?3";
const OF_STATE: &str = "id >= ?2 AND id < ?3 AND state = ?4";

/// Returns the statement of a page of items.
fn page(condition: &str) -> String {
    format!("SELECT {} FROM item WHERE {condition} ORDER BY id LIMIT ?1", row::COLUMNS)
}

/// A job as the other statements need it.
struct Found {
    number: i64,
    first: i64,
    size: i64,
    account: String,
}

impl Open {
    fn new(real: PathBuf) -> Result<Self, LedgerError> {
        place::refuse_network(&LEDGER, &real, place::file_system(&real))?;
        Ok(Self { connection: OfProcess::new(LEDGER.name, schema::connect(&LEDGER, &real)?), real })
    }

    fn trouble(&self, error: rusqlite::Error) -> LedgerError {
        LEDGER.trouble(&self.real, error)
    }

    /// Begins a transaction that no other process writes during.
    fn begin(&mut self) -> Result<Transaction<'_>, LedgerError> {
        let real = &self.real;
        self.connection
            .get_mut()?
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| LEDGER.trouble(real, error))
    }

    fn create(&mut self, job: &NewJob, items: &mut Items<'_>) -> Result<u64, LedgerError> {
        let real = self.real.clone();
        let failed = |error| LEDGER.trouble(&real, error);
        let transaction = self.begin()?;
        if find(&transaction, &job.id).map_err(failed)?.is_some() {
            return Err(LedgerError::new(format!("the ledger has a job {} already", job.id)));
        }
        let first: i64 = transaction
            .query_row("SELECT COALESCE(MAX(id), 0) + 1 FROM item", [], |row| row.get(0))
            .map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO job (id, created, source, digest, account, options, first, size)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
                params![
                    job.id.as_str(),
                    millis(job.created),
                    job.source,
                    job.digest,
                    job.account,
                    job.options,
                    first
                ],
            )
            .map_err(failed)?;
        let number = transaction.last_insert_rowid();
        let size = insert(&transaction, &real, number, job.created, items)?;
        transaction
            .execute("UPDATE job SET size = ?2 WHERE number = ?1", params![number, size])
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(size.unsigned_abs())
    }

    fn jobs(&self, id: Option<&JobId>) -> Result<Vec<Job>, LedgerError> {
        let id = id.map(JobId::as_str);
        let connection = self.connection.get()?;
        let read = || {
            // One view of the jobs and of their items.
            let view = connection.unchecked_transaction()?;
            let mut jobs = view.prepare(
                "SELECT first, id, created, source, digest, account, options, size FROM job
                 WHERE ?1 IS NULL OR id = ?1 ORDER BY created DESC, id DESC",
            )?;
            let mut rows = jobs.query([id])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id: String = row.get(1)?;
                found.push(Job {
                    id: id.parse().map_err(row::invalid)?,
                    created: time(row.get(2)?),
                    source: row.get(3)?,
                    digest: row.get(4)?,
                    account: row.get(5)?,
                    options: row.get(6)?,
                    counts: counts(&view, row.get(0)?, row.get(7)?)?,
                });
            }
            Ok(found)
        };
        read().map_err(|error| self.trouble(error))
    }

    fn ids(&self, digest: Option<&str>) -> Result<Vec<JobId>, LedgerError> {
        let connection = self.connection.get()?;
        let read = || {
            connection
                .prepare("SELECT id FROM job WHERE ?1 IS NULL OR digest = ?1 ORDER BY created DESC, id DESC")?
                .query_map([digest], |row| row.get::<_, String>(0)?.parse().map_err(row::invalid))?
                .collect::<rusqlite::Result<_>>()
        };
        read().map_err(|error| self.trouble(error))
    }

    fn items(
        &self,
        id: &JobId,
        state: Option<ItemState>,
        first: u64,
        most: usize,
    ) -> Result<Vec<StoredItem>, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let connection = self.connection.get()?;
        let read = || {
            let view = connection.unchecked_transaction()?;
            let Some(job) = find(&view, id)? else { return Ok(None) };
            let (from, end) = (job.first.saturating_add_unsigned(first), job.first.saturating_add(job.size));
            let stored = |row: &Row<'_>| row::stored(row, job.first);
            match state {
                Some(state) => view
                    .prepare(&page(OF_STATE))?
                    .query_map(params![most, from, end, state.as_str()], stored)?
                    .collect::<Result<Vec<_>, _>>(),
                None => view.prepare(&page(OF_ALL))?.query_map([most, from, end], stored)?.collect(),
            }
            .map(Some)
        };
        read().map_err(|error| self.trouble(error))?.ok_or_else(|| no_job(id, &self.real))
    }

    fn resolve(&mut self, id: &JobId, index: u64, resolution: Resolution) -> Result<(), LedgerError> {
        let _lock = RunLock::take(&LEDGER, &self.real)?;
        let real = self.real.clone();
        let failed = |error| LEDGER.trouble(&real, error);
        let now = millis(SystemTime::now());
        let transaction = self.begin()?;
        sweep(&transaction, now).map_err(failed)?;
        let job = find(&transaction, id).map_err(failed)?.ok_or_else(|| no_job(id, &real))?;
        let item = job.first.saturating_add_unsigned(index);
        let found: Option<(String, Option<i64>)> = transaction
            .query_row(
                "SELECT state, lease_until FROM item WHERE id = ?1 AND job = ?2",
                [item, job.number],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(failed)?;
        let Some((state, lease)) = found else {
            return Err(LedgerError::new(format!("the job {id} has no item {index}"))
                .hint(format!("its {} items are numbered from 0", job.size)));
        };
        if state != ItemState::Unknown.as_str() {
            return Err(LedgerError::new(format!(
                "item {index} of the job {id} is {state}, and not unknown"
            ))
            .hint("only an unknown outcome can be resolved"));
        }
        let left = lease.map(|lease| lease.saturating_sub(now)).filter(|left| *left > 0);
        // Only what will be sent again has to wait.
        if let Some(left) = left.filter(|_| resolution == Resolution::NotSent) {
            let seconds = left.unsigned_abs().div_ceil(1_000);
            return Err(LedgerError::new("a request for it may still be in flight")
                .hint(format!("wait {seconds} s, then check again whether it arrived")));
        }
        let (state, resumable) = match resolution {
            Resolution::Accepted => (ItemState::Accepted, false),
            Resolution::NotSent => (ItemState::NotSent, true),
        };
        transaction
            .execute(
                "UPDATE item SET state = ?2, resumable = ?3, ended = ?4, detail = 'resolved by hand: ' || detail
                 WHERE id = ?1",
                params![item, state.as_str(), resumable, now],
            )
            .map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn remove(&mut self, id: &JobId) -> Result<(), LedgerError> {
        let _lock = RunLock::take(&LEDGER, &self.real)?;
        let real = self.real.clone();
        let failed = |error| LEDGER.trouble(&real, error);
        let transaction = self.begin()?;
        let job = find(&transaction, id).map_err(failed)?.ok_or_else(|| no_job(id, &real))?;
        let end = job.first.saturating_add(job.size);
        transaction
            .execute("DELETE FROM item WHERE id >= ?1 AND id < ?2", [job.first, end])
            .map_err(failed)?;
        transaction.execute("DELETE FROM job WHERE number = ?1", [job.number]).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Opens a job for a run.
    fn run(mut self, id: &JobId, account: &str, again: bool) -> Result<SqliteLedger, LedgerError> {
        let lock = RunLock::take(&LEDGER, &self.real)?;
        let run = self.start(lock, id, account, again)?;
        Ok(SqliteLedger::new(self.connection, self.real, run))
    }

    /// Starts a run, which no other run can do meanwhile.
    fn start(
        &mut self,
        mut lock: RunLock,
        id: &JobId,
        account: &str,
        again: bool,
    ) -> Result<Run, LedgerError> {
        let real = self.real.clone();
        let failed = |error| LEDGER.trouble(&real, error);
        let connection = self.connection.get()?;
        schema::check(&LEDGER, connection, &real)?;
        let (ledger, transactions): (String, i64) = connection
            .query_row("SELECT id, transactions FROM ledger", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        if transactions < lock.confirmed(&ledger) {
            return Err(older(&real));
        }
        let transaction = self.begin()?;
        let job = find(&transaction, id).map_err(failed)?.ok_or_else(|| no_job(id, &real))?;
        if job.account != account {
            return Err(LedgerError::new(format!(
                "the job {id} belongs to another account: {}, and not {account}",
                job.account
            ))
            .hint("use the settings that the job was created with"));
        }
        log::grow(&transaction, &real, job.size);
        sweep(&transaction, millis(SystemTime::now())).map_err(failed)?;
        prepare(&transaction, &job, again).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        lock.confirm(&ledger, transactions);
        Ok(Run { lock, ledger, transactions, job: job.number, first: job.first })
    }
}

impl Store for SqliteStore {
    fn create(&mut self, job: &NewJob, items: &mut Items<'_>) -> Result<u64, LedgerError> {
        self.created()?.create(job, items)
    }

    fn jobs(&mut self) -> Result<Vec<Job>, LedgerError> {
        self.connection.as_ref().map_or(Ok(Vec::new()), |open| open.jobs(None))
    }

    fn ids(&mut self, digest: Option<&str>) -> Result<Vec<JobId>, LedgerError> {
        self.connection.as_ref().map_or(Ok(Vec::new()), |open| open.ids(digest))
    }

    fn job(&mut self, id: &JobId) -> Result<Option<Job>, LedgerError> {
        let jobs = self.connection.as_ref().map_or(Ok(Vec::new()), |open| open.jobs(Some(id)))?;
        Ok(jobs.into_iter().next())
    }

    fn items(
        &mut self,
        id: &JobId,
        state: Option<ItemState>,
        first: u64,
        most: usize,
    ) -> Result<Vec<StoredItem>, LedgerError> {
        self.opened()?.items(id, state, first, most)
    }

    fn resolve(&mut self, id: &JobId, index: u64, resolution: Resolution) -> Result<(), LedgerError> {
        self.opened()?.resolve(id, index, resolution)
    }

    fn remove(&mut self, id: &JobId) -> Result<(), LedgerError> {
        self.opened()?.remove(id)
    }

    fn open(
        mut self: Box<Self>,
        id: &JobId,
        account: &str,
        again: bool,
    ) -> Result<Box<dyn Ledger>, LedgerError> {
        self.opened()?;
        let open = self.connection.take().ok_or_else(|| missing(&self.path))?;
        Ok(Box::new(open.run(id, account, again)?))
    }

    fn begin(
        mut self: Box<Self>,
        job: &NewJob,
        items: &mut Items<'_>,
    ) -> Result<Box<dyn Ledger>, LedgerError> {
        self.created()?;
        let mut open = self.connection.take().ok_or_else(|| missing(&self.path))?;
        // Before the job is created, because another run may hold the ledger.
        let lock = RunLock::take(&LEDGER, &open.real)?;
        open.create(job, items)?;
        match open.start(lock, &job.id, &job.account, false) {
            Ok(run) => Ok(Box::new(SqliteLedger::new(open.connection, open.real, run))),
            Err(error) => Err(not_begun(&job.id, error, open.remove(&job.id))),
        }
    }
}

/// Returns a job by its id.
fn find(connection: &Connection, id: &JobId) -> rusqlite::Result<Option<Found>> {
    connection
        .query_row("SELECT number, first, size, account FROM job WHERE id = ?1", [id.as_str()], |row| {
            Ok(Found { number: row.get(0)?, first: row.get(1)?, size: row.get(2)?, account: row.get(3)? })
        })
        .optional()
}

/// Inserts the items of a job, and returns how many they are.
fn insert(
    transaction: &Transaction<'_>,
    path: &Path,
    job: i64,
    created: SystemTime,
    items: &mut Items<'_>,
) -> Result<i64, LedgerError> {
    let failed = |error| LEDGER.trouble(path, error);
    let mut insert = transaction
        .prepare(
            "INSERT INTO item (job, downlink, customer, not_after, device, room)
             VALUES (?1, ?2, ?3, ?4, ?5, zeroblob(128))",
        )
        .map_err(failed)?;
    let mut size = 0;
    for item in items {
        let item = item?;
        let downlink = item.downlink.referenced(millis(created).unsigned_abs(), random()?).into_owned();
        // The reference is a part of the key of an item without a device.
        let item = BulkItem { downlink, ..item };
        let text = serde_json::to_string(&item.downlink)
            .map_err(|error| LedgerError::new(format!("item {size} cannot be kept: {error}")))?;
        insert
            .execute(params![
                job,
                text,
                item.customer.as_ref().map(|customer| customer.as_str()),
                item.not_after.map(millis),
                item.device_key(),
            ])
            .map_err(failed)?;
        size += 1;
    }
    Ok(size)
}

/// Makes the items of a run that has ended unknown: the holder of the lock knows that there is none.
fn sweep(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<usize> {
    transaction.execute(SWEEP, [now])
}

/// Makes the items claimable that a new run of a job sends.
fn prepare(transaction: &Transaction<'_>, job: &Found, again: bool) -> rusqlite::Result<()> {
    // Waits belong to the run that has ended.
    transaction.execute(FORGET_WAITS, [job.number])?;
    transaction.execute(SEND_AGAIN, params![job.first, job.first.saturating_add(job.size), again])?;
    // This write also shows, before anything is sent, that the file can be written.
    transaction.execute("UPDATE job SET runs = runs + 1 WHERE number = ?1", [job.number])?;
    Ok(())
}

/// Counts the items of a job by their states.
fn counts(connection: &Connection, first: i64, size: i64) -> rusqlite::Result<Counts> {
    connection.query_row(COUNTS, [first, first.saturating_add(size)], |row| {
        let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, f64>(column)? as u64);
        Ok(Counts {
            pending: number(0)?,
            sending: number(1)?,
            accepted: number(2)?,
            not_sent: number(3)?,
            unknown: number(4)?,
            resumable: number(5)?,
        })
    })
}
