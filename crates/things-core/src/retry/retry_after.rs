//! `Retry-After`: the wait that the service requests.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use crate::moment::Moment;

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
///
/// A date is compared with the response's own `Date`, so that a wrong local clock does no harm, or with `now` if there
/// is none. An invalid value is ignored. A date in the past is zero.
pub(crate) fn retry_after(headers: &HeaderMap, now: Moment) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let sent = headers.get(DATE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    Some(date.duration_since(sent.unwrap_or(now.wall())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
        let read = |value| retry_after(&headers(&[(RETRY_AFTER, value)]), now);
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:27 GMT"), Some(Duration::ZERO));
        for garbage in ["", "-1", "soon", "1.5", "+3", "0x10"] {
            assert_eq!(read(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn retry_after_measures_a_date_by_the_answers_own_clock() {
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let answer = headers(&[
            (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:47 GMT"),
            (DATE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]);
        assert_eq!(retry_after(&answer, now), Some(Duration::from_secs(10)));
    }

    proptest! {
        #[test]
        fn any_header_value_is_read_without_a_panic(value in "[ -~]{0,40}") {
            let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            let _ = retry_after(&headers(&[(RETRY_AFTER, &value), (DATE, &value)]), now);
        }
    }
}
