//! Why a message, or a field of it, cannot be read.

use std::fmt;

/// Why a message cannot be read. Its token may be correct all the same: store it, and do not refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The body is not UTF-8, so it is not JSON.
    NotUtf8 {
        /// The index of the first wrong byte, from 0.
        at: usize,
    },
    /// A record has an index name (`i_`) of ThingsML. It is the number of a name in a table that is not in the message.
    IndexName {
        /// The index of the record, from 0.
        record: usize,
    },
    /// The body is not SenML (RFC 8428).
    Senml(things_senml::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 { at } => write!(f, "the message is not UTF-8 text: byte {} is wrong", at + 1),
            Self::IndexName { record } => write!(
                f,
                "SenML record {} has an index name (\"i_\") of ThingsML, whose table of names is not in the message: \
                 let the destination send names (\"n\")",
                record + 1
            ),
            Self::Senml(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<things_senml::Error> for Error {
    fn from(error: things_senml::Error) -> Self {
        match (error.kind(), error.field(), error.record()) {
            (things_senml::ErrorKind::MustUnderstand, Some("i_"), Some(record)) => Self::IndexName { record },
            _ => Self::Senml(error),
        }
    }
}

/// Why a typed field of a message cannot be read. All else in the message stays readable.
///
/// The message names the record, and does not contain the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    record: usize,
    name: &'static str,
    why: FieldErrorKind,
}

/// The kind of a [`FieldError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// Several records of the device have this name. They are in [`Uplink::measurements`](crate::Uplink::measurements).
    Repeated,
    /// The value is not a text.
    NotText,
    /// The value is not a number.
    NotNumber,
    /// The number is not a whole number from 0 to `most`.
    NotWhole {
        /// The greatest number that is allowed.
        most: u32,
    },
    /// The value is a number that is not possible, such as a latitude of 91.
    OutOfRange,
    /// A character of the hex text is not a hex digit.
    NotHex {
        /// The position of the character, from 1.
        at: usize,
    },
    /// The hex text has an odd number of digits.
    OddHex {
        /// The number of digits.
        digits: usize,
    },
}

impl FieldError {
    pub(crate) fn new(record: usize, name: &'static str, why: FieldErrorKind) -> Self {
        Self { record, name, why }
    }

    /// The index of the record in the pack, from 0.
    pub fn record(&self) -> usize {
        self.record
    }

    /// The name of the record, such as `payload`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The kind of the error, to match on.
    pub fn kind(&self) -> FieldErrorKind {
        self.why
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SenML record {} ({}) ", self.record + 1, self.name)?;
        match self.why {
            FieldErrorKind::Repeated => {
                f.write_str("has the name of an earlier record: read both from the measurements")
            }
            FieldErrorKind::NotText => f.write_str("is not a text (\"vs\")"),
            FieldErrorKind::NotNumber => f.write_str("is not a number (\"v\")"),
            FieldErrorKind::NotWhole { most } => write!(f, "is not a whole number from 0 to {most}"),
            FieldErrorKind::OutOfRange => f.write_str("is a number that is out of its range"),
            FieldErrorKind::NotHex { at } => write!(f, "is not hex: character {at} is not a hex digit"),
            FieldErrorKind::OddHex { digits } => {
                write!(f, "is not hex: it has {digits} digits, an odd number")
            }
        }
    }
}

impl std::error::Error for FieldError {}
