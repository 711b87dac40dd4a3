//! Values that a forked child must not use.

use std::{mem, process};

/// A value that belongs to the process that created it.
///
/// A forked child has a copy of the memory, without the other threads. It must not use the copy, because a lock that
/// another thread held stays locked for ever. It must not drop the copy either, because that may take such a lock, or
/// close TLS sessions on the parent's connections.
pub(crate) struct OfProcess<T> {
    process: u32,
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: process::id(), value: Some(value) }
    }

    /// The value, in the process that created it.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.is_ours())
    }

    /// Borrows the value mutably, in the process that created it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        let ours = self.is_ours();
        self.value.as_mut().filter(|_| ours)
    }

    /// Takes the value, in the process that created it.
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
