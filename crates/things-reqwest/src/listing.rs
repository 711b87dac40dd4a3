//! All devices as a stream, with a window of pages under way on tasks of their own.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{future::poll_fn, vec};

use futures_core::Stream;
use things_core::{Device, Error, Fleet, ListDevices, Page, Pages, SortOrder};
use tokio::task::JoinSet;

use crate::Client;

/// Which devices to list, and how: ask for the [devices one by one](Devices::stream), for their
/// [`pages`](Devices::pages), or for [all at once](Devices::collect). Nothing is asked of the service before that.
#[must_use]
#[derive(Debug, Clone)]
pub struct Devices {
    client: Client,
    query: ListDevices,
    window: usize,
    timeout: Option<Duration>,
}

impl Devices {
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            query: ListDevices::new(),
            window: Pages::DEFAULT_WINDOW,
            timeout: None,
        }
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

    /// The devices, one by one.
    pub fn stream(self) -> DeviceStream {
        DeviceStream { pages: self.pages(), ready: Vec::new().into_iter() }
    }

    /// The pages themselves, in order.
    pub fn pages(self) -> PageStream {
        let mut client = self.client;
        if let Some(timeout) = self.timeout {
            client.session = client.session.with_deadline(client.clock.now() + timeout);
        }
        PageStream {
            client,
            query: self.query,
            single: self.window <= 1,
            pages: Pages::new(self.window),
            here: None,
            flying: JoinSet::new(),
        }
    }

    /// All devices at once, and how many the server told.
    pub async fn collect(self) -> Result<Fleet, Error> {
        let mut fleet = Fleet::default();
        let mut pages = self.pages();
        while let Some(page) = pages.next().await {
            fleet.add(page?);
        }
        Ok(fleet)
    }
}

/// The devices of a listing, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceStream {
    pages: PageStream,
    ready: vec::IntoIter<Device>,
}

impl DeviceStream {
    /// The next device.
    pub async fn next(&mut self) -> Option<Result<Device, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for DeviceStream {
    type Item = Result<Device, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(device) = self.ready.next() {
                return Poll::Ready(Some(Ok(device)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(context)) {
                Some(Ok(page)) => self.ready = page.devices.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

type Fetch = Pin<Box<dyn Future<Output = (u64, Result<Page, Error>)> + Send>>;

/// The pages of a listing, in order, up to a window of them under way. Ends after an error.
///
/// Dropping it cancels what is under way.
pub struct PageStream {
    client: Client,
    query: ListDevices,
    single: bool,
    pages: Pages,
    /// A page that is fetched on this task: the first always, and all of them with a window of 1.
    here: Option<Fetch>,
    flying: JoinSet<(u64, Result<Page, Error>)>,
}

impl PageStream {
    /// The next page.
    pub async fn next(&mut self) -> Option<Result<Page, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    fn start(&mut self, number: u64) {
        let (client, query) = (self.client.clone(), self.query.clone().page(number));
        let fetch = async move { (number, client.call(&query).await) };
        if self.single || number == 0 {
            self.here = Some(Box::pin(fetch));
        } else {
            self.flying.spawn(fetch);
        }
    }

    /// The next fetch that has ended, if any is under way.
    fn poll_landed(&mut self, context: &mut Context<'_>) -> Poll<Option<(u64, Result<Page, Error>)>> {
        if let Some(fetch) = &mut self.here {
            let landed = ready!(fetch.as_mut().poll(context));
            self.here = None;
            return Poll::Ready(Some(landed));
        }
        match ready!(self.flying.poll_join_next(context)) {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            landed => Poll::Ready(landed.and_then(Result::ok)),
        }
    }
}

impl Stream for PageStream {
    type Item = Result<Page, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let page = self.pages.take();
            while let Some(number) = self.pages.want() {
                self.start(number);
            }
            if page.is_some() || self.pages.is_finished() {
                return Poll::Ready(page);
            }
            match ready!(self.poll_landed(context)) {
                Some((number, page)) => self.pages.accept(number, page),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for PageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageStream")
            .field("client", &self.client)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}
