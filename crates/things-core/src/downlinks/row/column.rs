//! The columns of a table of downlinks.

use std::fmt;
use std::str::FromStr;

use super::mistake::shown;
use crate::input::InputError;

/// A column of a table of downlinks, or the name of a field of a JSON object in its place.
///
/// Parses its name in upper or lower case, with or without spaces, `_` and `-`: `dev_eui`, `DevEUI` and `Dev EUI` are
/// the same column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowColumn {
    /// `dev_eui`: the DevEUI of the device.
    DevEui,
    /// `urn`: the URN of the device, in place of its DevEUI.
    Urn,
    /// `port`: the LoRa port, from 1 to 223.
    Port,
    /// `hex`: the payload in hex.
    Hex,
    /// `base64`: the payload in base64.
    Base64,
    /// `text`: the payload as a text, sent in UTF-8.
    Text,
    /// `senml`: a JSON array of SenML records in place of a payload.
    Senml,
    /// `reference`: your reference. One is generated where it is absent.
    Reference,
    /// `not_after`: the time from which on the downlink must not be sent, with an offset.
    NotAfter,
    /// `customer`: the Customer ID of the sub-customer whose device it is.
    Customer,
}

impl RowColumn {
    /// All columns, in the order in which they are documented.
    pub const ALL: [Self; 10] = [
        Self::DevEui,
        Self::Urn,
        Self::Port,
        Self::Hex,
        Self::Base64,
        Self::Text,
        Self::Senml,
        Self::Reference,
        Self::NotAfter,
        Self::Customer,
    ];

    /// The columns that can hold the content of a downlink. A row has exactly one of them.
    pub const CONTENT: [Self; 4] = [Self::Hex, Self::Base64, Self::Text, Self::Senml];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DevEui => "dev_eui",
            Self::Urn => "urn",
            Self::Port => "port",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Text => "text",
            Self::Senml => "senml",
            Self::Reference => "reference",
            Self::NotAfter => "not_after",
            Self::Customer => "customer",
        }
    }

    /// Whether this is the content of a downlink, which no message shows.
    pub fn is_content(self) -> bool {
        Self::CONTENT.contains(&self)
    }

    /// Returns the known column that a wrong name most likely means.
    fn nearest(name: &str) -> Option<Self> {
        let meant = match name {
            "eui" | "device" | "deviceeui" | "uuid" | "id" => Some(Self::DevEui),
            "payload" | "payloadhex" | "data" | "bytes" => Some(Self::Hex),
            "ref" | "externalreference" => Some(Self::Reference),
            "expires" | "validuntil" | "deadline" => Some(Self::NotAfter),
            "clientid" => Some(Self::Customer),
            _ => None,
        };
        let likeness = |column: &Self| strsim::jaro_winkler(name, &folded(column.as_str()));
        let similar = || Self::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        meant.or_else(|| similar().filter(|column| likeness(column) > 0.8))
    }
}

impl FromStr for RowColumn {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let name = folded(text);
        if let Some(column) = Self::ALL.into_iter().find(|column| folded(column.as_str()) == name) {
            return Ok(column);
        }
        let hint = match Self::nearest(&name) {
            Some(column) => format!("did you mean {column}?"),
            None => format!("known are {}", Self::ALL.map(Self::as_str).join(", ")),
        };
        Err(InputError::new("column", format!("{} is not known: {hint}", shown(text))))
    }
}

impl fmt::Display for RowColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name in lower case, without spaces, `_` and `-`.
fn folded(name: &str) -> String {
    let name = name.chars().filter(|char| !char.is_whitespace() && !matches!(char, '_' | '-'));
    name.flat_map(char::to_lowercase).collect()
}
