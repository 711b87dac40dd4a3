//! All devices of a listing at once.

use super::Device;

/// All devices of a listing.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Fleet {
    /// The devices, in the order of the listing.
    pub devices: Vec<Device>,
    /// How many pages they came in.
    pub pages: u64,
    /// How many devices the server told there are, on the last page. Other than `devices.len()` if devices came or
    /// went meanwhile; that both are equal does not prove that none did.
    pub total_elements: Option<u64>,
}
