//! Data values: bytes as base64url.

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::{Error, ErrorKind};

/// Bytes with the base64url text that encodes them (RFC 8428, section 5).
///
/// ```
/// use things_senml::Data;
///
/// assert_eq!(Data::new([0xfb, 0xff]).as_str(), "-_8");
/// assert_eq!(Data::from_base64("-_8=")?.bytes(), [0xfb, 0xff]);
/// # Ok::<(), things_senml::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    text: String,
    bytes: Vec<u8>,
}

/// Writes no padding, as the RFC requires, and reads text with or without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Data {
    /// Creates a value from bytes, which are written as base64url without padding.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { text: BASE64.encode(&bytes), bytes }
    }

    /// Reads base64url, with or without padding, and keeps the text unchanged.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Data`] if the text is not base64url. Plain base64 with `+` or `/` is not.
    pub fn from_base64(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        match BASE64.decode(&text) {
            Ok(bytes) => Ok(Self { text, bytes }),
            Err(_) if text.contains(['+', '/']) => {
                Err(error("is not base64url: write - in place of + and _ in place of /"))
            }
            Err(_) => Err(error("is not base64url: encode the bytes as RFC 4648, section 5 says")),
        }
    }

    /// The base64url text as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Shows the number of bytes, not the bytes.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes)", self.bytes.len())
    }
}

fn error(why: &str) -> Error {
    Error::new(ErrorKind::Data, "SenML data value", why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_kept() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("aG9paG9pAA", b"hoihoi\0"),
            ("aG9paG9pAA==", b"hoihoi\0"),
            ("-_8", &[0xfb, 0xff]),
            // Some encoders do not clear the unused bits of the last character.
            ("-_9", &[0xfb, 0xff]),
        ] {
            let data = Data::from_base64(text).unwrap();
            assert_eq!((data.as_str(), data.bytes()), (text, bytes));
        }
    }

    #[test]
    fn other_alphabets_are_refused_with_a_reason() {
        for (text, why) in [
            ("+/8=", "write - in place of +"),
            ("a", "is not base64url: encode"),
            ("a b=", "is not base64url: encode"),
            ("aG9paG9pAA===", "is not base64url: encode"),
            ("é", "is not base64url: encode"),
        ] {
            let error = Data::from_base64(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Data);
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn debug_does_not_show_the_bytes() {
        assert_eq!(format!("{:?}", Data::new([1, 2])), "Data(2 bytes)");
    }

    proptest! {
        #[test]
        fn all_bytes_come_back(bytes: Vec<u8>) {
            let data = Data::new(bytes.clone());
            prop_assert!(!data.as_str().contains(['=', '+', '/']));
            prop_assert_eq!(data.bytes(), &*bytes);
            prop_assert_eq!(Data::from_base64(data.as_str()), Ok(data));
        }
    }
}
