//! The body of a response that the library does not interpret.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use http::HeaderMap;
use serde::ser::{Serialize, Serializer};

use crate::coding;
use crate::json::Json;

/// The unchanged body of a response: nothing, JSON of any shape, or other bytes.
///
/// Two bodies are equal if their bytes are equal.
#[derive(Clone, Default)]
pub struct Body {
    bytes: Bytes,
    /// The range of the bytes that is JSON, without a byte order mark and without whitespace around it.
    json: Option<Range<usize>>,
}

impl Body {
    /// Creates a body from the bytes of a response.
    pub fn read(bytes: &Bytes) -> Self {
        Self::of(&HeaderMap::new(), bytes.clone())
    }

    /// Creates the body of a response with these headers. A compressed body is not JSON.
    pub(crate) fn of(headers: &HeaderMap, bytes: Bytes) -> Self {
        let json = coding::text(headers, &bytes).ok().and_then(|text| {
            let json = Json::read(text).ok()?.as_str();
            let start = bytes.len() - text.len() + text.find(|char: char| !char.is_ascii_whitespace())?;
            Some(start..start + json.len())
        });
        Self { bytes, json }
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, unchanged. Only gzip is unpacked, and in an error secrets are redacted.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The JSON. `None` if the body is not JSON, or is JSON nested more than 127 levels deep.
    pub fn json(&self) -> Option<Json<'_>> {
        let json = self.bytes.get(self.json.clone()?)?;
        std::str::from_utf8(json).ok().map(Json::of)
    }

    /// A text field of a JSON object, such as `error` or `error_description` (RFC 6749, section 5.2).
    pub fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.json()?.get(name)?.text()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Body {}

/// Serialises JSON unchanged, no body as `null`, and anything else as a string.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.json() {
            Some(json) => json.serialize(serializer),
            None if self.is_empty() => serializer.serialize_unit(),
            None => serializer.serialize_str(&String::from_utf8_lossy(&self.bytes)),
        }
    }
}

/// Shows the kind of the body and its size, not its content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.bytes.len(), &self.json) {
            (0, _) => f.write_str("Empty"),
            (length, Some(_)) => write!(f, "Json({length} bytes)"),
            (length, None) => write!(f, "Raw({length} bytes)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CONTENT_ENCODING;

    use super::*;

    fn read(text: &'static str) -> Body {
        Body::read(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn bodies_are_read_leniently() {
        assert!(read("").is_empty() && read("").json().is_none());
        assert_eq!((read("<html>").json(), read("<html>").bytes().as_ref()), (None, &b"<html>"[..]));
        let body = read(r#"{"error":"invalid_client","code":7}"#);
        assert_eq!(body.field("error").unwrap(), "invalid_client");
        assert_eq!((body.field("error_description"), body.field("code")), (None, None));
    }

    #[test]
    fn json_keeps_its_text_and_the_bytes_keep_all() {
        let text = "\u{FEFF} {\"z\":1.7657E9,\"a\":89314404000123456789}\r\n";
        let body = read(text);
        assert_eq!(body.json().unwrap().as_str(), text.trim_start_matches('\u{FEFF}').trim());
        assert_eq!(body.bytes(), text.as_bytes());
        let written = serde_json::to_string(&[&body, &read("<html>"), &read("")]).unwrap();
        assert_eq!(written, r#"[{"z":1.7657E9,"a":89314404000123456789},"<html>",null]"#);
        assert_eq!(format!("{body:?} {:?} {:?}", read("x"), read("")), "Json(45 bytes) Raw(1 bytes) Empty");
    }

    #[test]
    fn what_is_compressed_or_too_deep_is_no_json() {
        let headers = [(CONTENT_ENCODING, HeaderValue::from_static("br"))].into_iter().collect();
        assert_eq!(Body::of(&headers, Bytes::from_static(b"{}")).json(), None);
        let deep = Bytes::from("[".repeat(128) + &"]".repeat(128));
        assert_eq!(Body::read(&deep).json(), None);
    }
}
