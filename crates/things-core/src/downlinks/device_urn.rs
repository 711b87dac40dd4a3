//! The device that a downlink is for, and the definition of "the same device".
//!
//! The URNs of devices seen at KPN Things: `urn:dev:DEVEUI:<16 hex>:`, `urn:dev:IMEI:<imei>:`, `urn:dev:DVNUUID:<uuid>:`.

use std::fmt;
use std::str::FromStr;

use things_senml::{BaseName, Pack};

use super::{DevEui, records};
use crate::input::InputError;

/// A device by its DevEUI or its URN.
///
/// Parses a text that starts with `urn:` as a URN, and any other text as a [`DevEui`]. A URN is sent unchanged, a
/// DevEUI in upper case.
///
/// Two values are equal if they name the same device. Case does not matter, a DevEUI may have `-` or `:` between its
/// pairs, and it may be plain or in a URN.
///
/// ```
/// use things_core::DeviceUrn;
///
/// let device: DeviceUrn = "00-59-ac-00-00-18-1e-b6".parse()?;
/// assert_eq!(device.to_string(), "urn:dev:DEVEUI:0059AC0000181EB6:");
/// assert_eq!(device, "urn:dev:DEVEUI:0059ac0000181eb6:".parse()?);
/// # Ok::<(), things_core::InputError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeviceUrn {
    base_name: BaseName,
    identity: Identity,
}

impl DeviceUrn {
    /// Creates the device that a base name names.
    ///
    /// # Errors
    ///
    /// Returns an error if the base name is a URN of KPN Things with an invalid DevEUI or IMEI.
    pub fn new(base_name: BaseName) -> Result<Self, InputError> {
        let identity = Identity::of(base_name.as_str(), "")?;
        Ok(Self { base_name, identity })
    }

    /// The base name of records about this device.
    pub fn base_name(&self) -> &BaseName {
        &self.base_name
    }

    /// Reads a JSON array of SenML records about this device, for [`Downlink::senml`](crate::Downlink::senml).
    ///
    /// Adds the base name to the first record, unless that has one.
    ///
    /// # Errors
    ///
    /// Returns an error if the JSON is not a SenML pack, or if one of its base names names another device.
    pub fn pack(&self, json: &str) -> Result<Pack, InputError> {
        let pack = Pack::from_json_about(&self.base_name, json)?;
        records::check_device(self, &pack)?;
        Ok(pack)
    }

    /// The DevEUI, if a DevEUI names the device.
    pub fn dev_eui(&self) -> Option<DevEui> {
        match &self.identity {
            Identity::DevEui(dev_eui) => Some(*dev_eui),
            _ => None,
        }
    }

    /// Returns the same text for all spellings of one device: a DevEUI in upper case, a UUID in lower case, no trailing
    /// colons.
    pub fn canonical(&self) -> String {
        match &self.identity {
            Identity::DevEui(dev_eui) => format!("urn:dev:DEVEUI:{dev_eui}"),
            Identity::Imei(imei) => format!("urn:dev:IMEI:{imei}"),
            Identity::Uuid(uuid) => format!("urn:dev:DVNUUID:{uuid}"),
            Identity::Custom(name) => name.clone(),
        }
    }

    /// Whether the name is neither a DevEUI, an IMEI nor a UUID, so that others can use the same one.
    pub(super) fn has_custom_name(&self) -> bool {
        matches!(self.identity, Identity::Custom(_))
    }

    /// The identity of the device.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl FromStr for DeviceUrn {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        if strip_prefix(text, "urn:").is_some() {
            Self::new(BaseName::new(text)?)
        } else {
            text.parse().map(|dev_eui: DevEui| dev_eui.into())
        }
    }
}

impl From<DevEui> for DeviceUrn {
    fn from(dev_eui: DevEui) -> Self {
        Self { base_name: dev_eui.into(), identity: Identity::DevEui(dev_eui) }
    }
}

impl PartialEq for DeviceUrn {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for DeviceUrn {}

impl fmt::Display for DeviceUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base_name.fmt(f)
    }
}

/// The identity of a device. It is equal for all spellings of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    DevEui(DevEui),
    Imei(String),
    /// A UUID of KPN Things in lower case.
    Uuid(String),
    /// A base name that is not a URN of KPN Things, without trailing colons.
    Custom(String),
}

impl Identity {
    /// Returns the device of a record. Its base name and its name together may begin with a URN of KPN Things.
    /// Otherwise the base name alone is the device; it may be empty.
    pub(super) fn of(base_name: &str, name: &str) -> Result<Self, InputError> {
        let full = format!("{}{}", start(base_name), start(name));
        if let Some(rest) = strip_prefix(&full, "urn:dev:DEVEUI:") {
            return dev_eui(rest).parse().map(Self::DevEui);
        }
        if let Some(rest) = strip_prefix(&full, "urn:dev:IMEI:") {
            let imei = segment(rest);
            BaseName::imei(imei)?;
            return Ok(Self::Imei(imei.to_owned()));
        }
        if let Some(rest) = strip_prefix(&full, "urn:dev:DVNUUID:") {
            return Ok(Self::Uuid(segment(rest).to_ascii_lowercase()));
        }
        Ok(Self::Custom(base_name.trim_end_matches(':').to_owned()))
    }

    /// Whether the record does not identify its device.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Custom(name) if name.is_empty())
    }
}

/// Returns as much of a name as a URN can take.
fn start(name: &str) -> &str {
    name.get(..256).unwrap_or(name)
}

/// Returns the rest of a text after its prefix, which may be in upper or lower case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Returns a text up to the next colon.
fn segment(text: &str) -> &str {
    text.split_once(':').map_or(text, |(segment, _)| segment)
}

/// Returns the DevEUI at the start of a text. It may have colons between its pairs.
fn dev_eui(text: &str) -> &str {
    match text.split_at_checked(23) {
        Some((pairs, rest)) if pairs.parse::<DevEui>().is_ok() && segment(rest).is_empty() => pairs,
        _ => segment(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(text: &str) -> DeviceUrn {
        text.parse().unwrap()
    }

    #[test]
    fn one_device_has_many_spellings() {
        let spellings = [
            "0059AC0000181EB6",
            "0059ac0000181eb6",
            "00-59-ac-00-00-18-1e-b6",
            "00:59:AC:00:00:18:1E:B6",
            "urn:dev:DEVEUI:0059AC0000181EB6:",
            "urn:dev:DEVEUI:0059ac0000181eb6",
            "URN:DEV:deveui:0059AC0000181EB6:",
            "urn:dev:DEVEUI:00-59-AC-00-00-18-1E-B6:",
            "urn:dev:DEVEUI:00:59:ac:00:00:18:1e:b6:",
            "urn:dev:DEVEUI:00:59:AC:00:00:18:1E:B6",
            "urn:dev:DEVEUI:0059AC0000181EB6:valve:",
        ];
        for (one, other) in spellings.iter().flat_map(|one| spellings.map(|other| (one, other))) {
            assert_eq!(device(one), device(other));
        }
        assert_eq!(device("urn:dev:DVNUUID:AB-12:"), device("urn:dev:DVNUUID:ab-12"));
        assert_eq!(device("urn:dev:IMEI:490154203237518:"), device("urn:dev:imei:490154203237518:a:"));
        assert_eq!(device("urn:own:a:"), device("urn:own:a"));
    }

    #[test]
    fn other_devices_are_not_equal() {
        let devices = [
            "0059AC0000181EB6",
            "0059AC0000181EB7",
            "urn:dev:IMEI:490154203237518:",
            "urn:dev:IMEI:490154203237519:",
            "urn:dev:DVNUUID:ab-12:",
            "urn:dev:DVNUUID:ab-13:",
            "urn:dev:DVNUUID:490154203237518:",
            "urn:own:0059AC0000181EB6:",
            "urn:own:a:",
            "urn:own:A:",
            "urn:own:a:b:",
        ];
        for (place, one) in devices.iter().enumerate() {
            for other in devices.iter().skip(place + 1) {
                assert_ne!(device(one), device(other));
            }
        }
    }

    #[test]
    fn a_urn_goes_out_as_it_is_and_a_dev_eui_in_upper_case() {
        for (text, base_name) in [
            ("0059ac0000181eb6", "urn:dev:DEVEUI:0059AC0000181EB6:"),
            ("urn:dev:DEVEUI:0059ac0000181eb6:", "urn:dev:DEVEUI:0059ac0000181eb6:"),
            ("URN:own", "URN:own"),
        ] {
            assert_eq!(device(text).base_name().as_str(), base_name);
            assert_eq!(device(text).to_string(), base_name);
        }
    }

    #[test]
    fn what_can_be_no_device_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "DevEUI is empty"),
            ("own", "DevEUI has 'o' at position 1"),
            ("urn:a b", "SenML base name has ' '"),
            ("urn:dev:DEVEUI:", "DevEUI is empty"),
            ("urn:dev:DEVEUI:0059AC:", "DevEUI has 6 hex digits"),
            ("urn:dev:deveui:0x0059AC0000181EB6:", "DevEUI starts with 0x"),
            ("urn:dev:DEVEUI:00:59:AC:00:00:18:1E:", "DevEUI has 2 hex digits"),
            ("urn:dev:DEVEUI:00:59:AC:00:00:18:1E:B6FF:", "DevEUI has 2 hex digits"),
            ("urn:dev:IMEI:12:", "IMEI is not 14 to 16 digits"),
        ] {
            let error = text.parse::<DeviceUrn>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn base_name_and_name_together_say_which_device_it_is() {
        let dev_eui = Identity::DevEui("0059AC0000181EB6".parse().unwrap());
        for (base_name, name) in [
            ("urn:dev:DEVEUI:0059AC0000181EB6:", "urn:dev:DEVEUI:0000000000000001:a"),
            ("", "urn:dev:DEVEUI:0059AC0000181EB6:a"),
            ("urn:", "dev:DEVEUI:0059AC0000181EB6"),
            ("urn:dev:DEVEUI:0059AC0000181E", "B6:a"),
        ] {
            assert_eq!(Identity::of(base_name, name).as_ref(), Ok(&dev_eui), "{base_name} {name}");
        }
        assert!(Identity::of("", "setpoint").unwrap().is_unknown());
        assert!(!Identity::of("device-name", "setpoint").unwrap().is_unknown());
        let long = "x".repeat(1000);
        assert_eq!(Identity::of(&long, "a"), Ok(Identity::Custom(long.clone())));
    }

    #[test]
    fn records_get_the_base_name_unless_they_have_one() {
        let pack = |text: &str, json| device(text).pack(json).map(|pack| pack.as_json().to_owned());
        let dev_eui = "0059ac0000181eb6";
        assert_eq!(
            pack(dev_eui, r#"[{"n":"open","vb":true}]"#).unwrap(),
            r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"open","vb":true}]"#
        );
        let own = r#"[{"bn":"urn:dev:DEVEUI:0059ac0000181eb6:","n":"open"},{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"b"}]"#;
        assert_eq!(pack(dev_eui, own).unwrap(), own);
    }

    #[test]
    fn every_base_name_is_that_of_the_device() {
        for (json, record) in [
            (r#"[{"bn":"urn:dev:DEVEUI:0000000000000001:","n":"a"}]"#, 1),
            (r#"[{"n":"a"},{"n":"b"},{"bn":"urn:dev:DEVEUI:0000000000000001:","n":"c"}]"#, 3),
            (r#"[{"n":"a"},{"bn":"urn:dev:IMEI:490154203237518:","n":"b"}]"#, 2),
            (r#"[{"n":"a"},{"bn":"","n":"b"}]"#, 2),
            (r#"[{"n":"a"},{"bn":"urn:own:","n":"b"}]"#, 2),
        ] {
            assert_eq!(
                device("0059AC0000181EB6").pack(json).unwrap_err().to_string(),
                format!(
                    "SenML record {record} is about another device than urn:dev:DEVEUI:0059AC0000181EB6: \
                     leave its \"bn\" out, or name the same device in it"
                )
            );
        }
        let error =
            device("0059AC0000181EB6").pack(r#"[{"n":"a"},{"bn":"urn:dev:DEVEUI:01:"}]"#).unwrap_err();
        assert!(
            error.to_string().starts_with("DevEUI of SenML record 2 has 2 hex digits: expected"),
            "{error}"
        );
        let error = device("0059AC0000181EB6").pack("{}").unwrap_err();
        assert_eq!(error.what(), "SenML pack");
    }

    proptest! {
        #[test]
        fn any_text_is_a_device_or_an_error(text in "(?i)(urn:dev:(DEVEUI:|IMEI:|DVNUUID:)?)?\\PC{0,30}") {
            if let Ok(device) = text.parse::<DeviceUrn>() {
                prop_assert_eq!(device.to_string().parse(), Ok(device.clone()));
                prop_assert_eq!(DeviceUrn::new(device.base_name().clone()), Ok(device));
            }
        }
    }
}
