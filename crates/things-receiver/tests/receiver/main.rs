//! A receiver with real sockets, a real HTTP client, and a real inbox.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod extractor;
mod gate;
mod limits;
mod running;
mod shutdown;
mod statuses;
mod tls;
mod writer;
