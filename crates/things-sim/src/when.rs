//! The calls that a rule applies to.

use crate::random::Random;
use crate::syntax::{ParseRuleError, error, positive};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The calls that a rule applies to. Calls are counted from the moment the rule was added.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Every call.
    Always,
    /// The calls with these numbers. The first call is 1.
    Calls(RangeInclusive<u64>),
    /// Every n-th call: `Every(10)` is the 10th, the 20th and so on. `Every(0)` is no call.
    Every(u64),
    /// Each call with this probability, from 0.0 to 1.0. The simulator's seed decides.
    Chance(f64),
}

impl When {
    /// Whether the rule applies to the call with this number.
    pub(crate) fn hits(&self, call: u64, random: &mut Random) -> bool {
        match self {
            Self::Always => true,
            Self::Calls(numbers) => numbers.contains(&call),
            Self::Every(n) => *n > 0 && call.is_multiple_of(*n),
            Self::Chance(p) => random.chance(*p),
        }
    }
}

impl FromStr for When {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let when = if text == "always" {
            Some(Self::Always)
        } else if let Some(n) = text.strip_prefix("every-") {
            positive(n).map(Self::Every)
        } else if let Some(percent) = text.strip_suffix('%') {
            // Dividing by 100 would change the last digits; shifting the exponent does not.
            let digits = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let chance = format!("{percent}e-2").parse().ok();
            chance.filter(|chance| digits && (0.0..=1.0).contains(chance)).map(Self::Chance)
        } else {
            match text.split_once('-') {
                None => positive(text).map(|n| Self::Calls(n..=n)),
                Some((from, "")) => positive(from).map(|from| Self::Calls(from..=u64::MAX)),
                Some((from, to)) => positive(from)
                    .zip(positive(to))
                    .filter(|(from, to)| from <= to)
                    .map(|(from, to)| Self::Calls(from..=to)),
            }
        };
        when.map_or_else(
            || {
                error(format!(
                    "`{text}` does not say when: use always, 3, 3-5, 3-, every-10 or 5%; calls are counted from 1"
                ))
            },
            Ok,
        )
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Calls(numbers) if numbers.start() == numbers.end() => write!(f, "{}", numbers.start()),
            Self::Calls(numbers) if *numbers.end() == u64::MAX => write!(f, "{}-", numbers.start()),
            Self::Calls(numbers) => write!(f, "{}-{}", numbers.start(), numbers.end()),
            Self::Every(n) => write!(f, "every-{n}"),
            Self::Chance(chance) => {
                let scientific = format!("{chance:e}");
                let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
                let exponent = exponent.parse::<i32>().unwrap_or_default() + 2;
                let percent: f64 = format!("{digits}e{exponent}").parse().unwrap_or(chance * 100.0);
                write!(f, "{percent}%")
            }
        }
    }
}
