//! What a result means for the item, and for the run.

use std::time::Duration;

use super::sent::outcome;
use crate::downlinks::Receipt;
use crate::error::{Error, ErrorKind, Outcome};
use crate::stage::Stage;

/// What follows from the result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The item has ended.
    Ended,
    /// Nothing was sent, and the cause will pass: the item is tried again after this wait at least.
    Again(Duration),
    /// The program stopped the call before it was sent.
    Stopped,
    /// Nothing was sent, and nothing else can be: the run ends.
    Fatal,
}

pub(super) fn classify(result: &Result<Receipt, Error>) -> Verdict {
    let Err(error) = result else { return Verdict::Ended };
    if outcome(result) != Outcome::NotSent {
        return Verdict::Ended;
    }
    match error.kind() {
        ErrorKind::Cancelled => Verdict::Stopped,
        ErrorKind::Config => Verdict::Fatal,
        // A context switch that is refused concerns one customer.
        ErrorKind::Auth if error.stage() != Stage::ContextSwitch => Verdict::Fatal,
        // Nothing can be sent to anybody, such as through a proxy that refuses the host.
        ErrorKind::Connect if !error.is_retryable() => Verdict::Fatal,
        // The request for the token failed in a way that no retry can change.
        _ if error.stage() == Stage::Token && !error.is_retryable() => Verdict::Fatal,
        _ if error.is_retryable() => Verdict::Again(error.retry_after().unwrap_or_default()),
        _ => Verdict::Ended,
    }
}
