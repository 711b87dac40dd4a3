//! What a fork does not hand on.

use std::{mem, process};

/// A value of the process that made it.
///
/// A forked child has a copy of its memory, without its threads. It must not use the copy, for a lock that another thread
/// held is held for ever, nor drop it, for that may take such a lock, or say goodbye on the parent's connections.
pub(crate) struct OfProcess<T> {
    process: u32,
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: process::id(), value: Some(value) }
    }

    /// The value, in the process that made it.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_ours())
    }

    /// The value itself, in the process that made it.
    pub(crate) fn take(mut self) -> Option<T> {
        if self.is_ours() { self.value.take() } else { None }
    }

    fn is_ours(&self) -> bool {
        self.process == process::id()
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if !self.is_ours() {
            mem::forget(self.value.take());
        }
    }
}
