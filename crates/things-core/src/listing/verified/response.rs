//! One response, reduced to the facts that a proof rests on.

use std::collections::HashMap;

use super::cover::Window;
use super::outcome::Why;
use crate::devices::{Device, Identity, Page, Said, SortOrder};

/// A request for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) order: SortOrder,
    pub(super) window: Window,
}

impl Ask {
    pub(super) fn ascending(window: Window) -> Self {
        Self { order: SortOrder::Ascending, window }
    }

    pub(super) fn is_descending(self) -> bool {
        self.order == SortOrder::Descending
    }
}

/// A larger total is ignored as a hint. The limit keeps all arithmetic on positions far from overflow.
const LARGEST_TOTAL: u64 = 1 << 40;

/// The response to a request.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) ticket: u64,
    pub(super) ask: Ask,
    pub(super) listed: Listed,
    /// The index of each device.
    pub(super) places: HashMap<Identity, usize>,
    pub(super) total: Option<u64>,
    pub(super) said: Said,
    /// The size that the service reports, if it is a cap: smaller than requested, and not smaller than the page.
    pub(super) named_cap: Option<u64>,
}

/// Devices next to each other, and their identities.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) ids: Vec<Identity>,
    pub(super) devices: Vec<Device>,
}

impl Listed {
    pub(super) fn len(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Reverses a page of the descending order.
    pub(super) fn reverse(&mut self) {
        self.ids.reverse();
        self.devices.reverse();
    }
}

impl Response {
    /// Reads a page, or returns why it cannot be part of any proof.
    pub(super) fn new(ticket: u64, ask: Ask, page: Page) -> Result<Self, Why> {
        let Window { number, size: asked } = ask.window;
        let ids: Vec<Identity> = page.devices.iter().map(|device| Identity::of(device.uuid())).collect();
        let mut places = HashMap::with_capacity(ids.len());
        for (place, id) in ids.iter().enumerate() {
            if places.insert(*id, place).is_some() {
                let uuid = page.devices.get(place).map(|device| device.uuid().to_owned());
                return Err(Why::Twice { uuid: uuid.unwrap_or_default() });
            }
        }
        let listed = Listed { ids, devices: page.devices };
        if listed.len() > asked {
            return Err(Why::Size { requested: asked, listed: listed.len() });
        }
        if let Some(other) = page.number.filter(|other| *other != number) {
            return Err(Why::Number { requested: number, listed: other });
        }
        let named_cap = page.size.filter(|size| listed.len() > 0 && listed.len() <= *size && *size < asked);
        let total = page.total_elements.map(|total| total.min(LARGEST_TOTAL));
        Ok(Self { ticket, ask, listed, places, total, said: page.said, named_cap })
    }

    /// The number of devices that this page could have held.
    pub(super) fn size(&self) -> u64 {
        self.named_cap.unwrap_or(self.ask.window.size)
    }

    /// Whether the page holds fewer devices than the service would have returned if there were more. If so, it ends at
    /// the very last device. `served` is a size that the service is known to return.
    ///
    /// A page marked `last` proves nothing: Spring corrects totals by the current page, so a service that caps page
    /// sizes without reporting it marks every page as the last.
    pub(super) fn ends_listing(&self, size: u64, served: u64) -> bool {
        self.listed.len() > 0 && self.is_short(size, served) && self.said.last != Some(false)
    }

    pub(super) fn is_short(&self, size: u64, served: u64) -> bool {
        self.listed.len() < size.min(served)
    }

    /// Whether this one page is the whole collection, in any order: it begins at one end and ends at the other.
    pub(super) fn is_everything(&self, served: u64) -> bool {
        let empty = self.listed.len() == 0 && self.total.unwrap_or(0) == 0 && self.said.last != Some(false);
        self.ask.window.number == 0 && (empty || self.ends_listing(self.size(), served))
    }
}
