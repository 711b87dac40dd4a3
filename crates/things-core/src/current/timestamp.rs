//! Dates and times in ISO 8601, as the filters of the current API take them.

use crate::input::InputError;

/// Accepts a date, or a time with an offset, in the extended form of ISO 8601 (RFC 3339, section 5.6). The text itself is
/// sent.
pub(super) fn check_timestamp(what: &'static str, text: &str) -> Result<(), InputError> {
    let example = "expected a date or a time with an offset, such as 2026-01-31 or 2026-01-31T09:30:00Z";
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if !is_date(date) {
        return Err(InputError::new(what, format!("is {text:?}: {example}")));
    }
    match time.map(Clock::read) {
        None | Some(Clock::Valid) => Ok(()),
        Some(Clock::WithoutOffset) => Err(InputError::new(
            what,
            format!("is {text:?}, which names no time zone: add Z for UTC, or an offset such as +02:00"),
        )),
        Some(Clock::Invalid) => Err(InputError::new(what, format!("is {text:?}: {example}"))),
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let [Some(year), Some(month), Some(day), None] = [(); 4].map(|()| parts.next()) else { return false };
    let (Some(year), Some(month), Some(day)) =
        (number(year, 4, 9999), number(month, 2, 12), number(day, 2, 31))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    month >= 1 && (1..=days).contains(&day)
}

/// The part of a text after the `T`.
enum Clock {
    Valid,
    WithoutOffset,
    Invalid,
}

impl Clock {
    fn read(text: &str) -> Self {
        let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let (clock, fraction) = match clock.split_once(['.', ',']) {
            Some((clock, fraction)) => (clock, Some(fraction)),
            None => (clock, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = clock.split(':');
        let [hour, minute, second, more] = [(); 4].map(|()| parts.next());
        let valid = hour.is_some_and(|hour| number(hour, 2, 23).is_some())
            && minute.is_some_and(|minute| number(minute, 2, 59).is_some())
            // 60 is a leap second.
            && second.is_none_or(|second| number(second, 2, 60).is_some())
            && fraction.is_none_or(|fraction| second.is_some() && digits(fraction))
            && more.is_none();
        match (valid, offset) {
            (true, "") => Self::WithoutOffset,
            (true, "Z" | "z") => Self::Valid,
            (true, offset) if is_offset(offset) => Self::Valid,
            _ => Self::Invalid,
        }
    }
}

/// Whether this is a sign with hours and minutes.
fn is_offset(text: &str) -> bool {
    let Some((hours, minutes)) = text.get(1..).and_then(|text| text.split_once(':')) else { return false };
    number(hours, 2, 23).is_some() && number(minutes, 2, 59).is_some()
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

    proptest! {
        #[test]
        fn any_text_is_a_time_or_an_error(text in "\\PC{0,30}") {
            let _ = check(&text);
        }
    }
}
