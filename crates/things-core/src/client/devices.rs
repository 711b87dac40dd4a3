//! The listing of devices that a client offers: which devices to list, and in which form.

use std::time::Duration;
use std::vec;

use crate::devices::{Device, ListDevices, SortOrder};
use crate::error::Error;
use crate::feed::Feed;
use crate::listing::{DeviceFeed, Pages, Verified};
use crate::session::Session;

/// A client that can drive a feed. Transports implement this trait; users do not call it.
pub trait FeedClient: Sized {
    /// The items of a feed: an iterator or a stream.
    type Items<F: Feed>;
    /// The devices of a feed, one by one: an iterator or a stream.
    type Devices<F: DeviceFeed>;
    /// All devices of a feed: a `Result<Fleet, Error>`, or a future of it.
    type Collected;

    /// Returns the session of the client.
    fn session(&self) -> &Session;

    /// Returns the same client with another time limit per call, and one deadline for all of its calls, counted from
    /// now.
    fn with_times(self, timeout: Option<Duration>, deadline: Option<Duration>) -> Self;

    /// Starts a feed.
    fn items<F: Feed>(self, feed: F) -> Self::Items<F>;

    /// Returns the devices of the items.
    fn devices<F: DeviceFeed>(items: Self::Items<F>) -> Self::Devices<F>;

    /// Collects all devices of the items.
    fn collect<F: DeviceFeed>(items: Self::Items<F>) -> Self::Collected;
}

/// A query for devices. It sends no request before [`stream`](Devices::stream), [`pages`](Devices::pages),
/// [`collect`](Devices::collect) or a `for` loop.
#[must_use]
#[derive(Debug, Clone)]
pub struct Devices<C> {
    pub(super) client: C,
    pub(super) query: ListDevices,
    pub(super) window: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Duration>,
    pub(super) strict: bool,
}

impl<C> Devices<C> {
    /// Creates a listing of all devices that `client` can list.
    pub fn new(client: C) -> Self {
        Self {
            client,
            query: ListDevices::new(),
            window: Pages::DEFAULT_WINDOW,
            timeout: None,
            deadline: None,
            strict: false,
        }
    }

    /// Lists the devices that this query selects, from the page of the query on.
    pub fn query(mut self, query: ListDevices) -> Self {
        self.query = query;
        self
    }

    /// Lists only devices that match this text. The match is partial and **case-sensitive**.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.query = self.query.search(text);
        self
    }

    /// Sorts by this property of a device. The default is `uuid`, because names are not unique: the service may order
    /// equal names differently in each request, and then pages overlap and skip devices.
    pub fn sort_by(mut self, property: impl Into<String>) -> Self {
        self.query = self.query.sort_by(property);
        self
    }

    /// Sets the sort direction.
    pub fn sort_order(mut self, order: SortOrder) -> Self {
        self.query = self.query.sort_order(order);
        self
    }

    /// Sets the number of devices per page, at least 1. The default is 100; the service may return smaller pages.
    pub fn page_size(mut self, devices: u32) -> Self {
        self.query = self.query.page_size(devices);
        self
    }

    /// Starts at this page, from 0, for example to continue a listing that was interrupted. Devices on the pages before
    /// it are not [missing](crate::ListingReport::missing).
    ///
    /// A page number only has a meaning for one page size and one order: set those of the earlier listing too. Devices
    /// that were created or deleted since then shift the pages. A [verified](Self::verified) listing cannot start at a
    /// later page.
    pub fn first_page(mut self, number: u64) -> Self {
        self.query = self.query.page(number);
        self
    }

    /// Sets the number of pages in flight at a time: 1 to 64, by default 8. The listing fails before anything is sent if
    /// the number is outside this range.
    pub fn window(mut self, pages: usize) -> Self {
        self.window = pages;
        self
    }

    /// Sets the time limit per page, including its token and its retries. The default is the client's time limit per
    /// call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the time limit for all pages together, counted from the start of the listing. By default there is none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the listing with an error as soon as it notices that pages contradict each other; see
    /// [`ListingReport`](crate::ListingReport). By default the listing only reports that at its end.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Proves that the listing is complete: it holds every device that existed from the first request to the last
    /// response.
    ///
    /// The listing reads overlapping pages, ordered by `uuid`, and links them by the devices that they share. That
    /// costs a few more requests. If the proof fails, the listing ends with an error of the kind
    /// [`Incomplete`](crate::ErrorKind::Incomplete).
    pub fn verified(self) -> VerifiedDevices<C> {
        VerifiedDevices { devices: self, vouched: false }
    }
}

impl<C: FeedClient> Devices<C> {
    /// Returns the devices one by one, in order. A `for` loop over a blocking client's listing does the same.
    pub fn stream(self) -> C::Devices<Pages> {
        C::devices(self.pages())
    }

    /// Returns the pages themselves, in order.
    pub fn pages(self) -> C::Items<Pages> {
        let client = self.client.with_times(self.timeout, self.deadline);
        let pages = client.session().pages(self.query, self.window).strict(self.strict);
        client.items(pages)
    }

    /// Returns all devices at once, and how many the service counted.
    pub fn collect(self) -> C::Collected {
        C::collect(self.pages())
    }
}

/// A listing of devices that proves that it is complete. It sends no request before
/// [`stream`](VerifiedDevices::stream), [`batches`](VerifiedDevices::batches), [`collect`](VerifiedDevices::collect) or
/// a `for` loop.
#[must_use]
#[derive(Debug, Clone)]
pub struct VerifiedDevices<C> {
    pub(super) devices: Devices<C>,
    pub(super) vouched: bool,
}

impl<C> VerifiedDevices<C> {
    /// Vouches that the service orders devices by `uuid`, in case the devices do not show it. If the service does not,
    /// an incomplete listing can pass as complete.
    pub fn vouch_for_order(self) -> Self {
        Self { vouched: true, ..self }
    }
}

impl<C: FeedClient> VerifiedDevices<C> {
    /// Returns the devices one by one, ordered by `uuid`. Each one follows those before it without a gap. The listing
    /// is complete only if it ends without an error.
    pub fn stream(self) -> C::Devices<Verified> {
        C::devices(self.batches())
    }

    /// Returns the devices in batches, as they are proven.
    pub fn batches(self) -> C::Items<Verified> {
        let Devices { client, query, window, timeout, deadline, .. } = self.devices;
        let client = client.with_times(timeout, deadline);
        let verified = client.session().verified(query, window);
        client.items(if self.vouched { verified.vouch_for_order() } else { verified })
    }

    /// Returns all devices at once, with the [`proof`](crate::Fleet::proof). An error of the kind
    /// [`Incomplete`](crate::ErrorKind::Incomplete) holds the devices that were listed; see
    /// [`Error::incomplete`](crate::Error::incomplete).
    pub fn collect(self) -> C::Collected {
        C::collect(self.batches())
    }
}

impl<C: FeedClient> IntoIterator for VerifiedDevices<C>
where
    C::Devices<Verified>: Iterator<Item = Result<Device, Error>>,
{
    type Item = Result<Device, Error>;
    type IntoIter = C::Devices<Verified>;

    fn into_iter(self) -> Self::IntoIter {
        self.stream()
    }
}

impl<C: FeedClient> IntoIterator for Devices<C>
where
    C::Devices<Pages>: Iterator<Item = Result<Device, Error>>,
{
    type Item = Result<Device, Error>;
    type IntoIter = C::Devices<Pages>;

    fn into_iter(self) -> Self::IntoIter {
        self.stream()
    }
}

/// The devices of items from an iterator, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceIter<I> {
    items: I,
    ready: vec::IntoIter<Device>,
}

impl<I> DeviceIter<I> {
    /// Takes the devices of these items.
    pub fn new(items: I) -> Self {
        Self { items, ready: Vec::new().into_iter() }
    }

    /// Returns the items that hold the devices.
    pub fn items(&self) -> &I {
        &self.items
    }
}

impl<I, T> Iterator for DeviceIter<I>
where
    I: Iterator<Item = Result<T, Error>>,
    T: IntoIterator<Item = Device, IntoIter = vec::IntoIter<Device>>,
{
    type Item = Result<Device, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(device) = self.ready.next() {
                return Some(Ok(device));
            }
            match self.items.next()? {
                Ok(item) => self.ready = item.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
