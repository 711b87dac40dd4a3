//! What only the ledger on PostgreSQL promises: several workers, a server that can be lost, and who may use it.

#![cfg(all(unix, feature = "postgres"))]
// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod acknowledgement;
mod connection;
mod ledger;
mod tls;
mod wire;
mod workers;
