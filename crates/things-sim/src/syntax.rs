//! The text form that rules share: numbers, durations and comma lists, and the error for an invalid text.

use std::fmt;
use std::time::Duration;

/// An error for a text that is not a rule. The message lists what is allowed instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseRuleError(String);

impl fmt::Display for ParseRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseRuleError {}

pub(crate) fn error<T>(message: impl Into<String>) -> Result<T, ParseRuleError> {
    Err(ParseRuleError(message.into()))
}

/// Parses a whole number from 1.
pub(crate) fn positive(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

/// Finds the value with this name, or reports all names.
pub(crate) fn choice<T: Copy>(what: &str, name: &str, all: &[(&str, T)]) -> Result<T, ParseRuleError> {
    match all.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Ok(*value),
        None => {
            let names: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
            error(format!("unknown {what} `{name}`: use {}", names.join(", ")))
        }
    }
}

/// Returns the name of a value.
pub(crate) fn name_of<T: Copy + PartialEq>(value: T, all: &[(&'static str, T)]) -> &'static str {
    all.iter().find(|(_, known)| *known == value).map(|(name, _)| *name).unwrap_or_default()
}

/// The units of a duration in nanoseconds, largest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

pub(crate) fn parse_duration(text: &str) -> Result<Duration, ParseRuleError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let nanos = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, nanos)| number.parse::<u64>().ok()?.checked_mul(nanos));
    match nanos {
        Some(nanos) => Ok(Duration::from_nanos(nanos)),
        None => {
            error(format!("`{text}` is not a duration: use a whole number of s, ms, us or ns, as in 20ms"))
        }
    }
}

pub(crate) fn write_duration(duration: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let nanos = duration.as_nanos();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos.is_multiple_of(u128::from(*size)))
        .filter(|_| nanos > 0)
        .unwrap_or(("ms", 1));
    write!(f, "{}{unit}", nanos / u128::from(size))
}

/// Splits at each comma without a backslash in front, and removes the backslashes.
pub(crate) fn split_unescaped(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.extend(letters.next()),
            ',' => parts.push(std::mem::take(&mut part)),
            letter => part.push(letter),
        }
    }
    parts.push(part);
    parts
}

/// Adds a backslash before commas and backslashes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}
