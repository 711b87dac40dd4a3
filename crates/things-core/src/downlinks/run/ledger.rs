//! The ledger of a run: what it has to keep, and how a run talks to it. The core stores nothing itself.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{BulkItem, Claim, ClaimToken};
use crate::error::{Error, Outcome};
use crate::feed::Commit;

/// The durable record of one job, as one run of it uses it.
///
/// An item is `pending`, `sending`, or has ended as `accepted`, `not_sent` or `unknown`. The rules, each of which
/// prevents a second send or a lost item:
///
/// 1. [`commit`](Self::commit) returns claims only after they are durable. If it cannot tell whether they are, it
///    returns an error, and no run owns the claims. After a temporary error, a later transaction of the same ledger gives
///    them back, because nothing was sent for them. Items that expired meanwhile are then reported as expired.
/// 2. It claims items that are `pending`, and items that are `not_sent` and may be sent again. It never claims one that
///    is `sending` or `unknown`. Choosing and claiming are one step, so that no two workers claim the same item.
/// 3. Each claim has a new token. An outcome is recorded only on an item that has this token and is `sending` or
///    `unknown`. Recording the same outcome twice changes nothing.
/// 4. A claim that has outlived its lease, or whose process is gone, becomes `unknown`. It never becomes claimable.
pub trait Ledger: Send + 'static {
    /// Records outcomes and claims items, in one durable transaction.
    ///
    /// # Errors
    ///
    /// Returns why the transaction failed, or that it is not known whether it did.
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError>;

    /// Returns the items that no later run can send, when this run ends early. A ledger on disk keeps its items, and
    /// returns none.
    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        Vec::new()
    }
}

impl<L: Ledger + ?Sized> Ledger for Box<L> {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        (**self).commit(transaction)
    }

    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        (**self).abandon()
    }
}

/// What a run asks of its ledger.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// The outcomes to record.
    pub outcomes: Vec<Record>,
    /// The number of items to claim, if there are that many.
    pub claim: usize,
    /// The time by the wall clock, read before the transaction. `None` only in the default value.
    pub now: Option<SystemTime>,
    /// The life of each claim. A ledger that only one process uses at a time needs no leases.
    pub lease: Duration,
    /// The largest number of downlinks to one device in 24 h, over all jobs of the ledger. Those that are `sending`,
    /// `accepted` or `unknown` count from the time of their claim.
    pub per_device: Option<u32>,
}

impl Transaction {
    /// The time of the transaction. A default transaction has none, and records without claiming.
    pub(super) fn time(&self) -> SystemTime {
        self.now.unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// The outcome of one claim, to be recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The ledger's own name of the item.
    pub id: u64,
    /// The token of the claim.
    pub token: ClaimToken,
    /// The outcome.
    pub outcome: Outcome,
    /// For [`NotSent`](Outcome::NotSent): the wait after which the item may be claimed again by this run. `None`: it has
    /// ended.
    pub again: Option<Duration>,
    /// Whether the next run may send the item, although this one has ended it. Only for [`NotSent`](Outcome::NotSent).
    pub resumable: bool,
    /// The status of the last response, if there was one.
    pub status: Option<u16>,
    /// The number of requests that were sent for the item, tokens not counted.
    pub attempts: u32,
    /// The response's body, or the reason why the item was not accepted.
    pub detail: String,
}

/// Shows the size of the detail, because a response can echo a payload.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("outcome", &self.outcome)
            .field("again", &self.again)
            .field("resumable", &self.resumable)
            .field("status", &self.status)
            .field("attempts", &self.attempts)
            .field("detail", &self.detail.len())
            .finish_non_exhaustive()
    }
}

/// The result of a transaction.
#[derive(Debug, Default)]
pub struct Granted {
    /// The items that were claimed.
    pub claims: Vec<Claim>,
    /// The items that ended without being claimed, because their `not_after` has passed.
    pub expired: Vec<(u64, BulkItem)>,
    /// If fewer items were claimed than requested: how long to wait before the next try. `None`: the job has no item
    /// left that could be claimed.
    pub next: Option<Duration>,
}

/// The reason why a transaction failed.
#[derive(Clone)]
pub struct LedgerError {
    message: String,
    hint: Option<String>,
    temporary: bool,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl LedgerError {
    /// Creates an error after which the run ends.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, temporary: false, cause: None }
    }

    /// Creates an error that a later try may not have, such as a lost connection. The outcome of the transaction may be
    /// unknown.
    pub fn temporary(message: impl Into<String>) -> Self {
        Self { temporary: true, ..Self::new(message) }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the error of the library below.
    #[must_use]
    pub fn cause(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// Whether a later try may succeed.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// The message, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A hint on how to fix the error, if there is one.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LedgerError").field(&self.to_string()).finish()
    }
}

impl StdError for LedgerError {}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        Self::ledger(error.message, error.hint, error.cause)
    }
}

/// A transaction of a run, with the ledger that carries it out. The run has no ledger until it is back.
#[must_use]
pub struct LedgerCommit<L> {
    pub(super) ledger: L,
    pub(super) transaction: Transaction,
    /// Whether this is the last transaction of the run.
    pub(super) last: bool,
}

/// The result of a [`LedgerCommit`].
#[must_use]
pub struct LedgerCommitted<L> {
    pub(super) ledger: L,
    pub(super) result: Result<Granted, LedgerError>,
    pub(super) abandoned: Vec<(u64, BulkItem)>,
}

impl<L: Ledger> Commit for LedgerCommit<L> {
    type Output = LedgerCommitted<L>;

    fn run(mut self) -> LedgerCommitted<L> {
        let result = self.ledger.commit(&self.transaction);
        let abandoned = if self.last { self.ledger.abandon() } else { Vec::new() };
        LedgerCommitted { ledger: self.ledger, result, abandoned }
    }
}

/// Shows what is asked, but no item.
impl<L> fmt::Debug for LedgerCommit<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerCommit")
            .field("outcomes", &self.transaction.outcomes.len())
            .field("claim", &self.transaction.claim)
            .finish_non_exhaustive()
    }
}

impl<L> fmt::Debug for LedgerCommitted<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerCommitted").field("is_ok", &self.result.is_ok()).finish_non_exhaustive()
    }
}
