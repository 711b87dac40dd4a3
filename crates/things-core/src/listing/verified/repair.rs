//! Chooses the request for a missing link: a page over the boundary, or a search for where the path ends now.

use super::chain::{Chain, Decision, Flight, Purpose};
use super::cover::{Window, window_over};
use super::response::Ask;

/// The maximum number of pages of growing size that are requested to close one gap.
const MAX_MENDS: u32 = 3;

impl Chain {
    /// Whether a page floats that nothing in flight can link: neither a page that starts before it, nor a mend.
    pub(super) fn must_mend(&self) -> bool {
        let Some(float) = self.floats.first() else { return false };
        let can_link = |flight: &Flight| {
            !flight.ask.is_descending()
                && (flight.ask.window.start() < float.start || flight.purpose == Purpose::Mend)
        };
        !self.flying.iter().any(can_link)
    }

    /// Requests a page over the boundary before the first floating page. If three pages of growing size did not link
    /// it, the floating pages are dropped, and the listing continues from where the path ends now.
    pub(super) fn mend(&mut self) -> Decision {
        let Some((start, end)) = self.floats.first().map(|float| (float.start, float.end)) else {
            return Decision::Wait;
        };
        let tries = self.gap_tries;
        self.gap_tries += 1;
        if tries == 0 {
            // The gap shows that the devices moved further than the overlap.
            self.note_shift(2 * self.overlap);
        }
        if tries < MAX_MENDS
            && let Some(window) = self.window_over_boundary(start, end, tries)
        {
            return Decision::Request(Purpose::Mend, Ask::ascending(window));
        }
        if !self.flying.is_empty() {
            return Decision::Wait;
        }
        self.floats.clear();
        self.setbacks += 1;
        self.gap_tries = 0;
        self.begin_hunt();
        Decision::Again
    }

    /// Returns a page around the position `start`. It reaches further in both directions after each failed attempt.
    fn window_over_boundary(&self, start: u64, end: u64, tries: u32) -> Option<Window> {
        let mut left = (self.overlap.max(2) << tries).min(self.cap - 1).min(start).max(1);
        let mut right = (1 + u64::from(tries) * self.overlap).min(end.saturating_sub(start));
        while left > 0 {
            let from = start.checked_sub(left);
            if let Some(window) = from.and_then(|from| window_over(from, start + right, self.cap)) {
                return Some(window);
            }
            if right > 1 {
                right = 1;
            } else {
                left /= 2;
            }
        }
        None
    }

    /// Starts a search for the end of the path. Devices before it were added or removed, so its position changed.
    pub(super) fn begin_hunt(&mut self) {
        let end = self.total.map_or(self.end, |total| total.min(self.end));
        self.hunt = Some((0, end.cast_signed()));
    }

    /// Requests a page in the middle of the range, until the range is empty.
    pub(super) fn hunt_between(&mut self, (low, high): (i64, i64)) -> Decision {
        if !self.flying.is_empty() {
            return Decision::Wait;
        }
        if high - low > 1 {
            let number = ((low + high) / 2).unsigned_abs() / self.cap;
            return Decision::Request(Purpose::Hunt, Ask::ascending(Window { number, size: self.cap }));
        }
        self.hunt = None;
        self.ahead_done = false;
        self.end = low.max(1).unsigned_abs();
        self.planned = self.end;
        Decision::Again
    }
}
