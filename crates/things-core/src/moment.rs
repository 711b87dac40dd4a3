//! Points in time, as a driver passes them to the core.

use std::cmp::Ordering;
use std::ops::Add;
use std::time::{Duration, SystemTime};

/// A point in time, read from a driver's clocks.
///
/// The core never reads a clock; every step is resumed with a `Moment`. It holds two readings. Waiting and expiry
/// are measured by the monotonic one. The wall clock serves to read an HTTP date in `Retry-After` if the response has no
/// `Date`, and to generate the reference of a downlink. In a run it also decides about `not_after`, and ends a claim if the
/// monotonic clock stood still while the machine slept.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    monotonic: Duration,
    wall: SystemTime,
}

impl Moment {
    /// Creates a moment that is `monotonic` after the driver's start, at `wall` on the wall clock.
    ///
    /// The driver chooses the start, which must stay the same for all clones of one session.
    pub fn new(monotonic: Duration, wall: SystemTime) -> Self {
        Self { monotonic, wall }
    }

    /// Time since the driver's start.
    pub fn monotonic(self) -> Duration {
        self.monotonic
    }

    /// The wall clock.
    pub fn wall(self) -> SystemTime {
        self.wall
    }

    /// Milliseconds since 1970 by the wall clock, or zero if the clock is set to an earlier time.
    pub fn unix_millis(self) -> u64 {
        let since_1970 = self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the time from `earlier` to this moment, or zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment {
            monotonic: self.monotonic.saturating_add(duration),
            wall: self.wall.checked_add(duration).unwrap_or(self.wall),
        }
    }
}

/// Compares moments by the monotonic clock alone.
impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.monotonic == other.monotonic
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.monotonic.cmp(&other.monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ignores_a_wall_clock_that_is_set_back() {
        let early = Moment::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH + Duration::from_secs(90_000));
        let late = Moment::new(Duration::from_secs(2), SystemTime::UNIX_EPOCH);
        assert!(early < late);
        assert_eq!(late.since(early), Duration::from_secs(1));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn the_wall_clock_counts_milliseconds_from_1970() {
        let at = |wall| Moment::new(Duration::ZERO, wall).unix_millis();
        assert_eq!(
            at(SystemTime::UNIX_EPOCH + Duration::from_micros(1_645_557_742_000_900)),
            1_645_557_742_000
        );
        assert_eq!(at(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 0);
    }

    #[test]
    fn adding_more_than_the_clock_can_hold_saturates() {
        let end = Moment::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH) + Duration::MAX;
        assert_eq!(end.monotonic(), Duration::MAX);
    }
}
