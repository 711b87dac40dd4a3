//! The end of one item of a run.

use super::{BulkItem, Claim};
use crate::downlinks::{ExternalReference, Receipt};
use crate::error::{Error, ErrorKind, Outcome, hint};
use crate::stage::Stage;

/// An item of a run that has ended. The ledger has recorded its outcome.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The place of the item in the input, from 0.
    pub index: u64,
    /// The item.
    pub item: BulkItem,
    /// How often the item was claimed in this run. 0 if it ended before it could be sent.
    pub tries: u32,
    /// The receipt of an accepted downlink, or the reason why it was not accepted.
    pub result: Result<Receipt, Error>,
    /// Whether the ledger has recorded the outcome. If it failed, the next run finds the item as
    /// [`Unknown`](Outcome::Unknown).
    pub recorded: bool,
}

impl Sent {
    /// The outcome of the item.
    pub fn outcome(&self) -> Outcome {
        outcome(&self.result)
    }
}

impl Sent {
    pub(super) fn of(claim: Claim, result: Result<Receipt, Error>) -> Self {
        let (index, tries) = (claim.index(), claim.tries());
        Self { index, tries, item: claim.into_item(), result, recorded: true }
    }
}

impl Error {
    /// An item whose `not_after` has passed.
    pub(super) fn too_late(item: &BulkItem) -> Self {
        Self::new(ErrorKind::Deadline, Stage::Prepare, BulkItem::TOO_LATE).not_sent(item)
    }

    /// An item whose request was in flight when the run was aborted.
    pub(super) fn left(item: &BulkItem) -> Self {
        let reference = item.downlink.reference().map(|reference| reference.as_str().to_owned());
        Self::cancelled("the run was aborted while the request was in flight").with(|report| {
            report.outcome = Some(Outcome::Unknown);
            report.external_reference = reference;
            report.hint = hint(report, None);
        })
    }

    /// This error as the reason why an item was not sent.
    pub(super) fn not_sent(&self, item: &BulkItem) -> Self {
        self.kept().unsent_downlink(item.downlink.reference().map(ExternalReference::as_str))
    }
}

/// The outcome of a call. One that cannot say is taken as unknown.
pub(super) fn outcome(result: &Result<Receipt, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Accepted,
        Err(error) => error.outcome().unwrap_or(Outcome::Unknown),
    }
}
