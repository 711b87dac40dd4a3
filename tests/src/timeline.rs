//! Time that passes only when nobody has anything to do, and the tasks that live in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use things_core::Moment;

/// When the wall clock of every scenario starts: 2026-01-01T00:00:00Z.
pub(crate) const START: Duration = Duration::from_secs(1_767_225_600);

/// A moment this long after the start of a scenario.
pub(crate) fn moment(elapsed: Duration) -> Moment {
    Moment::new(elapsed, SystemTime::UNIX_EPOCH + START + elapsed)
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A virtual clock and the tasks that wait for it. Clones are the same timeline.
#[derive(Clone, Default)]
pub struct Timeline(Rc<Inner>);

#[derive(Default)]
struct Inner {
    now: Cell<Duration>,
    timers: RefCell<BTreeMap<(Duration, u64), Waker>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Mutex<Vec<u64>>>,
    numbers: Cell<u64>,
}

impl Timeline {
    /// The time now.
    pub fn now(&self) -> Moment {
        moment(self.0.now.get())
    }

    /// Lets time go forward at once, for everybody.
    pub fn advance(&self, by: Duration) {
        self.0.now.set(self.0.now.get() + by);
    }

    /// Begins a task; gives its number.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> u64 {
        let number = self.number();
        self.0.tasks.borrow_mut().insert(number, Box::pin(task));
        self.queue().push(number);
        number
    }

    /// Drops a task where it stands.
    pub fn cancel(&self, task: u64) {
        let task = self.0.tasks.borrow_mut().remove(&task);
        drop(task);
    }

    /// Runs until nothing can happen any more, and tells how many tasks never ended. Of the tasks that could go on,
    /// `pick` chooses the next by its place.
    pub fn run(&self, mut pick: impl FnMut(usize) -> usize) -> usize {
        loop {
            while let Some(number) = self.next_ready(&mut pick) {
                self.poll(number);
            }
            if !self.pass() {
                return self.0.tasks.borrow().len();
            }
        }
    }

    /// Lets the clock move on to the next timer, and wakes all that are due then. Says whether there was one.
    fn pass(&self) -> bool {
        let mut timers = self.0.timers.borrow_mut();
        let Some(((at, _), _)) = timers.first_key_value() else { return false };
        let now = self.0.now.get().max(*at);
        let later = timers.split_off(&(now + Duration::from_nanos(1), 0));
        let due = std::mem::replace(&mut *timers, later);
        drop(timers);
        self.0.now.set(now);
        due.into_values().for_each(Waker::wake);
        true
    }

    /// Waits until a moment.
    pub async fn sleep_until(&self, until: Moment) {
        let _ = self.timeout_at(until, std::future::pending::<()>()).await;
    }

    /// Waits for a future, at most until a moment.
    pub async fn timeout_at<T>(&self, until: Moment, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let timer = Timer { timeline: self.clone(), key: (until.monotonic(), self.number()) };
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            if self.now() >= until {
                return Poll::Ready(None);
            }
            timer.set(context.waker());
            Poll::Pending
        })
        .await
    }

    fn number(&self) -> u64 {
        self.0.numbers.replace(self.0.numbers.get() + 1)
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.0.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_ready(&self, pick: &mut impl FnMut(usize) -> usize) -> Option<u64> {
        let mut queue = self.queue();
        if queue.is_empty() {
            return None;
        }
        let place = pick(queue.len());
        Some(queue.remove(place))
    }

    fn poll(&self, number: u64) {
        // Taken out while it runs, so that it may begin and cancel others.
        let Some(mut task) = self.0.tasks.borrow_mut().remove(&number) else { return };
        let waker = Waker::from(Arc::new(TaskWaker { number, ready: Arc::clone(&self.0.ready) }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.0.tasks.borrow_mut().insert(number, task);
        }
    }
}

struct TaskWaker {
    number: u64,
    ready: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.number) {
            ready.push(self.number);
        }
    }
}

/// A place in the list of timers, given up when dropped.
struct Timer {
    timeline: Timeline,
    key: (Duration, u64),
}

impl Timer {
    fn set(&self, waker: &Waker) {
        self.timeline.0.timers.borrow_mut().insert(self.key, waker.clone());
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timeline.0.timers.borrow_mut().remove(&self.key);
    }
}
