//! The pages of a listing that several threads fetch and one thread takes.

#![allow(clippy::disallowed_types, reason = "this module leaves the crate")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::Pages;
use crate::devices::Page;
use crate::error::{Error, ErrorKind};
use crate::stage::Stage;

/// [`Pages`] behind a lock: workers call [`work`](SharedPages::work), the reader calls [`next`](SharedPages::next).
///
/// Starts no threads: the reader is told when another worker would have something to do. At most `window` pages
/// are under way, and as many more wait to be read.
#[derive(Debug)]
pub struct SharedPages {
    state: Mutex<State>,
    /// There is room in the window, or nothing more to do.
    room: Condvar,
    /// There is a page, or an end.
    page: Condvar,
}

#[derive(Debug)]
struct State {
    pages: Pages,
    /// Workers that wait for work, those that were asked for and have not begun included.
    idle: usize,
    /// No more workers can be had.
    short: bool,
    reading: bool,
    stopped: bool,
    /// The reader knows that nothing follows.
    told: bool,
    panic: Option<Box<dyn Any + Send>>,
}

impl State {
    /// Takes in what a fetch came to.
    fn land(&mut self, number: u64, page: thread::Result<Result<Page, Error>>) {
        match page {
            Ok(page) => self.pages.accept(number, page),
            Err(panic) => self.panic = Some(panic),
        }
    }

    /// What comes after a stop: one error, for a listing that was cut off must not look like a whole one.
    fn cut_off(&mut self) -> Next {
        if self.told || self.pages.is_finished() {
            return Next::End;
        }
        self.told = true;
        Next::Page(Err(Error::new(ErrorKind::Interrupted, Stage::Call, "the listing was stopped")))
    }
}

/// What the reader of [`SharedPages`] gets.
#[derive(Debug)]
pub enum Next {
    /// The next page, or the error that ends the listing.
    Page(Result<Page, Error>),
    /// Start so many threads more that call [`SharedPages::work`], and ask again.
    Hire(usize),
    /// The listing is over.
    End,
}

impl SharedPages {
    /// A listing that has not begun.
    pub fn new(pages: Pages) -> Self {
        let state =
            State { pages, idle: 0, short: false, reading: false, stopped: false, told: false, panic: None };
        Self { state: Mutex::new(state), room: Condvar::new(), page: Condvar::new() }
    }

    /// The next page in order. Rather than wait, the reader fetches pages itself while the window has room. A panic
    /// of a worker goes on here.
    pub fn next(&self, fetch: impl Fn(u64) -> Result<Page, Error>) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(panic) = state.panic.take() {
                (state.stopped, state.told) = (true, true);
                self.room.notify_all();
                drop(state);
                resume_unwind(panic);
            }
            if state.stopped {
                return state.cut_off();
            }
            // The reader fetches too, so one page needs no other thread.
            let hire = state.pages.room().saturating_sub(state.idle + 1);
            if hire > 0 && !state.short {
                state.idle += hire;
                return Next::Hire(hire);
            }
            if let Some(page) = self.take(&mut state) {
                return Next::Page(page);
            }
            if state.pages.is_finished() {
                return Next::End;
            }
            match state.pages.want() {
                Some(number) => {
                    drop(state);
                    let page = catch_unwind(AssertUnwindSafe(|| fetch(number)));
                    state = self.lock();
                    let before = state.pages.room();
                    state.land(number, page);
                    self.wake(&state, before);
                }
                None => {
                    state.reading = true;
                    state = wait(&self.page, state);
                    state.reading = false;
                }
            }
        }
    }

    /// So many of the threads that were asked for could not be started. No more are asked for; those that there are,
    /// or the reader alone, do the work.
    pub fn resign(&self, threads: usize) {
        let mut state = self.lock();
        state.idle -= threads.min(state.idle);
        state.short |= threads > 0;
    }

    /// The next page in order if it is there already: nothing is waited for, and nothing fetched. None after a stop.
    pub fn ready(&self) -> Option<Result<Page, Error>> {
        let mut state = self.lock();
        if state.stopped { None } else { self.take(&mut state) }
    }

    /// Fetches pages until there are no more, or [`stop`](SharedPages::stop).
    pub fn work(&self, fetch: impl Fn(u64) -> Result<Page, Error>) {
        let mut state = self.lock();
        while !state.stopped && !state.pages.is_finished() {
            let Some(number) = state.pages.want() else {
                state = wait(&self.room, state);
                continue;
            };
            state.idle -= 1;
            drop(state);
            let page = catch_unwind(AssertUnwindSafe(|| fetch(number)));
            state = self.lock();
            state.idle += 1;
            let before = state.pages.room();
            state.land(number, page);
            // This worker itself takes what it made room for.
            self.wake(&state, before + 1);
            if state.reading && (state.pages.is_ready() || state.panic.is_some()) {
                self.page.notify_one();
            }
        }
        state.idle -= 1;
    }

    /// Nothing more is wanted: workers end after the page in hand, and a reader that goes on gets an error.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.room.notify_all();
        self.page.notify_all();
    }

    /// Stops it from wherever.
    pub fn stopper(self: &Arc<Self>) -> Stopper {
        Stopper(Arc::downgrade(self))
    }

    /// Whether it was stopped, for a fetch that could go on for long.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// The next page in order, and work for those who wait for it.
    fn take(&self, state: &mut State) -> Option<Result<Page, Error>> {
        let before = state.pages.room();
        let page = state.pages.take();
        self.wake(state, before);
        page
    }

    /// Wakes workers for the room that there is now and was not before.
    fn wake(&self, state: &State, before: usize) {
        if state.pages.is_finished() {
            self.room.notify_all();
        } else {
            (before..state.pages.room().min(before + state.idle)).for_each(|_| self.room.notify_one());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops a listing that another thread reads.
#[derive(Debug, Clone)]
pub struct Stopper(Weak<SharedPages>);

impl Stopper {
    /// Lets the requests under way be the last. The listing ends with an error of the kind
    /// [`Interrupted`](ErrorKind::Interrupted), unless it was read to its end.
    pub fn stop(&self) {
        if let Some(pages) = self.0.upgrade() {
            pages.stop();
        }
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    fn page(number: u64, total: u64) -> Page {
        let json = serde_json::json!({"content": [{"uuid": format!("d{number}")}], "number": number, "size": 1,
            "totalPages": total, "last": number + 1 == total});
        Page::from_json(json.to_string().as_bytes()).unwrap()
    }

    /// Lists with scoped threads, and tells the devices and the most threads at a time.
    fn list(
        window: usize,
        fetch: impl Fn(u64) -> Result<Page, Error> + Sync,
    ) -> (Vec<String>, Option<Error>, usize) {
        let shared = SharedPages::new(Pages::new(window));
        let (mut names, mut hired) = (Vec::new(), 0);
        let error = thread::scope(|scope| {
            let error = loop {
                match shared.next(&fetch) {
                    Next::Page(Ok(page)) => {
                        names.extend(page.devices.iter().map(|device| device.uuid().to_owned()))
                    }
                    Next::Page(Err(error)) => break Some(error),
                    Next::Hire(more) => {
                        hired += more;
                        (0..more).for_each(|_| drop(scope.spawn(|| shared.work(&fetch))));
                    }
                    Next::End => break None,
                }
            };
            shared.stop();
            error
        });
        assert_eq!(shared.lock().idle, 0, "all have gone");
        (names, error, hired)
    }

    #[test]
    fn all_pages_come_in_order_from_any_number_of_threads() {
        for window in [1, 2, 8, 64] {
            let flying = AtomicUsize::new(0);
            let (names, error, hired) = list(window, |number| {
                assert!(flying.fetch_add(1, Ordering::SeqCst) < window);
                let page = page(number, 500);
                flying.fetch_sub(1, Ordering::SeqCst);
                Ok(page)
            });
            assert!(error.is_none());
            assert_eq!(names, (0..500).map(|number| format!("d{number}")).collect::<Vec<_>>());
            assert!(hired <= window);
        }
    }

    #[test]
    fn one_page_and_a_window_of_one_need_no_thread() {
        assert_eq!(list(8, |number| Ok(page(number, 1))).2, 0);
        assert_eq!(list(1, |number| Ok(page(number, 5))).2, 0);
    }

    #[test]
    fn threads_that_cannot_be_started_are_done_without() {
        for started in [0, 1, 3] {
            let shared = SharedPages::new(Pages::new(8));
            let fetch = |number| Ok(page(number, 50));
            let (mut read, mut asked) = (0, Vec::new());
            thread::scope(|scope| {
                loop {
                    match shared.next(fetch) {
                        Next::Page(page) => read += page.unwrap().devices.len(),
                        Next::Hire(threads) => {
                            (0..started).for_each(|_| drop(scope.spawn(|| shared.work(fetch))));
                            shared.resign(threads - started);
                            asked.push(threads);
                        }
                        Next::End => break,
                    }
                }
            });
            assert_eq!((read, asked), (50, vec![7]));
        }
    }

    #[test]
    fn a_page_that_is_there_is_had_without_waiting() {
        let shared = SharedPages::new(Pages::new(3));
        let fetch = |number| Ok(page(number, 3));
        assert!(shared.ready().is_none(), "nothing was fetched yet");
        assert!(matches!(shared.next(fetch), Next::Hire(1)));
        let mut came = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| shared.work(fetch));
            while came.len() < 3 {
                came.extend(shared.ready().map(|page| page.unwrap().number));
                thread::yield_now();
            }
        });
        assert_eq!(came, [Some(0), Some(1), Some(2)]);
        assert!(matches!(shared.next(fetch), Next::End));
    }

    #[test]
    fn a_reader_that_waits_is_told_of_its_page() {
        let shared = SharedPages::new(Pages::new(2));
        let begun = AtomicUsize::new(0);
        let slow = |number| {
            begun.fetch_add(1, Ordering::SeqCst);
            while !shared.lock().reading {
                thread::yield_now();
            }
            Ok(page(number, 9))
        };
        // Page 0 comes before there is a worker; then the reader leaves one page to it.
        let quick = |number| {
            while number > 0 && begun.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            Ok(page(number, 9))
        };
        let mut came = Vec::new();
        thread::scope(|scope| {
            loop {
                match shared.next(quick) {
                    Next::Page(page) => came.extend(page.unwrap().number),
                    Next::Hire(more) => (0..more).for_each(|_| drop(scope.spawn(|| shared.work(slow)))),
                    Next::End => break,
                }
            }
        });
        assert_eq!(came, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_worker_that_waits_is_woken_when_a_page_is_taken() {
        let shared = SharedPages::new(Pages::new(2));
        let fetch = |number| Ok(page(number, 9));
        while !matches!(shared.next(fetch), Next::Hire(1)) {}
        let waits_ahead = |pages| {
            let state = shared.lock();
            state.pages.next_want == pages && state.idle == 1
        };
        thread::scope(|scope| {
            scope.spawn(|| shared.work(fetch));
            // Twice a window ahead of page 0, it has nothing to do.
            while !waits_ahead(4) {
                thread::yield_now();
            }
            assert_eq!(shared.ready().unwrap().unwrap().number, Some(0));
            while !waits_ahead(5) {
                thread::yield_now();
            }
            shared.stop();
        });
        assert_eq!(shared.lock().idle, 0);
    }

    #[test]
    fn more_threads_are_asked_for_until_one_cannot_be_had() {
        // Page 1 tells that there are more pages than page 0 knew.
        let fetch = |number| Ok(page(number, if number == 0 { 3 } else { 50 }));
        for (resigned, asked_again) in [(0, true), (1, false)] {
            let shared = SharedPages::new(Pages::new(8));
            while !matches!(shared.next(fetch), Next::Hire(1)) {}
            shared.resign(resigned);
            assert_eq!(shared.lock().idle, 1 - resigned);
            let again = (0..3).any(|_| matches!(shared.next(fetch), Next::Hire(_)));
            assert_eq!(again, asked_again, "{resigned} could not be had");
        }
    }

    #[test]
    fn an_error_comes_in_its_place() {
        let (names, error, _) =
            list(4, |number| if number == 7 { Err(Error::config("broken")) } else { Ok(page(number, 50)) });
        assert_eq!((names.len(), error.unwrap().message()), (7, "broken"));
    }

    #[test]
    fn a_panic_of_a_worker_reaches_the_reader() {
        let shared = SharedPages::new(Pages::new(2));
        let fetch = |number| if number == 1 { panic!("broken") } else { Ok(page(number, 9)) };
        let outcome = thread::scope(|scope| {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                loop {
                    if let Next::Hire(more) = shared.next(fetch) {
                        (0..more).for_each(|_| drop(scope.spawn(|| shared.work(fetch))));
                    }
                }
            }));
            shared.stop();
            outcome
        });
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"broken"));
        assert!(matches!(shared.next(fetch), Next::End), "its page is missing: nothing can follow");
    }

    #[test]
    fn a_listing_that_is_stopped_does_not_look_like_a_whole_one() {
        let fetch = |number| Ok(page(number, 2));
        let shared = SharedPages::new(Pages::new(1));
        assert!(matches!(shared.next(fetch), Next::Page(Ok(_))) && !shared.is_stopped());
        shared.stop();
        assert!(shared.is_stopped());
        let Next::Page(Err(error)) = shared.next(fetch) else { panic!("page 1 is missing") };
        assert_eq!((error.kind(), error.message()), (ErrorKind::Interrupted, "the listing was stopped"));
        assert!(matches!(shared.next(fetch), Next::End));

        let whole = SharedPages::new(Pages::new(1));
        (0..2).for_each(|_| assert!(matches!(whole.next(fetch), Next::Page(Ok(_)))));
        whole.stop();
        assert!(matches!(whole.next(fetch), Next::End), "nothing is missing");
    }

    #[test]
    fn a_reader_that_waits_is_told_of_a_stop() {
        let shared = Arc::new(SharedPages::new(Pages::new(2)));
        let stopper = shared.stopper();
        let quick = |number| Ok(page(number, 9));
        while !matches!(shared.next(quick), Next::Hire(1)) {}
        let ended = AtomicBool::new(false);
        let held = |number| {
            while !ended.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Ok(page(number, 9))
        };
        thread::scope(|scope| {
            scope.spawn(|| shared.work(held));
            // Page 1 is the worker's.
            while shared.lock().pages.next_want < 2 {
                thread::yield_now();
            }
            scope.spawn(|| {
                while !shared.lock().reading {
                    thread::yield_now();
                }
                stopper.stop();
            });
            let came = [shared.next(quick), shared.next(quick)];
            ended.store(true, Ordering::SeqCst);
            assert!(matches!(came, [Next::Page(Ok(_)), Next::Page(Err(_))]));
        });
        assert!(shared.ready().is_none(), "page 1 comes too late");
    }

    #[test]
    fn a_reader_that_reads_no_more_lets_the_workers_go() {
        let shared = SharedPages::new(Pages::new(4));
        let fetch = |number| Ok(page(number, 1_000));
        thread::scope(|scope| {
            for _ in 0..3 {
                if let Next::Hire(more) = shared.next(fetch) {
                    (0..more).for_each(|_| drop(scope.spawn(|| shared.work(fetch))));
                }
            }
            shared.stop();
        });
        let state = shared.lock();
        assert!(state.pages.ready.len() <= 8);
    }
}
