//! All devices of a listing at once.

use super::{Device, ListingReport, Proof};

/// All devices of a listing.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Fleet {
    /// The devices, in the order of the listing.
    pub devices: Vec<Device>,
    /// The number of pages that held them.
    pub pages: u64,
    /// The number of devices that the service counted, from the last page that had a total. If it equals
    /// `devices.len()`, that does not prove that the listing is complete.
    pub total_elements: Option<u64>,
    /// The signs of missing devices that the listing noticed.
    pub report: ListingReport,
    /// The proof that the listing is complete. Only a listing by `verified` has one.
    pub proof: Option<Proof>,
}
