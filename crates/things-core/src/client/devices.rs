//! A listing of devices as a client offers it: what is asked, and in which form the answer is wanted.

use std::time::Duration;
use std::vec;

use crate::devices::{Device, ListDevices, Page, SortOrder};
use crate::error::Error;
use crate::listing::Pages;

/// A client that can fetch the pages of a listing. Transports implement it, users do not call it.
pub trait PageSource: Sized {
    /// The pages: an iterator or a stream.
    type Pages;
    /// The devices one by one: an iterator or a stream.
    type Devices;
    /// All devices at once: a `Result<Fleet, Error>`, or a future of it.
    type Collected;

    /// Begins a listing. `timeout` is for all pages together.
    fn pages(self, query: ListDevices, window: usize, timeout: Option<Duration>) -> Self::Pages;

    /// Takes the devices out of their pages.
    fn devices(pages: Self::Pages) -> Self::Devices;

    /// Fetches all pages.
    fn collect(pages: Self::Pages) -> Self::Collected;
}

/// Which devices to list, and how. Nothing is asked of the service before one of [`stream`](Devices::stream),
/// [`pages`](Devices::pages), [`collect`](Devices::collect) or a `for` loop.
#[must_use]
#[derive(Debug, Clone)]
pub struct Devices<C> {
    client: C,
    query: ListDevices,
    window: usize,
    timeout: Option<Duration>,
}

impl<C: PageSource> Devices<C> {
    /// All devices that `client` can list.
    pub fn new(client: C) -> Self {
        Self { client, query: ListDevices::new(), window: Pages::DEFAULT_WINDOW, timeout: None }
    }

    /// Only devices that match this text: partial, and **case-sensitive**.
    pub fn search(mut self, text: impl Into<String>) -> Self {
        self.query = self.query.search(text);
        self
    }

    /// Orders by this property of a device; the service's default is `name`.
    pub fn sort_by(mut self, property: impl Into<String>) -> Self {
        self.query = self.query.sort_by(property);
        self
    }

    /// The direction of the order.
    pub fn sort_order(mut self, order: SortOrder) -> Self {
        self.query = self.query.sort_order(order);
        self
    }

    /// Devices a page, at least 1; the service's default is 20.
    pub fn page_size(mut self, devices: u32) -> Self {
        self.query = self.query.page_size(devices);
        self
    }

    /// Pages under way at a time: 1 to 64, by default 8.
    pub fn window(mut self, pages: usize) -> Self {
        self.window = pages;
        self
    }

    /// Time for all pages together; by default each page has the time of a call, and the listing no end.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The devices one by one, in order. A `for` loop over a blocking client's listing does the same.
    pub fn stream(self) -> C::Devices {
        C::devices(self.pages())
    }

    /// The pages themselves, in order.
    pub fn pages(self) -> C::Pages {
        self.client.pages(self.query, self.window, self.timeout)
    }

    /// All devices at once, and how many the server told.
    pub fn collect(self) -> C::Collected {
        C::collect(self.pages())
    }
}

impl<C: PageSource> IntoIterator for Devices<C>
where
    C::Devices: Iterator<Item = Result<Device, Error>>,
{
    type Item = Result<Device, Error>;
    type IntoIter = C::Devices;

    fn into_iter(self) -> C::Devices {
        self.stream()
    }
}

/// The devices of pages that come from an iterator, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceIter<P> {
    pages: P,
    ready: vec::IntoIter<Device>,
}

impl<P> DeviceIter<P> {
    /// The devices of these pages.
    pub fn new(pages: P) -> Self {
        Self { pages, ready: Vec::new().into_iter() }
    }
}

impl<P: Iterator<Item = Result<Page, Error>>> Iterator for DeviceIter<P> {
    type Item = Result<Device, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(device) = self.ready.next() {
                return Some(Ok(device));
            }
            match self.pages.next()? {
                Ok(page) => self.ready = page.devices.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
