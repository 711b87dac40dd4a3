//! All devices as an iterator, with a window of pages under way on threads of their own.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{any::Any, thread, vec};

use things_core::{Device, Error, Fleet, ListDevices, Page, Pages, SortOrder};

use crate::Client;

/// Which devices to list, and how: iterate over it, or ask for its [`pages`](Devices::pages) or for
/// [all at once](Devices::collect). Nothing is asked of the service before that.
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

    /// The pages themselves, in order.
    pub fn pages(self) -> PageIter {
        let mut client = self.client;
        if let Some(timeout) = self.timeout {
            client.session = client.session.with_deadline(client.clock.now() + timeout);
        }
        let state = State { pages: Pages::new(self.window), idle: 0, stopped: false, panic: None };
        let work = Work {
            client,
            query: self.query,
            state: Mutex::new(state),
            room: Condvar::new(),
            page: Condvar::new(),
        };
        PageIter { work: Arc::new(work), window: self.window, alone: true }
    }

    /// All devices at once, and how many the server told.
    pub fn collect(self) -> Result<Fleet, Error> {
        Fleet::collect(self.pages())
    }
}

impl IntoIterator for Devices {
    type Item = Result<Device, Error>;
    type IntoIter = DeviceIter;

    fn into_iter(self) -> DeviceIter {
        DeviceIter { pages: self.pages(), ready: Vec::new().into_iter() }
    }
}

/// The devices of a listing, in order. Ends after an error.
#[derive(Debug)]
pub struct DeviceIter {
    pages: PageIter,
    ready: vec::IntoIter<Device>,
}

impl Iterator for DeviceIter {
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

/// The pages of a listing, in order, up to a window of them under way. Ends after an error.
///
/// Dropping it lets the threads under way end by themselves.
#[derive(Debug)]
pub struct PageIter {
    work: Arc<Work>,
    window: usize,
    /// This thread fetches by itself: the first page always, and all of them with a window of 1.
    alone: bool,
}

impl Iterator for PageIter {
    type Item = Result<Page, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut state = self.work.lock();
        loop {
            if let Some(panic) = state.panic.take() {
                drop(state);
                resume_unwind(panic);
            }
            let page = state.pages.take();
            if !self.alone {
                self.work.staff(&mut state);
            }
            if page.is_some() || state.pages.is_finished() {
                return page;
            }
            match state.pages.want().filter(|_| self.alone) {
                Some(number) => {
                    drop(state);
                    let page = self.work.fetch(number);
                    self.alone = self.window <= 1;
                    state = self.work.lock();
                    state.pages.accept(number, page);
                }
                None => state = wait(&self.work.page, state),
            }
        }
    }
}

impl Drop for PageIter {
    fn drop(&mut self) {
        self.work.lock().stopped = true;
        self.work.room.notify_all();
    }
}

/// What the threads of a listing share.
#[derive(Debug)]
struct Work {
    client: Client,
    query: ListDevices,
    state: Mutex<State>,
    /// There is room in the window, or nothing more to do.
    room: Condvar,
    /// There is a page.
    page: Condvar,
}

#[derive(Debug)]
struct State {
    pages: Pages,
    /// Threads that wait for work, those just started included.
    idle: usize,
    stopped: bool,
    panic: Option<Box<dyn Any + Send>>,
}

impl Work {
    fn fetch(&self, number: u64) -> Result<Page, Error> {
        self.client.call(&self.query.clone().page(number))
    }

    /// Sees that there is a thread for each page that may be fetched now.
    fn staff(self: &Arc<Self>, state: &mut State) {
        let room = state.pages.room();
        while state.idle < room {
            state.idle += 1;
            let work = Arc::clone(self);
            thread::spawn(move || work.run());
        }
        if room > 0 || state.pages.is_finished() {
            self.room.notify_all();
        }
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped && !state.pages.is_finished() {
            let Some(number) = state.pages.want() else {
                state = wait(&self.room, state);
                continue;
            };
            state.idle -= 1;
            drop(state);
            let page = catch_unwind(AssertUnwindSafe(|| self.fetch(number)));
            state = self.lock();
            state.idle += 1;
            match page {
                Ok(page) => state.pages.accept(number, page),
                Err(panic) => state.panic = Some(panic),
            }
            self.page.notify_one();
        }
        state.idle -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(PoisonError::into_inner)
}
