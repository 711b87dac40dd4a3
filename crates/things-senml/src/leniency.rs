//! What a lenient resolver tolerated.

use std::fmt;

/// One use of leniency: a record that breaks RFC 8428, and was read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leniency {
    record: usize,
    field: &'static str,
    kind: LeniencyKind,
}

/// The kind of a leniency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeniencyKind {
    /// A string value (`vs`) that is a JSON number was read as a number. Its digits are kept, and
    /// no base value is added.
    NumberInString,
    /// A secondary unit (RFC 8798) is in a pack whose version does not allow it (RFC 9100, section 4).
    SecondaryUnit,
}

impl Leniency {
    pub(crate) fn new(record: usize, field: &'static str, kind: LeniencyKind) -> Self {
        Self { record, field, kind }
    }

    /// The index of the record in the pack, from 0.
    pub fn record(&self) -> usize {
        self.record
    }

    /// The label of the field, such as `vs`.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The kind of the leniency, to match on.
    pub fn kind(&self) -> LeniencyKind {
        self.kind
    }
}

/// Explains the leniency. The message counts records from 1, as errors do.
impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            LeniencyKind::NumberInString => "a number as a string, which was read as a number",
            LeniencyKind::SecondaryUnit => "a secondary unit, which needs \"bver\": 26 and was kept",
        };
        write!(f, "SenML record {} has in {:?} {what}", self.record + 1, self.field)
    }
}
