//! What happens in the ledger, for the story of a world and for its judge.

use std::fmt;
use std::time::{Duration, SystemTime};

use things_core::{ClaimToken, Outcome};

use super::table::Fate;

#[derive(Debug, Clone, Copy)]
pub(super) enum News {
    Claims {
        process: usize,
        row: usize,
        token: ClaimToken,
        claimed: SystemTime,
    },
    Records {
        process: usize,
        row: usize,
        token: ClaimToken,
        outcome: Outcome,
        again: Option<Duration>,
        /// Whether the item was unknown before.
        is_late: bool,
    },
    /// It changes nothing: the claim is another one, or it is recorded.
    Ignores {
        process: usize,
        row: usize,
        token: ClaimToken,
        outcome: Outcome,
    },
    /// The claim outlived its lease.
    Sweeps {
        row: usize,
        owner: usize,
    },
    /// The process of the claim is gone.
    GivesUp {
        row: usize,
        owner: usize,
    },
    Expires {
        row: usize,
    },
    /// The process did not learn of what it had done to it.
    Undoes {
        row: usize,
        process: usize,
    },
    Fails {
        process: usize,
        fate: Fate,
    },
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claims { process, row, token, .. } => {
                write!(f, "item {row} is sending, for process {process} with token {}", token.0)
            }
            Self::Records { process, row, token, outcome, again, is_late } => {
                write!(f, "item {row} is {outcome:?}, by process {process} with token {}", token.0)?;
                again.map_or(Ok(()), |wait| write!(f, ", and claimable in {wait:?}"))?;
                f.write_str(if *is_late { ", late" } else { "" })
            }
            Self::Ignores { process, row, token, outcome } => {
                write!(
                    f,
                    "item {row} stays as it is: process {process} said {outcome:?} with token {}",
                    token.0
                )
            }
            Self::Sweeps { row, owner } => {
                write!(f, "item {row} is unknown: the lease of process {owner} ended")
            }
            Self::GivesUp { row, owner } => write!(f, "item {row} is unknown: process {owner} is gone"),
            Self::Expires { row } => write!(f, "item {row} ends: its not_after has passed"),
            Self::Undoes { row, process } => {
                write!(f, "item {row} is pending again: process {process} did not learn of its transaction")
            }
            Self::Fails { process, fate } => write!(f, "the transaction of process {process} is {fate}"),
        }
    }
}
