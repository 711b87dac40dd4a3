//! The items of a job as a store keeps them.

use std::time::SystemTime;

use things_core::BulkItem;

/// The state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemState {
    /// Never claimed.
    Pending,
    /// Claimed by a run.
    Sending,
    /// Accepted by the service.
    Accepted,
    /// Provably not sent.
    NotSent,
    /// May have arrived.
    Unknown,
}

impl ItemState {
    /// All states, in the order of an item's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Sending, Self::Accepted, Self::NotSent, Self::Unknown];

    /// The name in reports and in the store: `pending`, `sending`, `accepted`, `not_sent` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

/// An item of a job, and its record.
#[derive(Debug, Clone)]
pub struct StoredItem {
    /// Its place in the input, from 0.
    pub index: u64,
    /// The item.
    pub item: BulkItem,
    /// Its state.
    pub state: ItemState,
    /// How often it was claimed, in all runs.
    pub tries: u32,
    /// The number of requests that were sent for it by its last claim.
    pub attempts: u32,
    /// The status of the last response, if there was one.
    pub status: Option<u16>,
    /// The response's body, or the reason why it was not accepted.
    pub detail: String,
    /// When it was claimed last.
    pub claimed: Option<SystemTime>,
    /// When its outcome was recorded.
    pub ended: Option<SystemTime>,
    /// Whether the next run sends it, although it was not sent.
    pub resumable: bool,
}
