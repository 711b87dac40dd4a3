//! A ledger whose transactions are counted.

use things_core::{BulkItem, Granted, Ledger, LedgerError, Transaction};

use super::numbers::Numbers;

/// A ledger that reports the numbers of the run after each transaction that it has carried out.
pub(super) struct CountedLedger<L> {
    pub(super) ledger: L,
    pub(super) numbers: Numbers,
    pub(super) show: Box<dyn Fn(Numbers) + Send>,
}

impl<L: Ledger> Ledger for CountedLedger<L> {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let granted = self.ledger.commit(transaction)?;
        self.numbers.add(&transaction.outcomes, granted.expired.len());
        (self.show)(self.numbers);
        Ok(granted)
    }

    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        self.ledger.abandon()
    }
}
