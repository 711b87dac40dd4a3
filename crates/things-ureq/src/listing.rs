//! The pages of a listing, fetched on threads of their own.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use things_core::{DeviceIter, Error, Fleet, ListDevices, Next, Page, PageSource, SharedPages, Stopper};

use crate::Client;

/// The pages of a listing, in order, up to a window of them under way. Ends after an error.
///
/// Dropping it lets the threads under way end by themselves, each after the request or the pause in hand.
#[derive(Debug)]
pub struct PageIter(Arc<Work>);

#[derive(Debug)]
struct Work {
    client: Client,
    query: ListDevices,
    pages: Arc<SharedPages>,
}

impl Work {
    fn fetch(&self, number: u64) -> Result<Page, Error> {
        self.client.call_while(&self.query.clone().page(number), || !self.pages.is_stopped())
    }
}

impl PageIter {
    /// The next page if it is there already: takes what came meanwhile without waiting for more.
    pub fn ready(&mut self) -> Option<Result<Page, Error>> {
        self.0.pages.ready()
    }

    /// Stops the listing from another thread, such as one that heeds Ctrl-C.
    pub fn stopper(&self) -> Stopper {
        self.0.pages.stopper()
    }

    fn start_thread(&self) -> io::Result<JoinHandle<()>> {
        let work = Arc::clone(&self.0);
        thread::Builder::new().spawn(move || work.pages.work(|number| work.fetch(number)))
    }
}

impl Iterator for PageIter {
    type Item = Result<Page, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.pages.next(|number| self.0.fetch(number)) {
                Next::Page(page) => return Some(page),
                Next::End => return None,
                Next::Hire(threads) => {
                    let started = (0..threads).take_while(|_| self.start_thread().is_ok()).count();
                    self.0.pages.resign(threads - started);
                }
            }
        }
    }
}

impl Drop for PageIter {
    fn drop(&mut self) {
        self.0.pages.stop();
    }
}

impl PageSource for Client {
    type Pages = PageIter;
    type Devices = DeviceIter<PageIter>;
    type Collected = Result<Fleet, Error>;

    fn pages(mut self, query: ListDevices, window: usize, timeout: Option<Duration>) -> PageIter {
        if let Some(timeout) = timeout {
            self.session = self.session.with_deadline(self.clock.now() + timeout);
        }
        let pages = Arc::new(SharedPages::new(self.session.pages(window)));
        PageIter(Arc::new(Work { client: self, query, pages }))
    }

    fn devices(pages: PageIter) -> DeviceIter<PageIter> {
        DeviceIter::new(pages)
    }

    fn collect(pages: PageIter) -> Result<Fleet, Error> {
        Fleet::collect(pages)
    }
}
