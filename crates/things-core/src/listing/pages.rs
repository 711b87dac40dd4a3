//! Numbered pages: which to request, in which order they are returned, and when they end.
//!
//! The first page is requested alone, because it contains the total. After it, pages are fetched ahead: up to `window`
//! are in flight, and as many wait to be taken. Pages are counted from the first page of the listing, which need not be
//! page 0 of the service.
//!
//! Whether another page follows is decided in the order of the pages, one after the other. Pages that were fetched
//! ahead and turn out to be beyond the end are dropped. So the result of a listing depends neither on the window nor on
//! the order in which responses arrive.
//!
//! | page | totals so far mean that more follow | next |
//! |---|---|---|
//! | is marked `last` | no, or its own total confirms the end | the end |
//! | is marked `last` | yes | one more page, in doubt |
//! | has devices, is not marked `last` | yes | the next page |
//! | has devices, is not marked `last` | no | one more page, in doubt |
//! | is empty, is not marked `last` | yes | the next page |
//! | is empty | no | the end |
//! | is empty, and was requested in doubt | only if its own total means so | the next page, else the end |

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::defaults::Defaults;
use super::device_feed::{DeviceFeed, room};
use crate::config::Limits;
use crate::devices::{Device, Fleet, Identities, Identity, ListDevices, ListingReport, Page};
use crate::error::Error;
use crate::feed::{Feed, Ticket, Want};
use crate::input::InputError;
use crate::moment::Moment;
use crate::session::Session;

/// The pages of a listing, in order: a [`Feed`] of [`Page`]s.
#[derive(Debug)]
pub struct Pages {
    query: ListDevices,
    /// The service's number of the first page.
    first: u64,
    defaults: Defaults,
    window: u64,
    /// The maximum number of pages to take.
    most: u64,
    next_want: u64,
    next_take: u64,
    /// The number of pages according to the pages taken so far: the largest of their totals.
    bound: u64,
    /// Whether the next page was requested because the previous pages contradict each other, or do not show where they
    /// end.
    doubt: bool,
    /// How far to fetch ahead, according to all pages that arrived.
    ahead: Ahead,
    ready: BTreeMap<u64, Result<Page, Error>>,
    size: Option<u64>,
    fingerprints: HashSet<u64>,
    empty_in_a_row: u32,
    finished: bool,
    /// The devices that were returned.
    seen: Identities,
    report: ListingReport,
    strict: bool,
    /// The error after the last page.
    failure: Option<Error>,
    /// Whether the listing ended with an error.
    failed: bool,
}

/// The apparent number of pages. It only decides what to fetch ahead.
#[derive(Debug, Default)]
struct Ahead {
    bound: u64,
    last: Option<u64>,
}

impl Ahead {
    fn end(&self) -> u64 {
        self.last.map_or(self.bound, |last| self.bound.min(last + 1))
    }
}

impl Pages {
    /// The default number of pages in flight.
    pub const DEFAULT_WINDOW: usize = 8;

    /// The maximum number of pages in flight.
    pub const MAX_WINDOW: usize = 64;

    /// A listing ends with an error after this many empty pages in a row that are not the last.
    const MAX_EMPTY: u32 = 64;

    /// Creates a listing with up to `window` pages in flight, from 1 to 64, and as many waiting to be taken. A slow
    /// page does not delay the others. The listing starts at the [page](ListDevices::page) of the query.
    ///
    /// If the window is out of range, the first item is an error of the kind [`Input`](crate::ErrorKind::Input).
    pub fn new(query: ListDevices, window: usize) -> Self {
        Self {
            defaults: Defaults::new(&query, Arc::default()),
            first: query.number(),
            query,
            window: window.clamp(1, Self::MAX_WINDOW) as u64,
            most: Limits::default().max_pages,
            next_want: 0,
            next_take: 0,
            bound: 0,
            doubt: false,
            ahead: Ahead::default(),
            ready: BTreeMap::new(),
            size: None,
            fingerprints: HashSet::new(),
            empty_in_a_row: 0,
            finished: false,
            seen: Identities::default(),
            report: ListingReport::default(),
            strict: false,
            failure: check_window(window).err().map(Error::from),
            failed: false,
        }
    }

    /// Ends the listing with an error after this many pages, because a server that always returns one more would never
    /// end.
    pub fn at_most(mut self, pages: u64) -> Self {
        self.most = pages;
        self
    }

    /// Ends the listing with an error as soon as it notices that pages contradict each other: a duplicate device, a
    /// changing total, fewer devices than the service counts. See [`ListingReport`].
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Returns the signs of missing devices that the listing noticed so far.
    pub fn report(&self) -> &ListingReport {
        &self.report
    }

    /// Whether a page may be requested now, because it is needed next or is worth fetching ahead.
    fn has_room(&self) -> bool {
        if self.finished || self.failure.is_some() {
            return false;
        }
        // Pages below `next_take` were taken. The others that were wanted are in flight or ready.
        let flying = (self.next_want - self.next_take).saturating_sub(self.ready.len() as u64);
        // Request one page beyond the limit, so that a longer listing is an error instead of a cut.
        let end = self.ahead.end().min(self.most.saturating_add(1)).max(self.next_take + 1);
        flying < self.window && self.next_want < end.min(self.next_take + 2 * self.window)
    }

    /// Records the number of pages according to this page, as a hint for fetching ahead.
    fn look_ahead(&mut self, number: u64, page: &Page) {
        self.ahead.bound = self.ahead.bound.max(self.total_pages(page, number));
        if page.last {
            self.ahead.last = Some(self.ahead.last.map_or(number, |last| last.min(number)));
        }
    }

    /// Returns the service's number of a page of this listing.
    fn number(&self, place: u64) -> u64 {
        self.first.saturating_add(place)
    }

    /// Returns the number of pages according to this page, or 0 if the page does not show it. If `totalElements`
    /// exceeds what the pages so far can hold, there is one page more, not all of them, because the total may count
    /// unlisted devices.
    fn total_pages(&self, page: &Page, number: u64) -> u64 {
        let size = self.size.or(page.size).filter(|size| *size > 0);
        let held = size.map(|size| size.saturating_mul(self.number(number + 1)));
        let fewer = held.zip(page.total_elements).is_some_and(|(held, total)| held < total);
        let told = page.total_pages.unwrap_or(0).saturating_sub(self.first);
        told.max(if fewer { number + 2 } else { 0 })
    }

    /// Returns the number of devices on the pages before the first page, which is this one. If the page does not show
    /// it, those pages count as all devices that are not on this one.
    fn skipped(&self, page: &Page) -> u64 {
        let size = page.size.or(self.defaults.apply(self.query.clone()).named_page_size().map(u64::from));
        let total = page.total_elements.unwrap_or(u64::MAX);
        match size {
            _ if self.first == 0 => 0,
            // The size of the last page can be that of its devices.
            Some(size) if !page.last => size.saturating_mul(self.first),
            _ => total.saturating_sub(page.devices.len() as u64),
        }
    }

    /// Decides by the table of this module whether a page follows this one, which is the next in order.
    fn goes_on(&mut self, page: &Page) -> bool {
        let number = self.next_take;
        let told = self.total_pages(page, number);
        self.bound = self.bound.max(told);
        let (more, says_more) = (self.bound > number + 1, told > number + 1);
        let confirmed = !says_more && (page.total_pages.is_some() || page.total_elements.is_some());
        let in_doubt = std::mem::take(&mut self.doubt);
        match (page.last, page.devices.is_empty()) {
            (last, true) if in_doubt => says_more && !last,
            (true, _) => {
                self.doubt = more && !confirmed;
                self.doubt
            }
            (false, true) => more,
            (false, false) => {
                self.doubt = !more;
                true
            }
        }
    }

    /// Compares a page, in order, with what was requested and with the previous pages.
    fn judge(&mut self, page: &Page) -> Result<(), Error> {
        let asked = self.number(self.next_take);
        if let Some(number) = page.number.filter(|number| *number != asked) {
            return Err(Error::listing(format!(
                "page {asked} was requested, and the response is page {number}"
            )));
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
                return Err(Error::listing(format!("page {asked} has the same devices as an earlier page")));
            }
        }
        if self.next_take == 0 {
            self.report.skipped = self.skipped(page);
        }
        if let Some(total) = page.total_elements {
            self.report.count(total);
            self.seen.reserve(total.saturating_sub(self.report.skipped));
        }
        Ok(())
    }

    /// Rejects pages of different sizes, because devices between them would be lost or duplicated.
    fn judge_size(&mut self, page: &Page) -> Result<(), Error> {
        let Some(size) = page.size else { return Ok(()) };
        let first = *self.size.get_or_insert(size);
        let shortened_last = page.last && size == page.devices.len() as u64;
        if size != first && !shortened_last {
            let (asked, start) = (self.number(self.next_take), self.first);
            return Err(Error::listing(format!(
                "page {asked} has the size {size}, and page {start} had {first}"
            )));
        }
        Ok(())
    }

    /// Checks the next page in order, and decides whether it is the last.
    fn next_page(&mut self, mut page: Page) -> Result<Page, Error> {
        self.judge(&page)?;
        let goes_on = self.goes_on(&page);
        if self.next_take >= self.most && (goes_on || !page.devices.is_empty()) {
            return Err(Error::too_many_pages(format!("no end after {} pages", self.most)));
        }
        // Duplicates are judged above: an empty page ends a listing, but a page of duplicates does not.
        let before = page.devices.len();
        page.devices.retain(|device| self.seen.insert(Identity::of(device.uuid())));
        self.report.devices += page.devices.len() as u64;
        self.report.doubles += (before - page.devices.len()) as u64;
        let noticed = self.report.doubles > 0 || self.report.moved_totals.is_some();
        if self.strict && (noticed || !goes_on && !self.report.is_clean()) {
            let error = Error::listing(format!("the pages contradict each other: {}", self.report));
            if noticed {
                return Err(error);
            }
            self.failure = Some(error);
        }
        self.finished = !goes_on && self.failure.is_none();
        self.next_take += 1;
        // The page marked `last` was passed, so it no longer limits fetching ahead.
        self.ahead.last = self.ahead.last.filter(|last| *last >= self.next_take);
        Ok(page)
    }
}

impl Feed for Pages {
    type Operation = ListDevices;
    type Commit = Infallible;
    type Item = Page;

    fn want(&mut self, _now: Moment) -> Want<ListDevices> {
        if !self.has_room() {
            return Want::Nothing;
        }
        let number = self.next_want;
        self.next_want += 1;
        let page = self.number(number);
        Want::call(Ticket::new(number), self.defaults.apply(self.query.clone()).page(page))
    }

    fn committed(&mut self, never: Infallible) {
        match never {}
    }

    fn accept(&mut self, ticket: Ticket, page: Result<Page, Error>) {
        let number = ticket.number();
        if number == 0 {
            match self.defaults.settle(page) {
                Some(page) => self.land(number, page),
                // The first page is requested again, without a default that the service may not accept.
                None => self.next_want = 0,
            }
        } else {
            self.land(number, page);
        }
    }

    fn take(&mut self) -> Option<Result<Page, Error>> {
        if self.finished {
            return None;
        }
        let page = match self.failure.take() {
            Some(error) => Err(error),
            None => self.ready.remove(&self.next_take)?.and_then(|page| self.next_page(page)),
        };
        self.failed = page.is_err();
        self.finished |= self.failed;
        if self.finished {
            self.ready.clear();
        }
        Some(page)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn warning(&self) -> Option<String> {
        let noticed =
            format!("a listing of devices may be incomplete: {}; list with verified()", self.report);
        // An error already shows that the listing is incomplete.
        (!self.failed && !self.report.is_clean()).then_some(noticed)
    }
}

impl Pages {
    fn land(&mut self, number: u64, page: Result<Page, Error>) {
        if self.finished {
            return;
        }
        if let Ok(page) = &page {
            self.look_ahead(number, page);
        }
        self.ready.insert(number, page);
    }
}

impl DeviceFeed for Pages {
    fn expected(&self) -> usize {
        room(self.report.counted())
    }

    fn fleet(&self, devices: Vec<Device>) -> Fleet {
        Fleet {
            devices,
            pages: self.next_take,
            total_elements: self.report.total_elements,
            report: self.report.clone(),
            proof: None,
        }
    }
}

impl Session {
    /// Creates a listing of pages, with up to `window` of them in flight, within the limit of the configuration. It
    /// starts at the [page](ListDevices::page) of the query.
    pub fn pages(&self, query: ListDevices, window: usize) -> Pages {
        let defaults = Defaults::new(&query, Arc::clone(&self.shared.refused_defaults));
        let pages = Pages::new(query, window).at_most(self.config().limits().max_pages);
        Pages { defaults, ..pages }
    }
}

/// Checks the number of pages in flight.
pub(super) fn check_window(pages: usize) -> Result<(), InputError> {
    if (1..=Pages::MAX_WINDOW).contains(&pages) {
        return Ok(());
    }
    let most = Pages::MAX_WINDOW;
    Err(InputError::new("window", format!("is {pages}: 1 to {most} pages can be in flight")))
}

/// Returns a hash that distinguishes a page from others without keeping it.
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
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
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
                said: Default::default(),
            }
        }
    }

    fn device(number: u64) -> Device {
        serde_json::from_value(serde_json::json!({"uuid": format!("device-{number}")})).unwrap()
    }

    fn pages_of(window: usize) -> Pages {
        Pages::new(ListDevices::new(), window)
    }

    fn want(pages: &mut Pages) -> Option<Ticket> {
        match pages.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)) {
            Want::Call { ticket, .. } => Some(ticket),
            _ => None,
        }
    }

    #[test]
    fn the_page_that_says_last_is_the_last_to_be_fetched_ahead() {
        let ahead = |bound, last| Ahead { bound, last }.end();
        assert_eq!([ahead(10, None), ahead(10, Some(3)), ahead(2, Some(3))], [10, 4, 2]);
    }

    #[test]
    fn the_pages_of_a_session_use_its_limit_and_know_what_was_refused() {
        use crate::client::Builder;
        use crate::config::Credentials;
        let config: crate::Config = Builder::new(Credentials::new("t", "k", "s3cret"), Ok).build().unwrap();
        let session = Session::new(config, 0);
        let target = |pages: &mut Pages| match pages.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH))
        {
            Want::Call { ticket, operation: query, .. } => {
                (ticket, crate::Operation::encode(&query).unwrap().target)
            }
            _ => panic!("the first page is wanted"),
        };
        let mut pages = session.pages(ListDevices::new(), 1);
        assert_eq!(pages.most, session.config().limits().max_pages);
        let (ticket, both) = target(&mut pages);
        assert!(both.contains("pageSize=100") && both.contains("sortBy=uuid"), "{both}");
        pages.accept(ticket, Err(Error::new(ErrorKind::BadRequest, crate::Stage::Call, "no order")));
        let (ticket, no_order) = target(&mut pages);
        assert!(!no_order.contains("sortBy"), "{no_order}");
        pages.accept(ticket, Ok(Server::new(1, 20).page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(target(&mut session.pages(ListDevices::new(), 1)).1, no_order);
    }

    /// Returns all pages that are wanted now.
    fn wanted(pages: &mut Pages) -> Vec<u64> {
        std::iter::from_fn(|| want(pages)).map(|ticket| ticket.number()).take(100).collect()
    }

    /// Lists with `window` pages in flight. `pick` chooses the order of the responses.
    fn list(
        mut pages: Pages,
        mut pick: impl FnMut(usize) -> usize,
        mut serve: impl FnMut(u64) -> Page,
    ) -> (Result<Vec<u64>, Error>, Vec<u64>) {
        let window = pages.window as usize;
        let (mut flying, mut asked, mut devices) = (Vec::new(), Vec::new(), Vec::new());
        while !pages.is_finished() {
            while let Some(ticket) = want(&mut pages) {
                asked.push(ticket.number());
                flying.push(ticket);
                assert!(flying.len() <= window && flying.len() + pages.ready.len() <= 2 * window);
            }
            assert!(asked.len() <= 10_000, "no end");
            assert!(!flying.is_empty(), "neither finished nor anything to do");
            let ticket = flying.remove(pick(flying.len()));
            let page = serve(ticket.number());
            pages.accept(ticket, Ok(page));
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
        list(pages_of(window), |_| 0, |number| server.page(number))
    }

    fn message(result: Result<Vec<u64>, Error>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Listing);
        error.message().to_owned()
    }

    #[test]
    fn a_window_out_of_range_is_refused_before_anything_is_sent() {
        for (window, why) in [(0, "window is 0: 1 to 64 pages"), (65, "window is 65: 1 to 64 pages")] {
            let mut pages = pages_of(window);
            assert!(want(&mut pages).is_none());
            let error = pages.take().unwrap().unwrap_err();
            assert!(error.kind() == ErrorKind::Input && error.message().starts_with(why), "{error}");
            assert!(pages.is_finished() && pages.take().is_none());
        }
        for window in [1, 64] {
            assert!(want(&mut pages_of(window)).is_some());
        }
    }

    #[test]
    fn page_0_goes_alone_and_then_a_window_of_pages() {
        let mut pages = pages_of(3);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(Server::new(100, 10).page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [1, 2, 3]);
    }

    #[test]
    fn a_slow_page_lets_others_go_ahead_until_there_are_twice_a_window() {
        let server = Server::new(100, 10);
        let mut pages = pages_of(3);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(server.page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [1, 2, 3]);
        for (came, next) in [(2, vec![4]), (3, vec![5]), (4, vec![6]), (5, vec![]), (6, vec![])] {
            pages.accept(Ticket::new(came), Ok(server.page(came)));
            assert_eq!(wanted(&mut pages), next, "page {came} came, page 1 did not");
        }
        pages.accept(Ticket::new(1), Ok(server.page(1)));
        assert!(wanted(&mut pages).is_empty(), "page 1 is there, and was not taken");
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [7]);
    }

    #[test]
    fn the_total_is_what_the_last_page_told_that_told_one() {
        let mut pages = pages_of(1);
        assert_eq!(pages.report().total_elements, None);
        for (number, told, total) in [(0, Some(45), 45), (1, None, 45), (2, Some(46), 46)] {
            assert_eq!(wanted(&mut pages), [number]);
            pages.accept(
                Ticket::new(number),
                Ok(Page { total_elements: told, ..Server::new(60, 20).page(number) }),
            );
            assert!(pages.take().unwrap().is_ok());
            assert_eq!(pages.report().total_elements, Some(total));
        }
    }

    #[test]
    fn pages_come_out_in_order_however_they_come_in() {
        let server = Server::new(100, 10);
        let (devices, asked) = list(pages_of(4), |flying| flying - 1, |number| server.page(number));
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
        let (devices, asked) = list(pages_of(1), |_| 0, serve);
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
        // Page 1 is marked as the last, so page 2 is not requested: nothing contradicts the server.
        assert_eq!(list(pages_of(1), |_| 0, serve).1, [0, 1]);
        let early = |number| Server::new(if number < 1 { 40 } else { 70 }, 20).page(number);
        let (devices, asked) = list(pages_of(8), |_| 0, early);
        assert_eq!((devices.unwrap().len(), asked), (70, vec![0, 1, 2, 3]));
    }

    #[test]
    fn a_fleet_that_shrinks_ends_early() {
        let serve = |number| Server::new(if number == 0 { 100 } else { 45 }, 20).page(number);
        let (devices, asked) = list(pages_of(1), |_| 0, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
        let (devices, asked) = list(pages_of(8), |flying| flying - 1, serve);
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
            let (devices, _) = list(pages_of(4), pick, serve);
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
                    let (devices, _) = list(pages_of(window), pick, serve);
                    assert_eq!(devices.unwrap().len(), 200, "page {wrong}, window {window}");
                }
            }
        }
    }

    #[test]
    fn a_total_that_counts_pages_which_are_not_there_costs_one_page() {
        let server = Server::new(45, 20);
        let serve = |number| Page { total_pages: Some(9), ..server.page(number) };
        let (devices, asked) = list(pages_of(1), |_| 0, serve);
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
            let (devices, _) = list(pages_of(2), pick, serve);
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
            let (devices, asked) = list(pages_of(window), |_| 0, serve);
            assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
        }
    }

    #[test]
    fn an_error_behind_the_last_page_is_no_error() {
        let shrunk = Server::new(60, 20);
        let mut pages = pages_of(8);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(Server::new(100, 20).page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [1, 2, 3, 4]);
        for number in [3, 4] {
            pages.accept(Ticket::new(number), Err(Error::listing("gone")));
        }
        for number in [1, 2] {
            pages.accept(Ticket::new(number), Ok(shrunk.page(number)));
            assert!(pages.take().unwrap().is_ok());
        }
        assert!(pages.take().is_none() && pages.is_finished());
    }

    #[test]
    fn the_same_page_again_is_an_error() {
        let server = Server::new(100, 20);
        let serve = |number| Page { number: Some(number), last: false, ..server.page(0) };
        assert!(message(list(pages_of(1), |_| 0, serve).0).contains("same devices"));
    }

    #[test]
    fn another_page_than_asked_for_is_an_error() {
        let server = Server::new(100, 20);
        let serve = |number| server.page(if number == 2 { 3 } else { number });
        assert_eq!(
            message(list(pages_of(1), |_| 0, serve).0),
            "page 2 was requested, and the response is page 3"
        );
    }

    #[test]
    fn another_size_in_the_middle_is_an_error() {
        let serve = |number| Server::new(100, if number == 2 { 10 } else { 20 }).page(number);
        assert_eq!(message(list(pages_of(1), |_| 0, serve).0), "page 2 has the size 10, and page 0 had 20");
    }

    #[test]
    fn a_last_page_may_give_its_length_as_its_size() {
        let server = Server::new(45, 20);
        let serve = |number| {
            let page = server.page(number);
            Page { size: Some(page.devices.len() as u64), ..page }
        };
        assert_eq!(list(pages_of(1), |_| 0, serve).0.unwrap().len(), 45);
    }

    #[test]
    fn endless_empty_pages_are_given_up() {
        let serve = |number| Page {
            total_pages: Some(1_000_000_000),
            last: false,
            ..Server::new(0, 20).page(number)
        };
        let (result, asked) = list(pages_of(8), |_| 0, serve);
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
            let (result, asked) = list(pages_of(window).at_most(1_000), |_| 0, serve);
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
                list(pages_of(1).at_most(most), |_| 0, |number| Server::new(45, 20).page(number));
            assert_eq!(devices.unwrap().len(), 45, "{most}");
        }
    }

    #[test]
    fn a_page_size_of_0_tells_nothing() {
        let serve = |number| Page { size: Some(0), ..Server::new(45, 20).page(number) };
        let (devices, asked) = list(pages_of(1), |_| 0, serve);
        assert_eq!((devices.unwrap().len(), asked), (45, vec![0, 1, 2]));
    }

    #[test]
    fn an_error_comes_in_its_place_and_ends_the_listing() {
        let server = Server::new(100, 20);
        let mut pages = pages_of(4);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(server.page(0)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [1, 2, 3, 4]);
        pages.accept(Ticket::new(2), Err(Error::listing("broken")));
        assert!(pages.take().is_none(), "page 1 comes first");
        pages.accept(Ticket::new(1), Ok(server.page(1)));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(pages.take().unwrap().unwrap_err().message(), "broken");
        assert!(pages.is_finished() && pages.take().is_none() && want(&mut pages).is_none());
    }

    #[test]
    fn a_page_that_says_last_against_an_earlier_total_is_doubted_at_any_window() {
        // Page 0 counts five pages. Page 1 is marked `last` and has no count.
        let server = Server::new(100, 20);
        let serve = |number| {
            let page = server.page(number);
            let silent = Page { total_pages: None, total_elements: None, ..page.clone() };
            if number == 1 { Page { last: true, ..silent } } else { page }
        };
        for window in [1, 2, 8] {
            assert_eq!(list(pages_of(window), |_| 0, serve).0.unwrap().len(), 100, "window {window}");
        }
    }

    #[test]
    fn an_error_behind_a_doubtful_last_page_is_an_error_at_any_window() {
        let server = Server::new(100, 20);
        for window in [1, 8] {
            let mut pages = pages_of(window);
            let mut taken = Vec::new();
            while !pages.is_finished() {
                for number in wanted(&mut pages) {
                    let mut page = server.page(number);
                    page.last |= number == 1;
                    let page = if number == 2 { Err(Error::listing("broken")) } else { Ok(page) };
                    pages.accept(Ticket::new(number), page);
                }
                taken.extend(pages.take());
            }
            assert_eq!(taken.len(), 3, "window {window}");
            assert_eq!(taken.pop().unwrap().unwrap_err().message(), "broken");
        }
    }

    /// Lists pages of so many devices, with these values of `totalPages`, `totalElements` and `last`. Returns the number
    /// of requests; the pages beyond these are empty and show nothing.
    fn requests(pages: &[(u64, Option<u64>, Option<u64>, bool)]) -> usize {
        let page = |number: u64| {
            let nothing = (0, None, None, false);
            let (devices, total_pages, total_elements, last) =
                *pages.get(number as usize).unwrap_or(&nothing);
            let devices = (number * 10..number * 10 + devices).map(device).collect();
            let mut page = Page { devices, total_pages, total_elements, last, ..Server::new(1, 10).page(0) };
            (page.number, page.size) = (None, None);
            page
        };
        let (result, asked) = list(pages_of(1), |_| 0, page);
        assert_eq!(result.unwrap().len() as u64, pages.iter().map(|page| page.0).sum::<u64>());
        asked.len()
    }

    #[test]
    fn what_a_page_shows_of_the_end_is_held_against_the_totals_so_far() {
        // The last page confirms the total before it, or shows that the fleet shrank, by either total.
        assert_eq!(requests(&[(2, Some(2), None, false), (2, None, None, true)]), 2);
        assert_eq!(requests(&[(2, Some(3), None, false), (2, Some(2), None, true)]), 2);
        assert_eq!(requests(&[(2, Some(3), None, false), (2, None, Some(4), true)]), 2);
        // It shows nothing, or contradicts itself: one more.
        assert_eq!(requests(&[(2, Some(3), None, false), (2, None, None, true)]), 3);
        assert_eq!(requests(&[(2, Some(3), None, false), (2, Some(3), None, true)]), 3);
        // Empty pages without totals in the middle are not the end; at the end they are.
        assert_eq!(requests(&[(2, Some(3), None, false), (0, None, None, false), (2, None, None, true)]), 3);
        assert_eq!(requests(&[(2, Some(2), None, false), (0, None, None, false)]), 2);
        assert_eq!(requests(&[(2, None, None, false), (0, None, None, false)]), 2);
    }

    #[test]
    fn a_limit_cuts_no_page_off_silently() {
        let server = Server::new(20, 10);
        let (result, _) = list(pages_of(1).at_most(1), |_| 0, |number| server.page(number));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TooManyPages);
    }

    #[test]
    fn a_page_that_wrongly_said_last_does_not_slow_the_pages_after_it() {
        let mut pages = pages_of(4);
        let server = Server::new(100, 10);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(Page { last: true, ..server.page(0) }));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(wanted(&mut pages), [1, 2, 3, 4]);
    }

    #[test]
    fn a_strict_listing_ends_at_the_page_where_it_notices_something() {
        let taken = |twice: bool| {
            let page = |number: u64| {
                let mut page = Server::new(30, 10).page(number);
                match (number, twice) {
                    (1, true) => page.devices[0] = device(0),
                    (1, false) => page.total_elements = Some(29),
                    _ => {}
                }
                page
            };
            let mut pages = pages_of(1).strict(true);
            (0..3)
                .take_while(|number| {
                    assert_eq!(wanted(&mut pages), [*number]);
                    pages.accept(Ticket::new(*number), Ok(page(*number)));
                    pages.take().unwrap().is_ok()
                })
                .count()
        };
        assert_eq!([taken(true), taken(false)], [1, 1]);
    }

    #[test]
    fn a_limit_of_exactly_the_pages_that_there_are_is_enough() {
        let server = Server { says_last: false, ..Server::new(60, 20) };
        for window in [1, 8] {
            let (devices, asked) = list(pages_of(window).at_most(3), |_| 0, |number| server.page(number));
            assert_eq!((devices.unwrap().len(), asked), (60, vec![0, 1, 2, 3]));
            let (result, _) = list(pages_of(window).at_most(2), |_| 0, |number| server.page(number));
            assert_eq!(result.unwrap_err().kind(), ErrorKind::TooManyPages);
        }
    }

    #[test]
    fn a_response_that_comes_after_the_end_changes_nothing() {
        let mut pages = pages_of(8);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Err(Error::listing("broken")));
        assert!(pages.take().unwrap().is_err());
        pages.accept(Ticket::new(1), Ok(Server::new(100, 20).page(1)));
        assert!(pages.take().is_none() && pages.is_finished());
    }

    #[test]
    fn a_first_page_that_is_refused_is_requested_again_with_fewer_defaults() {
        let mut pages = pages_of(8);
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let mut targets = Vec::new();
        while let Want::Call { ticket, operation: query, .. } = pages.want(now) {
            targets.push(crate::operation::Operation::encode(&query).unwrap().target);
            let refusal = Error::new(ErrorKind::BadRequest, crate::stage::Stage::Call, "no");
            let page = if targets.len() < 3 { Err(refusal) } else { Ok(Server::new(10, 20).page(0)) };
            pages.accept(ticket, page);
            assert_eq!(pages.take().is_some(), targets.len() == 3);
        }
        assert!(targets[0].contains("pageSize=100&sortBy=uuid"), "{targets:?}");
        assert!(!targets[1].contains("sortBy") && !targets[2].contains("pageSize"), "{targets:?}");
        assert_eq!(targets.len(), 3);
    }

    /// A fleet whose pages 1 and 2 overlap: device 20 occurs twice, device 40 never.
    fn overlapping(number: u64) -> Page {
        let server = Server::new(60, 20);
        let mut page = server.page(number);
        if number == 2 {
            page.devices[0] = device(20);
        }
        page
    }

    #[test]
    fn no_device_is_handed_out_twice_and_the_report_says_what_was_noticed() {
        for window in [1, 8] {
            let mut pages = pages_of(window);
            let mut devices = Vec::new();
            while !pages.is_finished() {
                for number in wanted(&mut pages) {
                    pages.accept(Ticket::new(number), Ok(overlapping(number)));
                }
                devices.extend(pages.take().into_iter().flat_map(|page| page.unwrap()));
            }
            assert_eq!(devices.len(), 59);
            let report = pages.fleet(devices).report;
            assert_eq!((report.devices, report.doubles, report.missing()), (59, 1, 1));
            let warning = pages.warning().unwrap();
            assert!(warning.contains("1 device listed twice") && warning.contains("verified()"), "{warning}");
        }
    }

    #[test]
    fn a_listing_that_fits_together_has_nothing_to_warn_of() {
        let mut pages = pages_of(1);
        assert_eq!(wanted(&mut pages), [0]);
        pages.accept(Ticket::new(0), Ok(Server::new(3, 20).page(0)));
        assert!(pages.take().unwrap().is_ok() && pages.is_finished());
        assert_eq!(pages.warning(), None);
    }

    #[test]
    fn a_strict_listing_ends_with_an_error_where_pages_do_not_fit_together() {
        let strict = || pages_of(8).strict(true);
        assert!(message(list(strict(), |_| 0, overlapping).0).contains("1 device listed twice"));
        let moving = |number| Server::new(if number == 0 { 60 } else { 59 }, 20).page(number);
        assert!(message(list(strict(), |_| 0, moving).0).contains("the total changed between 59 and 60"));
        let fewer = |number| Page { total_elements: Some(61), ..Server::new(60, 20).page(number) };
        let mut devices = 0;
        let mut pages = strict();
        let end = loop {
            for number in wanted(&mut pages) {
                pages.accept(Ticket::new(number), Ok(fewer(number)));
            }
            match pages.take().unwrap() {
                Ok(page) => devices += page.devices.len(),
                Err(error) => break error,
            }
        };
        assert!(end.message().contains("1 fewer listed than the 61"), "{end}");
        assert_eq!((devices, end.kind()), (60, ErrorKind::Listing));
        assert!(pages.is_finished() && pages.take().is_none());
        assert_eq!(pages.warning(), None, "the error says it already");
        assert_eq!(list(strict(), |_| 0, |number| Server::new(60, 20).page(number)).0.unwrap().len(), 60);
    }

    /// Lists from this page of the service on. Returns the devices, the numbers of the requested pages, and the listing.
    fn listed_from(first: u64, window: usize, serve: impl Fn(u64) -> Page) -> (Vec<u64>, Vec<u64>, Pages) {
        let mut pages = Pages::new(ListDevices::new().page(first), window).strict(true);
        let (mut devices, mut asked) = (Vec::new(), Vec::new());
        while !pages.is_finished() {
            while let Want::Call { ticket, operation: query, .. } =
                pages.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH))
            {
                asked.push(query.number());
                pages.accept(ticket, Ok(serve(query.number())));
            }
            let page = pages.take().unwrap().unwrap();
            devices.extend(page.devices.iter().map(|device| device.uuid()[7..].parse::<u64>().unwrap()));
        }
        (devices, asked, pages)
    }

    #[test]
    fn a_listing_starts_at_the_page_of_its_query() {
        let server = Server::new(100, 20);
        for window in [1, 8] {
            let (devices, asked, pages) = listed_from(2, window, |number| server.page(number));
            assert_eq!((devices, asked), ((40..100).collect(), vec![2, 3, 4]));
            let fleet = pages.fleet(Vec::new());
            assert_eq!((fleet.pages, fleet.total_elements, fleet.report.missing()), (3, Some(100), 0));
            assert_eq!((pages.expected(), pages.warning()), (60, None));
        }
    }

    #[test]
    fn a_listing_from_a_page_beyond_the_end_is_empty() {
        for first in [5, 9, u64::MAX] {
            let beyond =
                |number| Page { number: Some(number), devices: Vec::new(), ..Server::new(100, 20).page(5) };
            let (devices, asked, pages) = listed_from(first, 8, beyond);
            assert_eq!((devices, asked, pages.warning()), (vec![], vec![first], None));
        }
    }

    #[test]
    fn a_listing_from_the_last_page_misses_nothing_whatever_size_the_page_has() {
        let server = Server::new(45, 20);
        for size in [Some(20), Some(5), None] {
            let (devices, asked, pages) = listed_from(2, 1, |number| Page { size, ..server.page(number) });
            assert_eq!(devices, (40..45).collect::<Vec<_>>());
            assert!(asked.starts_with(&[2]) && pages.report().is_clean(), "{size:?} {asked:?}");
        }
    }

    #[test]
    fn what_is_missing_is_counted_from_the_first_page_on() {
        // Where the service names no page size, it is the one that was requested.
        for size in [Some(20), None] {
            let query = ListDevices::new().page(2).page_size(20);
            let mut pages = Pages::new(query, 1);
            for number in 2..5 {
                let ticket = want(&mut pages).unwrap();
                let mut page = Page { size, ..Server::new(100, 20).page(number) };
                page.devices.pop();
                pages.accept(ticket, Ok(page));
                assert!(pages.take().unwrap().is_ok());
            }
            assert!(pages.is_finished());
            assert_eq!((pages.report().devices, pages.report().missing()), (57, 3));
        }
    }

    #[test]
    fn a_listing_from_a_later_page_names_the_pages_by_their_numbers() {
        let server = Server::new(100, 20);
        let end = |second: Page| {
            let mut pages = Pages::new(ListDevices::new().page(2), 1);
            for page in [server.page(2), second] {
                let ticket = want(&mut pages).unwrap();
                pages.accept(ticket, Ok(page));
            }
            assert!(pages.take().unwrap().is_ok());
            pages.take().unwrap().unwrap_err().message().to_owned()
        };
        assert_eq!(end(server.page(4)), "page 3 was requested, and the response is page 4");
        assert_eq!(
            end(Page { size: Some(10), ..server.page(3) }),
            "page 3 has the size 10, and page 2 had 20"
        );
    }

    #[test]
    fn the_limit_counts_the_pages_of_the_listing() {
        let listed = |most| {
            let pages = Pages::new(ListDevices::new().page(2), 8).at_most(most);
            list(pages, |_| 0, |place| Server::new(100, 20).page(place + 2)).0
        };
        assert_eq!(listed(3).unwrap().len(), 60);
        assert_eq!(listed(2).unwrap_err().message(), "no end after 2 pages");
    }

    #[test]
    fn a_refused_default_is_left_out_at_the_first_page_of_the_listing() {
        let mut pages = Pages::new(ListDevices::new().page(2), 8);
        let mut refused = Vec::new();
        while let Want::Call { ticket, operation: query, .. } =
            pages.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH))
        {
            refused.push(query.number());
            let refusal = Error::new(ErrorKind::BadRequest, crate::Stage::Call, "no");
            pages.accept(
                ticket,
                if refused.len() < 4 { Err(refusal) } else { Ok(Server::new(60, 20).page(2)) },
            );
        }
        assert_eq!(refused, [2; 4]);
        assert_eq!(pages.take().unwrap().unwrap().devices.len(), 20);
    }

    #[test]
    fn a_fleet_says_how_many() {
        let server = Server::new(45, 20);
        let mut pages = pages_of(1);
        let mut devices = Vec::new();
        while !pages.is_finished() {
            for number in wanted(&mut pages) {
                pages.accept(Ticket::new(number), Ok(server.page(number)));
            }
            devices.extend(pages.take().into_iter().flat_map(|page| page.unwrap()));
            assert_eq!(pages.expected(), 45);
        }
        let fleet = pages.fleet(devices);
        assert_eq!((fleet.devices.len(), fleet.pages, fleet.total_elements), (45, 3, Some(45)));
    }

    #[test]
    fn a_fleet_does_not_believe_in_an_absurd_total() {
        let mut pages = pages_of(1);
        assert_eq!(wanted(&mut pages), [0]);
        let page = Page { total_elements: Some(u64::MAX), ..Server::new(45, 20).page(0) };
        pages.accept(Ticket::new(0), Ok(page));
        assert!(pages.take().unwrap().is_ok());
        assert_eq!(pages.expected(), 1_000_000);
    }

    proptest! {
        #[test]
        fn a_steady_fleet_is_listed_whole_and_in_order(
            fleet in 0_u64..300, size in 1_u64..40, window in 1_usize..20, says_last: bool, says_total: bool, picks in proptest::collection::vec(any::<usize>(), 1..50)
        ) {
            let server = Server { says_last, says_total, ..Server::new(fleet, size) };
            let mut turn = 0;
            let pick = |flying: usize| { turn += 1; picks[turn % picks.len()] % flying };
            let (devices, asked) = list(pages_of(window), pick, |number| server.page(number));
            prop_assert_eq!(devices.unwrap(), (0..fleet).collect::<Vec<_>>());
            prop_assert!(asked.len() as u64 <= server.total_pages().max(1) + 1);
        }

        #[test]
        fn a_listing_from_any_page_is_the_rest_of_the_whole_listing(
            fleet in 0_u64..200, size in 1_u64..30, first in 0_u64..30, window in 1_usize..20, says in any::<(bool, bool, bool)>()
        ) {
            let server = Server { says_last: says.0, says_total: says.1, ..Server::new(fleet, size) };
            let serve = |number| {
                let page = server.page(number);
                Page { size: page.size.filter(|_| says.2), ..page }
            };
            let (devices, asked, pages) = listed_from(first, window, serve);
            prop_assert_eq!(devices, (first * size..fleet).collect::<Vec<_>>());
            prop_assert_eq!(asked[0], first);
            prop_assert!(pages.report().is_clean());
        }

        #[test]
        fn a_lying_server_is_given_up_and_its_listing_is_the_same_at_any_window(
            lies in proptest::collection::vec((any::<bool>(), proptest::option::of(0_u64..30), 0_u64..4, proptest::option::of(0_u64..30)), 1..30),
            windows in (1_usize..10, 1_usize..65), picks in proptest::collection::vec(any::<usize>(), 1..50)
        ) {
            let serve = |number: u64| {
                let (last, total_pages, devices, named) = lies[number as usize % lies.len()];
                let devices = (0..devices).map(|nth| device(number * 10 + nth)).collect();
                Page { devices, number: named.map(|_| number), size: None, total_pages, total_elements: total_pages, first: false, last, extra: Default::default(), said: Default::default() }
            };
            let mut turn = 0;
            let pick = |flying: usize| { turn += 1; picks[turn % picks.len()] % flying };
            let (one, asked) = list(pages_of(windows.0).at_most(500), |_| 0, serve);
            let (other, more) = list(pages_of(windows.1).at_most(500), pick, serve);
            prop_assert!(asked.len() <= 501 && more.len() <= 501);
            let told = |result: Result<Vec<u64>, Error>| result.map_err(|error| error.to_string());
            prop_assert_eq!(told(one), told(other));
        }
    }
}
