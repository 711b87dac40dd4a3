//! Drives a feed: threads make its calls, and the reader takes its items.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use things_core::{
    Commit, DeviceFeed, DeviceIter, Error, Feed, FeedClient, Fleet, Moment, Operation, Pages, Scope, Session,
    Ticket, Want,
};

use crate::Client;
use crate::stopper::Stopper;

type Job<F> = (Ticket, <F as Feed>::Operation, Scope);
type Output<F> = Result<<<F as Feed>::Operation as Operation>::Output, Error>;

/// A message to the reader.
enum Arrival<F: Feed> {
    Result(Ticket, thread::Result<Output<F>>),
    /// Wakes the reader, so that it checks whether the feed was stopped.
    Wake,
}

/// The items of a feed, in order. Ends after an error.
///
/// The iterator makes calls on its own threads. They wait for work on one channel and put results into another. A
/// single call needs no thread, because the reader makes it. Dropping the iterator ends each thread after its current
/// request or pause.
pub struct FeedIter<F: Feed> {
    client: Client,
    feed: F,
    jobs: Sender<Job<F>>,
    waiting: Arc<Mutex<Receiver<Job<F>>>>,
    arrivals: Receiver<Arrival<F>>,
    sender: Sender<Arrival<F>>,
    stopper: Stopper,
    /// Calls that the reader makes itself when the next item is requested: a single call, or all calls if no thread can
    /// start.
    own: VecDeque<Job<F>>,
    /// Calls that threads make.
    flying: usize,
    threads: usize,
    /// When the feed wants to act again, if no result arrives earlier.
    until: Option<Moment>,
    /// Whether the feed was asked to finish early, and does.
    stopping: bool,
    /// Whether the feed was asked to finish at once.
    aborted: bool,
    ended: bool,
}

/// The pages of a listing, in order.
pub type PageIter = FeedIter<Pages>;

impl<F: Feed> FeedIter<F> {
    fn new(client: Client, feed: F) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let (sender, arrivals) = mpsc::channel();
        let wake = sender.clone();
        // A reader that is gone need not wake up.
        let wake = move || drop(wake.send(Arrival::Wake));
        Self {
            client,
            feed,
            jobs,
            waiting: Arc::new(Mutex::new(waiting)),
            arrivals,
            sender,
            stopper: Stopper::new(wake),
            own: VecDeque::new(),
            flying: 0,
            threads: 0,
            until: None,
            stopping: false,
            aborted: false,
            ended: false,
        }
    }

    /// The feed, with its data about the items.
    pub fn feed(&self) -> &F {
        &self.feed
    }

    /// Stops the feed from another thread, such as one that handles Ctrl-C.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Returns the next item if it has already arrived, without waiting for more.
    pub fn ready(&mut self) -> Option<Result<F::Item, Error>> {
        if self.ended || self.feed.is_finished() || (self.stopper.is_stopped() && !self.stopping) {
            return None;
        }
        self.take()
    }

    /// Processes all arrivals, starts the wanted calls, and takes the next item.
    fn take(&mut self) -> Option<Result<F::Item, Error>> {
        self.accept_all();
        let item = self.feed.take();
        self.until = loop {
            match self.feed.want(self.client.clock.now()) {
                Want::Call { ticket, operation, scope } => {
                    // Nobody can leave a call that the reader makes.
                    let alone = self.own.is_empty() && self.flying == 0 && scope.fate.is_none();
                    self.own.push_back((ticket, operation, scope));
                    if !alone {
                        self.hand_out();
                    }
                }
                Want::Commit(commit) => {
                    // A commit takes a while, and a call must not wait for it.
                    self.hand_out();
                    self.feed.committed(commit.run());
                }
                Want::Until(moment) => break Some(moment),
                Want::Nothing => break None,
            }
        };
        if self.until.is_some() {
            self.hand_out();
        }
        // A commit can have finished an item.
        let item = item.or_else(|| self.feed.take());
        self.ended = item.as_ref().is_some_and(Result::is_err);
        if self.feed.is_finished()
            && let Some(warning) = self.feed.warning()
        {
            log::warn!("{warning}");
        }
        item
    }

    fn accept_all(&mut self) {
        while let Ok(arrival) = self.arrivals.try_recv() {
            self.accept(arrival);
        }
    }

    /// Waits for the next arrival, or until the feed wants to act again.
    fn wait(&self) -> Option<Arrival<F>> {
        match self.until {
            Some(until) => self.arrivals.recv_timeout(until.since(self.client.clock.now())).ok(),
            None => self.arrivals.recv().ok(),
        }
    }

    fn accept(&mut self, arrival: Arrival<F>) {
        let Arrival::Result(ticket, result) = arrival else { return };
        self.flying -= 1;
        match result {
            Ok(result) => self.feed.accept(ticket, result),
            Err(panic) => {
                self.ended = true;
                resume_unwind(panic)
            }
        }
    }

    /// Hands the reader's calls to threads, and starts a thread if there are fewer threads than calls.
    fn hand_out(&mut self) {
        while !self.own.is_empty() {
            if self.threads <= self.flying && self.start_thread().is_ok() {
                self.threads += 1;
            }
            if self.threads == 0 {
                return;
            }
            self.flying += 1;
            // The receiver lives as long as this iterator.
            self.own.pop_front().map(|job| self.jobs.send(job));
        }
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let (client, jobs, sender) = (self.client.clone(), Arc::clone(&self.waiting), self.sender.clone());
        let stopper = self.stopper.clone();
        let work = move || {
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((ticket, operation, scope)) = job else { return };
                let call = || client.scoped(&scope).call_while(&operation, || !stopper.is_stopped());
                let result = catch_unwind(AssertUnwindSafe(call));
                if sender.send(Arrival::Result(ticket, result)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().spawn(work).map(drop)
    }
}

impl<F: Feed> Iterator for FeedIter<F> {
    type Item = Result<F::Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && !self.feed.is_finished() {
            if self.stopper.is_aborted() && !self.aborted {
                self.accept_all();
                self.aborted = true;
                self.stopping = self.feed.abort();
            } else if self.stopper.is_stopped() && !self.stopping {
                self.stopping = self.feed.stop();
            }
            if self.stopper.is_stopped() && !self.stopping {
                // A listing that was cut off must not look complete.
                self.ended = true;
                return Some(Err(Error::cancelled("the listing was stopped")));
            }
            if let Some(item) = self.take() {
                return Some(item);
            }
            // The last arrival may have finished the feed without an item.
            if self.feed.is_finished() {
                break;
            }
            if let Some((ticket, operation, scope)) = self.own.pop_front() {
                let result = self.client.scoped(&scope).call_while(&operation, || !self.stopper.is_stopped());
                self.feed.accept(ticket, result);
            } else if let Some(arrival) = self.wait() {
                self.accept(arrival);
            }
        }
        None
    }
}

impl<F: Feed> Drop for FeedIter<F> {
    fn drop(&mut self) {
        self.stopper.stop();
        // A run records what is known.
        for arrival in self.arrivals.try_iter() {
            if let Arrival::Result(ticket, Ok(result)) = arrival {
                self.feed.accept(ticket, result);
            }
        }
    }
}

impl<F: Feed> fmt::Debug for FeedIter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedIter").field("client", &self.client).finish_non_exhaustive()
    }
}

impl FeedClient for Client {
    type Items<F: Feed> = FeedIter<F>;
    type Devices<F: DeviceFeed> = DeviceIter<FeedIter<F>>;
    type Collected = Result<Fleet, Error>;

    fn session(&self) -> &Session {
        &self.session
    }

    fn with_times(mut self, timeout: Option<Duration>, deadline: Option<Duration>) -> Self {
        self.session = self.session.within(timeout, deadline.map(|deadline| self.clock.now() + deadline));
        self
    }

    fn items<F: Feed>(self, feed: F) -> FeedIter<F> {
        FeedIter::new(self, feed)
    }

    fn devices<F: DeviceFeed>(items: FeedIter<F>) -> DeviceIter<FeedIter<F>> {
        DeviceIter::new(items)
    }

    fn collect<F: DeviceFeed>(mut items: FeedIter<F>) -> Result<Fleet, Error> {
        let mut devices = Vec::new();
        while let Some(item) = items.next() {
            devices.reserve(items.feed.expected().saturating_sub(devices.len()));
            match item {
                Ok(item) => devices.extend(item),
                Err(error) => return Err(items.feed.failed(error, devices)),
            }
        }
        Ok(items.feed.fleet(devices))
    }
}
