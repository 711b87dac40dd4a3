//! The clock that a driver reads.

use crate::moment::Moment;

/// Returns the current time to a driver. The core never reads a clock: every step is resumed with a [`Moment`].
///
/// Each transport brings a clock that reads the system time. A test can replace it, for example to let an hour pass.
pub trait Clock: Send + Sync {
    /// Returns the current moment. The monotonic part never goes back.
    fn now(&self) -> Moment;
}

/// A function is a clock.
impl<F: Fn() -> Moment + Send + Sync> Clock for F {
    fn now(&self) -> Moment {
        self()
    }
}
