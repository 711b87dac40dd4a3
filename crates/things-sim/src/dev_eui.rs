//! The DevEUI of a LoRa device.

use std::fmt;

/// A DevEUI. Upper and lower case, `-` and `:` make no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DevEui(u64);

impl DevEui {
    /// Parses 16 hexadecimal digits.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|letter| !matches!(letter, '-' | ':')).collect();
        let are_digits = digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        are_digits.then(|| u64::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for DevEui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(eui) = self;
        write!(f, "{eui:016X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_dev_eui_are_equal() {
        let eui = DevEui::read("0059AC0000181EB6");
        assert_eq!(eui.map(|eui| eui.to_string()).as_deref(), Some("0059AC0000181EB6"));
        for text in ["0059ac0000181eb6", "00-59-AC-00-00-18-1E-B6", "00:59:ac:00:00:18:1e:b6"] {
            assert_eq!(DevEui::read(text), eui, "{text}");
        }
        for text in ["", "0059AC0000181EB", "0059AC0000181EB66", "+059AC0000181EB6", "0059AC0000181EBG"] {
            assert_eq!(DevEui::read(text), None, "{text}");
        }
    }
}
