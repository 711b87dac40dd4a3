//! Locking; see the rules in `lib.rs`.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a value. If a thread panicked while it had the lock, the value is used as that thread left it.
pub(crate) fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
