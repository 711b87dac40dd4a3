//! A rate limit: a number of calls per second, minute or hour.

use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, name_of};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A rate limit, written as `5/s`, `100/min` or `1000/h`. It allows this many calls at once, and then limits the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of calls.
    pub calls: NonZeroU32,
    /// The time in which they are allowed.
    pub per: Per,
}

/// The unit of time of a [`RateLimit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// `s`.
    Second,
    /// `min`.
    Minute,
    /// `h`.
    Hour,
}

const UNITS: &[(&str, Per)] = &[("s", Per::Second), ("min", Per::Minute), ("h", Per::Hour)];

impl Per {
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        })
    }
}

impl RateLimit {
    /// The time between two calls at this rate.
    pub(crate) fn interval(self) -> Duration {
        self.per.duration() / self.calls.get()
    }
}

impl FromStr for RateLimit {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(Part::of(text))
    }
}

impl RateLimit {
    pub(crate) fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        const EXPECTED: &str = "use a number of calls per s, min or h, as in 5/s";
        let Some((calls, unit)) = part.split_once('/') else {
            let error = part.error(format!("`{}` is not a rate", part.text()), EXPECTED);
            let number = part.text().parse::<u32>().ok();
            return Err(error.suggest(number.map(|number| format!("{number}/s"))));
        };
        let calls = calls.positive::<u32>(EXPECTED)?;
        let per = unit.choice("unit", UNITS)?;
        // `positive` returns no 0.
        Ok(Self { calls: NonZeroU32::new(calls).unwrap_or(NonZeroU32::MIN), per })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, name_of(self.per, UNITS))
    }
}

/// The calls that a rate limit still allows. It is a token bucket, stored as the time at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// Counts a call.
    ///
    /// # Errors
    ///
    /// Returns the time until a call is allowed again. The call is not counted then.
    pub(crate) fn take(&mut self, limit: RateLimit, now: Instant) -> Result<(), Duration> {
        let per = limit.per.duration();
        let full_at = self.full_at.unwrap_or(now).max(now) + limit.interval();
        match full_at.saturating_duration_since(now).checked_sub(per) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = Some(full_at);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_a_burst_and_then_the_rate() {
        let limit: RateLimit = "4/s".parse().unwrap();
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let mut at = |millis| bucket.take(limit, start + Duration::from_millis(millis));
        for _ in 0..4 {
            assert_eq!(at(0), Ok(()));
        }
        assert_eq!(at(0), Err(Duration::from_millis(250)));
        assert_eq!(at(100), Err(Duration::from_millis(150)));
        assert_eq!(at(250), Ok(()));
        assert_eq!(at(250), Err(Duration::from_millis(250)));
        assert_eq!((0..10).filter(|_| at(60_000).is_ok()).count(), 4);
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["1/s", "100/min", "4294967295/h"] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
        }
        for text in ["", "5", "0/s", "5/d", "-1/s", "x/s"] {
            assert!(text.parse::<RateLimit>().unwrap_err().to_string().contains("use "), "{text}");
        }
    }
}
