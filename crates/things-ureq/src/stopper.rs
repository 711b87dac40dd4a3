//! Stops a feed from another thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops a feed that another thread reads.
#[derive(Clone)]
pub struct Stopper(Arc<Stop>);

struct Stop {
    stopped: AtomicBool,
    aborted: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Stopper {
    /// Creates a stopper. `wake` is called when the feed is stopped.
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let wake = Box::new(wake);
        Self(Arc::new(Stop { stopped: AtomicBool::new(false), aborted: AtomicBool::new(false), wake }))
    }

    /// Starts no more requests. Those in flight are finished, and the feed ends with an error of the kind
    /// [`Cancelled`](things_core::ErrorKind::Cancelled), unless it was read to its end.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        (self.0.wake)();
    }

    /// Starts no more requests, and does not wait for those in flight. A run goes on to its end with what is known, and
    /// what was in flight is [`Unknown`](things_core::Outcome::Unknown). A listing ends as if it was [stopped](Self::stop).
    pub fn abort(&self) {
        self.0.aborted.store(true, Ordering::Relaxed);
        self.stop();
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.0.aborted.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopper").field(&self.is_stopped()).finish()
    }
}
