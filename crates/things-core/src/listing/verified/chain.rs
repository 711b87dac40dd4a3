//! The chain: which page to request next, until links lead from the start of the listing to its end.
//!
//! Positions, totals and sizes only choose what to request. They prove nothing: [`arrival`](super::arrival) decides by
//! the devices of a response alone which of them are linked. So any other choice in this file costs requests, never
//! correctness.

use std::collections::VecDeque;

use super::cover::{Window, next_window};
use super::order::OrderEvidence;
use super::outcome::{Outcome, Why};
use super::path::Path;
use super::response::{Ask, Listed};
use crate::devices::{Device, Gap, Proof, SortOrder};

/// The service honours at least this page size, because it is its documented default.
pub(super) const LEAST_CAP: u64 = 20;

/// The maximum number of failed attempts in a row to find the end, or to start again after a gap.
const MAX_TRIES: u32 = 12;

/// The maximum number of requests in a row without a new device. It ends a listing of a service that sends the same
/// devices for every page: each page seems to come after the one before, and so the fleet seems to grow.
const MAX_STALL: u64 = 500;

/// The state of a verified listing, without the network.
#[derive(Debug)]
pub(super) struct Chain {
    /// The largest page to request.
    pub(super) size: u64,
    /// Requests in flight at a time.
    window: usize,
    /// The maximum number of requests of the listing.
    most: u64,
    /// The size to which pages are limited: the requested one, or what the service seems to return. At least 2, because
    /// a page of 1 links nothing.
    pub(super) cap: u64,
    /// A page size that the service is known to return. A smaller page ended because there were no more devices.
    pub(super) served: u64,
    /// A page size that the service is assumed to honour.
    pub(super) least_cap: u64,
    /// The number of devices that two neighbouring pages share in an unchanging fleet.
    base_overlap: u64,
    /// The number of devices that they share now.
    pub(super) overlap: u64,
    /// How far the devices had moved to the front when the latest pages arrived.
    shifts: VecDeque<u64>,
    pub(super) path: Path,
    /// Floating pages, which have no link to the path yet, by their start position.
    pub(super) floats: Vec<Float>,
    pub(super) flying: Vec<Flight>,
    pub(super) tickets: u64,
    /// The number of requests that had been sent when the path last grew.
    pub(super) grown_at: u64,
    repairs: u64,
    pub(super) first: First,
    /// The position after the path, as of its newest page.
    pub(super) end: u64,
    /// Pages are requested up to this position.
    pub(super) planned: u64,
    /// The apparent number of devices.
    pub(super) total: Option<u64>,
    /// Whether there seems to be nothing to request ahead.
    pub(super) ahead_done: bool,
    /// The positions between which the lost end of the path is searched for. The second one can be smaller.
    pub(super) hunt: Option<(i64, i64)>,
    /// The attempts since the path last grew: to close the first gap, to find the end, to start again after the path.
    pub(super) gap_tries: u32,
    pub(super) end_tries: u32,
    pub(super) setbacks: u32,
    /// Whether the service was never seen to ignore the descending order.
    pub(super) descends: bool,
    pub(super) order: OrderEvidence,
    pub(super) outcome: Option<Outcome>,
}

/// The state of the first page. It is requested alone, because it shows the size of pages and fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Wanted,
    InFlight,
    Arrived,
}

/// A floating page, which has no link to the path yet.
#[derive(Debug)]
pub(super) struct Float {
    pub(super) ticket: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) listed: Listed,
    /// Whether its last device is the last of all.
    pub(super) ends_listing: bool,
}

/// A request in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) ticket: u64,
    pub(super) purpose: Purpose,
    pub(super) ask: Ask,
}

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Continues the path.
    Ahead,
    /// Links a floating page.
    Mend,
    /// Finds where the path ends now.
    Hunt,
    /// Shows that no device follows.
    End,
}

/// The decision of one rule.
pub(super) enum Decision {
    Request(Purpose, Ask),
    Wait,
    /// The rule changed the state, so all rules are applied again.
    Again,
}

impl Chain {
    /// Creates a listing by pages of at most `size` devices, with up to `window` requests in flight and at most `most`
    /// in all.
    pub(super) fn new(size: u64, window: usize, most: u64) -> Self {
        let size = size.max(2);
        let overlap = overlap_of(size);
        Self {
            size,
            window,
            most,
            cap: size,
            served: LEAST_CAP,
            least_cap: LEAST_CAP,
            base_overlap: overlap,
            overlap,
            shifts: VecDeque::new(),
            path: Path::default(),
            floats: Vec::new(),
            flying: Vec::new(),
            tickets: 0,
            grown_at: 0,
            repairs: 0,
            first: First::Wanted,
            end: 0,
            planned: 0,
            total: None,
            ahead_done: false,
            hunt: None,
            gap_tries: 0,
            end_tries: 0,
            setbacks: 0,
            descends: true,
            order: OrderEvidence::new(window + 3),
            outcome: None,
        }
    }

    /// Assumes that the service honours another page size.
    pub(super) fn least_cap(mut self, devices: u64) -> Self {
        self.least_cap = devices;
        self.served = devices;
        self
    }

    /// Requests smaller pages, before the first one has arrived.
    pub(super) fn shrink(&mut self, size: u64) {
        self.size = size;
        self.cap = size;
        self.base_overlap = overlap_of(size);
        self.overlap = self.base_overlap;
    }

    /// Returns the next request and its ticket, if one should be sent now.
    pub(super) fn want(&mut self) -> Option<(u64, Ask)> {
        loop {
            // After a setback, pages are requested one by one, because more of them would only chase the same changes.
            let room = if self.setbacks > 0 { 1 } else { self.window };
            if self.outcome.is_some() || self.first == First::InFlight || self.flying.len() >= room {
                return None;
            }
            if self.is_exhausted() {
                if self.flying.is_empty() {
                    let requests = self.tickets;
                    let limited = requests >= self.most;
                    self.fail(if limited { Why::Limit { requests } } else { Why::Tries { requests } });
                }
                return None;
            }
            let decision = if self.first == First::Wanted {
                self.first = First::InFlight;
                Decision::Request(Purpose::Ahead, Ask::ascending(Window { number: 0, size: self.size }))
            } else if self.must_mend() {
                self.mend()
            } else if let Some(range) = self.hunt {
                self.hunt_between(range)
            } else if !self.ahead_done {
                self.read_ahead()
            } else {
                self.seek_end()
            };
            match decision {
                Decision::Request(purpose, ask) => return Some(self.request(purpose, ask)),
                Decision::Wait => return None,
                Decision::Again => {}
            }
        }
    }

    /// Records that no response will arrive for this ticket. Other requests will cover it.
    pub(super) fn lost(&mut self, ticket: u64) {
        let Some(flight) = self.land(ticket) else { return };
        if self.first == First::InFlight {
            self.first = First::Wanted;
        }
        if flight.purpose == Purpose::End {
            self.end_tries = self.end_tries.saturating_sub(1);
        }
        self.idle();
    }

    /// Takes the devices that are linked to the start and were not taken yet, in order.
    pub(super) fn take(&mut self) -> Vec<Device> {
        self.path.take()
    }

    /// Removes and returns the flight of a ticket. `None` if the ticket is not in flight.
    pub(super) fn land(&mut self, ticket: u64) -> Option<Flight> {
        let place = self.flying.iter().position(|flight| flight.ticket == ticket)?;
        Some(self.flying.remove(place))
    }

    /// If nothing is in flight and nothing floats, makes the next page follow the path, whatever was planned before.
    pub(super) fn idle(&mut self) {
        if self.flying.is_empty() && self.floats.is_empty() && self.outcome.is_none() {
            self.planned = self.end;
            if self.end_tries == 0 && self.total.is_some_and(|total| total > self.end) {
                self.ahead_done = false;
            }
        }
    }

    /// Ends the listing with a proof, unless the order that all links rest on is not proven.
    pub(super) fn prove(&mut self, order_matters: bool) {
        if order_matters && !self.order.is_shown(self.path.len()) {
            return self.fail(self.order.doubt());
        }
        self.floats.clear();
        self.outcome = Some(Outcome::Proven(Proof { requests: self.tickets, repairs: self.repairs }));
    }

    /// Ends the listing without a proof, and records where a device may be missing.
    pub(super) fn fail(&mut self, why: Why) {
        let gaps = if why.doubts_order() { vec![Gap { after: None, before: None }] } else { self.gaps() };
        self.outcome = Some(Outcome::Incomplete { gaps, why });
    }

    /// Returns the gaps after the path and after each floating page.
    fn gaps(&self) -> Vec<Gap> {
        let uuid = |device: Option<&Device>| device.map(|device| device.uuid().to_owned());
        let mut gaps = Vec::new();
        let mut after = self.path.last_uuid().map(str::to_owned);
        for float in &self.floats {
            let devices = &float.listed.devices;
            gaps.push(Gap { after, before: uuid(devices.first()) });
            after = uuid(devices.last());
        }
        if !self.floats.iter().any(|float| float.ends_listing) {
            gaps.push(Gap { after, before: None });
        }
        gaps
    }

    /// Records how far the devices had moved to the front, and overlaps the next pages by that much more.
    pub(super) fn note_shift(&mut self, devices: u64) {
        if self.shifts.len() == 8 {
            self.shifts.pop_front();
        }
        self.shifts.push_back(devices.min(self.size / 4));
        self.overlap = self.base_overlap + self.shifts.iter().max().copied().unwrap_or(0);
    }

    fn request(&mut self, purpose: Purpose, ask: Ask) -> (u64, Ask) {
        self.tickets += 1;
        if purpose != Purpose::Ahead {
            self.repairs += 1;
        }
        self.flying.push(Flight { ticket: self.tickets, purpose, ask });
        (self.tickets, ask)
    }

    /// Whether the requests are used up, or the attempts since the path last grew. The number of requests grows with
    /// the known part of the fleet, so that a total that is far too large does not keep a listing running forever.
    fn is_exhausted(&self) -> bool {
        let devices = self.total.unwrap_or(0).max(self.end).max(self.path.len() as u64);
        let budget = 60_u64.saturating_add(devices.div_ceil(self.cap).saturating_mul(12));
        let stalled = self.tickets - self.grown_at >= MAX_STALL;
        stalled
            || self.tickets >= budget.min(self.most)
            || self.setbacks > MAX_TRIES
            || self.end_tries > MAX_TRIES
    }

    /// Requests the page that follows the planned ones and overlaps them.
    fn read_ahead(&mut self) -> Decision {
        if self.floats.len() >= self.window + 3 {
            return Decision::Wait;
        }
        let Some(window) = next_window(self.planned, self.overlap, self.cap, self.total) else {
            self.ahead_done = true;
            return Decision::Again;
        };
        self.planned = window.end();
        self.ahead_done = self.total.is_some_and(|total| self.planned > total);
        Decision::Request(Purpose::Ahead, Ask::ascending(window))
    }

    /// Requests a page that can show that nothing follows the path. It alternates between a page over the end, the
    /// first page in descending order, and a search for where the path ends now.
    fn seek_end(&mut self) -> Decision {
        if !self.flying.is_empty() || !self.floats.is_empty() {
            return Decision::Wait;
        }
        let tries = self.end_tries;
        self.end_tries += 1;
        if tries == 0
            && let Some(window) = next_window(self.end, self.overlap, self.cap, self.total)
        {
            return Decision::Request(Purpose::End, Ask::ascending(window));
        }
        let turn = tries % 3;
        if turn == 0 || (turn == 2 && !self.descends) {
            self.begin_hunt();
            return Decision::Again;
        }
        if self.descends {
            let size = ((self.overlap + 1) << (tries - 1)).clamp(2, self.size);
            let ask = Ask { order: SortOrder::Descending, window: Window { number: 0, size } };
            return Decision::Request(Purpose::End, ask);
        }
        let window = next_window(self.end, self.overlap << tries, self.cap, self.total);
        let window = window.unwrap_or(Window { number: 0, size: self.size });
        Decision::Request(Purpose::End, Ask::ascending(window))
    }
}

/// Returns the number of devices that two neighbouring pages of this size share in an unchanging fleet.
fn overlap_of(size: u64) -> u64 {
    1 + size / 100
}
