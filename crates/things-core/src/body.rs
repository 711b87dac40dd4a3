//! The body of a response.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

/// The body of an answer, as far as it can be read.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// No bytes at all.
    Empty,
    /// JSON of any shape.
    Json(Value),
    /// Not JSON.
    Raw(Bytes),
}

impl Body {
    /// Reads the bytes of an answer.
    pub fn read(bytes: &Bytes) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        serde_json::from_slice(bytes).map_or_else(|_| Self::Raw(bytes.clone()), Self::Json)
    }

    /// The JSON, if it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Raw(_) => None,
        }
    }

    /// A text field of a JSON object, such as `error` or `error_description` (RFC 6749, section 5.2).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.json()?.get(name)?.as_str()
    }
}

/// Shows the kind of the body and its size, not what it says.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Json(_) => f.write_str("Json(..)"),
            Self::Raw(bytes) => write!(f, "Raw({} bytes)", bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_leniently() {
        assert_eq!(Body::read(&Bytes::new()), Body::Empty);
        assert_eq!(Body::read(&Bytes::from_static(b"<html>")), Body::Raw(Bytes::from_static(b"<html>")));
        let body = Body::read(&Bytes::from_static(br#"{"error":"invalid_client"}"#));
        assert_eq!(body.field("error"), Some("invalid_client"));
        assert_eq!(body.field("error_description"), None);
    }
}
