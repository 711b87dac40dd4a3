//! The states of an accepted downlink. All of it is a guess: KPN documents the states `Pending` and `Executing`, and
//! neither their order, nor what ends them, nor any other state.

use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, write_duration};
use std::fmt;
use std::time::Duration;

/// When a downlink goes from `Pending` to `Executing`, and from there to its end. A guess of the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownlinkProgress {
    /// `at-once`: it has ended as soon as it is accepted.
    AtOnce,
    /// `after-2s`: it stays in each of the two states for this long.
    After(Duration),
    /// `reads-3`: it is listed so many times in each of the two states.
    Reads(u64),
}

impl Default for DownlinkProgress {
    fn default() -> Self {
        Self::Reads(1)
    }
}

/// The state after `Executing`. The real name is unknown.
const END: &str = "Delivered";

impl DownlinkProgress {
    /// The state of a downlink of this age that was listed so many times before.
    pub(super) fn state(self, age: Duration, reads: u64) -> &'static str {
        let stage = match self {
            Self::AtOnce => 2,
            Self::After(time) if age < time => 0,
            Self::After(time) if age < time.saturating_mul(2) => 1,
            Self::After(_) => 2,
            Self::Reads(count) => reads / count.max(1),
        };
        match stage {
            0 => "Pending",
            1 => "Executing",
            _ => END,
        }
    }

    pub(crate) fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        const EXPECTED: &str = "use at-once, after-2s or reads-3";
        if part.text() == "at-once" {
            return Ok(Self::AtOnce);
        }
        if let Some(time) = part.strip_prefix("after-") {
            return time.duration().map(Self::After);
        }
        match part.strip_prefix("reads-") {
            Some(count) => count.positive(EXPECTED).map(Self::Reads),
            None => Err(part.unknown("value", ["at-once", "after-2s", "reads-3"], EXPECTED.to_owned())),
        }
    }
}

impl fmt::Display for DownlinkProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => f.write_str("at-once"),
            Self::After(time) => {
                f.write_str("after-")?;
                write_duration(*time, f)
            }
            Self::Reads(count) => write!(f, "reads-{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downlink_passes_through_both_states() {
        let after = DownlinkProgress::After(Duration::from_secs(2));
        let seconds = |age| after.state(Duration::from_secs(age), 0);
        assert_eq!([0, 1, 2, 3, 4].map(seconds), ["Pending", "Pending", "Executing", "Executing", END]);
        let reads = |count| DownlinkProgress::Reads(2).state(Duration::ZERO, count);
        assert_eq!([0, 1, 2, 3, 4, 5].map(reads), ["Pending", "Pending", "Executing", "Executing", END, END]);
        assert_eq!(DownlinkProgress::AtOnce.state(Duration::ZERO, 0), END);
    }
}
