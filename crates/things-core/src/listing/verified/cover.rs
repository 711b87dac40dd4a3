//! Pages as windows over positions: which page overlaps the known part and reaches furthest beyond it.
//!
//! Page `number` of size `size` covers the positions from `number * size` up to, not including, `(number + 1) * size`.
//! Pages of one size tile the positions, so no page contains the boundary between two of them. Pages of changing sizes
//! can overlap: pages 0 of 20, 1 of 19, 2 of 18 begin at 0, 19, 36 and end at 20, 38, 54.

/// A page as a window over positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) number: u64,
    pub(super) size: u64,
}

impl Window {
    /// The position of its first device.
    pub(super) fn start(self) -> u64 {
        self.number.saturating_mul(self.size)
    }

    /// The position after its last device.
    pub(super) fn end(self) -> u64 {
        self.number.saturating_add(1).saturating_mul(self.size)
    }
}

/// Returns the page of at most `most` devices that begins `overlap` or more before `end` and reaches furthest beyond `end`.
///
/// If no page overlaps that much, the overlap is halved, down to 1. `None` means that every size up to `most` divides
/// `end`, so that no page spans it.
///
/// Reaching furthest is optimal in requests: the further one page reaches, the further the next one can. Only the page that
/// passes the `total` is chosen differently, because reaching further brings nothing there.
pub(super) fn next_window(end: u64, overlap: u64, most: u64, total: Option<u64>) -> Option<Window> {
    let mut overlap = overlap.min(end);
    while overlap > 0 {
        if let Some(window) = furthest(end - overlap, end, most) {
            return Some(match total {
                Some(total) => latest(window, end - overlap, total.max(end), most),
                None => window,
            });
        }
        overlap /= 2;
    }
    None
}

/// Returns the page that begins at or before `limit` and reaches furthest beyond `end`; of equal ones, the larger.
fn furthest(limit: u64, end: u64, most: u64) -> Option<Window> {
    let mut best: Option<Window> = None;
    for size in (1..=most).rev() {
        // A page that begins at or before the limit ends at most its size after it, so the smaller sizes reach less
        // far.
        if best.is_some_and(|best| best.end() >= limit.saturating_add(size)) {
            break;
        }
        let window = Window { number: limit / size, size };
        if window.end() > best.map_or(end, Window::end) {
            best = Some(window);
        }
    }
    best
}

/// Of the pages that begin at or before `limit` and end after `goal`, returns the one that begins last, because it
/// repeats the fewest devices.
fn latest(furthest: Window, limit: u64, goal: u64, most: u64) -> Window {
    let mut best = furthest;
    for size in (1..=most).rev() {
        let window = Window { number: limit / size, size };
        if window.end() > goal && window.start() > best.start() {
            best = window;
        }
    }
    best
}

/// Returns the smallest page of at most `most` devices that covers the positions from `from` up to, not including, `to`.
pub(super) fn window_over(from: u64, to: u64, most: u64) -> Option<Window> {
    let last = to.checked_sub(1)?;
    (to.saturating_sub(from).max(1)..=most)
        .find(|size| from / size == last / size)
        .map(|size| Window { number: from / size, size })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(number: u64, size: u64) -> Option<Window> {
        Some(Window { number, size })
    }

    /// Returns the least common multiple of 1 up to `most`. No page spans its multiples.
    fn common_multiple(most: u64) -> u64 {
        fn divisor(a: u64, b: u64) -> u64 {
            if b == 0 { a } else { divisor(b, a % b) }
        }
        (1..=most).fold(1, |all, size| all / divisor(all, size) * size)
    }

    #[test]
    fn sizes_that_shrink_overlap_more_and_more() {
        assert_eq!(next_window(20, 1, 20, None), window(1, 19));
        assert_eq!(next_window(38, 1, 20, None), window(2, 18));
        assert_eq!(next_window(0, 1, 20, None), None);
    }

    #[test]
    fn the_page_that_passes_the_total_begins_late() {
        // Of all pages that pass position 100 and overlap by 2 or more, this is the last one to begin.
        let found = next_window(100, 2, 100, Some(100)).unwrap();
        assert!(found.end() > 100 && found.start() <= 98);
        assert_eq!(found.start(), 98);
    }

    #[test]
    fn a_position_that_all_sizes_divide_is_out_of_reach() {
        for most in [2, 3, 5, 7, 10] {
            let blind = common_multiple(most);
            assert_eq!(next_window(blind, 3, most, None), None, "{most}");
            assert!(next_window(blind + 1, 1, most, None).is_some() || most == 1);
        }
    }

    #[test]
    fn the_smallest_page_over_a_boundary() {
        assert_eq!(window_over(19, 21, 20), window(6, 3));
        assert_eq!(window_over(20, 21, 20), window(20, 1));
        assert_eq!(window_over(419, 421, 7), None, "420 is a multiple of all sizes up to 7");
        assert_eq!(window_over(0, 0, 20), None);
    }

    #[test]
    fn a_walk_costs_what_it_should() {
        // Requests and devices of an unchanging fleet, as a multiple of those of plain pages.
        for (fleet, most, requests, devices) in [
            (2_000, 20, 1.36, 1.22),
            (2_000, 100, 1.15, 1.07),
            (2_000, 500, 1.25, 1.01),
            (100_000, 100, 1.15, 1.09),
            (100_000, 1_000, 1.05, 1.03),
        ] {
            let (mut end, mut pages, mut read) = (most, 1, most);
            while end <= fleet {
                let next = next_window(end, 1 + most / 100, most, Some(fleet)).unwrap();
                pages += 1;
                read += next.end().min(fleet) - next.start();
                end = next.end();
            }
            let (times, volume) = (pages as f64 / (fleet / most) as f64, read as f64 / fleet as f64);
            assert!((times - requests).abs() < 0.006, "{fleet} by {most}: {times} times the requests");
            assert!((volume - devices).abs() < 0.006, "{fleet} by {most}: {volume} times the devices");
        }
    }

    proptest! {
        #[test]
        fn the_next_window_is_the_best_of_all(end in 0_u64..3_000, overlap in 1_u64..40, most in 1_u64..60) {
            let found = next_window(end, overlap, most, None);
            let best = |overlap: u64| {
                (1..=most).map(|size| Window { number: (end - overlap) / size, size }).map(Window::end).filter(|reach| *reach > end).max()
            };
            let mut overlap = overlap.min(end);
            while overlap > 0 && best(overlap).is_none() {
                overlap /= 2;
            }
            prop_assert_eq!(found.map(Window::end), if overlap > 0 { best(overlap) } else { None });
            if let Some(found) = found {
                prop_assert!(found.start() <= end - overlap && found.size <= most);
            } else {
                prop_assert!((1..=most).all(|size| end.is_multiple_of(size)));
            }
        }

        #[test]
        fn the_window_over_positions_is_the_smallest(from in 0_u64..500, length in 1_u64..30, most in 1_u64..60) {
            let to = from + length;
            let covers = |size: &u64| from / size * size <= from && (from / size + 1) * size >= to;
            let found = window_over(from, to, most);
            prop_assert_eq!(found.map(|found| found.size), (1..=most).find(covers));
        }
    }
}
