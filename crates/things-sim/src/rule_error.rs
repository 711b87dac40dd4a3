//! The error for a text that is not a rule: it points at the wrong part.

use std::fmt;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// An error for a text that is not a fault, a change or a quirk.
///
/// `Display` shows the text with a caret under the wrong part, and what is expected there:
///
/// ```
/// let error = "downlink@2=drop-after".parse::<things_sim::FaultRule>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "unknown route `downlink`\n  \
///        downlink@2=drop-after\n  \
///        ^^^^^^^^ did you mean `downlinks`?\n  \
///        use token, devices, downlinks, context-switch, ingestion, other, any or uplink"
/// );
/// assert_eq!(&error.rule()[error.span()], "downlink");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseRuleError {
    rule: String,
    span: Range<usize>,
    problem: String,
    expected: String,
    suggestion: Option<String>,
}

impl ParseRuleError {
    pub(crate) fn new(rule: &str, span: Range<usize>, problem: String, expected: String) -> Self {
        Self { rule: rule.to_owned(), span, problem, expected, suggestion: None }
    }

    pub(crate) fn suggest(mut self, text: impl Into<Option<String>>) -> Self {
        self.suggestion = text.into();
        self
    }

    /// The whole text.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The place of the wrong part, in bytes. It is empty where something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, on one line.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What is expected instead, on one line.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// A text that is probably meant instead of the wrong part.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for ParseRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |range| printable(self.rule.get::<Range<usize>>(range).unwrap_or_default());
        let before = part(0..self.span.start).width();
        let carets = "^".repeat(part(self.span()).width().max(1));
        writeln!(f, "{}", self.problem)?;
        writeln!(f, "  {}", part(0..self.rule.len()))?;
        write!(f, "  {:before$}{carets}", "")?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, " did you mean `{suggestion}`?")?;
        }
        write!(f, "\n  {}", self.expected)
    }
}

impl std::error::Error for ParseRuleError {}

/// The text on one line: control characters are escaped.
fn printable(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}
