//! DevEUI: the EUI-64 of a LoRaWAN device.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use things_senml::BaseName;

use crate::input::InputError;

/// The EUI-64 of a LoRaWAN device: 8 bytes, most significant first.
///
/// Parses 16 hex digits in either case, plain or in pairs with `-` or `:` between them. Displays them plain and in
/// upper case, as in every KPN message.
///
/// ```
/// use things_core::DevEui;
///
/// let dev_eui: DevEui = "00-59-ac-00-00-18-1e-b6".parse()?;
/// assert_eq!(dev_eui.to_string(), "0059AC0000181EB6");
/// # Ok::<(), things_core::InputError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevEui([u8; 8]);

impl DevEui {
    /// Creates a DevEUI from 8 bytes, most significant first.
    pub fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The 8 bytes, most significant first.
    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl FromStr for DevEui {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let refuse = |why: String| {
            InputError::new("DevEUI", format!("{why}: expected 16 hex digits, such as 0059AC0000181EB6"))
        };
        if text.is_empty() {
            return Err(refuse("is empty".into()));
        }
        if text.starts_with("0x") || text.starts_with("0X") {
            return Err(refuse("starts with 0x".into()));
        }
        if is_uuid(text) {
            let why = "is a UUID, which names the device in KPN Things: use its DevEUI, the field `eui`";
            return Err(InputError::new("DevEUI", why));
        }
        let separator = text.chars().nth(2).filter(|char| matches!(char, '-' | ':'));
        let mut digits = String::with_capacity(16);
        for (place, char) in text.chars().enumerate() {
            if char.is_ascii_hexdigit() {
                digits.push(char);
            } else if separator != Some(char) || place % 3 != 2 {
                return Err(refuse(format!("has {char:?} at position {}", place + 1)));
            }
        }
        if digits.len() != 16 {
            return Err(refuse(format!("has {} hex digits", digits.len())));
        }
        if separator.is_some() && text.len() != 23 {
            return Err(refuse("has separators between some pairs and not all".into()));
        }
        let mut bytes = [0; 8];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|error| refuse(error.to_string()))?;
        Ok(Self(bytes))
    }
}

/// Whether the text is 32 hex digits in groups of 8, 4, 4, 4 and 12.
fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// `urn:dev:DEVEUI:<16 hex>:`, in upper case.
impl From<DevEui> for BaseName {
    fn from(dev_eui: DevEui) -> Self {
        Self::dev_eui(dev_eui.bytes())
    }
}

impl fmt::Display for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl Serialize for DevEui {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DevEui {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Debug for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DevEui({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_paste_is_read() {
        for text in
            ["0059AC0000181EB6", "0059ac0000181eb6", "00-59-ac-00-00-18-1e-b6", "00:59:AC:00:00:18:1E:B6"]
        {
            assert_eq!(text.parse::<DevEui>().unwrap().to_string(), "0059AC0000181EB6", "{text}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "is empty"),
            ("0x0059AC0000181EB6", "starts with 0x"),
            ("00 59 AC 00 00 18 1E B6", "has ' ' at position 3"),
            (" 0059AC0000181EB6", "has ' ' at position 1"),
            ("0059AC0000181EB", "has 15 hex digits"),
            ("0059AC0000181EB6A", "has 17 hex digits"),
            ("0059AC0000181EBG", "has 'G' at position 16"),
            ("d2723e99-1fe4-4d60-9b6d-8061f7414b24", "is a UUID"),
            ("00-59:AC-00-00-18-1E-B6", "has ':' at position 6"),
            ("00-59-AC-00-00-18-1E-B6-", "between some pairs"),
            ("00-59AC0000181EB6", "between some pairs"),
            ("００59AC0000181EB6", "has '０' at position 1"),
        ] {
            let error = text.parse::<DevEui>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn every_dev_eui_survives_the_round_trip(bytes in any::<[u8; 8]>()) {
            let dev_eui = DevEui::new(bytes);
            prop_assert_eq!(dev_eui.bytes(), bytes);
            prop_assert_eq!(format!("{dev_eui:?}"), format!("DevEui({dev_eui})"));
            prop_assert_eq!(dev_eui.to_string().parse::<DevEui>(), Ok(dev_eui));
            let json = serde_json::to_string(&dev_eui).unwrap();
            prop_assert_eq!(&json, &format!("\"{dev_eui}\""));
            prop_assert_eq!(serde_json::from_str::<DevEui>(&json).unwrap(), dev_eui);
            let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(pairs.join("-").parse::<DevEui>(), Ok(dev_eui));
            prop_assert_eq!(pairs.join(":").parse::<DevEui>(), Ok(dev_eui));
        }

        #[test]
        fn any_text_is_a_dev_eui_or_an_error(text in "\\PC{0,24}") {
            let _ = text.parse::<DevEui>();
        }
    }
}
