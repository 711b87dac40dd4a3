//! A bounded wait for records to arrive.

use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The maximum time that a waiting thread needs to notice that the server stops.
const NOTICE: Duration = Duration::from_millis(25);

/// The end of a wait.
#[derive(Clone, Copy)]
pub(crate) struct Until<'a> {
    pub(crate) deadline: Instant,
    /// Whether the server stops.
    pub(crate) stopping: &'a dyn Fn() -> bool,
}

impl Until<'_> {
    /// Waits until the condition holds. Returns false if it does not hold in time.
    pub(crate) fn wait<T>(
        self,
        changed: &Condvar,
        mut guard: MutexGuard<'_, T>,
        holds: impl Fn(&T) -> bool,
    ) -> bool {
        loop {
            if holds(&guard) {
                return true;
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || (self.stopping)() {
                return false;
            }
            let waited = changed.wait_timeout(guard, left.min(NOTICE));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
