//! A clock for tests, which can skip an hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pyo3::prelude::*;
use things_core::{Clock, Moment};

/// Shows the time since it was created, plus the time that was added.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct TestClock(Arc<Ticks>);

struct Ticks {
    start: Instant,
    wall: SystemTime,
    added: AtomicU64,
}

impl TestClock {
    pub(crate) fn share(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0) as Arc<dyn Clock>
    }
}

impl Clock for Ticks {
    fn now(&self) -> Moment {
        let elapsed = self.start.elapsed() + Duration::from_millis(self.added.load(Ordering::SeqCst));
        Moment::new(elapsed, self.wall + elapsed)
    }
}

#[pymethods]
impl TestClock {
    /// A clock whose wall clock starts this many seconds after 1970-01-01T00:00:00Z.
    #[new]
    fn new(wall: u64) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(wall);
        Self(Arc::new(Ticks { start: Instant::now(), wall, added: AtomicU64::new(0) }))
    }

    /// Advances the time.
    fn advance(&self, milliseconds: u64) {
        self.0.added.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Milliseconds since the start.
    fn elapsed(&self) -> u64 {
        self.0.now().monotonic().as_millis() as u64
    }
}
