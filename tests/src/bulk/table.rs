//! A ledger as the rules of `things_core::Ledger` describe it: one table that outlives its processes, and the handles
//! through which runs use it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use things_core::{
    BulkItem, Claim, ClaimToken, Granted, Ledger, LedgerError, MemoryLedger, Outcome, Record, Transaction,
};

use super::mutant::Mutant;
use super::news::News;
use super::plan::{DAY, Mode};

/// The items of all jobs, as they are on disk.
pub(super) struct Table {
    mode: Mode,
    mutant: Option<Mutant>,
    pub(super) rows: Vec<Row>,
    /// The clock of the database.
    pub(super) clock: SystemTime,
    /// The outcome of the next transaction.
    pub(super) fate: Fate,
    /// The process that holds the lock of the file.
    pub(super) holder: Option<usize>,
    /// Processes that are gone: their handles do nothing.
    gone: Vec<usize>,
    patience_for_others: Option<Duration>,
    tokens: u128,
    rights: Vec<Right>,
    /// What happened since somebody last looked.
    pub(super) news: Vec<News>,
    /// What a process read, to write it later.
    read: Vec<(usize, Vec<usize>)>,
    /// What is done, and not durable.
    volatile: Vec<(usize, Vec<(usize, Row)>)>,
}

/// One item.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) job: usize,
    pub(super) index: u64,
    pub(super) device: u64,
    pub(super) item: BulkItem,
    pub(super) state: State,
    pub(super) token: Option<ClaimToken>,
    pub(super) owner: usize,
    /// Whether it was claimed, or expired, and nobody learned of it.
    pub(super) is_orphan: bool,
    pub(super) lease_ends: SystemTime,
    pub(super) claimed: SystemTime,
    tries: u32,
    /// The tokens of all its claims.
    pub(super) claims: Vec<ClaimToken>,
    /// The outcomes of its claims.
    pub(super) outcomes: Vec<(ClaimToken, Outcome)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Sending,
    Accepted,
    NotSent { again: Option<SystemTime>, resumable: bool },
    Unknown,
}

/// The outcome of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It is refused, and a later one may be done.
    Refused,
    /// It is refused, as by a full disk.
    Broken,
    /// The connection is lost before it is done.
    LostBefore,
    /// It is done, and the acknowledgement is lost.
    LostAfter,
    /// It is done, and the process that began it is gone.
    Ghost,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Broken => "refused for good",
            Self::LostBefore => "lost before it is done",
            Self::LostAfter => "done, and its acknowledgement is lost",
            Self::Ghost => "done, and the process is gone",
        })
    }
}

/// The right of a process to send an item once.
struct Right {
    process: usize,
    row: usize,
    token: ClaimToken,
    is_acknowledged: bool,
}

impl Row {
    pub(super) fn new(job: usize, index: u64, device: u64, item: BulkItem) -> Self {
        Self {
            job,
            index,
            device,
            item,
            state: State::Pending,
            token: None,
            owner: usize::MAX,
            is_orphan: false,
            lease_ends: SystemTime::UNIX_EPOCH,
            claimed: SystemTime::UNIX_EPOCH,
            tries: 0,
            claims: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Whether it counts for the limit of its device.
    fn counts(&self, mutant: Option<Mutant>) -> bool {
        match self.state {
            State::Sending | State::Accepted => true,
            State::Unknown => mutant != Some(Mutant::UnknownIsNotCounted),
            State::Pending | State::NotSent { .. } => false,
        }
    }

    /// When it may be claimed, if ever in this run.
    fn claimable(&self) -> Option<SystemTime> {
        match self.state {
            State::Pending => Some(SystemTime::UNIX_EPOCH),
            State::NotSent { again, .. } => again,
            State::Sending | State::Accepted | State::Unknown => None,
        }
    }
}

#[expect(clippy::indexing_slicing, reason = "rows are never removed, so that their places are names")]
impl Table {
    pub(super) fn new(
        mode: Mode,
        rows: Vec<Row>,
        patience_for_others: Option<Duration>,
        mutant: Option<Mutant>,
    ) -> Self {
        Self {
            mode,
            mutant,
            rows,
            clock: SystemTime::UNIX_EPOCH,
            fate: Fate::Done,
            holder: None,
            gone: Vec::new(),
            patience_for_others,
            tokens: 0,
            rights: Vec::new(),
            news: Vec::new(),
            read: Vec::new(),
            volatile: Vec::new(),
        }
    }

    /// Opens a job for a process. `replaces` is the process that ran in its place before. Returns false if another
    /// process holds the file.
    pub(super) fn open(&mut self, process: usize, job: usize, replaces: Option<usize>) -> bool {
        match self.mode {
            Mode::Memory => return true,
            Mode::Exclusive if self.holder.is_some() => return false,
            Mode::Exclusive => {
                self.holder = Some(process);
                for (row, entry) in self.rows.iter_mut().enumerate() {
                    if entry.state == State::Sending {
                        entry.state = State::Unknown;
                        self.news.push(News::GivesUp { row, owner: entry.owner });
                        if self.mutant == Some(Mutant::RestartPutsBack) {
                            entry.state = State::Pending;
                        }
                    }
                }
            }
            Mode::Leases => self.sweep(self.clock),
        }
        if self.mutant == Some(Mutant::RestartPutsBack) {
            let own = |entry: &&mut Row| entry.state == State::Sending && Some(entry.owner) == replaces;
            self.rows.iter_mut().filter(own).for_each(|entry| entry.state = State::Pending);
        }
        for entry in self.rows.iter_mut().filter(|entry| entry.job == job) {
            if let State::NotSent { again: again @ None, resumable: true } = &mut entry.state {
                *again = Some(SystemTime::UNIX_EPOCH);
            }
            if entry.state != State::Sending {
                entry.tries = 0;
            }
        }
        true
    }

    /// Ends a process: what its handle does from now on does nothing, and its lock is free.
    pub(super) fn end(&mut self, process: usize) {
        self.gone.push(process);
        self.holder.take_if(|holder| *holder == process);
        self.volatile.retain(|(owner, _)| *owner != process);
    }

    /// The number of items that a process has claimed and that have no outcome, those aside of which it knows nothing.
    pub(super) fn held_by(&self, process: usize) -> usize {
        let held = |row: &&Row| row.state == State::Sending && row.owner == process && !row.is_orphan;
        self.rows.iter().filter(held).count()
    }

    /// The process has learned what was granted.
    pub(super) fn acknowledge(&mut self, process: usize) {
        let own = self.rights.iter_mut().filter(|right| right.process == process);
        own.for_each(|right| right.is_acknowledged = true);
    }

    /// Takes the right of a process to send an item, if it has one.
    pub(super) fn take_right(&mut self, process: usize, row: usize) -> Option<ClaimToken> {
        let is_right = |right: &Right| right.process == process && right.row == row && right.is_acknowledged;
        let place = self.rights.iter().position(is_right)?;
        Some(self.rights.swap_remove(place).token)
    }

    /// Reads what could be claimed now, to write it later: only without the rule that these are one step.
    pub(super) fn read(&mut self, process: usize, job: usize) {
        if self.mutant == Some(Mutant::ClaimReadsThenWrites) {
            let now = self.clock;
            let is_free = |row: &Row| row.job == job && row.claimable().is_some_and(|ready| ready <= now);
            let free = (0..self.rows.len()).filter(|row| self.rows.get(*row).is_some_and(is_free)).collect();
            self.read.retain(|(reader, _)| *reader != process);
            self.read.push((process, free));
        }
    }

    /// Makes durable what a process has done.
    pub(super) fn flush(&mut self, process: usize) {
        for (_, changes) in self.volatile.extract_if(.., |(owner, _)| *owner == process) {
            for (row, change) in changes {
                self.rows[row] = change;
            }
        }
    }

    /// Records what a person found out.
    pub(super) fn resolve(&mut self, row: usize, arrived: bool) {
        self.tokens += 1;
        let token = ClaimToken(self.tokens);
        let entry = &mut self.rows[row];
        entry.token = Some(token);
        (entry.owner, entry.is_orphan) = (usize::MAX, false);
        entry.state = match arrived {
            true => State::Accepted,
            false => State::NotSent { again: None, resumable: true },
        };
    }

    /// The numbers of the items of a job that a process was the last to claim or to end, and that it has to report: all of
    /// them, or without those that it gave back.
    pub(super) fn owed_by(&self, process: usize, job: usize, all: bool) -> Vec<u64> {
        let is_given_back =
            |row: &Row| matches!(row.state, State::Pending | State::NotSent { again: Some(_), .. });
        let is_owed = |row: &&Row| row.job == job && row.owner == process && (all || !is_given_back(row));
        self.rows.iter().filter(is_owed).map(|row| row.index).collect()
    }

    /// Undoes what a process did in transactions of which it did not learn. It has sent nothing for them.
    fn undo_lost(&mut self, process: usize) {
        if self.mutant == Some(Mutant::LostIsKept) {
            return;
        }
        for (row, entry) in
            self.rows.iter_mut().enumerate().filter(|(_, row)| row.is_orphan && row.owner == process)
        {
            match entry.state {
                State::Sending | State::Unknown => entry.tries = entry.tries.saturating_sub(1),
                State::NotSent { again: None, resumable: false } => {}
                State::Pending | State::Accepted | State::NotSent { .. } => continue,
            }
            entry.state = State::Pending;
            entry.token = None;
            (entry.owner, entry.is_orphan) = (usize::MAX, false);
            self.news.push(News::Undoes { row, process });
        }
    }

    /// Gives up the claims that outlived their lease.
    fn sweep(&mut self, now: SystemTime) {
        for (row, entry) in self.rows.iter_mut().enumerate() {
            if entry.state == State::Sending && entry.lease_ends <= now {
                entry.state = match self.mutant {
                    Some(Mutant::ExpiredIsClaimable) => State::Pending,
                    Some(Mutant::ExpiredStaysSending) => continue,
                    _ => State::Unknown,
                };
                self.news.push(News::Sweeps { row, owner: entry.owner });
            }
        }
    }

    fn transact(&mut self, process: usize, job: usize, order: &Transaction) -> Result<Granted, LedgerError> {
        let fate = std::mem::replace(&mut self.fate, Fate::Done);
        if self.gone.contains(&process) && fate != Fate::Ghost {
            return Err(LedgerError::new("the process is gone"));
        }
        if fate != Fate::Done {
            self.news.push(News::Fails { process, fate });
        }
        self.flush(process);
        // Of a file, an error after which something can be unclear ends the run.
        let lost = match self.mode {
            Mode::Leases => LedgerError::temporary("the connection was lost"),
            _ => LedgerError::new("the disk has failed"),
        };
        if self.mode == Mode::Leases && matches!(fate, Fate::Done | Fate::LostAfter) {
            self.undo_lost(process);
        }
        match fate {
            Fate::Refused => Err(LedgerError::temporary("the database is busy")),
            Fate::Broken => Err(LedgerError::new("the disk is full")),
            Fate::LostBefore if self.mutant == Some(Mutant::UnclearIsDone) => {
                let (rows, news) = (self.rows.clone(), self.news.len());
                let granted = self.apply(process, job, order);
                self.rows = rows;
                self.news.truncate(news);
                Ok(granted)
            }
            Fate::LostBefore => Err(lost),
            Fate::LostAfter | Fate::Ghost => {
                let granted = self.apply(process, job, order);
                if fate == Fate::LostAfter && self.mutant == Some(Mutant::UnclearIsDone) {
                    return Ok(granted);
                }
                let is_granted =
                    |right: &Right| granted.claims.iter().any(|claim| claim.token() == right.token);
                self.rights.retain(|right| !is_granted(right));
                for claim in &granted.claims {
                    self.rows[claim.id() as usize].is_orphan = true;
                }
                let expired: Vec<_> = granted.expired.iter().map(|(index, _)| *index).collect();
                let is_expired = |row: &&mut Row| row.job == job && expired.contains(&row.index);
                self.rows.iter_mut().filter(is_expired).for_each(|row| row.is_orphan = true);
                Err(lost)
            }
            Fate::Done if self.mutant == Some(Mutant::SentBeforeCommit) => {
                let rows = self.rows.clone();
                let granted = self.apply(process, job, order);
                let changed = std::mem::replace(&mut self.rows, rows);
                self.volatile.push((process, changed.into_iter().enumerate().collect()));
                Ok(granted)
            }
            Fate::Done => Ok(self.apply(process, job, order)),
        }
    }

    fn apply(&mut self, process: usize, job: usize, order: &Transaction) -> Granted {
        let now = match (self.mode, order.now) {
            (Mode::Exclusive, Some(now)) => now,
            _ => self.clock,
        };
        if self.mode == Mode::Leases {
            self.sweep(now);
        }
        for record in &order.outcomes {
            self.record(process, record, now);
        }
        self.claim(process, job, order, now)
    }

    fn record(&mut self, process: usize, record: &Record, now: SystemTime) {
        let row = record.id as usize;
        let (token, outcome) = (record.token, record.outcome);
        self.rights.retain(|right| right.token != token || right.process != process);
        let entry = &mut self.rows[row];
        let is_own = entry.token == Some(token) || self.mutant == Some(Mutant::OutcomeWithoutToken);
        if !is_own || !matches!(entry.state, State::Sending | State::Unknown) {
            self.news.push(News::Ignores { process, row, token, outcome });
            return;
        }
        let is_late = entry.state == State::Unknown;
        entry.outcomes.push((token, outcome));
        entry.state = match outcome {
            Outcome::Accepted => State::Accepted,
            Outcome::Unknown => State::Unknown,
            Outcome::NotSent => State::NotSent {
                // A wait never carries an item past the time at which it ends.
                again: record.again.map(|wait| (now + wait).min(entry.item.not_after.unwrap_or(now + wait))),
                resumable: record.resumable,
            },
        };
        self.news.push(News::Records { process, row, token, outcome, again: record.again, is_late });
    }

    fn claim(&mut self, process: usize, job: usize, order: &Transaction, now: SystemTime) -> Granted {
        let mut granted = Granted::default();
        if order.claim == 0 {
            return granted;
        }
        let most = order.claim + if self.mutant == Some(Mutant::ClaimsAreGreedy) { 2 } else { 0 };
        let read = self.read.iter().position(|(reader, _)| *reader == process);
        let read = read.map(|place| self.read.swap_remove(place).1);
        let (mut next, mut others) = (None::<Duration>, false);
        for row in 0..self.rows.len() {
            let was_read = read.as_ref().is_some_and(|read| read.contains(&row));
            let free = order.per_device.and_then(|most| self.free_at(row, most, now));
            let entry = &self.rows[row];
            if entry.job != job {
                continue;
            }
            others |= entry.state == State::Sending && (entry.owner != process || entry.is_orphan);
            let Some(ready) = entry.claimable().or(was_read.then_some(now)) else { continue };
            if entry.item.not_after.is_some_and(|end| end <= now) {
                let (index, item) = (entry.index, entry.item.clone());
                let entry = &mut self.rows[row];
                entry.state = State::NotSent { again: None, resumable: false };
                (entry.owner, entry.is_orphan) = (process, false);
                granted.expired.push((index, item));
                self.news.push(News::Expires { row });
                continue;
            }
            let ready = free.map_or(ready, |free| ready.max(free.min(entry.item.not_after.unwrap_or(free))));
            match ready.duration_since(now) {
                Ok(wait) if !wait.is_zero() => next = Some(next.map_or(wait, |next| next.min(wait))),
                _ if granted.claims.len() == most => next = Some(Duration::ZERO),
                _ => granted.claims.push(self.grant(process, row, order.lease, now)),
            }
        }
        // Items that others send may come back.
        granted.next = next.or(self.patience_for_others.filter(|_| others && self.mode == Mode::Leases));
        granted
    }

    fn grant(&mut self, process: usize, row: usize, lease: Duration, now: SystemTime) -> Claim {
        self.tokens += 1;
        let token = ClaimToken(self.tokens);
        let is_short = self.mutant == Some(Mutant::LeasesAreShort);
        let entry = &mut self.rows[row];
        entry.state = State::Sending;
        entry.token = Some(token);
        entry.owner = process;
        entry.is_orphan = false;
        entry.lease_ends = now + if is_short { lease / 8 } else { lease };
        entry.claimed = now;
        entry.tries += 1;
        entry.claims.push(token);
        let claim = Claim::new(row as u64, entry.index, token, entry.tries, entry.item.clone());
        self.granted(process, row, token, now);
        claim
    }

    /// Keeps that a process has a claim.
    fn granted(&mut self, process: usize, row: usize, token: ClaimToken, claimed: SystemTime) {
        self.rights.push(Right { process, row, token, is_acknowledged: false });
        self.news.push(News::Claims { process, row, token, claimed });
    }

    /// Returns the time from which on the device of an item may be sent another downlink, if it has to wait.
    fn free_at(&self, row: usize, most: u32, now: SystemTime) -> Option<SystemTime> {
        let device = self.rows.get(row)?.device;
        let counted = self.rows.iter().filter(|row| row.device == device && row.counts(self.mutant));
        let mut sent: Vec<_> =
            counted.map(|row| row.claimed).filter(|claimed| *claimed + DAY > now).collect();
        sent.sort_unstable();
        let over = sent.len().checked_sub(most as usize)?;
        sent.get(over).map(|claimed| *claimed + DAY)
    }
}

/// The way of one process to its job.
pub(super) enum Handle {
    Shared {
        table: Arc<Mutex<Table>>,
        process: usize,
        job: usize,
    },
    /// All items are in the process. The table only hears of what happens.
    Memory {
        table: Arc<Mutex<Table>>,
        process: usize,
        inner: MemoryLedger,
    },
}

pub(super) fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::indexing_slicing, reason = "rows are never removed, so that their places are names")]
impl Ledger for Handle {
    fn commit(&mut self, order: &Transaction) -> Result<Granted, LedgerError> {
        match self {
            Self::Shared { table, process, job } => lock(table).transact(*process, *job, order),
            Self::Memory { table, process, inner } => {
                let mut table = lock(table);
                let now = order.now.unwrap_or(table.clock);
                for record in &order.outcomes {
                    // The rows follow, so that invariants find in them what they find on disk.
                    table.record(*process, record, now);
                }
                let granted = inner.commit(order)?;
                for claim in &granted.claims {
                    let (row, token) = (claim.id() as usize, claim.token());
                    let entry = &mut table.rows[row];
                    entry.state = State::Sending;
                    entry.token = Some(token);
                    entry.owner = *process;
                    entry.claimed = now;
                    entry.claims.push(token);
                    table.granted(*process, row, token, now);
                }
                for (index, _) in &granted.expired {
                    table.rows[*index as usize].state = State::NotSent { again: None, resumable: false };
                    table.news.push(News::Expires { row: *index as usize });
                }
                Ok(granted)
            }
        }
    }

    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        match self {
            Self::Shared { .. } => Vec::new(),
            Self::Memory { table, inner, .. } => {
                let rest = inner.abandon();
                for (index, _) in &rest {
                    lock(table).rows[*index as usize].state =
                        State::NotSent { again: None, resumable: false };
                }
                rest
            }
        }
    }
}
