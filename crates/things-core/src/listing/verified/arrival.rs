//! The proof from a response: which of its devices are linked to the start, and whether it shows the end.
//!
//! The proof rests on this file. A link needs a device that is already on the path. The start needs the first page in
//! ascending order. The end needs a page that is smaller than the service would have returned, or the first page in
//! descending order.

use super::chain::{Chain, First, Flight, Float, Purpose};
use super::outcome::Why;
use super::response::{Ask, Response};
use crate::devices::{Identity, Page};

impl Chain {
    /// Processes a response. An unknown or outdated ticket changes nothing.
    pub(super) fn accept(&mut self, ticket: u64, page: Page) {
        let Some(Flight { purpose, ask, .. }) = self.land(ticket) else { return };
        if self.outcome.is_some() {
            return;
        }
        if let Err(why) = self.judge(ticket, purpose, ask, page) {
            self.fail(why);
        }
    }

    fn judge(&mut self, ticket: u64, purpose: Purpose, ask: Ask, page: Page) -> Result<(), Why> {
        let response = Response::new(ticket, ask, page)?;
        if response.is_everything(self.served) {
            self.accept_everything(response);
            return Ok(());
        }
        self.order.hear(&response.said.sort)?;
        self.served = self.served.max(response.listed.len());
        if ask.is_descending() {
            self.accept_descending(response);
        } else {
            self.order.see(&response.listed.devices)?;
            self.order.compare(&response.listed.ids, &response.places)?;
            self.accept_ascending(purpose, response);
        }
        Ok(())
    }

    /// Processes a page that holds the whole collection. No link is needed, so the order does not matter.
    fn accept_everything(&mut self, mut response: Response) {
        if response.ask.is_descending() && self.descends {
            response.listed.reverse();
        }
        self.path.extend(response.listed, 0, response.ticket);
        self.prove(false);
    }

    fn accept_ascending(&mut self, purpose: Purpose, response: Response) {
        let size = self.learn_size(&response);
        let (number, count) = (response.ask.window.number, response.listed.len());
        let start = number.saturating_mul(size);
        self.total = response.total.or(self.total);
        self.path.reserve(self.total.unwrap_or(0));
        if purpose == Purpose::Hunt && self.narrow_hunt(&response, start) {
            return;
        }
        if count == 0 {
            // An empty page shows that the listing now ends before it. It does not show that all earlier devices were
            // listed, because they may have moved over a boundary that no page spanned.
            self.ahead_done = true;
            self.limit_total(start);
            self.end = self.end.min(start);
            return self.idle();
        }
        let short = response.is_short(size, self.served);
        let ends_listing = response.ends_listing(size, self.served);
        let starts_listing = number == 0 && response.said.first != Some(false);
        let known = self.path.len();
        let Response { ticket, listed, .. } = response;
        let float = Float { ticket, start, end: start + count, listed, ends_listing };
        if starts_listing {
            self.path.begin(&float.listed.ids);
            if self.attach(float, 0) {
                return self.prove(true);
            }
        } else {
            let place = self.floats.partition_point(|other| other.start <= start);
            self.floats.insert(place, float);
        }
        if self.attach_floats() {
            return self.prove(true);
        }
        if ends_listing || (short && self.path.len() == known) {
            self.ahead_done = true;
            self.limit_total(start + count);
        }
        self.idle();
    }

    /// Learns the page size of the service, and returns the size of this page. This is a guess. It decides which
    /// positions the page seems to cover, but positions prove nothing.
    fn learn_size(&mut self, response: &Response) -> u64 {
        let (mut size, count) = (response.size(), response.listed.len());
        if response.named_cap.is_some() {
            self.cap = self.cap.min(size.max(2));
        }
        if self.first == First::InFlight {
            self.first = First::Arrived;
            if count < size {
                // Either the listing ends here, or the service caps sizes without reporting it.
                self.cap = self.cap.min(count.max(self.least_cap).max(2));
                size = size.min(self.cap);
            }
        } else if count > self.cap {
            self.cap = count.min(self.size);
        }
        size
    }

    /// Narrows the search for the end of the path by a page of it. Returns whether the search continues: the end of the
    /// path is not in this page, and the page is not the first one.
    fn narrow_hunt(&mut self, response: &Response, start: u64) -> bool {
        let Some((low, high)) = self.hunt else { return false };
        let ids = &response.listed.ids;
        let count = response.listed.len();
        let (start, behind) = (start.cast_signed(), (start + count).cast_signed());
        if response.ask.window.number > 0 {
            if self.path.first_known(ids).is_none() {
                self.hunt = Some((low, start.min(high - 1)));
                return true;
            }
            let last = ids.last();
            let goes_on = last.is_some_and(|id| self.path.contains(*id)) && !self.path.is_last(last);
            if goes_on && count == self.cap {
                self.hunt = Some((behind.max(low + 1), high));
                return true;
            }
        }
        self.hunt = None;
        self.ahead_done = false;
        self.end = behind.unsigned_abs();
        false
    }

    /// Processes the first page in descending order, whose first device is the last of all. That counts only if the
    /// service provably honours the order, by two devices that a page in ascending order has the other way round.
    fn accept_descending(&mut self, mut response: Response) {
        response.listed.reverse();
        if let Some(place) = self.path.first_known(&response.listed.ids) {
            match self.is_honoured(&response.listed.ids) {
                Some(true) => {
                    let float = Float {
                        ticket: response.ticket,
                        start: self.end,
                        end: self.end,
                        listed: response.listed,
                        ends_listing: true,
                    };
                    if self.attach(float, place + 1) {
                        return self.prove(true);
                    }
                }
                Some(false) => self.descends = false,
                // The page does not show it. The next page in descending order is larger.
                None => {}
            }
        }
        self.idle();
    }

    /// Whether a reversed page has its devices in the order of the pages in ascending order. `None` if no two of its
    /// devices were in one such page.
    fn is_honoured(&self, ids: &[Identity]) -> Option<bool> {
        // One device has no order. It may be the first of many, if the service returns pages of one and ignores the
        // order.
        let mut honoured = None;
        for page in self.order.recent().chain(self.path.ends()) {
            let places = ids
                .iter()
                .filter(|id| self.path.contains(**id))
                .filter_map(|id| page.iter().position(|other| other == id));
            let places: Vec<usize> = places.collect();
            if !places.is_sorted() {
                return Some(false);
            }
            if places.len() > 1 {
                honoured = Some(true);
            }
        }
        honoured
    }

    /// Attaches each floating page that has a device of the path. Returns whether the end is reached.
    fn attach_floats(&mut self) -> bool {
        loop {
            let linked =
                self.floats.iter().enumerate().find_map(|(at, float)| {
                    self.path.first_known(&float.listed.ids).map(|place| (at, place))
                });
            let Some((at, place)) = linked else { return false };
            let float = self.floats.remove(at);
            // Devices before the first known one may be new. They are not linked, because nothing in this page leads to
            // them.
            if self.attach(float, place + 1) {
                return true;
            }
        }
    }

    /// Adds the devices of a page from `place` on, which are linked to the start. Returns whether the end is reached.
    fn attach(&mut self, float: Float, place: usize) -> bool {
        let Float { ticket, start, end, listed, ends_listing } = float;
        if self.path.len() > 0 && start < self.end {
            let known = self.path.last_known(&listed.ids).map_or(0, |place| place as u64 + 1);
            self.note_shift((self.end - start).saturating_sub(known));
        }
        let last = listed.ids.last().copied();
        if self.path.extend(listed, place, ticket) {
            self.grown_at = self.tickets;
            self.gap_tries = 0;
            self.end_tries = 0;
            self.setbacks = 0;
        }
        if end > self.end || self.path.is_last(last.as_ref()) {
            self.end = end;
        }
        ends_listing
    }

    fn limit_total(&mut self, total: u64) {
        self.total = Some(self.total.map_or(total, |known| known.min(total)));
    }
}
