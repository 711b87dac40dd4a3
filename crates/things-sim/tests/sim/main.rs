//! The simulator over raw sockets: what it enforces, what goes wrong on demand, and how it ends.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod api;
mod bodies;
mod changes;
mod client;
mod connection;
mod control;
mod current;
mod destination;
mod device_file;
mod echo;
mod faults;
mod fleet;
mod grip;
mod ingestion;
mod log;
mod quirks;
mod record;
mod refusals;
mod tenants;
mod tls;
mod uplinks;
mod wrong_rules;
