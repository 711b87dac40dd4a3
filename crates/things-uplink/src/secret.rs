//! The shared secret of a destination, and the label that a user gives it.

use std::fmt;

use zeroize::Zeroizing;

/// The shared secret of a destination or of a device, byte for byte.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is overwritten on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Most bytes of a secret. KPN does not document a limit, so this is far more than a portal would accept.
    pub const MAX_BYTES: usize = 1024;

    /// Creates a secret from all of the bytes of a text.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is empty or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        match text.as_ref() {
            [] => Err(SecretError::Empty),
            text if text.len() > Self::MAX_BYTES => Err(SecretError::TooLong { bytes: text.len() }),
            text => Ok(Self(Zeroizing::new(text.to_vec()))),
        }
    }

    /// The bytes themselves. Keep them out of logs.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why a text is not a [`Secret`]. The message does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// The text is empty.
    Empty,
    /// The text is longer than [`Secret::MAX_BYTES`].
    TooLong {
        /// The bytes of the text.
        bytes: usize,
    },
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the secret is empty: copy the shared secret of the destination"),
            Self::TooLong { bytes } => {
                write!(f, "the secret has {bytes} bytes: at most {} are allowed", Secret::MAX_BYTES)
            }
        }
    }
}

impl std::error::Error for SecretError {}

/// The name of a secret, such as `active` or `retiring`. It is safe to log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// Most characters of a label.
    pub const MAX_LENGTH: usize = 32;

    /// Creates a label: 1 to 32 characters of `a` to `z`, `0` to `9`, `-` and `_`.
    ///
    /// # Errors
    ///
    /// Returns an error if the text has another length or other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, LabelError> {
        let text = text.into();
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(LabelError(()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a [`Label`]. The message does not contain the text, which may be a secret by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelError(());

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label of a secret has 1 to 32 characters: lower-case letters, digits, - and _")
    }
}

impl std::error::Error for LabelError {}

/// A secret with its label.
#[derive(Debug, Clone)]
pub struct LabelledSecret {
    /// The label, which a verified message reports.
    pub label: Label,
    /// The secret.
    pub secret: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_masks_the_secret() {
        let secret =
            LabelledSecret { label: Label::new("active").unwrap(), secret: Secret::new("MYKEY2").unwrap() };
        assert_eq!(format!("{secret:?}"), r#"LabelledSecret { label: Label("active"), secret: [secret] }"#);
        assert_eq!(secret.secret.expose(), b"MYKEY2");
    }

    #[test]
    fn a_secret_has_1_to_1024_bytes() {
        assert_eq!(Secret::new("").unwrap_err(), SecretError::Empty);
        assert!(Secret::new([b'a'; 1024]).is_ok());
        let error = Secret::new([b'a'; 1025]).unwrap_err();
        assert_eq!(error.to_string(), "the secret has 1025 bytes: at most 1024 are allowed");
    }

    #[test]
    fn a_label_is_short_and_plain() {
        for text in ["a", "active", "secret-1", "a_b-0", &"a".repeat(32)] {
            assert_eq!(Label::new(text).unwrap().as_str(), text);
        }
        for text in ["", "Active", "a b", "a=", "é", &"a".repeat(33)] {
            assert!(Label::new(text).is_err(), "{text:?}");
        }
    }
}
