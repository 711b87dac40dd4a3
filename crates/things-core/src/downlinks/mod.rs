//! Downlinks: what is sent to a device, and the outcome.

mod dev_eui;
mod device_urn;
mod payload;
mod records;
mod reference;
mod row;
mod run;
mod send;

pub use dev_eui::DevEui;
pub use device_urn::DeviceUrn;
pub use payload::{FPort, Payload};
pub use reference::ExternalReference;
pub use row::{Row, RowColumn, RowError, RowMistake};
pub use run::{
    BulkItem, Claim, ClaimToken, Granted, Ledger, LedgerCommit, LedgerCommitted, LedgerError, MemoryLedger,
    Record, Run, RunOptions, RunProgress, Sent, Transaction,
};
pub use send::{Downlink, Receipt};
