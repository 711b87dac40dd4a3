//! Times in ISO 8601.

use std::time::SystemTime;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Writes a time: `2026-01-05T09:00:00.25Z`.
pub(super) fn write(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time).to_offset(UtcOffset::UTC);
    let millisecond = time.millisecond();
    time.replace_millisecond(millisecond).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

/// Reads a date, which begins at midnight UTC, or a time with an offset.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let parse = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    parse(text).or_else(|| parse(&format!("{text}T00:00:00Z"))).map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_and_read() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_767_603_600_250_900);
        assert_eq!(write(time), "2026-01-05T09:00:00.25Z");
        assert_eq!(read("2026-01-05T09:00:00.2509Z"), Some(time));
        assert_eq!(read("2026-01-05T11:00:00.2509+02:00"), Some(time));
        assert_eq!(read("2026-01-05").map(write).as_deref(), Some("2026-01-05T00:00:00Z"));
        assert_eq!((read("2026-01-05T09:00:00"), read("yesterday")), (None, None));
    }
}
