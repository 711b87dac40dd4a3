//! The fault matrix: each promise of `docs/faults.md` that the clients for Rust keep, tried with the real clients.
//!
//! A test is a part of a row, and its name begins with that of the row:
//!
//! ```text
//! cargo test -p things-tests --test faults r1_                            the cases that CI runs
//! THINGS_FAULTS=whole cargo test --release -p things-tests --test faults r1_         all of them
//! THINGS_FAULTS_SEED=123 cargo test -p things-tests --test faults r1_              other ones
//! ```
//!
//! `cargo xtask faults` runs the matrix, that of the Python package included, and writes the page.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bulk;
mod client;
mod clock;
mod downlinks;
mod garbage;
mod hanging;
mod input;
mod ledger;
mod limits;
mod listings;
mod overload;
mod pages;
mod pooling;
#[cfg(target_os = "linux")]
mod receiver;
mod redirects;
mod service;
mod size;
mod slowness;
mod threads;
mod tokens;
mod trial;
mod uplinks;
mod waiting;
#[cfg(unix)]
mod workers;
