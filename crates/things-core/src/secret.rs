//! Secret text, which is masked in `Debug` and overwritten when dropped.

use std::fmt;

use bytes::Bytes;
use zeroize::{Zeroize, Zeroizing};

/// A secret text, such as an API key secret.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is overwritten on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Creates a secret from a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Keep it out of logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Shared bytes that are overwritten when the last clone is dropped.
pub(crate) fn secret_bytes(bytes: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(bytes))
}

/// Returns a text as JSON, in memory that is overwritten and that does not move and leave a copy behind.
pub(crate) fn secret_json(text: &str) -> Zeroizing<Vec<u8>> {
    let mut json = Zeroizing::new(Vec::with_capacity(2 + 6 * text.len()));
    // A string always serialises, and a Vec takes all of it.
    let _ = serde_json::to_writer(&mut *json, text);
    json
}

/// Overwrites bytes unless they are shared.
pub(crate) fn overwrite(bytes: Bytes) {
    if let Ok(mut owned) = bytes.try_into_mut() {
        owned.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_masks_the_text() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }
}
