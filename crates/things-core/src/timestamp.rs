//! Dates and times in ISO 8601, in the extended form (RFC 3339, section 5.6).

use std::time::{Duration, SystemTime};

use crate::input::InputError;

/// Accepts a date, or a time with an offset. The filters of the current API take both, and the text itself is sent.
pub(crate) fn check_timestamp(what: &'static str, text: &str) -> Result<(), InputError> {
    let example = "expected a date or a time with an offset, such as 2026-01-31 or 2026-01-31T09:30:00Z";
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    match (Date::read(date), time.map(Clock::read)) {
        (Some(_), None | Some(Clock::Valid(_))) => Ok(()),
        (Some(_), Some(Clock::WithoutOffset)) => Err(without_offset(what, text)),
        _ => Err(InputError::new(what, format!("is {text:?}: {example}"))),
    }
}

/// Returns the time that a date and a time with an offset name. A space may be in the place of the `T`.
pub(crate) fn read_timestamp(what: &'static str, text: &str) -> Result<SystemTime, InputError> {
    let wrong = || {
        let example =
            "expected a time with an offset, such as 2026-01-31T09:30:00+01:00 or 2026-01-31T08:30:00Z";
        InputError::new(what, format!("is {text:?}: {example}"))
    };
    let (date, time) = text.split_once(['T', 't', ' ']).ok_or_else(wrong)?;
    match (Date::read(date), Clock::read(time)) {
        (Some(date), Clock::Valid(clock)) => clock.on(&date).ok_or_else(wrong),
        (Some(_), Clock::WithoutOffset) => Err(without_offset(what, text)),
        _ => Err(wrong()),
    }
}

fn without_offset(what: &'static str, text: &str) -> InputError {
    let why = "which names no time zone: add Z for UTC, or an offset such as +02:00";
    InputError::new(what, format!("is {text:?}, {why}"))
}

struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl Date {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [Some(year), Some(month), Some(day), None] = [(); 4].map(|()| parts.next()) else { return None };
        let date =
            Self { year: number(year, 4, 9999)?, month: number(month, 2, 12)?, day: number(day, 2, 31)? };
        let valid = date.month >= 1 && (1..=days_of(date.year, date.month)).contains(&date.day);
        valid.then_some(date)
    }

    /// The number of days since 1970-01-01.
    fn days(&self) -> i64 {
        let days = (1..self.month).map(|month| days_of(self.year, month)).sum::<u32>() + self.day - 1;
        days_before(self.year) - days_before(1970) + i64::from(days)
    }
}

/// The number of days between the start of year 0 and the start of this year.
fn days_before(year: u32) -> i64 {
    let year = i64::from(year);
    // Year 0 is a leap year, so the years before this one include it.
    let leap_years = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    365 * year + leap_years
}

fn days_of(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The part of a text after the date.
enum Clock {
    Valid(TimeOfDay),
    WithoutOffset,
    Invalid,
}

struct TimeOfDay {
    /// The seconds since midnight, without the offset.
    seconds: u32,
    nanos: u32,
    /// The seconds by which the local time is ahead of UTC.
    offset: i64,
}

impl TimeOfDay {
    fn on(&self, date: &Date) -> Option<SystemTime> {
        let seconds = date.days() * 24 * 60 * 60 + i64::from(self.seconds) - self.offset;
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let start = match seconds {
            0.. => SystemTime::UNIX_EPOCH.checked_add(whole),
            _ => SystemTime::UNIX_EPOCH.checked_sub(whole),
        };
        start?.checked_add(Duration::from_nanos(self.nanos.into()))
    }
}

impl Clock {
    fn read(text: &str) -> Self {
        let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        match (time_of_day(clock), offset) {
            (Some(_), "") => Self::WithoutOffset,
            (Some(time), "Z" | "z") => Self::Valid(time),
            (Some(time), signed) => match read_offset(signed) {
                Some(offset) => Self::Valid(TimeOfDay { offset, ..time }),
                None => Self::Invalid,
            },
            (None, _) => Self::Invalid,
        }
    }
}

/// Reads hours and minutes, and seconds with a fraction if they are there.
fn time_of_day(text: &str) -> Option<TimeOfDay> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let [Some(hour), Some(minute), second, None] = [(); 4].map(|()| parts.next()) else { return None };
    let minutes = number(hour, 2, 23)? * 60 + number(minute, 2, 59)?;
    // 60 is a leap second.
    let second = second.map(|second| number(second, 2, 60).ok_or(())).transpose().ok()?;
    let nanos = match (fraction, second) {
        (None, _) => 0,
        (Some(fraction), Some(_)) => nanos(fraction)?,
        (Some(_), None) => return None,
    };
    Some(TimeOfDay { seconds: minutes * 60 + second.unwrap_or_default(), nanos, offset: 0 })
}

/// Reads the digits of a fraction of a second. Those beyond nanoseconds are dropped.
fn nanos(fraction: &str) -> Option<u32> {
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let first: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    first.parse().ok().filter(|_| digits)
}

/// Reads a sign with hours and minutes, in seconds.
fn read_offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        (_, rest) => (1, rest),
    };
    let (hours, minutes) = text.split_once(':')?;
    let minutes = number(hours, 2, 23)? * 60 + number(minutes, 2, 59)?;
    Some(sign * i64::from(minutes) * 60)
}

/// Returns a number of exactly this many digits, if it is not too large.
fn number(text: &str, digits: usize, most: u32) -> Option<u32> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<(), String> {
        check_timestamp("createdSince", text).map_err(|error| error.to_string())
    }

    #[test]
    fn dates_and_times_with_an_offset_are_accepted() {
        for good in [
            "2026-01-31",
            "2024-02-29",
            "2000-02-29",
            "2026-01-31T09:30:00Z",
            "2026-01-31t09:30:00.123456789z",
            "2026-01-31T09:30:00,5+02:00",
            "2026-01-31T09:30Z",
            "2026-12-31T23:59:60-11:30",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_an_example() {
        for bad in [
            "",
            "yesterday",
            "31-01-2026",
            "2026-1-31",
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-00-10",
            "2026-13-01",
            "2026-01-00",
            "2026-01-31-01",
            "2026-01-31T",
            "2026-01-31T24:00:00Z",
            "2026-01-31T09:60:00Z",
            "2026-01-31T09:30:61Z",
            "2026-01-31T09:30.5Z",
            "2026-01-31T09:30:00.Z",
            "2026-01-31T09:30:00+0200",
            "2026-01-31T09:30:00+24:00",
            "2026-01-31T09:30:00+02:60",
            "2026-01-31T09:30:00ZZ",
            "2026-01-31T09:30:00:00Z",
            "2026-01-31 09:30:00Z",
            "1769851800",
        ] {
            let error = check(bad).unwrap_err();
            assert!(error.starts_with("createdSince is ") && error.contains("such as 2026-01-31"), "{error}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_refused_because_it_has_no_place() {
        for bad in ["2026-01-31T09:30:00", "2026-01-31T09:30:00.5", "2026-01-31T09:30"] {
            let error = check(bad).unwrap_err();
            assert!(error.contains("add Z for UTC"), "{error}");
        }
    }

    fn unix_millis(text: &str) -> Result<i128, String> {
        let time = read_timestamp("not_after", text).map_err(|error| error.to_string())?;
        Ok(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_millis().cast_signed(),
            Err(before) => -before.duration().as_millis().cast_signed(),
        })
    }

    #[test]
    fn a_time_with_an_offset_is_a_moment() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T18:30:00-05:30", 0),
            ("1969-12-31T23:59:59.25Z", -750),
            ("2026-01-31T09:30:00+01:00", 1_769_848_200_000),
            ("2026-01-31 08:30:00Z", 1_769_848_200_000),
            ("2026-01-31T08:30Z", 1_769_848_200_000),
            ("2026-01-31t08:30:00,1239999999z", 1_769_848_200_123),
            ("2024-02-29T00:00:00-00:00", 1_709_164_800_000),
            ("2024-03-01T00:00:00Z", 1_709_251_200_000),
            ("2000-12-31T00:00:00Z", 978_220_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            assert_eq!(unix_millis(text), Ok(millis), "{text}");
        }
        #[cfg(unix)]
        assert_eq!(unix_millis("0000-01-01T00:00:00Z"), Ok(-62_167_219_200_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["2026-01-31T09:30:00", "2026-01-31 09:30"] {
            let error = unix_millis(text).unwrap_err();
            assert!(error.starts_with("not_after is \"2026") && error.contains("add Z for UTC"), "{error}");
        }
        for text in
            ["", "2026-01-31", "tomorrow", "31-01-2026 09:30", "2026-02-30T09:30:00Z", "2026-01-31T25:00Z"]
        {
            let error = unix_millis(text).unwrap_err();
            assert!(error.contains("expected a time with an offset, such as 2026"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_an_error(text in "\\PC{0,30}") {
            let _ = (check(&text), unix_millis(&text));
        }

        #[test]
        fn each_day_is_one_day_after_the_day_before(day in 0..3_652_058_i64) {
            // Written with the calendar alone: the days are counted by going through the years and the months.
            let (mut year, mut left) = (0, day);
            while left >= if days_of(year, 2) == 29 { 366 } else { 365 } {
                left -= if days_of(year, 2) == 29 { 366 } else { 365 };
                year += 1;
            }
            let mut month = 1;
            while left >= i64::from(days_of(year, month)) {
                left -= i64::from(days_of(year, month));
                month += 1;
            }
            let text = format!("{year:04}-{month:02}-{:02}", left + 1);
            prop_assert_eq!(Date::read(&text).unwrap().days(), day - 719_528, "{}", text);
        }
    }
}
