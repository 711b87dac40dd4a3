//! Numbered pages: which to ask for, in which order they come out, and when they end. No IO, no clock.
//!
//! ```text
//!   want() ──► page number to ask for: at most `window` under way, and twice as many ahead of the next to come out
//!   accept(number, page or error)
//!   take() ──► pages in order, each judged against the ones before
//! ```
//!
//! Page 0 goes alone, for it tells the total. The end is where the server says `last`, or where its total says. If
//! the two contradict each other one more page is asked for, so that nothing is cut off silently.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::config::Limits;
use crate::devices::{Device, Page};
use crate::error::Error;
use crate::session::Session;

/// Puts the pages of a listing in order, whoever fetches them and however many at a time.
#[derive(Debug)]
pub struct Pages {
    window: u64,
    /// Most pages that are taken.
    most: u64,
    pub(super) next_want: u64,
    next_take: u64,
    /// Pages that there are, as far as the server told: the largest number it gave.
    bound: u64,
    /// The lowest page that said `last`, with no devices after it.
    last: Option<Last>,
    /// The highest page that has devices, or says that others follow.
    furthest: u64,
    pub(super) ready: BTreeMap<u64, Result<Page, Error>>,
    size: Option<u64>,
    fingerprints: HashSet<u64>,
    empty_in_a_row: u32,
    finished: bool,
    total_elements: Option<u64>,
}

/// A page that said `last`.
#[derive(Debug, Clone, Copy)]
struct Last {
    page: u64,
    /// It also said that there are more: the page after it tells.
    doubtful: bool,
}

impl Last {
    /// How many pages to ask for.
    fn end(self) -> u64 {
        self.page + 1 + u64::from(self.doubtful)
    }
}

impl Pages {
    /// Pages in flight by default.
    pub const DEFAULT_WINDOW: usize = 8;

    /// Most pages in flight.
    pub const MAX_WINDOW: usize = 64;

    /// A listing is given up after this many empty pages in a row that are not the last.
    const MAX_EMPTY: u32 = 64;

    /// A listing with up to `window` pages in flight, from 1 to 64, and as many waiting to be taken: one that is slow
    /// does not hold up the others.
    pub fn new(window: usize) -> Self {
        Self {
            window: window.clamp(1, Self::MAX_WINDOW) as u64,
            most: Limits::default().max_pages,
            next_want: 0,
            next_take: 0,
            bound: 1,
            last: None,
            furthest: 0,
            ready: BTreeMap::new(),
            size: None,
            fingerprints: HashSet::new(),
            empty_in_a_row: 0,
            finished: false,
            total_elements: None,
        }
    }

    /// The same, but given up after this many pages: a server that always has one more would never end.
    pub fn at_most(mut self, pages: u64) -> Self {
        self.most = pages.min(u64::MAX - 1);
        self
    }

    /// The next page to fetch, if one may be fetched now. Every number is given once.
    pub fn want(&mut self) -> Option<u64> {
        let number = self.next_want;
        self.next_want += u64::from(self.room() > 0);
        (self.next_want > number).then_some(number)
    }

    /// How many pages may be fetched now: how often [`want`](Pages::want) would give one.
    pub fn room(&self) -> usize {
        if self.finished {
            return 0;
        }
        let flying = self.next_want - self.next_take - self.ready.len() as u64;
        let end = (self.next_take + 2 * self.window).min(self.end());
        let room = end.saturating_sub(self.next_want).min(self.window.saturating_sub(flying));
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Takes in the page that was fetched for `number`, or why it could not be.
    pub fn accept(&mut self, number: u64, page: Result<Page, Error>) {
        if let Ok(page) = &page {
            let total = self.total_pages(page, number);
            let more = number + 1 < total;
            if !page.devices.is_empty() || more && !page.last {
                self.furthest = self.furthest.max(number);
                self.last = self.last.filter(|last| last.page >= number);
            }
            if page.last && number >= self.furthest {
                // A page that says `last` and more pages in one breath is believed when the next has no devices.
                let last = Last { page: number, doubtful: more };
                self.last = Some(self.last.filter(|known| known.page < number).unwrap_or(last));
            }
            self.bound = self.bound.max(total);
        }
        self.ready.insert(number, page);
    }

    /// The next page in order, once it is there. After an error nothing more comes.
    pub fn take(&mut self) -> Option<Result<Page, Error>> {
        if self.finished {
            return None;
        }
        let page = self.ready.remove(&self.next_take)?;
        if page.is_err() && self.last.is_some_and(|last| last.end() <= self.next_take) {
            // It was under way when the end was told, and is not part of the listing.
            self.finished = true;
            self.ready.clear();
            return None;
        }
        let judged = page.and_then(|page| self.judge(&page).map(|()| page));
        self.next_take += 1;
        // Nothing is wanted and nothing is under way: this was the end.
        self.finished = judged.is_err() || (self.next_want == self.next_take && self.next_take >= self.end());
        if self.finished {
            self.ready.clear();
        }
        Some(judged)
    }

    /// Whether [`take`](Pages::take) would give something, or end the listing.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.contains_key(&self.next_take)
    }

    /// Whether the listing is over: all pages were taken, or an error.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The number of devices that the server told, in the page taken last.
    pub fn total_elements(&self) -> Option<u64> {
        self.total_elements
    }

    /// How many pages there are by what this one says. A total of devices that the pages up to it cannot hold tells of
    /// one page more, not of all: it may count what is not listed.
    fn total_pages(&self, page: &Page, number: u64) -> u64 {
        let size = self.size.or(page.size).filter(|size| *size > 0);
        let held = size.map(|size| size.saturating_mul(number + 1));
        let fewer = held.zip(page.total_elements).is_some_and(|(held, total)| held < total);
        page.total_pages.unwrap_or(0).max(if fewer { number + 2 } else { 0 })
    }

    /// The number of pages to ask for, as far as it is known.
    fn end(&self) -> u64 {
        let told = self.last.map_or(self.bound, |last| self.bound.min(last.end()));
        // The one page too many tells that there is one.
        told.min(self.most + 1)
    }

    /// Compares a page, in order, with what was asked for and what came before.
    fn judge(&mut self, page: &Page) -> Result<(), Error> {
        let asked = self.next_take;
        if let Some(number) = page.number.filter(|number| *number != asked) {
            return Err(Error::listing(format!("page {asked} was asked for and page {number} came")));
        }
        if asked >= self.most {
            return Err(Error::too_many_pages(format!("no end after {asked} pages")));
        }
        self.judge_size(page)?;
        if page.devices.is_empty() {
            self.empty_in_a_row += 1;
            if self.empty_in_a_row > Self::MAX_EMPTY {
                return Err(Error::listing(format!(
                    "{} empty pages in a row, the latest is page {asked}",
                    self.empty_in_a_row
                )));
            }
        } else {
            self.empty_in_a_row = 0;
            let fingerprint = fingerprint(&page.devices);
            if !self.fingerprints.insert(fingerprint) {
                return Err(Error::listing(format!("page {asked} has the same devices as a page before")));
            }
            // The end by the total, but not by `last`, or without a total: one more page tells.
            if !page.last && asked + 1 == self.bound {
                self.bound += 1;
            }
        }
        self.total_elements = page.total_elements.or(self.total_elements);
        Ok(())
    }

    /// Pages of different sizes do not fit together: devices between them would be lost or doubled.
    fn judge_size(&mut self, page: &Page) -> Result<(), Error> {
        let Some(size) = page.size else { return Ok(()) };
        let first = *self.size.get_or_insert(size);
        let shortened_last = page.last && size == page.devices.len() as u64;
        if size != first && !shortened_last {
            let asked = self.next_take;
            return Err(Error::listing(format!("page {asked} has the size {size}, and page 0 had {first}")));
        }
        Ok(())
    }
}

impl Session {
    /// The pages of a listing, with up to `window` of them in flight, within the limit of the configuration.
    pub fn pages(&self, window: usize) -> Pages {
        Pages::new(window).at_most(self.config().limits().max_pages)
    }
}

/// Tells a page from the others without keeping it.
fn fingerprint(devices: &[Device]) -> u64 {
    let mut hasher = DefaultHasher::new();
    devices.len().hash(&mut hasher);
    for device in [devices.first(), devices.last()].into_iter().flatten() {
        device.uuid().hash(&mut hasher);
        device.name().hash(&mut hasher);
        device.barcode().hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::devices::Fleet;
    use crate::error::ErrorKind;

    /// A server that has `fleet` devices and pages them as Spring does, with faults on request.
    #[derive(Clone)]
    struct Server {
        fleet: u64,
        size: u64,
        says_last: bool,
        says_total: bool,
    }

    impl Server {
        fn new(fleet: u64, size: u64) -> Self {
            Self { fleet, size, says_last: true, says_total: true }
        }

        fn total_pages(&self) -> u64 {
            self.fleet.div_ceil(self.size)
        }

        fn page(&self, number: u64) -> Page {
            let devices =
                (number * self.size..self.fleet.min((number + 1) * self.size)).map(device).collect();
            Page {
                devices,
                number: Some(number),
                size: Some(self.size),
                total_pages: self.says_total.then(|| self.total_pages()),
                total_elements: self.says_total.then_some(self.fleet),
                first: number == 0,
                last: self.says_last && number + 1 >= self.total_pages(),
                extra: Default::default(),
            }
        }
    }

    fn device(number: u64) -> Device {
        serde_json::from_value(serde_json::json!({"uuid": format!("device-{number}")})).unwrap()
    }

    /// Lists with `window` pages in flight, which are answered in the order that `pick` picks.
    fn list(
        mut pages: Pages,
        mut pick: impl FnMut(usize) -> usize,
        mut serve: impl FnMut(u64) -> Page,
    ) -> (Result<Vec<u64>, Error>, Vec<u64>) {
        let window = pages.window as usize;
        let (mut flying, mut asked, mut devices) = (Vec::new(), Vec::new(), Vec::new());
        while !pages.is_finished() {
            while let Some(number) = pages.want() {
                asked.push(number);
                flying.push(number);
                assert!(flying.len() <= window && flying.len() + pages.ready.len() <= 2 * window);
            }
            assert!(asked.len() <= 10_000, "no end");
            assert!(!flying.is_empty(), "neither finished nor anything to do");
            let number = flying.remove(pick(flying.len()));
            pages.accept(number, Ok(serve(number)));
            while let Some(page) = pages.take() {
                match page {
                    Ok(page) => devices
                        .extend(page.devices.iter().map(|device| device.uuid()[7..].parse::<u64>().unwrap())),
                    Err(error) => return (Err(error), asked),
                }
            }
        }
        (Ok(devices), asked)
    }

    fn in_order(server: &Server, window: usize) -> (Result<Vec<u64>, Error>, Vec<u64>) {
        list(Pages::new(window), |_| 0, |number| server.page(number))
    }

    fn message(result: Result<Vec<u64>, Error>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Listing);
        error.message().to_owned()
    }

    #[test]
    fn page_0_goes_alone_and_then_a_window_of_pages() {
        let mut pages = Pages::new(3);
        assert_eq!((pages.want(), pages.want()), (Some(0), None));
        pages.accept(0, Ok(Server::new(100, 10).page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(
            [pages.want(), pages.want(), pages.want(), pages.want()],
            [Some(1), Some(2), Some(3), None]
        );
    }

    #[test]
    fn a_slow_page_lets_others_go_ahead_until_there_are_twice_a_window() {
        let server = Server::new(100, 10);
        let mut pages = Pages::new(3);
        pages.want();
        pages.accept(0, Ok(server.page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(std::iter::from_fn(|| pages.want()).take(9).collect::<Vec<_>>(), [1, 2, 3]);
        for (came, next) in [(2, Some(4)), (3, Some(5)), (4, Some(6)), (5, None), (6, None)] {
            pages.accept(came, Ok(server.page(came)));
            assert_eq!(pages.want(), next, "page {came} came, page 1 did not");
        }
        pages.accept(1, Ok(server.page(1)));
        assert_eq!(pages.want(), None, "page 1 is there, and was not taken");
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(pages.want(), Some(7));
    }

    #[test]
    fn the_total_is_what_the_last_page_told_that_told_one() {
        let mut pages = Pages::new(1);
        assert_eq!(pages.total_elements(), None);
        for (number, told, total) in [(0, Some(45), 45), (1, None, 45), (2, Some(46), 46)] {
            assert_eq!(pages.want(), Some(number));
            pages.accept(number, Ok(Page { total_elements: told, ..Server::new(60, 20).page(number) }));
            assert!(pages.take().unwrap().is_ok());
            assert_eq!(pages.total_elements(), Some(total));
        }
    }

    #[test]
    fn pages_come_out_in_order_however_they_come_in() {
        let server = Server::new(100, 10);
        let (devices, asked) = list(Pages::new(4), |flying| flying - 1, |number| server.page(number));
        assert_eq!(devices.unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(asked, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_fleet_is_one_page() {
        let (devices, asked) = in_order(&Server::new(0, 20), 8);
        assert_eq!((devices.unwrap(), asked), (vec![], vec![0]));
    }

    #[test]
    fn an_empty_page_in_the_middle_is_not_the_end() {
        let server = Server::new(50, 10);
        let serve = |number| {
            let mut page = server.page(number);
            if number == 2 {
                page.devices.clear();
            }
            page
        };
        let (devices, asked) = list(Pages::new(1), |_| 0, serve);
        assert_eq!(devices.unwrap().len(), 40);
        assert_eq!(asked, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_server_that_never_says_last_is_asked_once_more() {
        let server = Server { says_last: false, ..Server::new(45, 20) };
        for window in [1, 8] {
            let (devices, asked) = in_order(&server, window);
            assert_eq!(devices.unwrap().len(), 45);
            assert_eq!(asked, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_server_without_totals_is_followed_to_its_last_page() {
        let server = Server { says_total: false, ..Server::new(45, 20) };
        let (devices, asked) = in_order(&server, 8);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
    }

    #[test]
    fn a_server_that_tells_nothing_ends_at_an_empty_page() {
        let server = Server { says_last: false, says_total: false, ..Server::new(45, 20) };
        let (devices, asked) = in_order(&server, 8);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_fleet_that_grows_is_listed_to_its_new_end() {
        let serve = |number| Server::new(if number < 2 { 40 } else { 70 }, 20).page(number);
        // Page 1 says that it is the last, so page 2 is not asked for: the server said so, and nothing contradicts it.
        assert_eq!(list(Pages::new(1), |_| 0, serve).1, [0, 1]);
        let early = |number| Server::new(if number < 1 { 40 } else { 70 }, 20).page(number);
        let (devices, asked) = list(Pages::new(8), |_| 0, early);
        assert_eq!((devices.unwrap().len(), asked), (70, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_fleet_that_shrinks_ends_early() {
        let serve = |number| Server::new(if number == 0 { 100 } else { 45 }, 20).page(number);
        let (devices, asked) = list(Pages::new(1), |_| 0, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
        let (devices, asked) = list(Pages::new(8), |flying| flying - 1, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2, 3, 4]));
    }

    #[test]
    fn devices_after_a_page_that_said_last_are_not_dropped() {
        let server = Server::new(80, 20);
        let serve = |number| {
            let mut page = server.page(number);
            page.last = number == 1 || page.last;
            page
        };
        for pick in [|_: usize| 0, |flying: usize| flying - 1] {
            let (devices, _) = list(Pages::new(4), pick, serve);
            assert_eq!(devices.unwrap().len(), 80);
        }
    }

    #[test]
    fn a_page_that_says_last_and_more_pages_is_not_the_end() {
        let server = Server::new(200, 20);
        for wrong in [0, 1, 4] {
            let serve = |number| {
                let mut page = server.page(number);
                page.last = number == wrong || page.last;
                page
            };
            for window in [1, 2, 4, 8, 64] {
                for pick in [|_: usize| 0, |flying: usize| flying - 1] {
                    let (devices, _) = list(Pages::new(window), pick, serve);
                    assert_eq!(devices.unwrap().len(), 200, "page {wrong}, window {window}");
                }
            }
        }
    }

    #[test]
    fn a_total_that_counts_pages_which_are_not_there_costs_one_page() {
        let server = Server::new(45, 20);
        let serve = |number| Page { total_pages: Some(9), ..server.page(number) };
        let (devices, asked) = list(Pages::new(1), |_| 0, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2, 3]));
    }

    #[test]
    fn an_empty_page_that_says_more_lets_the_listing_go_on_past_one_that_said_last() {
        let server = Server::new(40, 4);
        let serve = |number| {
            let mut page = server.page(number);
            page.last |= number == 3;
            if number == 4 {
                page.devices.clear();
            }
            page
        };
        for pick in [|_: usize| 0, |flying: usize| flying - 1] {
            let (devices, _) = list(Pages::new(2), pick, serve);
            assert_eq!(devices.unwrap().len(), 36);
        }
    }

    #[test]
    fn a_total_of_devices_that_the_pages_cannot_hold_is_followed() {
        let server = Server::new(45, 20);
        let serve = |number| {
            let page = server.page(number);
            Page { total_pages: None, last: number < 2 || page.last, ..page }
        };
        for window in [1, 8] {
            let (devices, asked) = list(Pages::new(window), |_| 0, serve);
            assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
        }
    }

    #[test]
    fn an_error_behind_the_last_page_is_no_error() {
        let shrunk = Server::new(60, 20);
        let mut pages = Pages::new(8);
        pages.want();
        pages.accept(0, Ok(Server::new(100, 20).page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(std::iter::from_fn(|| pages.want()).take(9).collect::<Vec<_>>(), [1, 2, 3, 4]);
        for number in [3, 4] {
            pages.accept(number, Err(Error::listing("gone")));
        }
        for number in [1, 2] {
            pages.accept(number, Ok(shrunk.page(number)));
            assert!(pages.take().unwrap().is_ok());
        }
        assert!(pages.take().is_none() && pages.is_finished());
    }

    #[test]
    fn the_same_page_again_is_an_error() {
        let server = Server::new(100, 20);
        let serve = |number| Page { number: Some(number), last: false, ..server.page(0) };
        assert!(message(list(Pages::new(1), |_| 0, serve).0).contains("same devices"));
    }

    #[test]
    fn another_page_than_asked_for_is_an_error() {
        let server = Server::new(100, 20);
        let serve = |number| server.page(if number == 2 { 3 } else { number });
        assert_eq!(message(list(Pages::new(1), |_| 0, serve).0), "page 2 was asked for and page 3 came");
    }

    #[test]
    fn another_size_in_the_middle_is_an_error() {
        let serve = |number| Server::new(100, if number == 2 { 10 } else { 20 }).page(number);
        assert_eq!(message(list(Pages::new(1), |_| 0, serve).0), "page 2 has the size 10, and page 0 had 20");
    }

    #[test]
    fn a_last_page_may_give_its_length_as_its_size() {
        let server = Server::new(45, 20);
        let serve = |number| {
            let page = server.page(number);
            Page { size: Some(page.devices.len() as u64), ..page }
        };
        assert_eq!(list(Pages::new(1), |_| 0, serve).0.unwrap().len(), 45);
    }

    #[test]
    fn endless_empty_pages_are_given_up() {
        let serve = |number| Page {
            total_pages: Some(1_000_000_000),
            last: false,
            ..Server::new(0, 20).page(number)
        };
        let (result, asked) = list(Pages::new(8), |_| 0, serve);
        assert!(message(result).contains("65 empty pages"));
        assert!(asked.len() < 80);
    }

    #[test]
    fn a_server_that_always_has_one_more_page_is_given_up() {
        let serve = |number| Page {
            total_pages: Some(number + 2),
            last: false,
            ..Server::new(u64::MAX, 1).page(number)
        };
        for window in [1, 8] {
            let (result, asked) = list(Pages::new(window).at_most(1_000), |_| 0, serve);
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooManyPages);
            assert_eq!(error.message(), "no end after 1000 pages");
            assert_eq!(asked.len(), 1_001);
        }
    }

    #[test]
    fn any_number_of_pages_may_be_allowed() {
        for most in [u64::MAX, u64::MAX - 1, 3] {
            let (devices, _) =
                list(Pages::new(1).at_most(most), |_| 0, |number| Server::new(45, 20).page(number));
            assert_eq!(devices.unwrap().len(), 45, "{most}");
        }
    }

    #[test]
    fn a_page_size_of_0_tells_nothing() {
        let serve = |number| Page { size: Some(0), ..Server::new(45, 20).page(number) };
        let (devices, asked) = list(Pages::new(1), |_| 0, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
    }

    #[test]
    fn an_error_comes_in_its_place_and_ends_the_listing() {
        let server = Server::new(100, 20);
        let mut pages = Pages::new(4);
        assert_eq!(pages.want(), Some(0));
        pages.accept(0, Ok(server.page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(std::iter::from_fn(|| pages.want()).take(9).collect::<Vec<_>>(), [1, 2, 3, 4]);
        pages.accept(2, Err(Error::listing("broken")));
        assert!(pages.take().is_none(), "page 1 comes first");
        pages.accept(1, Ok(server.page(1)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(pages.take().unwrap().unwrap_err().message(), "broken");
        assert!(pages.is_finished() && pages.take().is_none() && pages.want().is_none());
    }

    #[test]
    fn a_fleet_says_how_many() {
        let server = Server::new(45, 20);
        let fleet = Fleet::collect((0..3).map(|number| Ok(server.page(number)))).unwrap();
        assert_eq!((fleet.devices.len(), fleet.pages, fleet.total_elements), (45, 3, Some(45)));
    }

    #[test]
    fn a_fleet_makes_room_for_its_total_once() {
        let server = Server::new(45, 20);
        let mut fleet = Fleet::default();
        for number in 0..3 {
            fleet.add(server.page(number));
            assert!((45..90).contains(&fleet.devices.capacity()), "{}", fleet.devices.capacity());
        }
    }

    #[test]
    fn a_fleet_does_not_believe_in_an_absurd_total() {
        let page = Page { total_elements: Some(u64::MAX), ..Server::new(45, 20).page(0) };
        assert!(Fleet::collect([Ok(page)]).unwrap().devices.capacity() <= 1_000_000);
    }

    proptest! {
        #[test]
        fn a_steady_fleet_is_listed_whole_and_in_order(
            fleet in 0_u64..300, size in 1_u64..40, window in 1_usize..20, says_last: bool, says_total: bool, picks in proptest::collection::vec(any::<usize>(), 1..50)
        ) {
            let server = Server { says_last, says_total, ..Server::new(fleet, size) };
            let mut turn = 0;
            let pick = |flying: usize| { turn += 1; picks[turn % picks.len()] % flying };
            let (devices, asked) = list(Pages::new(window), pick, |number| server.page(number));
            prop_assert_eq!(devices.unwrap(), (0..fleet).collect::<Vec<_>>());
            prop_assert!(asked.len() as u64 <= server.total_pages().max(1) + 1);
        }

        #[test]
        fn a_lying_server_is_never_asked_without_end(
            lies in proptest::collection::vec((any::<bool>(), proptest::option::of(0_u64..30), 0_u64..4, proptest::option::of(0_u64..30)), 1..30), window in 1_usize..10
        ) {
            let serve = |number: u64| {
                let (last, total_pages, devices, named) = lies[number as usize % lies.len()];
                let devices = (0..devices).map(|nth| device(number * 10 + nth)).collect();
                Page { devices, number: named.map(|_| number), size: None, total_pages, total_elements: total_pages, first: false, last, extra: Default::default() }
            };
            let mut budget = 3_000;
            let (result, _) = list(Pages::new(window), |_| 0, |number| {
                budget -= 1;
                if budget > 0 { serve(number) } else { Server::new(0, 1).page(number) }
            });
            let _ = result;
        }
    }
}
