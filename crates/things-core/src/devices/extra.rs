//! Fields that this library does not know, and the names of those that it does.

use std::fmt;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// Fields that this library does not know, in the order in which they came.
#[derive(Clone, Default)]
pub struct Extra(Vec<(String, Value)>);

/// As objects of JSON are compared: whatever the order.
impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, _)| self.get(name) == other.get(name))
    }
}

impl Extra {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter().rev().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// All fields.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, name: String, value: Value) {
        self.0.push((name, value));
    }
}

impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A field name that is matched where it stands, and only copied when it is unknown.
macro_rules! field_names {
    ($key:ident, $visitor:ident { $($variant:ident = $($name:literal)|+),+ $(,)? }) => {
        enum $key {
            $($variant,)+
            Unknown(String),
        }

        impl<'de> serde::de::Deserialize<'de> for $key {
            fn deserialize<D: serde::de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_identifier($visitor)
            }
        }

        struct $visitor;

        impl serde::de::Visitor<'_> for $visitor {
            type Value = $key;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E>(self, name: &str) -> Result<$key, E> {
                Ok(match name {
                    $($($name)|+ => $key::$variant,)+
                    other => $key::Unknown(other.to_owned()),
                })
            }
        }
    };
}

pub(super) use field_names;
