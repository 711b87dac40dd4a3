//! Points in time, as seconds since 1970.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::value::{Decimal, Number};

/// The absolute time of a measurement: seconds since 1970-01-01T00:00Z, leap seconds not counted (RFC 8428, section 4.5.3).
///
/// If the pack wrote the time as one number, its digits are kept. Otherwise the time is the sum of the numbers: exact, if it
/// has at most 37 digits, and the sum of the nearest doubles otherwise.
///
/// ```
/// use things_senml::Resolver;
///
/// let pack = br#"[{"bn":"a","bt":1.58565075E9,"v":1},{"v":2,"t":0.25}]"#;
/// let resolved = Resolver::new(1.7e9).resolve_json(pack)?;
/// let times: Vec<_> = resolved.measurements().iter().map(|one| one.time().as_str()).collect();
/// assert_eq!(times, ["1.58565075E9", "1585650750.25"]);
/// assert_eq!(resolved.measurements()[1].time().nanoseconds(), Some(1_585_650_750_250_000_000));
/// # Ok::<(), things_senml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    seconds: Number,
    relative: bool,
}

impl Time {
    pub(crate) fn new(seconds: Number, relative: bool) -> Self {
        Self { seconds, relative }
    }

    /// The seconds since 1970 as the nearest double, which is finite.
    pub fn as_f64(&self) -> f64 {
        self.seconds.to_f64()
    }

    /// The seconds since 1970 as a number with all of its digits.
    pub fn as_number(&self) -> &Number {
        &self.seconds
    }

    /// The digits of the seconds since 1970, as a JSON number.
    pub fn as_str(&self) -> &str {
        self.seconds.as_str()
    }

    /// Whether the pack wrote no time, or one relative to now. Such a time depends on the "now" of the
    /// [`Resolver`](crate::Resolver), and is as inexact as the transport is slow.
    pub fn is_relative(&self) -> bool {
        self.relative
    }

    /// The nanoseconds since 1970, rounded down. `None` if the time is more than about 10²⁰ years away.
    pub fn nanoseconds(&self) -> Option<i128> {
        match Decimal::parse(self.as_str()) {
            Some(seconds) => seconds.floor_at(-9),
            // Too many digits for exact arithmetic: a double has all that matter.
            None => {
                let nanoseconds = (self.as_f64() * 1e9).floor();
                (nanoseconds.abs() < 1e38).then_some(nanoseconds as i128)
            }
        }
    }

    /// The time as a point in the time of the system. `None` if the system cannot represent it.
    pub fn to_system_time(&self) -> Option<SystemTime> {
        let nanoseconds = self.nanoseconds()?;
        let distance = nanoseconds.unsigned_abs();
        let seconds = u64::try_from(distance / 1_000_000_000).ok()?;
        let distance = Duration::new(seconds, u32::try_from(distance % 1_000_000_000).ok()?);
        if nanoseconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
    }
}

/// Writes the digits of the seconds since 1970.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: &str) -> Time {
        Time::new(seconds.parse().unwrap(), false)
    }

    #[test]
    fn a_time_is_exact_to_the_nanosecond() {
        for (seconds, nanoseconds) in [
            ("1.76573996026E9", Some(1_765_739_960_260_000_000)),
            ("1765739960.123456789123", Some(1_765_739_960_123_456_789)),
            ("-0.5", Some(-500_000_000)),
            ("1e300", None),
            ("1700000000.0000000000000000000000000000001", Some(1_700_000_000_000_000_000)),
        ] {
            assert_eq!(time(seconds).nanoseconds(), nanoseconds, "{seconds}");
        }
    }

    #[test]
    fn a_time_is_one_of_the_system() {
        let half = Duration::from_millis(500);
        assert_eq!(time("1.5").to_system_time(), Some(UNIX_EPOCH + Duration::from_secs(1) + half));
        assert_eq!(time("-0.5").to_system_time(), Some(UNIX_EPOCH - half));
        assert_eq!(time("1e25").to_system_time(), None);
        assert_eq!(time("1.0").to_string(), "1.0");
    }
}
