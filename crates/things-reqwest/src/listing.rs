//! The pages of a listing, fetched on tasks of their own.

use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use things_core::{
    Device, Error, Fleet, ListDevices, Page, PageSource, Pages, TransportError, TransportErrorKind,
};
use tokio::task::JoinSet;

use crate::Client;

/// The pages of a listing, in order, up to a window of them under way. Ends after an error; dropping it cancels
/// what is under way.
pub type PageStream = BoxStream<'static, Result<Page, Error>>;

/// The devices of a listing, in order. Ends after an error.
pub type DeviceStream = BoxStream<'static, Result<Device, Error>>;

struct Listing {
    client: Client,
    query: ListDevices,
    window: usize,
    pages: Pages,
    flying: JoinSet<(u64, Result<Page, Error>)>,
}

impl Listing {
    async fn next(&mut self) -> Option<Result<Page, Error>> {
        loop {
            let page = self.pages.take();
            if self.window > 1 {
                while let Some(number) = self.pages.want() {
                    self.flying.spawn(self.fetch(number));
                }
            }
            if page.is_some() || self.pages.is_finished() {
                return page;
            }
            let (number, page) = match self.flying.join_next().await {
                Some(Ok(landed)) => landed,
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime that the listing began on is gone.
                Some(Err(error)) => {
                    return Some(Err(TransportError::new(TransportErrorKind::Interrupted, error).into()));
                }
                // A page that goes alone needs no task.
                None => {
                    let number = self.pages.want()?;
                    self.fetch(number).await
                }
            };
            self.pages.accept(number, page);
        }
    }

    fn fetch(&self, number: u64) -> impl Future<Output = (u64, Result<Page, Error>)> + use<> {
        let (client, query) = (self.client.clone(), self.query.clone().page(number));
        async move { (number, client.call(&query).await) }
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
        let pages = self.session.pages(window);
        let listing = Listing { client: self, query, window, pages, flying: JoinSet::new() };
        let next = |listing: Option<Listing>| async {
            let mut listing = listing?;
            let page = listing.next().await?;
            let rest = page.is_ok().then_some(listing);
            Some((page, rest))
        };
        stream::unfold(Some(listing), next).boxed()
    }

    fn devices(pages: PageStream) -> DeviceStream {
        pages.map_ok(|page| stream::iter(page.devices.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn collect(pages: PageStream) -> Self::Collected {
        let add = |mut fleet: Fleet, page| async move {
            fleet.add(page);
            Ok(fleet)
        };
        Box::pin(pages.try_fold(Fleet::default(), add))
    }
}
