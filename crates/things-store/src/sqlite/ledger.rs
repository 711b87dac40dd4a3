//! One job of a SQLite file, during one run.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use things_core::{BulkItem, Claim, ClaimToken, Granted, Ledger, LedgerError, Outcome, Record, Transaction};

use super::process::OfProcess;
use super::run_lock::RunLock;
use super::schema::LEDGER;
use super::{row, schema};
use crate::ItemState;
use crate::random::random;
use crate::time::{millis, time, wait};

/// A day, over which downlinks to one device are counted.
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// How long an item waits for its device at most while a downlink to it is in flight: it does not count if it is not sent.
const POLL: i64 = 1_000;

/// The largest number of items that one transaction looks at. If it put off a million items of one device at once, the
/// outcomes of others would wait for it.
pub(super) const MOST: usize = 1_000;

/// The next item that may be claimed.
pub(super) const NEXT: &str = "
    SELECT id, downlink, customer, not_after, device, run_tries FROM item INDEXED BY item_claimable
    WHERE job = ?1 AND ready_at <= ?2 ORDER BY ready_at, id LIMIT 1
";

/// The time from which on one can be.
pub(super) const READY: &str =
    "SELECT MIN(ready_at) FROM item INDEXED BY item_claimable WHERE job = ?1 AND ready_at IS NOT NULL";

/// The downlink to a device that has to leave the day before there can be another.
pub(super) const SENT: &str = "
    SELECT claimed FROM item INDEXED BY item_device
    WHERE device = ?1 AND claimed > ?2 AND state IN ('sending', 'accepted', 'unknown')
    ORDER BY claimed DESC LIMIT 1 OFFSET ?3
";

/// Whether one of them is in flight.
pub(super) const IN_FLIGHT: &str = "
    SELECT EXISTS (
        SELECT 1 FROM item INDEXED BY item_device
        WHERE device = ?1 AND claimed > ?2 AND state IN ('sending', 'accepted', 'unknown') AND state = 'sending'
    )
";

/// The items of one job, which this process alone claims.
pub(super) struct SqliteLedger {
    pub(super) connection: OfProcess<Connection>,
    path: PathBuf,
    // Its lock is released after the connection is closed.
    run: Run,
}

/// One run of a job.
pub(super) struct Run {
    pub(super) lock: RunLock,
    /// The id of the ledger, and the number of its transactions.
    pub(super) ledger: String,
    pub(super) transactions: i64,
    pub(super) job: i64,
    /// The id of the first item.
    pub(super) first: i64,
}

impl SqliteLedger {
    pub(super) fn new(connection: OfProcess<Connection>, path: PathBuf, run: Run) -> Self {
        Self { connection, path, run }
    }
}

impl Ledger for SqliteLedger {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        if transaction.outcomes.is_empty() && transaction.claim == 0 {
            return Ok(Granted::default());
        }
        let failed = |error| LEDGER.trouble(&self.path, error);
        let now = millis(transaction.now.unwrap_or_else(std::time::SystemTime::now));
        let connection = self.connection.get_mut()?;
        let written = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        if transaction.per_device.is_some() {
            written.execute_batch(schema::DEVICES).map_err(failed)?;
        }
        record(&written, &transaction.outcomes, now).map_err(failed)?;
        let granted = if transaction.claim == 0 {
            Granted::default()
        } else {
            let lease = now.saturating_add(wait(transaction.lease));
            let work = Claims { connection: &written, job: self.run.job, first: self.run.first, now, lease };
            match work.claim(transaction.claim, transaction.per_device).map_err(failed)? {
                Some(granted) => granted,
                None => {
                    return Err(LEDGER.damaged(&self.path, "an item that was sent is among those to be sent"));
                }
            }
        };
        let transactions = self.run.transactions + 1;
        written.execute("UPDATE ledger SET transactions = ?1", [transactions]).map_err(failed)?;
        // If this fails, nobody has the claims, even if they are found on the disk later.
        written.commit().map_err(failed)?;
        self.run.transactions = transactions;
        self.run.lock.confirm(&self.run.ledger, transactions);
        Ok(granted)
    }
}

/// Records outcomes. Each applies to one claim, by its token, as long as its outcome is open.
fn record(connection: &Connection, outcomes: &[Record], now: i64) -> rusqlite::Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    // A wait never carries an item past the time at which it ends. Lists in the condition would be built for each row.
    let mut update = connection.prepare(
        "UPDATE item SET state = ?3, resumable = ?4, ready_at = MIN(?5, COALESCE(not_after, ?5)),
            status = ?6, attempts = ?7, detail = ?8, ended = CASE state WHEN ?3 THEN ended ELSE ?9 END
         WHERE id = ?1 AND token = ?2 AND (state = 'sending' OR state = 'unknown')",
    )?;
    for record in outcomes {
        let Ok(id) = i64::try_from(record.id) else { continue };
        let again = record.again.filter(|_| record.outcome == Outcome::NotSent);
        let resumable = record.outcome == Outcome::NotSent && (record.resumable || again.is_some());
        let ready = again.map(|again| now.saturating_add(wait(again)));
        let (token, state) = (record.token.0.to_be_bytes(), state(record.outcome).as_str());
        let (status, attempts, detail) = (record.status, record.attempts, &record.detail);
        update.execute(params![id, token, state, resumable, ready, status, attempts, detail, now])?;
    }
    Ok(())
}

fn state(outcome: Outcome) -> ItemState {
    match outcome {
        Outcome::Accepted => ItemState::Accepted,
        Outcome::NotSent => ItemState::NotSent,
        Outcome::Unknown => ItemState::Unknown,
    }
}

/// The claims of one transaction.
struct Claims<'a> {
    connection: &'a Connection,
    job: i64,
    first: i64,
    now: i64,
    /// When a request for an item that is claimed now is over.
    lease: i64,
}

/// An item that may be claimed.
struct Candidate {
    id: i64,
    item: BulkItem,
    not_after: Option<i64>,
    device: String,
    tries: u32,
}

impl Claims<'_> {
    /// Claims items. `None`: an item was claimable that must not be, so the file is damaged.
    fn claim(&self, number: usize, per_device: Option<u32>) -> rusqlite::Result<Option<Granted>> {
        let mut next = self.connection.prepare(NEXT)?;
        let mut claim = self.connection.prepare(
            "UPDATE item SET state = 'sending', token = ?2, claimed = ?3, lease_until = ?4, ready_at = NULL,
                resumable = 0, tries = tries + 1, run_tries = run_tries + 1, attempts = 0, status = NULL, detail = '',
                ended = NULL, room = NULL
             WHERE id = ?1 AND ready_at IS NOT NULL AND (state = 'pending' OR state = 'not_sent')",
        )?;
        let mut granted = Granted::default();
        for _ in 0..MOST {
            if granted.claims.len() == number {
                return Ok(Some(granted));
            }
            let Some(found) = next.query_row([self.job, self.now], candidate).optional()? else {
                granted.next = self.next()?;
                return Ok(Some(granted));
            };
            let index = (found.id - self.first).unsigned_abs();
            if found.not_after.is_some_and(|end| end <= self.now) {
                self.expire(found.id)?;
                granted.expired.push((index, found.item));
                continue;
            }
            if let Some(most) = per_device
                && let Some(free) = self.free_at(&found.device, most)?
            {
                let free = found.not_after.map_or(free, |end| free.min(end));
                self.connection.execute("UPDATE item SET ready_at = ?2 WHERE id = ?1", [found.id, free])?;
                continue;
            }
            let token = random().map_err(row::invalid)?;
            if claim.execute(params![found.id, token.to_be_bytes(), self.now, self.lease])? != 1 {
                return Ok(None);
            }
            let id = found.id.unsigned_abs();
            granted.claims.push(Claim::new(id, index, ClaimToken(token), found.tries + 1, found.item));
        }
        granted.next = (granted.claims.len() < number).then_some(Duration::ZERO);
        Ok(Some(granted))
    }

    /// Returns the wait until an item can be claimed, or `None` if there is none left.
    fn next(&self) -> rusqlite::Result<Option<Duration>> {
        let ready: Option<i64> = self.connection.query_row(READY, [self.job], |row| row.get(0))?;
        Ok(ready.map(|ready| time(ready).duration_since(time(self.now)).unwrap_or_default()))
    }

    /// Ends an item whose time has passed.
    fn expire(&self, id: i64) -> rusqlite::Result<()> {
        self.connection.execute(
            "UPDATE item SET state = 'not_sent', resumable = 0, ready_at = NULL, attempts = 0, status = NULL,
                detail = ?3, ended = ?2
             WHERE id = ?1",
            (id, self.now, BulkItem::TOO_LATE),
        )?;
        Ok(())
    }

    /// Returns the time at which to look again whether a device may be sent another downlink, if it may not now: a day
    /// after the one that has to leave the day first, but soon if one of them may prove not to be sent.
    fn free_at(&self, device: &str, most: u32) -> rusqlite::Result<Option<i64>> {
        let begin = self.now.saturating_sub(DAY);
        let sent: Option<i64> = self
            .connection
            .query_row(SENT, params![device, begin, most.saturating_sub(1)], |row| row.get(0))
            .optional()?;
        let Some(sent) = sent else { return Ok(None) };
        let free = sent.saturating_add(DAY);
        let is_open = self.connection.query_row(IN_FLIGHT, params![device, begin], |row| row.get(0))?;
        Ok(Some(if is_open { free.min(self.now.saturating_add(POLL)) } else { free }))
    }
}

fn candidate(row: &rusqlite::Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        id: row.get(0)?,
        item: row::item(row, 1)?,
        not_after: row.get(3)?,
        device: row.get(4)?,
        tries: row.get(5)?,
    })
}
