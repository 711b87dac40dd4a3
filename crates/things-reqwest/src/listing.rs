//! All devices as a stream, with a window of pages under way on tasks of their own.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures_core::Stream;
use things_core::{Device, Error, Fleet, ListDevices, Page, PageSource, Pages};
use tokio::task::JoinSet;

use crate::Client;

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

impl PageSource for Client {
    type Pages = PageStream;
    type Devices = DeviceStream;
    type Collected = Pin<Box<dyn Future<Output = Result<Fleet, Error>> + Send>>;

    fn pages(mut self, query: ListDevices, window: usize, timeout: Option<Duration>) -> PageStream {
        if let Some(timeout) = timeout {
            self.session = self.session.with_deadline(self.clock.now() + timeout);
        }
        PageStream {
            client: self,
            query,
            single: window <= 1,
            pages: Pages::new(window),
            here: None,
            flying: JoinSet::new(),
        }
    }

    fn devices(pages: PageStream) -> DeviceStream {
        DeviceStream { pages, ready: Vec::new().into_iter() }
    }

    fn collect(mut pages: PageStream) -> Self::Collected {
        Box::pin(async move {
            let mut fleet = Fleet::default();
            while let Some(page) = pages.next().await {
                fleet.add(page?);
            }
            Ok(fleet)
        })
    }
}
