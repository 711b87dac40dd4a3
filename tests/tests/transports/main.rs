//! What both transports make of a network that works, and of one that does not: case by case, and alike.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod abandoned;
mod child;
mod client;
mod connecting;
mod current;
mod customers;
mod limits;
mod listing;
mod message;
mod proxy;
mod run;
mod tls;
mod watch;
