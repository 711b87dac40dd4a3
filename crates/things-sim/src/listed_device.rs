//! A device as pages list it: written as JSON once, with the fields that the simulator sorts and searches by.

use crate::dev_eui::DevEui;
use crate::device::DeviceSpec;
use crate::json_fields::Fields;
use crate::listing::Property;
use serde_json::Value;
use std::cmp::Ordering;

#[derive(Debug)]
pub(crate) struct Device {
    /// `None` until the device is added to a fleet.
    uuid: Option<Box<str>>,
    name: Box<str>,
    description: Box<str>,
    barcode: Option<Box<str>>,
    eui: Option<DevEui>,
    json: Box<str>,
}

impl Device {
    /// Reads a device as the service writes it. Its JSON is kept as it is.
    ///
    /// # Errors
    ///
    /// Returns the reason, on one line.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let json = json.trim();
        let fields = Fields::read(json)?;
        let text = |name| fields.text(name).map(|text| text.map(String::into_boxed_str));
        Ok(Self {
            uuid: text("uuid")?,
            name: text("name")?.unwrap_or_default(),
            description: text("description")?.unwrap_or_default(),
            barcode: text("barcode")?,
            eui: text("eui")?.as_deref().and_then(DevEui::read),
            json: json.into(),
        })
    }

    /// The id, if it has one.
    pub(crate) fn uuid(&self) -> Option<&str> {
        self.uuid.as_deref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn eui(&self) -> Option<DevEui> {
        self.eui
    }

    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    pub(crate) fn with_uuid(self, uuid: &str) -> Self {
        let json = with_text(&self.json, "uuid", uuid);
        Self { uuid: Some(uuid.into()), json, ..self }
    }

    /// Adds the documented fields that are missing, as the service writes a device that has no value for them.
    pub(crate) fn with_documented_fields(self) -> Self {
        const DOCUMENTED: [(&str, &str); 5] = [
            ("name", "\"\""),
            ("description", "\"\""),
            ("metadata", "null"),
            ("deviceSpecificationUUID", "null"),
            ("barcode", "null"),
        ];
        let json = with_fields(&self.json, |fields| {
            for (name, value) in DOCUMENTED {
                if !fields.has(name) {
                    fields.set(name, value);
                }
            }
        });
        Self { json, ..self }
    }

    pub(crate) fn renamed(&self, name: &str) -> Self {
        Self {
            uuid: self.uuid.clone(),
            name: name.into(),
            description: self.description.clone(),
            barcode: self.barcode.clone(),
            eui: self.eui,
            json: with_text(&self.json, "name", name),
        }
    }

    /// Compares by a property alone.
    pub(crate) fn compare(&self, other: &Self, by: Property) -> Ordering {
        match by {
            Property::Name => self.name.cmp(&other.name),
            Property::Uuid => self.uuid.cmp(&other.uuid),
            Property::Description => self.description.cmp(&other.description),
            Property::Barcode => self.barcode.cmp(&other.barcode),
        }
    }

    /// Compares by a property. The id decides between equal devices, so that all pages come from one fixed order.
    pub(crate) fn order(&self, other: &Self, by: Property) -> Ordering {
        self.compare(other, by).then_with(|| self.uuid.cmp(&other.uuid))
    }
}

impl From<DeviceSpec> for Device {
    fn from(spec: DeviceSpec) -> Self {
        // A map with text keys and JSON values can always be written.
        let json = serde_json::to_string(&spec).unwrap_or_default().into();
        let eui = spec.extra.get("eui").and_then(|eui| DevEui::read(eui.as_str()?));
        Self {
            uuid: spec.uuid.map(Into::into),
            name: spec.name.into(),
            description: spec.description.into(),
            barcode: spec.barcode.map(Into::into),
            eui,
            json,
        }
    }
}

/// The JSON of a device with another text in this field.
fn with_text(json: &str, field: &str, text: &str) -> Box<str> {
    let text = Value::from(text).to_string();
    with_fields(json, |fields| fields.set(field, &text))
}

fn with_fields<'a>(json: &'a str, change: impl FnOnce(&mut Fields<'a>)) -> Box<str> {
    // The JSON was read or written before, so that it can be read.
    let Ok(mut fields) = Fields::read(json) else {
        return json.into();
    };
    change(&mut fields);
    fields.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kept_as_they_were_written() {
        let json = r#"{"uuid":"u-1", "iccid":89314404000123456789,"name":"A","b":1.50,"barcode":8710,"eui":"00-59-AC-00-00-18-1E-B6"}"#;
        let device = Device::read(json).unwrap();
        assert_eq!(device.json(), json);
        assert_eq!((device.uuid(), device.barcode.as_deref()), (Some("u-1"), Some("8710")));
        assert!(device.eui().is_some());
        let renamed = device.renamed("\"B\"");
        assert_eq!(
            renamed.json(),
            r#"{"uuid":"u-1","iccid":89314404000123456789,"name":"\"B\"","b":1.50,"barcode":8710,"eui":"00-59-AC-00-00-18-1E-B6"}"#
        );
        assert_eq!((renamed.name(), renamed.eui()), ("\"B\"", device.eui()));
    }

    #[test]
    fn a_missing_id_is_added() {
        for json in [r#"{"name":"A","uuid":null}"#, r#"{"name":"A"}"#] {
            let device = Device::read(json).unwrap();
            assert_eq!(device.uuid(), None);
            let device = device.with_uuid("u-2");
            assert_eq!(device.uuid(), Some("u-2"));
            assert_eq!(device.json(), r#"{"name":"A","uuid":"u-2"}"#);
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_tolerated() {
        let json = r#"{"uuid":"u-1","name":"cut \ud83d"}"#;
        let device = Device::read(json).unwrap();
        assert!(device.name().starts_with("cut \u{FFFD}"), "{}", device.name());
        assert_eq!(device.json(), json);
    }
}
