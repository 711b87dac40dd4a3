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
//! | the token is refused, the ledger fails | the run ends with the error. Items that were not sent stay for the next run |

mod claim;
mod classify;
mod item;
mod ledger;
mod memory;
mod rate;
mod sent;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use self::classify::{Verdict, classify};
use self::rate::Rate;
use self::sent::outcome;
use super::{Downlink, Receipt};
use crate::error::{Error, ErrorKind, Outcome};
use crate::fate::{Fate, Stopped};
use crate::feed::{Feed, Scope, Ticket, Want};
use crate::input::InputError;
use crate::moment::Moment;
use crate::stage::Stage;

pub use claim::{Claim, ClaimToken};
pub use item::BulkItem;
pub use ledger::{Granted, Ledger, LedgerCommit, LedgerCommitted, LedgerError, Record, Transaction};
pub use memory::MemoryLedger;
pub use sent::Sent;

/// How a run sends its downlinks.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// The number of downlinks in flight: 1 to 256, by default 16. After a crash, at most this many items are unknown.
    pub window: usize,
    /// The number of items that are claimed ahead, so that no place waits for the ledger: 0 by default, at most 256. After
    /// a crash, as many more items can be unknown.
    pub spare: usize,
    /// The largest number of downlinks per second. Unlimited by default.
    pub rate: Option<NonZeroU32>,
    /// The largest number of downlinks to one device in 24 h, over all jobs of the ledger. Unlimited by default.
    pub per_device: Option<NonZeroU32>,
    /// How often an item is tried in one run as long as nothing was sent: 16 times by default.
    pub max_tries: u32,
    /// How long the run waits for a service that accepts nothing: 5 minutes by default.
    pub patience: Duration,
    /// The time limit of one downlink, including its token and its retries: 30 s by default.
    pub timeout: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            window: 16,
            spare: 0,
            rate: None,
            per_device: None,
            max_tries: 16,
            patience: Duration::from_secs(300),
            timeout: Duration::from_secs(30),
        }
    }
}

impl RunOptions {
    /// The largest number of downlinks in flight.
    pub const MAX_WINDOW: usize = 256;

    /// Checks that each option is in its range.
    ///
    /// # Errors
    ///
    /// Names the first option that is not.
    pub fn check(&self) -> Result<(), InputError> {
        if !(1..=Self::MAX_WINDOW).contains(&self.window) {
            return Err(InputError::new("window", format!("must be from 1 to {}", Self::MAX_WINDOW)));
        }
        if self.spare > Self::MAX_WINDOW {
            return Err(InputError::new("spare", format!("must be at most {}", Self::MAX_WINDOW)));
        }
        if self.max_tries == 0 {
            return Err(InputError::new("max_tries", "must be at least 1"));
        }
        Ok(())
    }

    /// The life of a claim: the time of the call, and a margin for a worker that is slow.
    fn lease(&self) -> Duration {
        self.timeout + LEASE_MARGIN * 2
    }
}

/// The time between the last moment at which a claim may be sent and the end of its lease.
const LEASE_MARGIN: Duration = Duration::from_secs(15);

/// The shortest time between two transactions of which the first found nothing to claim.
const LEAST_WAIT: Duration = Duration::from_millis(5);

/// The numbers of a run so far. Items that earlier runs ended are not in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Items that were accepted.
    pub accepted: u64,
    /// Items that ended as not sent.
    pub not_sent: u64,
    /// Items that may have arrived.
    pub unknown: u64,
    /// Items in flight now.
    pub in_flight: usize,
    /// How often an item was not sent and will be tried again.
    pub retried: u64,
    /// Whether the run waits because the service accepts nothing.
    pub is_held: bool,
}

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
    ledger_trouble: Trouble,
    progress: RunProgress,
    failure: Option<Error>,
    stopping: bool,
    /// The time of the last `want`, by the wall clock.
    seen: Option<SystemTime>,
    /// Whether the last transaction was handed out, and whether it is back.
    closing: bool,
    done: bool,
}

/// A claim that has not been sent.
#[derive(Debug)]
struct Held {
    claim: Claim,
    begun: Moment,
}

/// A claim that has ended.
#[derive(Debug)]
struct Ended {
    record: Record,
    /// `None` if the item will be tried again.
    sent: Option<Sent>,
}

/// When to ask for more claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Now,
    /// After this wait from the commit, whose moment is not known before the next `want`.
    After(Duration),
    At(Moment),
    Never,
}

/// The state of a run whose service accepts nothing.
#[derive(Debug, Default)]
struct Hold {
    /// How many tries in a row were not accepted or refused.
    streak: usize,
    /// The last failure, if it has not been looked at.
    last: Option<Error>,
    /// Whether any request may have reached the service.
    reached: bool,
    since: Option<Moment>,
    wait: Duration,
    until: Option<Moment>,
}

impl Hold {
    fn failed(&mut self, result: &Result<Receipt, Error>, arrived: bool) {
        let Err(error) = result else { return };
        self.streak += 1;
        self.reached |= arrived || error.status().is_some();
        self.last = Some(error.clone());
    }
}

/// Transactions that failed in a row.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    last: Option<LedgerError>,
    until: Option<Moment>,
}

impl<L: Ledger> Run<L> {
    /// Creates a run over the items of a ledger. If an option is out of range, the first item is an error of the kind
    /// [`Input`](ErrorKind::Input), and nothing is sent.
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
            ledger_trouble: Trouble::default(),
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
        self.hold.streak >= self.options.window.max(8)
    }

    /// Returns how many downlinks may be in flight now.
    fn window(&self) -> usize {
        if self.is_held() { 1 } else { self.options.window }
    }

    /// Slows the run down, or ends it, if the service accepts nothing.
    fn look_at_failures(&mut self, now: Moment) {
        let Some(error) = self.hold.last.take() else { return };
        if !self.is_held() {
            return;
        }
        let since = *self.hold.since.get_or_insert(now);
        if !self.hold.reached || now.since(since) > self.options.patience {
            self.failure.get_or_insert(error);
            return;
        }
        let asked = now + error.retry_after().unwrap_or_default();
        if let Some(until) = self.hold.until.filter(|until| *until > now) {
            // The call began before the hold, so it says nothing about the service since.
            self.hold.until = Some(until.max(asked));
            return;
        }
        self.hold.wait = (self.hold.wait * 2).clamp(Duration::from_secs(1), Duration::from_secs(60));
        self.hold.until = Some(asked.max(now + self.hold.wait));
        // Claims do not wait so long.
        self.give_back();
    }

    /// Looks at a transaction that failed.
    fn look_at_ledger(&mut self, now: Moment) {
        const MOST: u32 = 8;
        let Some(error) = self.ledger_trouble.last.take() else { return };
        if !error.is_temporary() || self.ledger_trouble.failures >= MOST {
            self.failure.get_or_insert(error.into());
            return;
        }
        let wait = Duration::from_millis(250) * 2_u32.pow(self.ledger_trouble.failures.min(7));
        self.ledger_trouble.until = Some(now + wait);
    }

    /// Returns claims that were not sent to the ledger.
    fn give_back(&mut self) {
        for held in std::mem::take(&mut self.waiting) {
            self.unsent(held.claim, Duration::ZERO);
        }
    }

    fn unsent(&mut self, claim: Claim, again: Duration) {
        let record = Record {
            again: Some(again),
            resumable: true,
            ..Record::of(&claim, Outcome::NotSent, "was claimed, and not sent")
        };
        self.unrecorded.push(Ended { record, sent: None });
    }

    /// Returns the next call, if a claim may be sent now. Otherwise the time at which one may be.
    fn call(&mut self, now: Moment) -> Result<Want<Downlink, LedgerCommit<L>>, Option<Moment>> {
        while let Some(held) = self.waiting.front() {
            let end = held.begun + (self.options.lease() - LEASE_MARGIN);
            // A clock that stands still while the machine sleeps shows too little, so the wall clock counts as well.
            let expired = now >= end || now.wall() >= end.wall();
            let too_late = held.claim.item().not_after.is_some_and(|not_after| not_after <= now.wall());
            if expired || too_late {
                if let Some(held) = self.waiting.pop_front() {
                    if too_late { self.too_late(held.claim) } else { self.unsent(held.claim, Duration::ZERO) }
                }
                continue;
            }
            if self.flying.len() >= self.window() {
                return Err(None);
            }
            if let Some(until) = self.hold.until.filter(|until| *until > now) {
                if until < end {
                    return Err(Some(until));
                }
                // It was granted after the hold had begun, and would outlive its lease.
                if let Some(held) = self.waiting.pop_front() {
                    self.unsent(held.claim, Duration::ZERO);
                }
                continue;
            }
            if let Some(rate) = &mut self.rate {
                rate.take(now).map_err(Some)?;
            }
            let Some(held) = self.waiting.pop_front() else { break };
            self.calls += 1;
            let item = held.claim.item();
            let fate = Fate::default();
            let scope = Scope {
                fate: Some(fate.clone()),
                customer: item.customer.clone(),
                deadline: Some(end.min(now + self.options.timeout)),
                not_after: Some(item.not_after.map_or(end.wall(), |not_after| not_after.min(end.wall()))),
            };
            let operation = item.downlink.clone();
            self.flying.insert(self.calls, (held.claim, fate));
            return Ok(Want::Call { ticket: Ticket::new(self.calls), operation, scope });
        }
        Err(None)
    }

    fn too_late(&mut self, claim: Claim) {
        let error = Error::too_late(claim.item());
        let record = Record::of(&claim, Outcome::NotSent, error.message());
        let sent = Some(Sent::of(claim, Err(error)));
        self.unrecorded.push(Ended { record, sent });
    }

    /// Returns how many items to claim now.
    fn wanted(&self, now: Moment) -> usize {
        let due = match self.next {
            Next::Now => true,
            Next::At(moment) => moment <= now,
            Next::After(_) | Next::Never => false,
        };
        // Outcomes are recorded anyway, and items may have become free with them.
        let due = due || (!self.unrecorded.is_empty() && self.next != Next::Now);
        if self.is_ending() || !due {
            return 0;
        }
        if self.is_held() {
            let open = self.hold.until.is_none_or(|until| until <= now);
            return usize::from(open && self.waiting.is_empty() && self.flying.is_empty());
        }
        let places = self.options.window + self.options.spare;
        let free = places.saturating_sub(self.flying.len() + self.waiting.len());
        match &self.rate {
            Some(rate) => free.min(rate.waiting().saturating_sub(self.waiting.len())),
            None => free,
        }
    }

    /// Returns a transaction, if there is something to record or to claim.
    fn commit(&mut self, now: Moment) -> Option<LedgerCommit<L>> {
        if self.ledger.is_none() || self.ledger_trouble.until.is_some_and(|until| until > now) {
            return None;
        }
        let claim = self.wanted(now);
        let last = self.is_ending() && self.flying.is_empty() && !self.closing;
        // A ledger that failed gets one more try, with everything.
        let pointless = self.failure.as_ref().is_some_and(|error| error.kind() == ErrorKind::Ledger) && !last;
        if (claim == 0 && self.unrecorded.is_empty() && !last) || pointless || self.closing {
            return None;
        }
        let ledger = self.ledger.take()?;
        self.closing = last;
        self.committing = std::mem::take(&mut self.unrecorded);
        self.asked = Some((now, claim));
        let transaction = Transaction {
            outcomes: self.committing.iter().map(|ended| ended.record.clone()).collect(),
            claim,
            now: Some(now.wall()),
            lease: self.options.lease(),
            per_device: self.options.per_device.map(NonZeroU32::get),
        };
        Some(LedgerCommit { ledger, transaction, last })
    }

    /// Ends the calls in flight with what is known of them.
    fn leave(&mut self) {
        self.stopping = true;
        self.ledger_trouble.until = None;
        for (claim, fate) in std::mem::take(&mut self.flying).into_values() {
            // A call that is stopped sends nothing any more.
            if let Some(Stopped::Unsent) = fate.stop() {
                self.unsent(claim, Duration::ZERO);
            } else {
                let result = Err(Error::left(claim.item()));
                let record = Record::of_result(&claim, &result);
                self.unrecorded.push(Ended { record, sent: Some(Sent::of(claim, result)) });
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

impl Record {
    fn of(claim: &Claim, outcome: Outcome, detail: &str) -> Self {
        Self {
            id: claim.id(),
            token: claim.token(),
            outcome,
            again: None,
            resumable: false,
            status: None,
            attempts: 0,
            detail: detail.to_owned(),
        }
    }

    /// The record of a result.
    fn of_result(claim: &Claim, result: &Result<Receipt, Error>) -> Self {
        let (status, attempts, detail) = match result {
            Ok(receipt) => (Some(receipt.status), receipt.attempts, text_of(receipt.body.bytes())),
            Err(error) => {
                let attempts = if error.stage() == Stage::Call { error.attempts() } else { 0 };
                (error.status(), attempts, reason(error))
            }
        };
        let status = status.map(|status| status.as_u16());
        Self { status, attempts, ..Self::of(claim, outcome(result), &detail) }
    }
}

impl Sent {
    fn of(claim: Claim, result: Result<Receipt, Error>) -> Self {
        let (index, tries) = (claim.index(), claim.tries());
        Self { index, tries, item: claim.into_item(), result, recorded: true }
    }
}

impl<L: Ledger + Unpin> Feed for Run<L> {
    type Operation = Downlink;
    type Commit = LedgerCommit<L>;
    type Item = Sent;

    fn want(&mut self, now: Moment) -> Want<Downlink, LedgerCommit<L>> {
        self.seen = Some(now.wall());
        self.look_at_ledger(now);
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
            self.hold.until.into_iter().for_each(&mut earliest);
            self.ledger_trouble.until.into_iter().for_each(&mut earliest);
        }
        until.map_or(Want::Nothing, Want::Until)
    }

    fn accept(&mut self, ticket: Ticket, result: Result<Receipt, Error>) {
        let Some((claim, _)) = self.flying.remove(&ticket.number()) else { return };
        let mut record = Record::of_result(&claim, &result);
        let verdict = classify(&result);
        match verdict {
            Verdict::Ended if record.outcome == Outcome::Unknown => self.hold.failed(&result, true),
            Verdict::Ended => self.hold = Hold { reached: true, ..Hold::default() },
            Verdict::Stopped => {
                (record.again, record.resumable) = (Some(Duration::ZERO), true);
            }
            Verdict::Again(least) => {
                record.resumable = true;
                self.hold.failed(&result, false);
                if claim.tries() < self.options.max_tries {
                    record.again = Some(backoff(&claim).max(least));
                }
            }
            Verdict::Fatal => {
                (record.again, record.resumable) = (Some(Duration::ZERO), true);
                if let Err(error) = &result {
                    self.failure.get_or_insert_with(|| error.clone());
                }
            }
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
                self.ledger_trouble = Trouble::default();
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
            Err(error) if self.closing => {
                ended.into_iter().for_each(|ended| self.finish(ended, false));
                self.failure.get_or_insert(error.into());
            }
            Err(error) => {
                // What was recorded may be recorded again. What was claimed is nobody's.
                self.unrecorded.splice(..0, ended);
                self.ledger_trouble.failures += 1;
                self.ledger_trouble.last = Some(error);
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

/// Returns why a downlink was not accepted. What all downlinks of a run have in common is left out: URL and hint.
fn reason(error: &Error) -> String {
    match error.reference() {
        Some(reference) => format!("{} (service reference {reference})", error.message()),
        None => error.message().to_owned(),
    }
}

/// Returns a response's body as text, without what exceeds a plausible receipt.
fn text_of(body: &[u8]) -> String {
    const MOST: usize = 16 << 10;
    String::from_utf8_lossy(body.get(..MOST).unwrap_or(body)).into_owned()
}

/// Returns the wait before the next try of a claim. The token of the claim is its jitter.
fn backoff(claim: &Claim) -> Duration {
    const MOST: Duration = Duration::from_secs(60);
    let wait =
        Duration::from_millis(200).saturating_mul(1 << claim.tries().saturating_sub(1).min(10)).min(MOST);
    let jitter = u32::try_from(claim.token().0 % 1_000).unwrap_or_default();
    wait / 2 + wait / 2 * jitter / 1_000
}

/// The time of a transaction. A default transaction has none, and records without claiming.
pub(super) fn time_of(transaction: &Transaction) -> SystemTime {
    transaction.now.unwrap_or(SystemTime::UNIX_EPOCH)
}
