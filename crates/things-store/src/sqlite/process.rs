//! What belongs to one process, and not to the processes that it forks.

use std::mem;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use things_core::LedgerError;

/// A value that only the process that has made it uses and drops.
///
/// A forked process inherits a copy of each connection to a file. SQLite does not support using or closing it there: the locks
/// of the original do not hold in the copy, and a claim belongs to the original alone.
#[derive(Debug)]
pub(crate) struct OfProcess<T> {
    value: Option<T>,
    /// What the value belongs to, in messages.
    name: &'static str,
    process: u32,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(name: &'static str, value: T) -> Self {
        Self { value: Some(value), name, process: process::id() }
    }

    /// Makes this a value of another process, as it is in one that was forked.
    #[cfg(test)]
    pub(crate) fn fork(&mut self) {
        self.process = 0;
    }

    /// Returns the value, or an error in a forked process.
    pub(crate) fn get(&self) -> Result<&T, LedgerError> {
        self.value.as_ref().filter(|_| is_this(self.process)).ok_or_else(|| forked(self.name, self.process))
    }

    /// Returns the value, or an error in a forked process.
    pub(crate) fn get_mut(&mut self) -> Result<&mut T, LedgerError> {
        let (name, process) = (self.name, self.process);
        self.value.as_mut().filter(|_| is_this(process)).ok_or_else(|| forked(name, process))
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if !is_this(self.process) {
            mem::forget(self.value.take());
        }
    }
}

/// Whether this is the process with this id.
pub(crate) fn is_this(process: u32) -> bool {
    process == process::id()
}

fn forked(name: &str, process: u32) -> LedgerError {
    LedgerError::new(format!("the {name} was opened by process {process}, which forked this one"))
        .hint(format!("open the {name} after the fork"))
}

/// A lock between the threads of a process. A process that is forked while a thread holds it can take it.
#[derive(Debug)]
pub(crate) struct ThreadLock {
    /// The id of the process that holds it, or 0.
    holder: AtomicU32,
}

impl ThreadLock {
    pub(crate) const fn new() -> Self {
        Self { holder: AtomicU32::new(0) }
    }

    /// Runs something short, while no other thread of this process runs anything with this lock.
    pub(crate) fn hold<T>(&self, work: impl FnOnce() -> T) -> T {
        let this = process::id();
        // The holder is another process only in one that was forked. The thread that held the lock is not in it.
        while self
            .holder
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |holder| (holder != this).then_some(this))
            .is_err()
        {
            thread::yield_now();
        }
        let _held = Held(&self.holder);
        work()
    }
}

/// Ends a lock, also when there is a panic.
struct Held<'a>(&'a AtomicU32);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_value_of_another_process_is_neither_used_nor_dropped() {
        let value = Rc::new(());
        let mut own = OfProcess::new("ledger", Rc::clone(&value));
        assert!(own.get().is_ok() && own.get_mut().is_ok());
        drop(own);
        assert_eq!(Rc::strong_count(&value), 1);
        let mut other = OfProcess::new("ledger", Rc::clone(&value));
        other.fork();
        assert!(other.get().is_err());
        let error = other.get_mut().unwrap_err();
        assert!(error.message().contains("process 0"), "{error}");
        assert_eq!(error.advice(), Some("open the ledger after the fork"));
        drop(other);
        assert_eq!(Rc::strong_count(&value), 2);
    }

    #[test]
    fn a_lock_is_held_by_one_thread_at_a_time() {
        let (lock, inside) = (ThreadLock::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        lock.hold(|| {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
    }

    #[test]
    fn a_lock_that_was_held_during_a_fork_is_free_in_the_forked_process() {
        let lock = ThreadLock { holder: AtomicU32::new(process::id() + 1) };
        assert_eq!(lock.hold(|| 1), 1);
    }

    #[test]
    fn a_lock_is_free_after_a_panic() {
        let lock = ThreadLock::new();
        assert!(catch_unwind(AssertUnwindSafe(|| lock.hold(|| panic!("on purpose")))).is_err());
        assert_eq!(lock.hold(|| 1), 1);
    }
}
