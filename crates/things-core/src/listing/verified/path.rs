//! The path of links from the start of the listing: which devices are on it, and which of them were not taken yet.

use std::collections::VecDeque;

use super::response::Listed;
use crate::devices::{Device, Identities, Identity};

/// The devices that can be reached from the start over links. Two devices are linked if they were next to each other in
/// one response.
#[derive(Debug, Default)]
pub(super) struct Path {
    seen: Identities,
    /// The devices that were not taken yet, in order.
    waiting: VecDeque<Waiting>,
    /// The device that is furthest along.
    last: Option<Identity>,
    /// Its `uuid`.
    last_uuid: Option<String>,
    /// The first page.
    head: Vec<Identity>,
    /// The page of the last device.
    tail: Vec<Identity>,
}

#[derive(Debug)]
struct Waiting {
    id: Identity,
    device: Device,
    /// The request that returned it.
    ticket: u64,
}

impl Path {
    /// Reserves room for this many devices in all.
    pub(super) fn reserve(&mut self, devices: u64) {
        self.seen.reserve(devices);
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The number of devices that were taken.
    pub(super) fn taken(&self) -> usize {
        self.seen.len() - self.waiting.len()
    }

    pub(super) fn contains(&self, id: Identity) -> bool {
        self.seen.contains(id)
    }

    pub(super) fn is_last(&self, id: Option<&Identity>) -> bool {
        id.is_some() && self.last.as_ref() == id
    }

    pub(super) fn last_uuid(&self) -> Option<&str> {
        self.last_uuid.as_deref()
    }

    /// The first page and the page of the last device.
    pub(super) fn ends(&self) -> [&[Identity]; 2] {
        [&self.head, &self.tail]
    }

    /// Returns the index of the first device that is on the path.
    pub(super) fn first_known(&self, ids: &[Identity]) -> Option<usize> {
        ids.iter().position(|id| self.seen.contains(*id))
    }

    /// Returns the index of the last device that is on the path.
    pub(super) fn last_known(&self, ids: &[Identity]) -> Option<usize> {
        ids.iter().rposition(|id| self.seen.contains(*id))
    }

    /// Remembers the first page, if there is none yet.
    pub(super) fn begin(&mut self, ids: &[Identity]) {
        if self.head.is_empty() {
            self.head = ids.to_vec();
        }
    }

    /// Adds the devices from `place` on, which are linked to the path, and returns whether one of them is new.
    ///
    /// A device that occurred before and was not taken yet is replaced if this request was sent later.
    pub(super) fn extend(&mut self, listed: Listed, place: usize, ticket: u64) -> bool {
        let Listed { ids, devices } = listed;
        let mut new = false;
        for (at, (id, device)) in ids.iter().zip(devices).enumerate() {
            if at >= place && self.seen.insert(*id) {
                new = true;
                self.last = Some(*id);
                self.last_uuid = Some(device.uuid().to_owned());
                self.waiting.push_back(Waiting { id: *id, device, ticket });
            } else if let Some(waiting) = self.waiting.iter_mut().rfind(|waiting| waiting.id == *id)
                && waiting.ticket < ticket
            {
                waiting.device = device;
                waiting.ticket = ticket;
            }
        }
        if new {
            self.tail = ids;
        }
        new
    }

    /// Takes the devices that were not taken yet.
    pub(super) fn take(&mut self) -> Vec<Device> {
        self.waiting.drain(..).map(|waiting| waiting.device).collect()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
