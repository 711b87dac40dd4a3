//! Base names: which device a SenML pack is about.

use std::fmt;
use std::str::FromStr;

use crate::downlinks::DevEui;
use crate::input::InputError;

/// The base name of a pack, the URN of a device.
///
/// Seen at KPN Things: `urn:dev:DEVEUI:<16 hex>:`, `urn:dev:IMEI:<imei>:`, `urn:dev:DVNUUID:<uuid>:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseName(String);

impl BaseName {
    /// A cellular device by its IMEI, 15 digits (14 without the check digit, 16 with a software version).
    pub fn imei(imei: &str) -> Result<Self, InputError> {
        if !(14..=16).contains(&imei.len()) || !imei.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InputError::new("IMEI", "is not 14 to 16 digits"));
        }
        Ok(Self(format!("urn:dev:IMEI:{imei}:")))
    }

    /// A device by its UUID at KPN Things.
    pub fn device_uuid(uuid: &str) -> Result<Self, InputError> {
        Self::new(format!("urn:dev:DVNUUID:{uuid}:"))
    }

    /// A base name of your own, sent as it is. RFC 8428 allows letters, digits and `-:./_`, starting with one of
    /// the first two.
    pub fn new(name: impl Into<String>) -> Result<Self, InputError> {
        let name = name.into();
        check_name("SenML base name", &name)?;
        Ok(Self(name))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a URN as it is, and anything else as a DevEUI.
impl FromStr for BaseName {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        if text.starts_with("urn:") {
            Self::new(text)
        } else {
            text.parse().map(|dev_eui: DevEui| dev_eui.into())
        }
    }
}

impl From<DevEui> for BaseName {
    fn from(dev_eui: DevEui) -> Self {
        Self(format!("urn:dev:DEVEUI:{dev_eui}:"))
    }
}

impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses what RFC 8428, section 4.5.1 does not allow in a name.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), InputError> {
    if name.is_empty() {
        return Err(InputError::new(what, "is empty"));
    }
    if !name.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return Err(InputError::new(what, "does not start with a letter or digit (RFC 8428)"));
    }
    let legal = |char: char| char.is_ascii_alphanumeric() || "-:./_".contains(char);
    match name.chars().find(|char| !legal(*char)) {
        Some(char) => Err(InputError::new(what, format!("holds {char:?}, which RFC 8428 does not allow"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_names_are_those_of_kpn() {
        let dev_eui: DevEui = "0059ac0000181eb6".parse().unwrap();
        assert_eq!(BaseName::from(dev_eui).as_str(), "urn:dev:DEVEUI:0059AC0000181EB6:");
        assert_eq!(BaseName::imei("490154203237518").unwrap().as_str(), "urn:dev:IMEI:490154203237518:");
        assert_eq!(BaseName::device_uuid("ab-12").unwrap().as_str(), "urn:dev:DVNUUID:ab-12:");
        assert_eq!(BaseName::new("urn:dev:DEVEUI:0059ac:").unwrap().as_str(), "urn:dev:DEVEUI:0059ac:");
        assert_eq!("00-59-ac-00-00-18-1e-b6".parse(), Ok(BaseName::from(dev_eui)));
        assert_eq!("urn:own:".parse(), BaseName::new("urn:own:"));
        assert!("own".parse::<BaseName>().is_err());
    }

    #[test]
    fn names_that_rfc_8428_does_not_allow_are_refused() {
        for bad in ["", ":a", "a b", "é", "a\n", "a\"b"] {
            assert!(BaseName::new(bad).is_err(), "{bad:?}");
        }
        assert!(BaseName::imei("12").is_err());
        assert!(BaseName::device_uuid("a b").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_base_name_or_an_error(text in "(urn:)?\\PC{0,30}") {
            if let Ok(name) = text.parse::<BaseName>() {
                prop_assert!(check_name("name", name.as_str()).is_ok());
                prop_assert_eq!(name.as_str().parse::<BaseName>(), Ok(name.clone()));
            }
        }
    }
}
