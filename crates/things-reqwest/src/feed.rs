//! Drives a feed: tasks make its calls, and the stream returns its items.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, StreamExt};
use things_core::{
    Device, DeviceFeed, Error, Feed, FeedClient, Fleet, Operation, Pages, Session, Ticket, TransportError,
    TransportErrorKind, Want,
};
use tokio::task::JoinSet;

use crate::Client;

type Arrival<F> = (Ticket, Result<<<F as Feed>::Operation as Operation>::Output, Error>);

/// The items of a feed, in order. Ends after an error. Dropping it cancels the calls in flight.
///
/// Tasks make the calls. A single call needs no task, because it progresses whenever the stream is polled.
pub struct FeedStream<F: Feed> {
    client: Client,
    feed: F,
    flying: JoinSet<Arrival<F>>,
    /// The only call in flight, if there is just one.
    alone: Option<BoxFuture<'static, Arrival<F>>>,
    ended: bool,
}

/// The pages of a listing, in order.
pub type PageStream = FeedStream<Pages>;

/// The devices of a feed, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceStream<F: Feed = Pages> {
    items: FeedStream<F>,
    ready: vec::IntoIter<Device>,
}

impl<F: Feed> FeedStream<F> {
    /// The feed, with its data about the items.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    /// Starts the wanted calls, and takes the next item.
    fn take(&mut self) -> Option<Result<F::Item, Error>> {
        let item = self.feed.take();
        while let Want::Call(ticket, operation) = self.feed.want(self.client.clock.now()) {
            let client = self.client.clone();
            let call = async move { (ticket, client.call(&operation).await) };
            match self.alone.take() {
                None if self.flying.is_empty() => self.alone = Some(Box::pin(call)),
                first => {
                    if let Some(first) = first {
                        self.flying.spawn(first);
                    }
                    self.flying.spawn(call);
                }
            }
        }
        self.ended = item.as_ref().is_some_and(Result::is_err);
        if self.feed.is_finished()
            && let Some(warning) = self.feed.warning()
        {
            log::warn!("{warning}");
        }
        item
    }

    /// Returns the next result of a call in flight, or `None` if no call is in flight.
    fn poll_arrival(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Arrival<F>, Error>>> {
        if let Some(alone) = &mut self.alone {
            let arrival = ready!(alone.as_mut().poll(context));
            self.alone = None;
            return Poll::Ready(Some(Ok(arrival)));
        }
        Poll::Ready(match ready!(self.flying.poll_join_next(context)) {
            Some(Ok(arrival)) => Some(Ok(arrival)),
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime that the feed started on is gone.
            Some(Err(error)) => Some(Err(TransportError::new(TransportErrorKind::Interrupted, error).into())),
            None => None,
        })
    }
}

impl<F: Feed + Unpin> Stream for FeedStream<F> {
    type Item = Result<F::Item, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.ended && !this.feed.is_finished() {
            if let Some(item) = this.take() {
                return Poll::Ready(Some(item));
            }
            match ready!(this.poll_arrival(context)) {
                Some(Ok((ticket, result))) => this.feed.accept(ticket, result),
                Some(Err(error)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => break,
            }
        }
        Poll::Ready(None)
    }
}

impl<F: DeviceFeed> DeviceStream<F> {
    /// Returns the items that hold the devices.
    pub fn items(&self) -> &FeedStream<F> {
        &self.items
    }
}

impl<F: DeviceFeed + Unpin> Stream for DeviceStream<F> {
    type Item = Result<Device, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(device) = self.ready.next() {
                return Poll::Ready(Some(Ok(device)));
            }
            match ready!(self.items.poll_next_unpin(context)) {
                Some(Ok(item)) => self.ready = item.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<F: Feed> fmt::Debug for FeedStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedStream").field("client", &self.client).finish_non_exhaustive()
    }
}

impl FeedClient for Client {
    type Items<F: Feed> = FeedStream<F>;
    type Devices<F: DeviceFeed> = DeviceStream<F>;
    type Collected = BoxFuture<'static, Result<Fleet, Error>>;

    fn session(&self) -> &Session {
        &self.session
    }

    fn with_times(mut self, timeout: Option<Duration>, deadline: Option<Duration>) -> Self {
        self.session = self.session.within(timeout, deadline.map(|deadline| self.clock.now() + deadline));
        self
    }

    fn items<F: Feed>(self, feed: F) -> FeedStream<F> {
        FeedStream { client: self, feed, flying: JoinSet::new(), alone: None, ended: false }
    }

    fn devices<F: DeviceFeed>(items: FeedStream<F>) -> DeviceStream<F> {
        DeviceStream { items, ready: Vec::new().into_iter() }
    }

    fn collect<F: DeviceFeed>(mut items: FeedStream<F>) -> Self::Collected {
        Box::pin(async move {
            let mut devices = Vec::new();
            while let Some(item) = items.next().await {
                devices.reserve(items.feed.expected().saturating_sub(devices.len()));
                match item {
                    Ok(item) => devices.extend(item),
                    Err(error) => return Err(items.feed.failed(error, devices)),
                }
            }
            Ok(items.feed.fleet(devices))
        })
    }
}
