//! How far a run is.

/// The numbers of a run so far. Items that earlier runs ended are not in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Items that were accepted.
    pub accepted: u64,
    /// Items that ended as not sent.
    pub not_sent: u64,
    /// Items that may have arrived.
    pub unknown: u64,
    /// Items in flight now.
    pub in_flight: usize,
    /// How often an item was not sent and will be tried again.
    pub retried: u64,
    /// Whether the run waits because the service accepts nothing.
    pub is_held: bool,
}
