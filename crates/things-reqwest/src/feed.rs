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
    Commit, Device, DeviceFeed, Error, Feed, FeedClient, Fleet, Operation, Pages, Session, Ticket,
    TransportError, TransportErrorKind, Want,
};
use tokio::task::{JoinError, JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{Sleep, sleep};

use crate::Client;

type Committed<F> = <<F as Feed>::Commit as Commit>::Output;
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
    /// The commit that a thread for blocking work runs.
    committing: Option<JoinHandle<Committed<F>>>,
    /// When the feed wants to act again, if no result arrives earlier.
    until: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

/// Something that ended, and what is passed to the feed about it.
enum Event<F: Feed> {
    Arrival(Arrival<F>),
    Committed(Committed<F>),
    Time,
    /// The runtime that the feed started on is gone.
    Lost(Error),
    /// Nothing is in flight.
    Idle,
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

    /// Asks the feed to finish early: to start no more calls, and to finish after those in flight. Returns whether it
    /// does. A listing does not: drop it instead.
    pub fn stop(&mut self) -> bool {
        self.feed.stop()
    }

    /// Asks the feed to finish at once: the calls in flight are cancelled. Returns whether it does. A run goes on to its end
    /// with what is known, and what was in flight is [`Unknown`](things_core::Outcome::Unknown). If a run is dropped
    /// instead, the ledger may know less than the run did.
    pub fn abort(&mut self) -> bool {
        while let Some(Ok((ticket, result))) = self.flying.try_join_next() {
            self.feed.accept(ticket, result);
        }
        self.alone = None;
        self.flying = JoinSet::new();
        self.feed.abort()
    }

    /// Starts what the feed wants, and takes the next item.
    fn take(&mut self) -> Option<Result<F::Item, Error>> {
        let item = self.feed.take();
        self.until = loop {
            let now = self.client.clock.now();
            match self.feed.want(now) {
                Want::Call { ticket, operation, scope } => {
                    let client = self.client.scoped(&scope);
                    self.start(scope.fate.is_none(), async move { (ticket, client.call(&operation).await) });
                }
                Want::Commit(commit) => self.committing = Some(spawn_blocking(|| commit.run())),
                Want::Until(moment) => break Some(Box::pin(sleep(moment.since(now)))),
                Want::Nothing => break None,
            }
        };
        // What was wanted can have finished an item.
        let item = item.or_else(|| self.feed.take());
        self.ended = item.as_ref().is_some_and(Result::is_err);
        if self.feed.is_finished()
            && let Some(warning) = self.feed.warning()
        {
            log::warn!("{warning}");
        }
        item
    }

    /// Starts a call. The first one needs no task, if it may stand still while nobody polls.
    fn start(&mut self, may_stand_still: bool, call: impl Future<Output = Arrival<F>> + Send + 'static) {
        match self.alone.take() {
            None if self.flying.is_empty() && may_stand_still => self.alone = Some(Box::pin(call)),
            first => {
                if let Some(first) = first {
                    self.flying.spawn(first);
                }
                self.flying.spawn(call);
            }
        }
    }

    /// Returns what ends next of that which is in flight.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event<F>> {
        if let Some(alone) = &mut self.alone
            && let Poll::Ready(arrival) = alone.as_mut().poll(context)
        {
            self.alone = None;
            return Poll::Ready(Event::Arrival(arrival));
        }
        if let Some(committing) = &mut self.committing
            && let Poll::Ready(result) = Pin::new(committing).poll(context)
        {
            self.committing = None;
            return Poll::Ready(result.map_or_else(lost, Event::Committed));
        }
        if let Poll::Ready(Some(result)) = self.flying.poll_join_next(context) {
            return Poll::Ready(result.map_or_else(lost, Event::Arrival));
        }
        if let Some(until) = &mut self.until
            && until.as_mut().poll(context).is_ready()
        {
            self.until = None;
            return Poll::Ready(Event::Time);
        }
        let idle = self.alone.is_none()
            && self.committing.is_none()
            && self.flying.is_empty()
            && self.until.is_none();
        if idle { Poll::Ready(Event::Idle) } else { Poll::Pending }
    }
}

/// A task that did not end: it panicked, or its runtime is gone.
fn lost<F: Feed>(error: JoinError) -> Event<F> {
    if error.is_panic() {
        resume_unwind(error.into_panic());
    }
    Event::Lost(TransportError::new(TransportErrorKind::Interrupted, error).into())
}

impl<F: Feed + Unpin> Stream for FeedStream<F> {
    type Item = Result<F::Item, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.ended && !this.feed.is_finished() {
            if let Some(item) = this.take() {
                return Poll::Ready(Some(item));
            }
            match ready!(this.poll_event(context)) {
                Event::Arrival((ticket, result)) => this.feed.accept(ticket, result),
                Event::Committed(result) => this.feed.committed(result),
                Event::Time => {}
                Event::Lost(error) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Event::Idle => break,
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

/// A run records what is known, which can block this thread: for a ledger on disk, as long as one write.
impl<F: Feed> Drop for FeedStream<F> {
    fn drop(&mut self) {
        while let Some(ended) = self.flying.try_join_next() {
            if let Ok((ticket, result)) = ended {
                self.feed.accept(ticket, result);
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
        FeedStream {
            client: self,
            feed,
            flying: JoinSet::new(),
            alone: None,
            committing: None,
            until: None,
            ended: false,
        }
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
