//! The secret of a device that posts its own measurements.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::input::{InputError, header_value};
use crate::secret::Secret;

/// The secret of a device that posts its own measurements: 30 to 100 letters and digits (KPN's documentation).
///
/// It signs each request and is never sent. `Debug` masks it.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceSecret(Secret);

impl DeviceSecret {
    /// Creates a secret from its text.
    ///
    /// # Errors
    ///
    /// Returns an error if the text does not have 30 to 100 letters and digits. The error does not show the text.
    pub fn new(text: impl Into<Secret>) -> Result<Self, InputError> {
        let secret = text.into();
        let text = secret.expose();
        let refuse = |why: String| Err(InputError::new("device secret", why));
        if let Some(at) = text.chars().position(|char| !char.is_ascii_alphanumeric()) {
            return refuse(format!(
                "has a character that is no letter from A to Z and no digit, at {}",
                at + 1
            ));
        }
        match text.len() {
            30..=100 => Ok(Self(secret)),
            length => refuse(format!("has {length} characters: KPN Things issues 30 to 100")),
        }
    }

    /// The text.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// Returns the message token of a body. It is made of hex digits, which are always a header value.
    pub(crate) fn sign(&self, body: &[u8]) -> Result<HeaderValue, InputError> {
        let mut token = header_value(things_uplink::sign(self.0.expose(), body).into())
            .map_err(|why| InputError::new("message token", why))?;
        token.set_sensitive(true);
        Ok(token)
    }
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceSecret {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_30_to_100_letters_and_digits_and_is_masked() {
        for length in [30, 100] {
            let secret = DeviceSecret::new("aZ9".repeat(34).split_at(length).0).unwrap();
            assert_eq!(format!("{secret:?}"), "[secret]");
        }
        for (text, why) in [
            ("a".repeat(29), "device secret has 29 characters: KPN Things issues 30 to 100"),
            ("a".repeat(101), "device secret has 101 characters: KPN Things issues 30 to 100"),
            (
                format!("{}-", "a".repeat(30)),
                "device secret has a character that is no letter from A to Z and no digit, at 31",
            ),
        ] {
            assert_eq!(DeviceSecret::new(text).unwrap_err().to_string(), why);
        }
    }
}
