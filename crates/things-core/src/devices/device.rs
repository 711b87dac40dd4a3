//! A device, all its texts in one piece of memory: a fleet of 100,000 is mostly texts, and one allocation a device
//! is less than half the memory of one a text, and less than the time.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Extra;
use super::extra::field_names;

/// A device, as `GET /api/devices` lists it.
///
/// Serialises under the service's own field names, unknown fields included.
#[derive(Clone)]
pub struct Device {
    /// The texts that are there, in the order of their coming, and where each stands in them.
    texts: Box<str>,
    spans: [Span; Text::COUNT],
    /// Most devices have neither.
    metadata: Option<Box<Value>>,
    extra: Option<Box<Extra>>,
}

impl Device {
    /// `uuid`: the service's id of the device. Opaque: KPN's own sample is `xxxxxx`.
    pub fn uuid(&self) -> &str {
        self.text(Text::Uuid).unwrap_or_default()
    }

    /// `name`; empty if the service has none.
    pub fn name(&self) -> &str {
        self.text(Text::Name).unwrap_or_default()
    }

    /// `description`.
    pub fn description(&self) -> Option<&str> {
        self.text(Text::Description)
    }

    /// `metadata`: any JSON; `null` if there is none.
    pub fn metadata(&self) -> &Value {
        self.metadata.as_deref().unwrap_or(&Value::Null)
    }

    /// `deviceSpecificationUUID`: the id of the kind of device.
    pub fn device_specification_uuid(&self) -> Option<&str> {
        self.text(Text::DeviceSpecificationUuid)
    }

    /// `barcode`.
    pub fn barcode(&self) -> Option<&str> {
        self.text(Text::Barcode)
    }

    /// Fields that this library does not know, as they came.
    pub fn extra(&self) -> &Extra {
        self.extra.as_deref().unwrap_or(&NO_EXTRA)
    }

    fn text(&self, text: Text) -> Option<&str> {
        self.spans.get(text as usize).and_then(|span| self.texts.get(span.range()))
    }
}

static NO_EXTRA: Extra = Extra::new();

/// The fields that hold a text.
#[derive(Clone, Copy)]
enum Text {
    Uuid,
    Name,
    Description,
    DeviceSpecificationUuid,
    Barcode,
}

impl Text {
    const COUNT: usize = 5;
}

/// Where a text stands.
#[derive(Clone, Copy, PartialEq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A place that no text has.
    const ABSENT: Self = Self { start: u32::MAX, end: u32::MAX };

    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Devices are equal if all of their fields are.
impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        self.uuid() == other.uuid()
            && self.name() == other.name()
            && self.description() == other.description()
            && self.metadata() == other.metadata()
            && self.device_specification_uuid() == other.device_specification_uuid()
            && self.barcode() == other.barcode()
            && self.extra() == other.extra()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("uuid", &self.uuid())
            .field("name", &self.name())
            .field("description", &self.description())
            .field("metadata", self.metadata())
            .field("device_specification_uuid", &self.device_specification_uuid())
            .field("barcode", &self.barcode())
            .field("extra", self.extra())
            .finish()
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6 + self.extra().len()))?;
        map.serialize_entry("uuid", self.uuid())?;
        map.serialize_entry("name", self.name())?;
        map.serialize_entry("description", &self.description())?;
        map.serialize_entry("metadata", self.metadata())?;
        map.serialize_entry("deviceSpecificationUUID", &self.device_specification_uuid())?;
        map.serialize_entry("barcode", &self.barcode())?;
        for (name, value) in self.extra().iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadDevice { scratch: &mut String::new() }.deserialize(deserializer)
    }
}

/// Reads a device; its texts are gathered in `scratch`, which is used again for the next.
pub(super) struct ReadDevice<'a> {
    pub(super) scratch: &'a mut String,
}

impl<'de> DeserializeSeed<'de> for ReadDevice<'_> {
    type Value = Device;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Device, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadDevice<'_> {
    type Value = Device;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device with the field uuid")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Device, A::Error> {
        let scratch = self.scratch;
        scratch.clear();
        let mut spans = [Span::ABSENT; Text::COUNT];
        let mut metadata = Value::Null;
        let mut extra = Extra::default();
        while let Some(key) = map.next_key::<DeviceKey>()? {
            let text = match key {
                DeviceKey::Uuid => Text::Uuid,
                DeviceKey::Name => Text::Name,
                DeviceKey::Description => Text::Description,
                DeviceKey::DeviceSpecificationUuid => Text::DeviceSpecificationUuid,
                DeviceKey::Barcode => Text::Barcode,
                DeviceKey::Metadata => {
                    metadata = map.next_value()?;
                    continue;
                }
                DeviceKey::Unknown(name) => {
                    extra.push(name, map.next_value()?);
                    continue;
                }
            };
            let span = map.next_value_seed(ReadText(scratch))?;
            if let Some(place) = spans.get_mut(text as usize) {
                *place = span;
            }
        }
        if spans.first() == Some(&Span::ABSENT) {
            return Err(serde::de::Error::missing_field("uuid"));
        }
        Ok(Device {
            texts: Box::from(scratch.as_str()),
            spans,
            metadata: (!metadata.is_null()).then(|| Box::new(metadata)),
            extra: (!extra.is_empty()).then(|| Box::new(extra)),
        })
    }
}

/// Reads a text, or `null`, and tells where it stands.
struct ReadText<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for ReadText<'_> {
    type Value = Span;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ReadText<'_> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_none<E>(self) -> Result<Span, E> {
        Ok(Span::ABSENT)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
        let start = self.0.len();
        self.0.push_str(text);
        match (u32::try_from(start), u32::try_from(self.0.len())) {
            (Ok(start), Ok(end)) if end < u32::MAX => Ok(Span { start, end }),
            _ => Err(E::custom("a device of more than 4 GiB")),
        }
    }
}

field_names!(DeviceKey, DeviceKeyVisitor {
    Uuid = "uuid",
    Name = "name",
    Description = "description",
    Metadata = "metadata",
    DeviceSpecificationUuid = "deviceSpecificationUUID",
    Barcode = "barcode",
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Device {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    #[test]
    fn fields_may_come_in_any_order_and_twice() {
        let json = r#"{"barcode":"b","name":"old","uuid":"u","name":"new","description":"d"}"#;
        let device: Device = serde_json::from_str(json).unwrap();
        assert_eq!(device, read(json!({"uuid": "u", "name": "new", "description": "d", "barcode": "b"})));
        assert_eq!((device.uuid(), device.name(), device.barcode()), ("u", "new", Some("b")));
    }

    #[test]
    fn devices_are_equal_whatever_the_order_of_their_fields() {
        let one: Device = serde_json::from_str(r#"{"uuid":"u","a":1,"b":[2]}"#).unwrap();
        let other: Device = serde_json::from_str(r#"{"b":[2],"uuid":"u","a":1}"#).unwrap();
        assert_eq!(one, other);
        assert_ne!(one, read(json!({"uuid": "u", "a": 1, "c": [2]})));
        assert_ne!(one, read(json!({"uuid": "u", "a": 1})));
    }

    #[test]
    fn an_empty_text_is_another_thing_than_none() {
        let device = read(json!({"uuid": "", "description": "", "barcode": null}));
        assert_eq!((device.uuid(), device.description(), device.barcode()), ("", Some(""), None));
        assert_ne!(device, read(json!({"uuid": "", "description": null})));
    }

    #[test]
    fn a_uuid_has_to_be_there() {
        for bad in [json!({"name": "a"}), json!({"uuid": null}), json!({"uuid": 7}), json!([])] {
            assert!(serde_json::from_value::<Device>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_without_its_texts_is_small() {
        assert!(size_of::<Device>() <= 72);
    }

    #[test]
    fn debug_shows_the_fields() {
        let shown = format!("{:?}", read(json!({"uuid": "u", "eui": "e"})));
        assert!(
            shown.contains(r#"uuid: "u""#) && shown.contains(r#"extra: {"eui": String("e")}"#),
            "{shown}"
        );
    }
}
