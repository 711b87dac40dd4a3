//! What bounds the memory and the waiting of a receiver.

use std::time::Duration;

/// The limits of a receiver. [`Limits::default`] suits a machine that receives up to some thousand messages per second.
///
/// The size of one message is a limit of the `Verifier`, 1 MiB by default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that are open at the same time (1,000).
    ///
    /// A further connection replaces the one that has kept the receiver waiting for the longest time. If all of them wait for
    /// the store, the further one waits too, and is not accepted yet.
    pub connections: usize,
    /// The time for the headers of a request, and for the TLS handshake (30 s). A connection without a request is closed after
    /// it.
    pub header_timeout: Duration,
    /// The time for the body of a request after its headers (30 s).
    pub body_timeout: Duration,
    /// Messages that wait for the store (10,000). One more gets a 503.
    pub queue: usize,
    /// Bytes of all messages that are being received or wait for the store (16 MiB). What exceeds it gets a 503. Buffers are larger than
    /// what is in them, so the process can take about three times as much.
    pub memory: usize,
    /// The time that a request waits for the store (10 s). Then it gets a 503.
    pub commit_timeout: Duration,
    /// The time that open requests have to end after the shutdown has begun (30 s).
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            queue: 10_000,
            memory: 16 << 20,
            commit_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}
