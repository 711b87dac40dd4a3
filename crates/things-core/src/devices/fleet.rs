//! All devices of a listing at once.

use super::{Device, Page};
use crate::error::Error;

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

impl Fleet {
    /// Puts pages together, in order.
    pub fn collect(pages: impl IntoIterator<Item = Result<Page, Error>>) -> Result<Self, Error> {
        let mut fleet = Self::default();
        pages.into_iter().try_for_each(|page| page.map(|page| fleet.add(page)))?;
        Ok(fleet)
    }

    /// Adds the next page.
    pub fn add(&mut self, page: Page) {
        if self.pages == 0 {
            // The total is the server's word: room is made for what it could plausibly be, and no more.
            let total = page.total_elements.unwrap_or(0).min(1_000_000);
            self.devices.reserve(usize::try_from(total).unwrap_or(0));
        }
        self.pages += 1;
        self.total_elements = page.total_elements.or(self.total_elements);
        self.devices.extend(page.devices);
    }
}
