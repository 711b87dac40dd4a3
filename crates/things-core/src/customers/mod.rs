//! Sub-customers, for accounts with Customer Management: a call can be made for one of them.

mod context_switch;

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;
use serde::{Deserialize, Serialize, Serializer};

use crate::input::{InputError, check_segment};

pub use context_switch::ContextSwitch;

/// The Customer ID of a sub-customer: opaque text that cannot leave its path segment or its header value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CustomerId(Arc<str>);

impl CustomerId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Rejects a customer that is given twice.
    pub(crate) fn check_different(customers: &[Self]) -> Result<(), InputError> {
        let mut seen = HashSet::new();
        match customers.iter().find(|customer| !seen.insert(*customer)) {
            Some(twice) => Err(InputError::new("customer id", format!("{twice} is given twice"))),
            None => Ok(()),
        }
    }

    /// The text as a shared value.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The value of `x-client-id`.
    pub(crate) fn header_value(&self) -> Result<HeaderValue, InputError> {
        HeaderValue::from_str(&self.0).map_err(|_| InputError::new("customer id", "cannot be a header value"))
    }
}

impl AsRef<str> for CustomerId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for CustomerId {
    type Error = InputError;

    fn try_from(text: &str) -> Result<Self, InputError> {
        text.parse()
    }
}

impl TryFrom<String> for CustomerId {
    type Error = InputError;

    fn try_from(text: String) -> Result<Self, InputError> {
        text.parse()
    }
}

impl TryFrom<&String> for CustomerId {
    type Error = InputError;

    fn try_from(text: &String) -> Result<Self, InputError> {
        text.parse()
    }
}

impl From<&CustomerId> for CustomerId {
    fn from(id: &CustomerId) -> Self {
        id.clone()
    }
}

impl FromStr for CustomerId {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        check_segment("customer id", text)?;
        Ok(Self(text.into()))
    }
}

impl Serialize for CustomerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_from_any_text_and_written_as_it_is() {
        let id: CustomerId = serde_json::from_str("\"c-1\"").unwrap();
        assert_eq!(Ok(id.clone()), "c-1".try_into());
        assert_eq!(Ok(id.clone()), String::from("c-1").try_into());
        assert_eq!(Ok(id.clone()), (&String::from("c-1")).try_into());
        assert_eq!(id, CustomerId::from(&id));
        assert_eq!((id.as_ref(), serde_json::to_string(&id).unwrap()), ("c-1", "\"c-1\"".to_owned()));
        for bad in ["a/b", "\"c\"", "<id>", ""] {
            assert!(CustomerId::try_from(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<CustomerId>("\"a/b\"").is_err());
    }
}
