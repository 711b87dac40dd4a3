//! A clock that stands still until a test moves it: what is to last an hour need not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use things_core::{Clock, Moment};

/// Two hands, in milliseconds: what has passed, and what the wall clock shows since 1970.
pub(crate) struct ManualClock {
    passed: AtomicU64,
    wall: AtomicU64,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        // Noon in 2026.
        Arc::new(Self { passed: AtomicU64::new(0), wall: AtomicU64::new(1_767_268_800_000) })
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap();
        self.passed.fetch_add(time, Ordering::SeqCst);
        self.wall.fetch_add(time, Ordering::SeqCst);
    }

    /// Sets the wall clock forth or back, while no time passes.
    pub(crate) fn set_wall(&self, by_hours: i64) {
        self.wall.fetch_add((by_hours * 3_600_000).cast_unsigned(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        let read = |hand: &AtomicU64| Duration::from_millis(hand.load(Ordering::SeqCst));
        Moment::new(read(&self.passed), SystemTime::UNIX_EPOCH + read(&self.wall))
    }
}
