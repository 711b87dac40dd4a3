//! Which device a message is about.

use std::fmt;

use crate::hex;

/// The identity of a device, as the base name of a pack has it. A colon at its end may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// A LoRa device, `urn:dev:DEVEUI:0059AC0000181EB6:`, by its DevEUI: 8 bytes, most significant first.
    DevEui([u8; 8]),
    /// A cellular device, `urn:dev:IMEI:352656100000000:`, by its IMEI of 14 to 16 digits.
    Imei(String),
    /// A device of KPN Things, `urn:dev:DVNUUID:<uuid>:`, by its UUID as it was written.
    Uuid(String),
    /// Any other base name, as it was written.
    Other(String),
}

impl Device {
    /// Reads a base name.
    ///
    /// ```
    /// use things_uplink::Device;
    ///
    /// let device = Device::of("urn:dev:DEVEUI:0059AC0000181EB6:");
    /// assert_eq!(device, Device::DevEui([0, 0x59, 0xac, 0, 0, 0x18, 0x1e, 0xb6]));
    /// assert_eq!(device.to_string(), "0059AC0000181EB6");
    /// assert_eq!(Device::of("kitchen:"), Device::Other("kitchen:".into()));
    /// ```
    pub fn of(base_name: &str) -> Self {
        Self::known(base_name.strip_suffix(':').unwrap_or(base_name))
            .unwrap_or_else(|| Self::Other(base_name.to_owned()))
    }

    /// Splits the name of a measurement into the device and the rest.
    pub(crate) fn split<'n>(base_name: &'n str, local_name: &'n str, name: &'n str) -> (Self, &'n str) {
        let of_base = Self::of(base_name);
        if !matches!(of_base, Self::Other(_)) {
            return (of_base, local_name);
        }
        // A name may also hold the whole URN: the fourth colon ends it.
        let end = name.match_indices(':').nth(3);
        let whole = end.and_then(|(end, _)| Some((Self::known(name.get(..end)?)?, name.get(end + 1..)?)));
        whole.unwrap_or((of_base, local_name))
    }

    /// Reads a URN without the colon at its end. `None` if it is another one.
    fn known(urn: &str) -> Option<Self> {
        let (scheme, rest) = urn.split_once(':')?;
        let (namespace, rest) = rest.split_once(':')?;
        let (kind, id) = rest.split_once(':')?;
        let is_device = scheme.eq_ignore_ascii_case("urn") && namespace.eq_ignore_ascii_case("dev");
        if !is_device || id.is_empty() || id.contains(':') {
            return None;
        }
        if kind.eq_ignore_ascii_case("DEVEUI") {
            let bytes = hex::decode(id).ok()?;
            bytes.try_into().ok().map(Self::DevEui)
        } else if kind.eq_ignore_ascii_case("IMEI") {
            let is_imei = (14..=16).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
            is_imei.then(|| Self::Imei(id.to_owned()))
        } else {
            kind.eq_ignore_ascii_case("DVNUUID").then(|| Self::Uuid(id.to_owned()))
        }
    }
}

/// Writes the id without the URN around it: a DevEUI as 16 upper-case hex digits, and others as they were written.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DevEui(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}")),
            Self::Imei(id) | Self::Uuid(id) | Self::Other(id) => f.write_str(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EUI: Device = Device::DevEui([0, 0x59, 0xac, 0, 0, 0x18, 0x1e, 0xb6]);

    #[test]
    fn a_base_name_is_a_device_with_and_without_its_last_colon() {
        let uuid = "5b9c3d6e-7a41-4f7e-9c55-0123456789ab";
        for end in ["", ":"] {
            assert_eq!(Device::of(&format!("urn:dev:DEVEUI:0059AC0000181EB6{end}")), EUI);
            assert_eq!(Device::of(&format!("URN:dev:deveui:0059ac0000181eb6{end}")), EUI);
            let imei = Device::Imei("352656100000000".into());
            assert_eq!(Device::of(&format!("urn:dev:IMEI:352656100000000{end}")), imei);
            assert_eq!(Device::of(&format!("urn:dev:DVNUUID:{uuid}{end}")), Device::Uuid(uuid.into()));
        }
    }

    #[test]
    fn any_other_base_name_stays_as_it_was() {
        for name in [
            "",
            "device-name",
            "urn:dev:",
            "urn:dev:DEVEUI:",
            "urn:dev:DEVEUI:0059AC0000181EB",
            "urn:dev:DEVEUI:0059AC0000181EBG:",
            "urn:dev:DEVEUI:0059AC0000181EB6::",
            "urn:dev:IMEI:1234:",
            "urn:dev:mac:0024befffe804ff1:",
        ] {
            assert_eq!(Device::of(name), Device::Other(name.into()), "{name}");
        }
    }

    #[test]
    fn a_name_that_holds_the_whole_urn_is_split() {
        for (base, local) in [
            ("urn:dev:DEVEUI:0059AC0000181EB6:", "payload"),
            ("urn:dev:DEVEUI:0059AC0000181EB6", "payload"),
            ("", "urn:dev:DEVEUI:0059AC0000181EB6:payload"),
            ("urn:dev:", "DEVEUI:0059AC0000181EB6:payload"),
        ] {
            let name = format!("{base}{local}");
            assert_eq!(Device::split(base, local, &name), (EUI, "payload"), "{name}");
        }
        assert_eq!(Device::split("a:", "b", "a:b"), (Device::Other("a:".into()), "b"));
    }
}
