//! A listing of devices as a client offers it: what to list, and in which form.

use std::time::Duration;
use std::vec;

use crate::devices::{Device, ListDevices, SortOrder};
use crate::error::Error;
use crate::listing::{DeviceFeed, Feed, Pages, Verified};
use crate::session::Session;

/// A client that can drive a feed. Transports implement it, users do not call it.
pub trait FeedClient: Sized {
    /// The items of a feed: an iterator or a stream.
    type Items<F: Feed>;
    /// The devices of a feed, one by one: an iterator or a stream.
    type Devices<F: DeviceFeed>;
    /// All devices of a feed: a `Result<Fleet, Error>`, or a future of it.
    type Collected;

    /// The session of the client.
    fn session(&self) -> &Session;

    /// The same client with another time for each call, and with a deadline for all of its calls together, counted from now.
    fn with_times(self, timeout: Option<Duration>, deadline: Option<Duration>) -> Self;

    /// Begins a feed.
    fn items<F: Feed>(self, feed: F) -> Self::Items<F>;

    /// Takes the devices out of the items.
    fn devices<F: DeviceFeed>(items: Self::Items<F>) -> Self::Devices<F>;

    /// Takes all devices of the items.
    fn collect<F: DeviceFeed>(items: Self::Items<F>) -> Self::Collected;
}

/// Which devices to list, and how. Nothing is requested before one of [`stream`](Devices::stream),
/// [`pages`](Devices::pages), [`collect`](Devices::collect) or a `for` loop.
#[must_use]
#[derive(Debug, Clone)]
pub struct Devices<C> {
    client: C,
    query: ListDevices,
    window: usize,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    strict: bool,
}

impl<C: FeedClient> Devices<C> {
    /// All devices that `client` can list.
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

    /// Lists what this query names. Its page number is ignored.
    pub fn query(mut self, query: ListDevices) -> Self {
        self.query = query;
        self
    }

    /// Only devices that match this text: partial, and **case-sensitive**.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.query = self.query.search(text);
        self
    }

    /// Orders by this property of a device. The default is `uuid`, because names repeat: the service may order equal names
    /// differently in each request, and then pages overlap and skip devices.
    pub fn sort_by(mut self, property: impl Into<String>) -> Self {
        self.query = self.query.sort_by(property);
        self
    }

    /// The direction of the order.
    pub fn sort_order(mut self, order: SortOrder) -> Self {
        self.query = self.query.sort_order(order);
        self
    }

    /// Devices per page, at least 1. The default is 100; the service may return smaller pages.
    pub fn page_size(mut self, devices: u32) -> Self {
        self.query = self.query.page_size(devices);
        self
    }

    /// Pages in flight at a time: 1 to 64, by default 8.
    pub fn window(mut self, pages: usize) -> Self {
        self.window = pages;
        self
    }

    /// Time for one page, with its token and its retries. The default is the client's time for a call.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Time for all pages together, counted from the beginning of the listing. By default there is no such limit.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Ends the listing with an error where it notices that pages do not fit together; see
    /// [`ListingReport`](crate::ListingReport). By default it reports that at its end.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The devices one by one, in order. A `for` loop over a blocking client's listing does the same.
    pub fn stream(self) -> C::Devices<Pages> {
        C::devices(self.pages())
    }

    /// The pages themselves, in order.
    pub fn pages(self) -> C::Items<Pages> {
        let client = self.client.with_times(self.timeout, self.deadline);
        let pages = client.session().pages(self.query, self.window).strict(self.strict);
        client.items(pages)
    }

    /// All devices at once, and how many the service counted.
    pub fn collect(self) -> C::Collected {
        C::collect(self.pages())
    }

    /// A listing that proves it is complete: every device that was there from the first request to the last response is in it.
    ///
    /// It reads pages that overlap, ordered by `uuid`, and links them by the devices that they share. That costs a few requests
    /// more. If the proof fails, the listing ends with an error of the kind [`Incomplete`](crate::ErrorKind::Incomplete).
    pub fn verified(self) -> VerifiedDevices<C> {
        VerifiedDevices { devices: self, vouched: false }
    }
}

/// A listing of devices that proves it is complete. Nothing is requested before one of [`stream`](VerifiedDevices::stream),
/// [`batches`](VerifiedDevices::batches), [`collect`](VerifiedDevices::collect) or a `for` loop.
#[must_use]
#[derive(Debug, Clone)]
pub struct VerifiedDevices<C> {
    devices: Devices<C>,
    vouched: bool,
}

impl<C: FeedClient> VerifiedDevices<C> {
    /// Vouches that the service orders devices by `uuid`, where the devices do not show it. If it does not, a listing that
    /// is not complete can be taken for complete.
    pub fn vouch_for_order(self) -> Self {
        Self { vouched: true, ..self }
    }

    /// The devices one by one, in the order of their `uuid`. Each one follows those before it without a gap. Only the end of
    /// the listing without an error means that it is complete.
    pub fn stream(self) -> C::Devices<Verified> {
        C::devices(self.batches())
    }

    /// The devices in batches, as they are proven.
    pub fn batches(self) -> C::Items<Verified> {
        let Devices { client, query, window, timeout, deadline, .. } = self.devices;
        let client = client.with_times(timeout, deadline);
        let verified = client.session().verified(query, window);
        client.items(if self.vouched { verified.vouch_for_order() } else { verified })
    }

    /// All devices at once, with the [`proof`](crate::Fleet::proof). An error of the kind
    /// [`Incomplete`](crate::ErrorKind::Incomplete) holds the devices that were listed:
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

/// The devices of items that come from an iterator, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceIter<I> {
    items: I,
    ready: vec::IntoIter<Device>,
}

impl<I> DeviceIter<I> {
    /// The devices of these items.
    pub fn new(items: I) -> Self {
        Self { items, ready: Vec::new().into_iter() }
    }

    /// The items that the devices come in.
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
