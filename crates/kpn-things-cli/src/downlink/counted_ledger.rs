//! A ledger whose transactions are counted.

use std::time::{Duration, SystemTime};

use things_core::{BulkItem, Granted, Ledger, LedgerError, Transaction};

use super::numbers::Numbers;

/// A ledger that reports the numbers of the run after each transaction that it has carried out.
pub(super) struct CountedLedger<L> {
    ledger: L,
    numbers: Numbers,
    show: Box<dyn Fn(Numbers) + Send>,
    /// The downlinks that this run has claimed, and that have no outcome yet.
    in_flight: u64,
    /// When the last of the downlinks that are tried again may be tried.
    retries_until: SystemTime,
}

/// A shorter wait is not worth a message. Other waits, such as for the claims of another worker, are shorter.
const LONG: Duration = Duration::from_secs(120);

impl<L> CountedLedger<L> {
    pub(super) fn new(ledger: L, numbers: Numbers, show: Box<dyn Fn(Numbers) + Send>) -> Self {
        Self { ledger, numbers, show, in_flight: 0, retries_until: SystemTime::UNIX_EPOCH }
    }

    fn count(&mut self, transaction: &Transaction, granted: &Granted) {
        self.numbers.add(&transaction.outcomes, granted.expired.len());
        let now = transaction.now.unwrap_or_else(SystemTime::now);
        let ended = transaction.outcomes.len() as u64;
        self.in_flight = (self.in_flight + granted.claims.len() as u64).saturating_sub(ended);
        for again in transaction.outcomes.iter().filter_map(|record| record.again) {
            self.retries_until = self.retries_until.max(now.checked_add(again).unwrap_or(now));
        }
        if transaction.claim == 0 {
            return;
        }
        let next = granted.next.filter(|next| *next >= LONG && granted.claims.is_empty());
        let next_at = next.and_then(|next| now.checked_add(next));
        let is_limited = transaction.per_device.is_some();
        self.numbers.wait(next_at.filter(|next| is_limited && *next > self.retries_until), self.in_flight);
    }
}

impl<L: Ledger> Ledger for CountedLedger<L> {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let granted = self.ledger.commit(transaction)?;
        self.count(transaction, &granted);
        (self.show)(self.numbers);
        Ok(granted)
    }

    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        self.ledger.abandon()
    }
}
