//! Sub-customers, for accounts with Customer Management: whom a call is made for.

mod context_switch;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

use crate::input::{InputError, check_segment};

pub use context_switch::ContextSwitch;

/// The Customer ID of a sub-customer: opaque text that stays inside its path segment and its header value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomerId(Arc<str>);

impl CustomerId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The value of `x-client-id`.
    pub(crate) fn header_value(&self) -> Result<HeaderValue, InputError> {
        HeaderValue::from_str(&self.0).map_err(|_| InputError::new("customer id", "cannot stand in a header"))
    }
}

impl FromStr for CustomerId {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        check_segment("customer id", text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
