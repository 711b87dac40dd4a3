//! The text form that rules share: parts that know their place in the rule, numbers, durations and comma lists.

use crate::rule_error::ParseRuleError;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A part of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    rule: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Part<'a> {
    /// The whole rule.
    pub(crate) fn of(rule: &'a str) -> Self {
        Self { rule, start: 0, end: rule.len() }
    }

    pub(crate) fn text(self) -> &'a str {
        self.rule.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.text().is_empty()
    }

    /// Splits at the first such character, which is ASCII.
    pub(crate) fn split_once(self, at: char) -> Option<(Self, Self)> {
        let place = self.start + self.text().find(at)?;
        Some((Self { end: place, ..self }, Self { start: place + 1, ..self }))
    }

    /// Splits `NAME:VALUE`, or returns a name without a value.
    pub(crate) fn name_and_value(self) -> (Self, Option<Self>) {
        self.split_once(':').map_or((self, None), |(name, value)| (name, Some(value)))
    }

    pub(crate) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        self.text().starts_with(prefix).then(|| Self { start: self.start + prefix.len(), ..self })
    }

    /// Splits behind the leading digits.
    pub(crate) fn number_and_unit(self) -> (Self, Self) {
        let digits = self.text().bytes().take_while(u8::is_ascii_digit).count();
        let place = self.start + digits;
        (Self { end: place, ..self }, Self { start: place, ..self })
    }

    /// Splits at each comma without a backslash in front.
    pub(crate) fn split_commas(self) -> Vec<Self> {
        let (mut parts, mut start, mut escaped) = (Vec::new(), self.start, false);
        for (place, byte) in self.text().bytes().enumerate() {
            let place = self.start + place;
            if byte == b',' && !escaped {
                parts.push(Self { start, end: place, ..self });
                start = place + 1;
            }
            escaped = byte == b'\\' && !escaped;
        }
        parts.push(Self { start, ..self });
        parts
    }

    /// The text without the backslashes that escape commas and backslashes.
    pub(crate) fn unescaped(self) -> String {
        let mut text = String::new();
        let mut letters = self.text().chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.extend(letters.next()),
                letter => text.push(letter),
            }
        }
        text
    }

    /// The error for this part.
    pub(crate) fn error(self, problem: impl Into<String>, expected: impl Into<String>) -> ParseRuleError {
        ParseRuleError::new(self.rule, self.start..self.end, problem.into(), expected.into())
    }

    /// The error for something that is missing behind this part.
    pub(crate) fn missing(self, what: &str, expected: impl Into<String>) -> ParseRuleError {
        Self { start: self.end, ..self }.error(format!("{what} is missing"), expected)
    }

    /// The error for an unknown name.
    pub(crate) fn unknown<'n>(
        self,
        what: &str,
        names: impl IntoIterator<Item = &'n str>,
        expected: String,
    ) -> ParseRuleError {
        let error = match self.text() {
            "" => self.missing(&format!("the {what}"), expected),
            text => self.error(format!("unknown {what} `{text}`"), expected),
        };
        error.suggest(closest(self.text(), names))
    }

    /// The error for a part that has none of these forms. A form is an example, as in `stall` or `latency:20ms`.
    pub(crate) fn no_form(self, what: &str, forms: &[&str]) -> ParseRuleError {
        let (name, value) = self.name_and_value();
        match (forms.iter().find(|form| name_of_form(form) == name.text()), value) {
            (Some(form), None) => {
                name.missing(&format!("the value of `{}`", name.text()), format!("use {form}"))
            }
            (Some(form), Some(value)) => {
                let colon_and_value = Self { start: name.end, ..value };
                colon_and_value.error(format!("`{form}` takes no value"), format!("use {form}"))
            }
            (None, _) => {
                let names = forms.iter().map(|form| name_of_form(form));
                name.unknown(what, names, one_of(forms))
            }
        }
    }

    /// Finds the value with this name.
    pub(crate) fn choice<T: Copy>(self, what: &str, all: &[(&str, T)]) -> Result<T, ParseRuleError> {
        match all.iter().find(|(known, _)| *known == self.text()) {
            Some((_, value)) => Ok(*value),
            None => {
                let names: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
                Err(self.unknown(what, names.iter().copied(), one_of(&names)))
            }
        }
    }

    /// Parses a whole number from 0. `expected` completes the error.
    pub(crate) fn number<N: FromStr>(self, expected: &str) -> Result<N, ParseRuleError> {
        self.text().parse().map_err(|_| self.no_number(0, expected))
    }

    /// Parses a whole number from 1.
    pub(crate) fn positive<N: FromStr + PartialEq + Default>(
        self,
        expected: &str,
    ) -> Result<N, ParseRuleError> {
        let number = self.text().parse().ok().filter(|number| *number != N::default());
        number.ok_or_else(|| self.no_number(1, expected))
    }

    fn no_number(self, from: u8, expected: &str) -> ParseRuleError {
        match self.text() {
            "" => self.missing("the number", expected),
            text => self.error(format!("`{text}` is not a whole number from {from}"), expected),
        }
    }

    /// Parses a duration, as in `20ms`.
    pub(crate) fn duration(self) -> Result<Duration, ParseRuleError> {
        const EXPECTED: &str = "use a whole number of s, ms, us or ns, as in 20ms";
        let (number, unit) = self.number_and_unit();
        if number.is_empty() {
            return Err(self.error(format!("`{}` is not a duration", self.text()), EXPECTED));
        }
        let Some((_, nanos)) = UNITS.into_iter().find(|(name, _)| *name == unit.text()) else {
            let error = match unit.text() {
                "" => {
                    return Err(unit
                        .missing("the unit of the duration", EXPECTED)
                        .suggest(format!("{}ms", number.text())));
                }
                text => unit.error(format!("unknown unit `{text}`"), EXPECTED),
            };
            let trimmed = unit.text().trim();
            return Err(error.suggest(closest(trimmed, UNITS.map(|(name, _)| name))));
        };
        let nanos = number.text().parse::<u64>().ok().and_then(|number| number.checked_mul(nanos));
        nanos
            .map(Duration::from_nanos)
            .ok_or_else(|| self.error("the duration is longer than 500 years", EXPECTED))
    }
}

/// Returns the name of a value.
pub(crate) fn name_of<T: Copy + PartialEq>(value: T, all: &[(&'static str, T)]) -> &'static str {
    all.iter().find(|(_, known)| *known == value).map(|(name, _)| *name).unwrap_or_default()
}

/// The units of a duration in nanoseconds, largest first.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

pub(crate) fn write_duration(duration: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let nanos = duration.as_nanos();
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos.is_multiple_of(u128::from(*size)))
        .filter(|_| nanos > 0)
        .unwrap_or(("ms", 1));
    write!(f, "{}{unit}", nanos / u128::from(size))
}

/// Adds a backslash before commas and backslashes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}

/// The list of what is allowed.
pub(crate) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => format!("use {name}"),
        [names @ .., last] => format!("use {} or {last}", names.join(", ")),
    }
}

/// The name that is probably meant by a text: one with few other letters, or the first that begins with it.
fn closest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let names: Vec<&str> = names.into_iter().collect();
    let distances = names.iter().map(|name| (strsim::osa_distance(&text, name), *name));
    let similar = distances.min().filter(|(distance, _)| *distance <= (text.len() / 3).clamp(1, 3));
    let beginning = || names.iter().find(|name| text.len() > 2 && name.starts_with(&text)).copied();
    similar.map(|(_, name)| name).filter(|_| !text.is_empty()).or_else(beginning).map(str::to_owned)
}

/// The name in a form such as `status:503[,Name:value]*`.
fn name_of_form(form: &str) -> &str {
    form.split([':', '[']).next().unwrap_or(form)
}
