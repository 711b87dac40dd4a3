//! How old a message may be.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::uplink::Uplink;

/// Checks that the base time of a message is within a window around now. Optional: the token of a message has no time.
///
/// KPN Things retries, and networks hold messages back. So the window has to be longer than the longest delay that you want to
/// accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    window: Duration,
}

impl Freshness {
    /// Creates a check: the base time may be at most `window` in the past, and at most `window` in the future.
    pub fn new(window: Duration) -> Self {
        Self { window }
    }

    /// Checks a message.
    ///
    /// # Errors
    ///
    /// Returns a [`Stale`] if the base time is outside of the window, or if the message has no absolute base time.
    pub fn check(&self, uplink: &Uplink, now: SystemTime) -> Result<(), Stale> {
        let base = uplink.base_time().ok_or(Stale::NoBaseTime)?;
        match now.duration_since(base) {
            Ok(age) if age > self.window => Err(Stale::TooOld { age }),
            Err(ahead) if ahead.duration() > self.window => Err(Stale::Ahead { by: ahead.duration() }),
            _ => Ok(()),
        }
    }
}

/// Why a message is not fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stale {
    /// The message has no absolute base time (`bt`).
    NoBaseTime,
    /// The base time is too far in the past.
    TooOld {
        /// How far.
        age: Duration,
    },
    /// The base time is too far in the future.
    Ahead {
        /// How far.
        by: Duration,
    },
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseTime => {
                f.write_str("the message has no absolute base time (\"bt\") to check its age by")
            }
            Self::TooOld { age } => {
                write!(f, "the message is too old: its base time is {} s ago", age.as_secs())
            }
            Self::Ahead { by } => write!(
                f,
                "the base time of the message is {} s in the future: check the clock of this machine",
                by.as_secs()
            ),
        }
    }
}

impl std::error::Error for Stale {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_base_time_within_the_window_is_fresh() {
        let freshness = Freshness::new(Duration::from_secs(60));
        let uplink = Uplink::parse(br#"[{"bn":"a","bt":1.7E9,"v":1}]"#, at(0)).unwrap();
        let check = |seconds| freshness.check(&uplink, at(seconds));
        assert_eq!(check(1_700_000_000), Ok(()));
        assert_eq!(check(1_700_000_060), Ok(()));
        assert_eq!(check(1_699_999_940), Ok(()));
        assert_eq!(check(1_700_000_061), Err(Stale::TooOld { age: Duration::from_secs(61) }));
        assert_eq!(check(1_699_999_939), Err(Stale::Ahead { by: Duration::from_secs(61) }));
    }

    #[test]
    fn a_message_without_an_absolute_base_time_is_not_fresh() {
        let freshness = Freshness::new(Duration::from_secs(60));
        for body in [r#"[{"n":"a","v":1}]"#, r#"[{"bn":"a","bt":-5,"v":1}]"#] {
            let uplink = Uplink::parse(body.as_bytes(), at(1_700_000_000)).unwrap();
            assert_eq!(freshness.check(&uplink, at(1_700_000_000)), Err(Stale::NoBaseTime), "{body}");
        }
    }
}
