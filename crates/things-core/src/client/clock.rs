//! Where a driver reads the time.

use crate::moment::Moment;

/// Tells a driver what time it is. The core never asks: every step is resumed with a [`Moment`].
///
/// Transports bring one that reads the system's clocks. A test puts its own in its place, to let an hour pass.
pub trait Clock: Send + Sync {
    /// The current moment. Never goes back on the monotonic side.
    fn now(&self) -> Moment;
}

/// A function is a clock.
impl<F: Fn() -> Moment + Send + Sync> Clock for F {
    fn now(&self) -> Moment {
        self()
    }
}
