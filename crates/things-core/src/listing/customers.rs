//! The listings of several sub-customers, with one token and one window.
//!
//! The customers are listed in the order of their ids. A call goes to the first customer that wants one, so calls go to
//! a later customer only if the earlier ones want none. The item of a customer waits for those of the customers before
//! it. So that not many wait, at most twice as many customers are in progress as calls can be in flight.
//!
//! The error of one customer does not end the others, because a customer may have refused access. An error that each
//! customer would get ends the feed: GRIP refused the token, or an argument is invalid.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::vec;

use super::DeviceFeed;
use super::pages::{Pages, check_window};
use crate::customers::CustomerId;
use crate::devices::{Device, Fleet, ListDevices, Page};
use crate::error::{Error, ErrorKind};
use crate::feed::{Feed, Scope, Ticket, Want};
use crate::moment::Moment;
use crate::stage::Stage;

/// The devices of one sub-customer, or the error that ended its listing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CustomerFleet {
    /// The sub-customer.
    pub customer: CustomerId,
    /// Its devices.
    pub result: Result<Fleet, Error>,
}

/// The listings of several sub-customers: a [`Feed`] of one [`CustomerFleet`] per customer, in the order of the ids.
///
/// Up to a window of calls are in flight for all customers together. The error of one customer is in its item, and does
/// not end the others. An error of the account ends the feed: GRIP refused the token, or an argument is invalid.
pub struct CustomerFleets<F> {
    /// The customers whose listings have not started.
    waiting: vec::IntoIter<CustomerId>,
    /// Starts a listing.
    start: Box<dyn Fn() -> F + Send>,
    window: usize,
    flying: usize,
    /// The listings in progress, in order.
    listings: VecDeque<Listing<F>>,
    /// The place of the first of them among all customers.
    first: u64,
    /// The listing that each call in flight belongs to, and its ticket there.
    tickets: HashMap<u64, (u64, Ticket)>,
    next_ticket: u64,
    warnings: Vec<String>,
    failure: Option<Error>,
    finished: bool,
}

/// The listing of one customer.
struct Listing<F> {
    customer: CustomerId,
    feed: F,
    devices: Vec<Device>,
    result: Option<Result<Fleet, Error>>,
}

impl<F: DeviceFeed<Operation = ListDevices, Commit = Infallible>> CustomerFleets<F> {
    /// Creates a feed of these customers, with up to `window` calls in flight, from 1 to 64. `start` creates the listing
    /// of a customer.
    ///
    /// If the window is out of range, or a customer is given twice, the first item is an error of the kind
    /// [`Input`](ErrorKind::Input).
    pub fn new(customers: Vec<CustomerId>, window: usize, start: impl Fn() -> F + Send + 'static) -> Self {
        let failure = check_window(window).and_then(|()| CustomerId::check_different(&customers)).err();
        Self {
            waiting: customers.into_iter(),
            start: Box::new(start),
            window: window.clamp(1, Pages::MAX_WINDOW),
            flying: 0,
            listings: VecDeque::new(),
            first: 0,
            tickets: HashMap::new(),
            next_ticket: 0,
            warnings: Vec::new(),
            failure: failure.map(Error::from),
            finished: false,
        }
    }

    /// Returns the next call of the listings in progress, with the place of its listing.
    fn next_call(&mut self, now: Moment) -> Option<(u64, Ticket, ListDevices, Scope)> {
        for (index, place) in (self.first..).take(self.listings.len()).enumerate() {
            let listing = self.listings.get_mut(index)?;
            if listing.result.is_some() {
                continue;
            }
            if let Want::Call { ticket, operation, scope } = listing.feed.want(now) {
                let customer = Some(listing.customer.clone());
                return Some((place, ticket, operation, Scope { customer, ..scope }));
            }
            // Only the choice of the next call may show that a listing has ended.
            self.progress(place);
        }
        None
    }

    /// Starts the listing of the next customer. Returns `false` if there is none, or no room for it.
    fn start_next(&mut self) -> bool {
        if self.listings.len() >= 2 * self.window {
            return false;
        }
        let Some(customer) = self.waiting.next() else { return false };
        let listing = Listing { customer, feed: (self.start)(), devices: Vec::new(), result: None };
        self.listings.push_back(listing);
        // An argument can be invalid, so that there is an error before the first call.
        self.progress(self.first + self.listings.len() as u64 - 1);
        true
    }

    /// The listing at this place among all customers, unless it has ended and was taken.
    fn listing(&mut self, place: u64) -> Option<&mut Listing<F>> {
        let index = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.listings.get_mut(index)
    }

    /// Takes the items of a listing that has got further.
    fn progress(&mut self, place: u64) {
        let Some(listing) = self.listing(place) else { return };
        if !listing.progress() {
            return;
        }
        let failure = listing.result.as_ref().and_then(|result| result.as_ref().err());
        let failure = failure.filter(|error| is_of_account(error)).cloned();
        let warning = listing.feed.warning();
        let warning = warning.map(|warning| format!("customer {}: {warning}", listing.customer));
        self.failure = self.failure.take().or(failure);
        self.warnings.extend(warning);
    }
}

impl<F: DeviceFeed> Listing<F> {
    /// Takes the items of the feed. Returns whether the listing has just ended.
    fn progress(&mut self) -> bool {
        if self.result.is_some() {
            return false;
        }
        while let Some(item) = self.feed.take() {
            self.devices.reserve(self.feed.expected().saturating_sub(self.devices.len()));
            match item {
                Ok(devices) => self.devices.extend(devices),
                Err(error) => {
                    let devices = std::mem::take(&mut self.devices);
                    self.result = Some(Err(self.feed.failed(error, devices)));
                    return true;
                }
            }
        }
        if self.feed.is_finished() {
            let devices = std::mem::take(&mut self.devices);
            self.result = Some(Ok(self.feed.fleet(devices)));
        }
        self.result.is_some()
    }
}

impl<F: DeviceFeed<Operation = ListDevices, Commit = Infallible>> Feed for CustomerFleets<F> {
    type Operation = ListDevices;
    type Commit = Infallible;
    type Item = CustomerFleet;

    fn want(&mut self, now: Moment) -> Want<ListDevices> {
        while self.failure.is_none() && !self.finished && self.flying < self.window {
            if let Some((place, inner, operation, scope)) = self.next_call(now) {
                self.flying += 1;
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                self.tickets.insert(ticket, (place, inner));
                return Want::Call { ticket: Ticket::new(ticket), operation, scope };
            }
            if !self.start_next() {
                break;
            }
        }
        // A listing can end without a call, and then no result would make the driver take its item.
        if self.flying == 0 && !self.is_finished() { Want::Until(now) } else { Want::Nothing }
    }

    fn accept(&mut self, ticket: Ticket, page: Result<Page, Error>) {
        let Some((place, inner)) = self.tickets.remove(&ticket.number()) else { return };
        self.flying -= 1;
        // The listing may have ended before its last calls did.
        if let Some(listing) = self.listing(place) {
            listing.feed.accept(inner, page);
            self.progress(place);
        }
    }

    fn committed(&mut self, never: Infallible) {
        match never {}
    }

    fn take(&mut self) -> Option<Result<CustomerFleet, Error>> {
        if self.finished {
            return None;
        }
        let is_of_account = |error: &Error| self.failure.is_some() && is_of_account(error);
        let is_ready = self.listings.front().is_some_and(|first| match &first.result {
            Some(Ok(_)) => true,
            Some(Err(error)) => !is_of_account(error),
            None => false,
        });
        if is_ready {
            let listing = self.listings.pop_front()?;
            self.first += 1;
            self.finished = self.listings.is_empty() && self.waiting.as_slice().is_empty();
            return Some(Ok(CustomerFleet { customer: listing.customer, result: listing.result? }));
        }
        let error = self.failure.take()?;
        self.finished = true;
        self.listings.clear();
        Some(Err(error))
    }

    fn is_finished(&self) -> bool {
        let none_left = self.listings.is_empty() && self.waiting.as_slice().is_empty();
        self.finished || (none_left && self.failure.is_none())
    }

    fn warning(&self) -> Option<String> {
        (!self.warnings.is_empty()).then(|| self.warnings.join("; "))
    }
}

impl<F> fmt::Debug for CustomerFleets<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerFleets")
            .field("first", &self.first)
            .field("waiting", &self.waiting.as_slice())
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// Whether every customer would get this error.
fn is_of_account(error: &Error) -> bool {
    let is_token = error.kind() == ErrorKind::Auth && error.stage() == Stage::Token;
    is_token || matches!(error.kind(), ErrorKind::Config | ErrorKind::Input)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::*;
    use crate::listing::Verified;
    use crate::operation::Operation;

    fn ids(count: usize) -> Vec<CustomerId> {
        (0..count).map(|number| format!("c{number}").parse().unwrap()).collect()
    }

    fn plain(customers: Vec<CustomerId>, window: usize) -> CustomerFleets<Pages> {
        CustomerFleets::new(customers, window, move || Pages::new(ListDevices::new().page_size(2), window))
    }

    fn want<F>(feed: &mut CustomerFleets<F>) -> Option<(Ticket, ListDevices, CustomerId)>
    where
        F: DeviceFeed<Operation = ListDevices, Commit = Infallible>,
    {
        match feed.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)) {
            Want::Call { ticket, operation, scope } => Some((ticket, operation, scope.customer.unwrap())),
            _ => None,
        }
    }

    /// The page of a customer that has this many devices: `c1-00`, `c1-01` and so on.
    fn page(customer: &CustomerId, devices: usize, query: &ListDevices) -> Page {
        let target = query.encode().unwrap().target;
        let value = |name: &str| {
            let rest = target.split_once(name)?.1;
            rest.split('&').next()?.parse::<usize>().ok()
        };
        let (number, size) = (value("currentPage=").unwrap(), value("pageSize=").unwrap());
        let places = number * size..devices.min((number + 1) * size).max(number * size);
        let content: Vec<_> = places.map(|place| format!(r#"{{"uuid":"{customer}-{place:02}"}}"#)).collect();
        let last = (number + 1) * size >= devices;
        let json = format!(
            r#"{{"content":[{}],"number":{number},"size":{size},"totalElements":{devices},"totalPages":{},"last":{last},
            "sort":[{{"property":"uuid"}}]}}"#,
            content.join(","),
            devices.div_ceil(size),
        );
        Page::from_json(json.as_bytes()).unwrap()
    }

    fn error(kind: ErrorKind, stage: Stage) -> Error {
        Error::new(kind, stage, "refused")
    }

    /// Reads a feed to its end. `choose` picks the call that ends next, and `devices` is the number of each customer's.
    fn read<F>(
        feed: &mut CustomerFleets<F>,
        devices: &[usize],
        mut choose: impl FnMut(usize) -> usize,
    ) -> Vec<(String, Vec<String>)>
    where
        F: DeviceFeed<Operation = ListDevices, Commit = Infallible>,
    {
        let (mut flying, mut items) = (Vec::new(), Vec::new());
        while !feed.is_finished() {
            flying.extend(std::iter::from_fn(|| want(feed)));
            assert!(flying.len() <= feed.window, "{} calls in flight", flying.len());
            match feed.take() {
                Some(item) => {
                    let CustomerFleet { customer, result } = item.unwrap();
                    let fleet = result.unwrap();
                    let uuids = fleet.devices.iter().map(|device| device.uuid().to_owned()).collect();
                    items.push((customer.to_string(), uuids));
                }
                None if feed.is_finished() => break,
                None => {
                    let (ticket, query, customer) = flying.remove(choose(flying.len()));
                    let number: usize = customer.as_str()[1..].parse().unwrap();
                    feed.accept(ticket, Ok(page(&customer, devices[number], &query)));
                }
            }
        }
        assert!(feed.take().is_none() && want(feed).is_none());
        items
    }

    fn expected(devices: &[usize]) -> Vec<(String, Vec<String>)> {
        let uuids = |customer, count| (0..count).map(|place| format!("c{customer}-{place:02}")).collect();
        let customers = devices.iter().enumerate();
        customers.map(|(customer, count)| (format!("c{customer}"), uuids(customer, *count))).collect()
    }

    #[test]
    fn without_customers_a_feed_is_finished() {
        let mut feed = plain(Vec::new(), 4);
        assert!(feed.is_finished() && want(&mut feed).is_none() && feed.take().is_none());
    }

    #[test]
    fn the_error_of_one_customer_does_not_end_the_others() {
        let mut feed = plain(ids(3), 8);
        let mut calls: Vec<_> = std::iter::from_fn(|| want(&mut feed)).collect();
        assert_eq!(calls.len(), 3);
        let (last, refused, first) = (calls.pop().unwrap(), calls.pop().unwrap(), calls.pop().unwrap());
        feed.accept(refused.0, Err(error(ErrorKind::Forbidden, Stage::ContextSwitch)));
        assert!(feed.take().is_none(), "the first customer comes first");
        for (ticket, query, customer) in [last, first] {
            feed.accept(ticket, Ok(page(&customer, 1, &query)));
        }
        let kinds: Vec<_> = std::iter::from_fn(|| feed.take())
            .map(|item| {
                let CustomerFleet { customer, result } = item.unwrap();
                (customer.to_string(), result.err().map(|error| error.kind()))
            })
            .collect();
        let expected = [("c0", None), ("c1", Some(ErrorKind::Forbidden)), ("c2", None)];
        assert_eq!(kinds, expected.map(|(customer, kind)| (customer.to_owned(), kind)));
        assert!(feed.is_finished());
    }

    #[test]
    fn an_error_of_the_account_ends_the_feed() {
        for (kind, stage) in [(ErrorKind::Auth, Stage::Token), (ErrorKind::Input, Stage::Prepare)] {
            let mut feed = plain(ids(9), 2);
            let first = want(&mut feed).unwrap();
            let second = want(&mut feed).unwrap();
            feed.accept(second.0, Err(error(kind, stage)));
            assert!(want(&mut feed).is_none());
            feed.accept(first.0, Ok(page(&first.2, 1, &first.1)));
            assert!(
                feed.take().unwrap().unwrap().result.is_ok(),
                "the first customer had its devices already"
            );
            assert_eq!(feed.take().unwrap().unwrap_err().kind(), kind);
            assert!(feed.is_finished() && feed.take().is_none() && want(&mut feed).is_none());
        }
        // A rejected token of one call, or a failed connection, need not be that of the others.
        for (kind, stage) in [(ErrorKind::Auth, Stage::Call), (ErrorKind::Connect, Stage::Token)] {
            let mut feed = plain(ids(2), 2);
            let first = want(&mut feed).unwrap();
            feed.accept(first.0, Err(error(kind, stage)));
            assert_eq!(feed.take().unwrap().unwrap().result.unwrap_err().kind(), kind);
            assert!(!feed.is_finished() && want(&mut feed).is_some());
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_before_the_first_call() {
        let twice = [ids(3), ids(1)].concat();
        for (customers, window, message) in [
            (twice, 8, "customer id c0 is given twice"),
            (ids(1), 0, "window is 0: 1 to 64 pages can be in flight"),
            (ids(1), 65, "window is 65: 1 to 64 pages can be in flight"),
        ] {
            let mut feed = plain(customers, window);
            assert!(want(&mut feed).is_none() && !feed.is_finished());
            let error = feed.take().unwrap().unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Input, message));
            assert!(feed.is_finished());
        }
    }

    #[test]
    fn a_listing_that_ends_without_a_call_does_not_make_the_driver_wait() {
        let mut feed = CustomerFleets::new(ids(3), 2, || Pages::new(ListDevices::new(), 0));
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        assert!(feed.take().is_none());
        assert!(matches!(feed.want(now), Want::Until(moment) if moment == now));
        assert_eq!(feed.take().unwrap().unwrap_err().kind(), ErrorKind::Input);
        assert!(feed.is_finished() && matches!(feed.want(now), Want::Nothing));
    }

    #[test]
    fn calls_go_to_the_first_customers() {
        let mut feed = plain(ids(9), 3);
        let (ticket, query, customer) = want(&mut feed).unwrap();
        let others: Vec<_> = std::iter::from_fn(|| want(&mut feed)).collect();
        assert_eq!(others.iter().map(|call| call.2.as_str()).collect::<Vec<_>>(), ["c1", "c2"]);
        feed.accept(ticket, Ok(page(&customer, 10, &query)));
        assert_eq!(want(&mut feed).unwrap().2.as_str(), "c0", "it has more pages");
    }

    #[test]
    fn while_the_first_customer_is_slow_not_all_others_are_listed() {
        let mut feed = plain(ids(20), 3);
        let slow = want(&mut feed).unwrap();
        let mut listed = Vec::new();
        while let Some((ticket, query, customer)) = want(&mut feed) {
            feed.accept(ticket, Ok(page(&customer, 1, &query)));
            listed.push(customer.to_string());
        }
        assert_eq!(listed, ["c1", "c2", "c3", "c4", "c5"]);
        feed.accept(slow.0, Ok(page(&slow.2, 1, &slow.1)));
        let taken = std::iter::from_fn(|| feed.take());
        let taken: Vec<_> = taken.map(|item| item.unwrap().customer.to_string()).collect();
        assert_eq!(taken, ["c0", "c1", "c2", "c3", "c4", "c5"]);
        assert_eq!(want(&mut feed).unwrap().2.as_str(), "c6");
    }

    #[test]
    fn the_warnings_of_all_customers_are_one() {
        let mut feed = plain(ids(2), 1);
        for _ in 0..2 {
            let (ticket, query, customer) = want(&mut feed).unwrap();
            let mut page = page(&customer, 1, &query);
            page.total_elements = Some(2);
            feed.accept(ticket, Ok(page));
            feed.take();
        }
        let warning = feed.warning().unwrap();
        assert!(warning.starts_with("customer c0: ") && warning.contains("; customer c1: "), "{warning}");
    }

    #[test]
    fn an_incomplete_listing_keeps_its_devices() {
        let mut feed = CustomerFleets::new(ids(1), 1, || Verified::new(ListDevices::new().page_size(20), 1));
        let (ticket, query, customer) = want(&mut feed).unwrap();
        feed.accept(ticket, Ok(page(&customer, 50, &query)));
        let next = want(&mut feed).unwrap();
        feed.accept(next.0, Err(error(ErrorKind::BadRequest, Stage::Call)));
        let error = feed.take().unwrap().unwrap().result.unwrap_err();
        assert_eq!(error.incomplete().unwrap().devices.len(), 20);
        assert!(feed.is_finished());
    }

    proptest! {
        #[test]
        fn the_result_depends_neither_on_the_window_nor_on_the_order_of_the_responses(
            devices in proptest::collection::vec(0..90_usize, 0..12),
            window in 1..9_usize,
            choices in proptest::collection::vec(any::<prop::sample::Index>(), 1..50),
        ) {
            let mut choices = choices.iter().cycle();
            let mut choose = |count| choices.next().unwrap().index(count);
            let mut pages = plain(ids(devices.len()), window);
            prop_assert_eq!(read(&mut pages, &devices, &mut choose), expected(&devices));
            let start = move || Verified::new(ListDevices::new().page_size(20), window);
            let mut verified = CustomerFleets::new(ids(devices.len()), window, start);
            prop_assert_eq!(read(&mut verified, &devices, &mut choose), expected(&devices));
        }
    }
}
