//! The content of an uplink.

use super::error::UplinkError;
use super::number::UplinkNumbers;
use crate::dev_eui::DevEui;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// An uplink to post: its device, what it contains, and how it is written. `Debug` shows neither payload nor values.
///
/// The parts that are set are the records of one SenML pack, in the order of the fields.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UplinkSpec {
    /// The device: a DevEUI, an IMEI of 15 digits, a device's UUID, or a base name that begins with `urn:`, which is
    /// sent unchanged.
    pub device: String,
    /// The payload of a LoRa device, in the record `payload`. In JSON it is hexadecimal.
    #[serde(deserialize_with = "from_hex")]
    pub payload: Option<Vec<u8>>,
    /// The LoRa port, in the record `port`.
    pub port: Option<u8>,
    /// Whether records with the metadata of the LoRa network follow, as in KPN's extended form: `FCntUp`, `FCntDn`,
    /// `LrrRSSI`, `LrrSNR`, `LrrESP`, `SpFact`, `SubBand` and `timeOrigin`. Their values are generated.
    pub radio: bool,
    /// Decoded measurements.
    pub measurements: Vec<Measurement>,
    /// The location of the device.
    pub location: Option<UplinkLocation>,
    /// The base time in seconds since 1970; `None` is now.
    pub time: Option<f64>,
    /// The place of base name and base time.
    pub shape: PackShape,
    /// The spelling of numbers.
    pub numbers: UplinkNumbers,
    /// The whole body, sent unchanged. Then the other fields have no effect, and the body need not be SenML.
    pub body: Option<String>,
}

/// A decoded measurement. In JSON it is `{"name": "temperature", "unit": "Cel", "value": 21.5}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The name, in `n`.
    pub name: String,
    /// The unit, in `u`.
    #[serde(default)]
    pub unit: Option<String>,
    /// The value.
    pub value: Measured,
}

/// The value of a [`Measurement`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Measured {
    /// A boolean, in `vb`.
    Boolean(bool),
    /// A finite number, in `v`, or in `vs` with [`UplinkNumbers::Text`].
    Number(f64),
    /// A text, in `vs`.
    Text(String),
    /// Bytes, in `vd`.
    Data {
        /// The bytes in base64url without padding.
        data: String,
    },
}

/// The location of a device. Fields that are `None` are not sent.
#[derive(Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UplinkLocation {
    /// `latitude` in degrees.
    pub latitude: f64,
    /// `longitude` in degrees.
    pub longitude: f64,
    /// `radius` in metres.
    #[serde(default)]
    pub radius: Option<f64>,
    /// `locMethod`.
    #[serde(default)]
    pub method: Option<String>,
    /// `locAccuracy`.
    #[serde(default)]
    pub accuracy: Option<f64>,
    /// `locTime` in seconds since 1970.
    #[serde(default)]
    pub time: Option<f64>,
    /// Whether `locTime` is written in its older form: a text with the milliseconds since 1970.
    #[serde(default)]
    pub time_as_text: bool,
    /// `locOrigin`, such as `KPNLORA`.
    #[serde(default)]
    pub origin: Option<String>,
}

/// The place of base name and base time in a pack. KPN uses both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackShape {
    /// `base-record`: in a first record without a measurement.
    #[default]
    BaseRecord,
    /// `first-measurement`: in the record of the first measurement.
    FirstMeasurement,
}

impl UplinkSpec {
    /// Creates the uplink of a LoRa device.
    pub fn lora(dev_eui: impl Into<String>, port: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { device: dev_eui.into(), port: Some(port), payload: Some(payload.into()), ..Self::default() }
    }

    /// Creates an uplink with decoded measurements.
    pub fn measured(device: impl Into<String>, measurements: impl IntoIterator<Item = Measurement>) -> Self {
        Self { device: device.into(), measurements: measurements.into_iter().collect(), ..Self::default() }
    }

    /// Creates an uplink with a body of your own, which is sent unchanged.
    pub fn body(body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..Self::default() }
    }

    /// Parses an uplink from a JSON object with the fields of this type, such as
    /// `{"device": "0059AC0000181EB6", "port": 1, "payload": "0102"}`.
    ///
    /// # Errors
    ///
    /// Returns the reason and its place if the text is not such an object.
    pub fn from_json(json: &[u8]) -> Result<Self, UplinkError> {
        serde_json::from_slice(json).map_err(|error| UplinkError::new(error.to_string()))
    }

    /// Returns the base name.
    pub(crate) fn base_name(&self) -> Result<String, UplinkError> {
        let device = self.device.as_str();
        if device.starts_with("urn:") {
            Ok(device.to_owned())
        } else if let Some(eui) = DevEui::read(device) {
            Ok(format!("urn:dev:DEVEUI:{eui}:"))
        } else if device.len() == 15 && device.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(format!("urn:dev:IMEI:{device}:"))
        } else if is_uuid(device) {
            Ok(format!("urn:dev:DVNUUID:{device}:"))
        } else {
            Err(UplinkError::new(format!(
                "the device `{}` is unknown: use a DevEUI, an IMEI of 15 digits, a UUID, or a base name that begins with urn:",
                device.escape_debug()
            )))
        }
    }
}

impl Measurement {
    /// Creates a measurement with a number.
    pub fn number(name: impl Into<String>, unit: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), unit: Some(unit.into()), value: Measured::Number(value) }
    }
}

impl fmt::Debug for UplinkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UplinkSpec")
            .field("device", &self.device)
            .field("port", &self.port)
            .field("shape", &self.shape)
            .field("numbers", &self.numbers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UplinkLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UplinkLocation").finish_non_exhaustive()
    }
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let decoded = text.map(hex::decode).transpose();
    decoded.map_err(|_| serde::de::Error::custom("`payload` must be pairs of hexadecimal digits"))
}
