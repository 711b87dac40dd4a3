//! Transactions that fail: a temporary failure is retried.

use std::time::Duration;

use super::LedgerError;
use crate::moment::Moment;

/// The largest number of transactions that may fail in a row.
const MOST: u32 = 8;

/// Transactions that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failures: u32,
    /// The last failure, if it has not been looked at.
    last: Option<LedgerError>,
    until: Option<Moment>,
}

impl Trouble {
    pub(super) fn failed(&mut self, error: LedgerError) {
        self.failures += 1;
        self.last = Some(error);
    }

    /// Looks at the last failure. Returns it if the run must end.
    pub(super) fn look(&mut self, now: Moment) -> Option<LedgerError> {
        let error = self.last.take()?;
        if !error.is_temporary() || self.failures >= MOST {
            return Some(error);
        }
        self.until = Some(now + Duration::from_millis(250) * 2_u32.pow(self.failures.min(7)));
        None
    }

    /// The time of the next try, if there is one to wait for.
    pub(super) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// Makes the next try due now, and the last one.
    pub(super) fn hurry(&mut self) {
        self.until = None;
        self.failures = MOST;
    }

    /// Whether another failure of this kind is worth a retry.
    pub(super) fn can_retry(&self, error: &LedgerError) -> bool {
        error.is_temporary() && self.failures + 1 < MOST
    }
}
