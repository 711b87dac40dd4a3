//! Base names, and the rules for names (RFC 8428, section 4.5.1).

use std::fmt;

use crate::error::{Error, ErrorKind};

/// The base name of a pack: the URN of the device that its records are about.
///
/// Seen at KPN Things: `urn:dev:DEVEUI:<16 hex>:`, `urn:dev:IMEI:<imei>:`, `urn:dev:DVNUUID:<uuid>:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseName(String);

impl BaseName {
    /// Creates the base name of a LoRaWAN device from the 8 bytes of its DevEUI, most significant first.
    ///
    /// The hex digits are upper case, as in every message of KPN.
    pub fn dev_eui(bytes: [u8; 8]) -> Self {
        Self(format!("urn:dev:DEVEUI:{:016X}:", u64::from_be_bytes(bytes)))
    }

    /// Creates the base name of a cellular device.
    ///
    /// An IMEI has 15 digits, 14 without its check digit, or 16 with a software version.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Imei`] if the text is not 14 to 16 digits.
    pub fn imei(imei: &str) -> Result<Self, Error> {
        if !(14..=16).contains(&imei.len()) || !imei.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::new(ErrorKind::Imei, "IMEI", "is not 14 to 16 digits"));
        }
        Ok(Self(format!("urn:dev:IMEI:{imei}:")))
    }

    /// Creates the base name of a device from its UUID at KPN Things.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Name`] if the text has characters that RFC 8428 does not allow in a name.
    pub fn device_uuid(uuid: &str) -> Result<Self, Error> {
        Self::new(format!("urn:dev:DVNUUID:{uuid}:"))
    }

    /// Creates a custom base name, which is written unchanged.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::Name`] if the text is empty, does not start with a letter or digit, or has characters other
    /// than letters, digits and `-:./_`.
    pub fn new(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        match check_full(&name) {
            Ok(()) => Ok(Self(name)),
            Err(why) => Err(Error::new(ErrorKind::Name, "SenML base name", why)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a name without a base name before it.
pub(crate) fn check_full(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty".into());
    }
    if !name.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return Err("does not start with a letter or digit (RFC 8428)".into());
    }
    check_part(name)
}

/// Checks the characters of a part of a name.
pub(crate) fn check_part(name: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'/' | b'_');
    // All legal characters are ASCII.
    match name.bytes().position(|byte| !legal(byte)).and_then(|at| name.get(at..)?.chars().next()) {
        Some(char) => Err(format!(
            "has {char:?}, which RFC 8428 does not allow: use letters, digits and the characters - : . / _"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_names_are_those_of_kpn() {
        let dev_eui = [0, 0x59, 0xac, 0, 0, 0x18, 0x1e, 0xb6];
        assert_eq!(BaseName::dev_eui(dev_eui).as_str(), "urn:dev:DEVEUI:0059AC0000181EB6:");
        assert_eq!(BaseName::imei("490154203237518").unwrap().as_str(), "urn:dev:IMEI:490154203237518:");
        assert_eq!(BaseName::device_uuid("ab-12").unwrap().as_str(), "urn:dev:DVNUUID:ab-12:");
    }

    #[test]
    fn a_custom_base_name_is_kept_as_it_is() {
        for name in ["urn:dev:DEVEUI:0059ac:", "device-name", "0", "a/b._-:"] {
            assert_eq!(BaseName::new(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn names_that_rfc_8428_does_not_allow_are_refused() {
        for (bad, why) in [
            ("", "SenML base name is empty"),
            (":a", "does not start with a letter or digit"),
            ("é", "does not start with a letter or digit"),
            ("a b", "has ' ', which"),
            ("a\n", "has '\\n', which"),
            ("a\"b", "has '\"', which"),
            ("aé", "has 'é', which"),
        ] {
            let error = BaseName::new(bad).unwrap_err();
            assert_eq!((error.kind(), error.record()), (ErrorKind::Name, None));
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(BaseName::device_uuid("a b").unwrap_err().kind(), ErrorKind::Name);
    }

    #[test]
    fn an_imei_has_14_to_16_digits() {
        for bad in ["", "1234567890123", "12345678901234567", "49015420323751x", "４９０15420"] {
            let error = BaseName::imei(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Imei);
            assert_eq!(error.to_string(), "IMEI is not 14 to 16 digits");
        }
        for good in ["12345678901234", "1234567890123456"] {
            assert_eq!(BaseName::imei(good).unwrap().as_str(), format!("urn:dev:IMEI:{good}:"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_base_name_or_an_error(text in "(urn:)?\\PC{0,30}") {
            let legal = text.starts_with(|char: char| char.is_ascii_alphanumeric())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte));
            prop_assert_eq!(BaseName::new(text.as_str()).is_ok(), legal);
        }
    }
}
