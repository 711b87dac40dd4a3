//! Many downlinks, each sent at most once and accounted for: the feed of a run over a ledger.
//!
//! ```text
//!   ledger: pending ──claim──► sending ──outcome──► accepted | not_sent | unknown
//!              ▲                                          │
//!              └────────── not sent, may be tried again ──┘
//! ```
//!
//! A run has no items. It asks its ledger for claims ([`Want::Commit`]), and gets them back once they are durable
//! ([`Feed::committed`]). So a downlink whose intent is not on record cannot be sent: there is no value that it could
//! be sent from. Outcomes are recorded in the same transaction as the next claims, and everything that waits is recorded
//! at once. A place in the window never has more than one item that is `sending`, so a crash leaves at most
//! `window + spare` items unknown.
//!
//! # When a run slows down or ends
//!
//! | situation | rule |
//! |---|---|
//! | an item was not sent, and the cause will pass | it is tried again after a wait that doubles from 200 ms to 60 s, at least `Retry-After`, up to `max_tries` times |
//! | as many in a row as the window, at least 8, were not sent or are unknown | the run sends one downlink at a time, after 1 s to 60 s, so that an outage makes few items unknown |
//! | the same, and nothing ever reached the service | the run ends with the error |
//! | it goes on for longer than `patience` | the run ends with the error |
//! | the context switch to a sub-customer fails, and the cause will pass | its items wait from 1 s to 60 s, one of them tries again, and those of others are sent meanwhile |
//! | it goes on for longer than `patience` | the items of that sub-customer are not sent |
//! | the token is refused, the ledger fails | the run ends with the error. Items that were not sent stay for the next run |

mod calling;
mod claim;
mod claiming;
mod classify;
mod hold;
mod item;
mod ledger;
mod memory;
mod options;
mod progress;
mod rate;
mod record;
mod sent;
mod switches;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use self::claiming::{Held, Next};
use self::classify::{Verdict, classify};
use self::hold::{Hold, Slowdown};
use self::rate::Rate;
use self::record::{Ended, backoff};
use self::switches::Switches;
use self::trouble::Trouble;
use super::{Downlink, Receipt};
use crate::error::{Error, Outcome};
use crate::fate::Fate;
use crate::feed::{Feed, Ticket, Want};
use crate::moment::Moment;

pub use claim::{Claim, ClaimToken};
pub use item::BulkItem;
pub use ledger::{Granted, Ledger, LedgerCommit, LedgerCommitted, LedgerError, Record, Transaction};
pub use memory::MemoryLedger;
pub use options::RunOptions;
pub use progress::RunProgress;
pub use sent::Sent;

/// The shortest time between two transactions of which the first found nothing to claim.
const LEAST_WAIT: Duration = Duration::from_millis(5);

/// The downlinks of a job, sent through a ledger: a [`Feed`] of items that ended, in the order in which they did.
///
/// The feed ends with an error if nothing more can be sent. Items that were not sent stay in the ledger for the next run;
/// a [`MemoryLedger`] has none, so the feed returns them as not sent before the error.
#[derive(Debug)]
pub struct Run<L: Ledger> {
    /// `None` while a commit is in flight.
    ledger: Option<L>,
    options: RunOptions,
    rate: Option<Rate>,
    /// Claims that wait for a place in the window or for the rate.
    waiting: VecDeque<Held>,
    flying: BTreeMap<u64, (Claim, Fate)>,
    /// Items whose outcome the ledger does not have yet.
    unrecorded: Vec<Ended>,
    /// Those of the commit in flight.
    committing: Vec<Ended>,
    /// When the claims of the commit in flight began, and how many were requested.
    asked: Option<(Moment, usize)>,
    ready: VecDeque<Sent>,
    calls: u64,
    next: Next,
    hold: Hold,
    switches: Switches,
    trouble: Trouble,
    progress: RunProgress,
    failure: Option<Error>,
    stopping: bool,
    /// The time of the last `want`, by the wall clock.
    seen: Option<SystemTime>,
    /// Whether the last transaction was handed out, and whether it is back.
    closing: bool,
    done: bool,
}

impl<L: Ledger> Run<L> {
    /// Creates a run over the items of a ledger. If an option is out of range, nothing is sent, and the run ends with an
    /// error of the kind [`Input`](crate::ErrorKind::Input).
    pub fn new(ledger: L, options: RunOptions) -> Self {
        Self {
            ledger: Some(ledger),
            rate: options.rate.map(Rate::per_second),
            waiting: VecDeque::new(),
            flying: BTreeMap::new(),
            unrecorded: Vec::new(),
            committing: Vec::new(),
            asked: None,
            ready: VecDeque::new(),
            calls: 0,
            next: Next::Now,
            hold: Hold::default(),
            switches: Switches::default(),
            trouble: Trouble::default(),
            progress: RunProgress::default(),
            failure: options.check().err().map(Error::from),
            stopping: false,
            seen: None,
            closing: false,
            done: false,
            options,
        }
    }

    /// The numbers of the run so far.
    pub fn progress(&self) -> RunProgress {
        RunProgress { in_flight: self.flying.len(), is_held: self.is_held(), ..self.progress }
    }

    fn is_ending(&self) -> bool {
        self.stopping || self.failure.is_some()
    }

    fn is_held(&self) -> bool {
        self.hold.holds(self.options.window)
    }

    /// Returns how many downlinks may be in flight now.
    fn window(&self) -> usize {
        if self.is_held() { 1 } else { self.options.window }
    }

    /// Looks at what failed since the last call: it may slow the run down, or end it.
    fn look_at_failures(&mut self, now: Moment) {
        if let Some(error) = self.trouble.look(now) {
            self.failure.get_or_insert(error.into());
        }
        self.switches.look(self.options.patience, now);
        match self.hold.look(self.options.window, self.options.patience, now) {
            Slowdown::None => {}
            // Claims do not wait so long.
            Slowdown::Longer => self.give_back(),
            Slowdown::GiveUp(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }

    fn finish(&mut self, ended: Ended, recorded: bool) {
        let Some(sent) = ended.sent else {
            self.progress.retried += 1;
            return;
        };
        match sent.outcome() {
            Outcome::Accepted => self.progress.accepted += 1,
            Outcome::NotSent => self.progress.not_sent += 1,
            Outcome::Unknown => self.progress.unknown += 1,
        }
        self.ready.push_back(Sent { recorded, ..sent });
    }

    /// Returns an item that ended without a claim.
    fn finish_unclaimed(&mut self, index: u64, item: BulkItem, error: Error) {
        self.progress.not_sent += 1;
        self.ready.push_back(Sent { index, item, tries: 0, result: Err(error), recorded: true });
    }
}

impl<L: Ledger + Unpin> Feed for Run<L> {
    type Operation = Downlink;
    type Commit = LedgerCommit<L>;
    type Item = Sent;

    fn want(&mut self, now: Moment) -> Want<Downlink, LedgerCommit<L>> {
        self.seen = Some(now.wall());
        self.look_at_failures(now);
        if let Next::After(wait) = self.next {
            self.next = Next::At(now + wait);
        }
        if self.is_ending() {
            self.give_back();
        }
        let mut until = match self.call(now) {
            Ok(call) => return call,
            Err(until) => until,
        };
        if let Some(commit) = self.commit(now) {
            return Want::Commit(commit);
        }
        let mut earliest = |moment: Moment| {
            if moment > now {
                until = Some(until.map_or(moment, |other| other.min(moment)));
            }
        };
        if self.ledger.is_some() {
            if let Next::At(moment) = self.next
                && !self.is_ending()
            {
                earliest(moment);
            }
            self.hold.until().into_iter().for_each(&mut earliest);
            self.trouble.until().into_iter().for_each(&mut earliest);
        }
        until.map_or(Want::Nothing, Want::Until)
    }

    fn accept(&mut self, ticket: Ticket, result: Result<Receipt, Error>) {
        let Some((claim, _)) = self.flying.remove(&ticket.number()) else { return };
        let mut record = Record::of_result(&claim, &result);
        let verdict = classify(&result);
        if verdict == Verdict::Ended {
            self.switches.ended(claim.item());
        }
        match (verdict, &result) {
            (Verdict::Ended, Err(error)) if record.outcome == Outcome::Unknown => {
                self.hold.failed(error, true)
            }
            (Verdict::Again(least), Err(error)) => {
                record.resumable = true;
                // A run that is held waits after each call, whatever it failed of.
                if !self.switches.failed(claim.item(), error) || self.is_held() {
                    self.hold.failed(error, false);
                }
                if claim.tries() < self.options.max_tries && least <= self.options.patience {
                    record.again = Some(backoff(&claim).max(least));
                }
            }
            (Verdict::Fatal, Err(error)) => {
                (record.again, record.resumable) = (Some(Duration::ZERO), true);
                self.failure.get_or_insert_with(|| error.clone());
            }
            (Verdict::Stopped, Err(_)) => {
                record.resumable = true;
                // The run may go on, if a watch stopped this call alone.
                let wait = if self.is_ending() { Duration::ZERO } else { backoff(&claim) };
                let again = self.is_ending() || claim.tries() < self.options.max_tries;
                record.again = again.then_some(wait);
            }
            (Verdict::Ended, _) | (_, Ok(_)) => self.hold.ended(),
        }
        let sent = record.again.is_none().then(|| Sent::of(claim, result));
        self.unrecorded.push(Ended { record, sent });
    }

    fn committed(&mut self, committed: LedgerCommitted<L>) {
        self.ledger = Some(committed.ledger);
        let (begun, asked) = match self.asked.take() {
            Some(asked) => asked,
            None => return,
        };
        let ended = std::mem::take(&mut self.committing);
        match committed.result {
            Ok(granted) => {
                self.trouble = Trouble::default();
                let freed = ended.iter().any(|ended| ended.record.again.is_some());
                ended.into_iter().for_each(|ended| self.finish(ended, true));
                if asked == 0 && freed {
                    self.next = Next::Now;
                }
                if asked > 0 {
                    self.next = match granted.next {
                        _ if granted.claims.len() >= asked => Next::Now,
                        Some(wait) => Next::After(wait.max(LEAST_WAIT)),
                        None => Next::Never,
                    };
                }
                self.waiting.extend(granted.claims.into_iter().map(|claim| Held { claim, begun }));
                for (index, item) in granted.expired {
                    let error = Error::too_late(&item);
                    self.finish_unclaimed(index, item, error);
                }
            }
            Err(error) if self.closing && !self.trouble.can_retry(&error) => {
                ended.into_iter().for_each(|ended| self.finish(ended, false));
                self.failure.get_or_insert(error.into());
            }
            Err(error) => {
                // What was recorded may be recorded again. No run owns what was claimed.
                self.closing = false;
                self.unrecorded.splice(..0, ended);
                self.trouble.failed(error);
            }
        }
        for (index, item) in committed.abandoned {
            let error = match &self.failure {
                Some(failure) => failure.not_sent(&item),
                None => Error::cancelled("the run was stopped").not_sent(&item),
            };
            self.finish_unclaimed(index, item, error);
        }
        let idle = self.flying.is_empty() && self.waiting.is_empty() && self.unrecorded.is_empty();
        self.done = self.closing || (self.next == Next::Never && idle && !self.is_ending());
    }

    fn take(&mut self) -> Option<Result<Sent, Error>> {
        if let Some(sent) = self.ready.pop_front() {
            return Some(Ok(sent));
        }
        if self.done { self.failure.take().map(Err) } else { None }
    }

    fn is_finished(&self) -> bool {
        self.done && self.ready.is_empty() && self.failure.is_none()
    }

    fn stop(&mut self) -> bool {
        self.stopping = true;
        true
    }

    fn abort(&mut self) -> bool {
        self.leave();
        true
    }
}

/// Records what is known when a run is dropped: an item whose request is in flight may have arrived.
impl<L: Ledger> Drop for Run<L> {
    fn drop(&mut self) {
        self.give_back();
        self.leave();
        let Some(ledger) = self.ledger.as_mut().filter(|_| !self.unrecorded.is_empty()) else { return };
        let outcomes = self.unrecorded.drain(..).map(|ended| ended.record).collect();
        // If this fails, the next run finds these items as unknown.
        let _ = ledger.commit(&Transaction { outcomes, now: self.seen, ..Transaction::default() });
    }
}
