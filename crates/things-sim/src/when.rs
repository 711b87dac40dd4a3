//! The calls that a rule applies to.

use crate::random::Random;
use crate::rule_error::ParseRuleError;
use crate::syntax::Part;
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
        Self::read(Part::of(text))
    }
}

const EXPECTED: &str = "use always, 3, 3-5, 3-, every-10 or 5%; calls are counted from 1";

impl When {
    pub(crate) fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        let text = part.text();
        match text {
            "always" => return Ok(Self::Always),
            "" => return Err(part.missing("WHEN", EXPECTED)),
            _ => {}
        }
        if let Some(n) = part.strip_prefix("every-") {
            return n.positive(EXPECTED).map(Self::Every);
        }
        if let Some((percent, _)) = part.split_once('%') {
            return Self::percentage(part, percent.text());
        }
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(part.unknown("WHEN", ["always", "every-10"], EXPECTED.to_owned()));
        }
        let Some((from, to)) = part.split_once('-') else {
            return part.positive(EXPECTED).map(|n| Self::Calls(n..=n)).map_err(|error| {
                let chance = text.parse::<f64>().ok().filter(|chance| *chance < 1.0 && text.contains('.'));
                error.suggest(chance.map(|chance| format!("{}%", chance * 100.0)))
            });
        };
        let first = from.positive(EXPECTED)?;
        if to.is_empty() {
            return Ok(Self::Calls(first..=u64::MAX));
        }
        let last = to.positive(EXPECTED)?;
        if first > last {
            let error = part.error("the last call comes before the first", EXPECTED);
            return Err(error.suggest(format!("{last}-{first}")));
        }
        Ok(Self::Calls(first..=last))
    }

    fn percentage(part: Part<'_>, percent: &str) -> Result<Self, ParseRuleError> {
        let digits = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        // Dividing by 100 would change the last digits; shifting the exponent does not.
        let chance = format!("{percent}e-2").parse().ok();
        let ends = part.text().len() == percent.len() + 1;
        match chance.filter(|chance| digits && ends && (0.0..=1.0).contains(chance)) {
            Some(chance) => Ok(Self::Chance(chance)),
            None => {
                Err(part.error(format!("`{}` is not a probability", part.text()), "use 0% to 100%, as in 5%"))
            }
        }
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
