//! The value of a record: a number, a text, a boolean, or bytes.

mod data;
mod decimal;
mod number;

pub use data::Data;
pub(crate) use decimal::Decimal;
pub(crate) use number::Addend;
pub use number::Number;

use std::fmt;

/// The value of a record.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// A number (`v`).
    Number(Number),
    /// A text (`vs`).
    String(String),
    /// A boolean (`vb`).
    Boolean(bool),
    /// Bytes (`vd`).
    Data(Data),
}

/// Shows the kind of the value, not the value.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(_) => "Number(..)",
            Self::String(_) => "String(..)",
            Self::Boolean(_) => "Boolean(..)",
            Self::Data(_) => "Data(..)",
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self::Data(data)
    }
}
