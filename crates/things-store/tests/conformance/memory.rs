//! The ledger in memory.

use things_core::{BulkItem, Ledger, MemoryLedger};

use crate::maker::LedgerMaker;

#[derive(Default)]
pub(crate) struct Memory;

impl LedgerMaker for Memory {
    const KEEPS: bool = false;

    fn ledger(&self, items: Vec<BulkItem>) -> Box<dyn Ledger> {
        Box::new(MemoryLedger::new(items))
    }
}
