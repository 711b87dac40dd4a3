//! Times as a store keeps them: milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns a time in milliseconds, rounded down. Times that do not fit are the earliest or the latest that does.
pub(crate) fn millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |it| -it)
        }
    }
}

/// Returns a duration in milliseconds, rounded up, so that nothing happens early.
pub(crate) fn wait(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// Returns the time of so many milliseconds. Times that the system cannot express are 1970.
pub(crate) fn time(millis: i64) -> SystemTime {
    let size = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 { UNIX_EPOCH.checked_sub(size) } else { UNIX_EPOCH.checked_add(size) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_down_and_a_wait_up() {
        let nanos = Duration::from_nanos;
        for (time, expected) in [
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + nanos(1_999_999), 1),
            (UNIX_EPOCH - nanos(1), -1),
            (UNIX_EPOCH - nanos(1_000_000), -1),
            (UNIX_EPOCH + Duration::from_secs(1_700_000_000), 1_700_000_000_000),
        ] {
            assert_eq!(millis(time), expected);
        }
        assert_eq!((wait(nanos(0)), wait(nanos(1)), wait(nanos(2_000_000))), (0, 1, 2));
        assert_eq!(wait(Duration::MAX), i64::MAX);
    }

    #[test]
    fn a_time_in_milliseconds_survives() {
        for number in [i64::MIN + 1, -1, 0, 1, 1_700_000_000_123, 253_402_300_799_999] {
            assert_eq!(millis(time(number)), number);
        }
    }
}
