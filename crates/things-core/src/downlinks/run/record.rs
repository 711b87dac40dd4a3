//! The record of a claim that has ended, for the ledger.

use std::time::Duration;

use super::sent::outcome;
use super::{Claim, Record, Sent};
use crate::downlinks::Receipt;
use crate::error::{Error, Outcome};
use crate::stage::Stage;

/// A claim that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) record: Record,
    /// `None` if the item will be tried again.
    pub(super) sent: Option<Sent>,
}

impl Record {
    pub(super) fn of(claim: &Claim, outcome: Outcome, detail: &str) -> Self {
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
    pub(super) fn of_result(claim: &Claim, result: &Result<Receipt, Error>) -> Self {
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
pub(super) fn backoff(claim: &Claim) -> Duration {
    const MOST: Duration = Duration::from_secs(60);
    let wait =
        Duration::from_millis(200).saturating_mul(1 << claim.tries().saturating_sub(1).min(10)).min(MOST);
    let jitter = u32::try_from(claim.token().0 % 1_000).unwrap_or_default();
    wait / 2 + wait / 2 * jitter / 1_000
}
