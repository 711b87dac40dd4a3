//! A device. All its texts share one allocation: a fleet of 100,000 is mostly texts, and one allocation per device
//! takes less than half the memory and the time of one per text.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::Extra;
use super::extra::Members;
use super::flaw::{Flaw, Why};
use crate::coding;
use crate::error::DecodeError;
use crate::json::{Json, Kind, Origin, Part, Scanner, Token, text_of};

/// A device in a response of `GET /api/devices`.
///
/// Serialises under the service's own field names, including unknown fields. `metadata` and unknown fields keep their
/// text: every digit of a number, the order of keys, and escapes.
#[derive(Clone)]
pub struct Device {
    /// The fields that are present, in the order of [`Field`], and where each one ends.
    texts: Texts,
    ends: [u32; Field::COUNT],
    /// A bit for each field that is present and not `null`.
    present: u8,
    extra: Extra,
}

#[derive(Clone)]
enum Texts {
    /// All of them, in one allocation.
    Copied(Box<str>),
    /// Some are too large to be copied.
    Mixed(Box<(Box<str>, Large)>),
}

impl Texts {
    fn copied(&self) -> &str {
        match self {
            Self::Copied(copied) => copied,
            Self::Mixed(mixed) => &mixed.0,
        }
    }

    fn large(&self, place: usize) -> Option<&str> {
        match self {
            Self::Copied(_) => None,
            Self::Mixed(mixed) => mixed.1.get(place)?.as_ref().map(text_of),
        }
    }
}

/// Parts of a response, one for each field that is too large to be copied.
type Large = [Option<Bytes>; Field::COUNT];

/// The fields that are kept in `texts`: `metadata` as JSON, all others without quotes and escapes.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Uuid,
    Name,
    Description,
    Metadata,
    DeviceSpecificationUuid,
    Barcode,
}

impl Field {
    const COUNT: usize = 6;

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "uuid" => Self::Uuid,
            "name" => Self::Name,
            "description" => Self::Description,
            "metadata" => Self::Metadata,
            "deviceSpecificationUUID" => Self::DeviceSpecificationUuid,
            "barcode" => Self::Barcode,
            _ => return None,
        })
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Device {
    /// Reads a device in the form of the service: a JSON object with at least the field `uuid`.
    ///
    /// If a text field holds a number or another value, its JSON text is used. Half of a surrogate pair, as in
    /// `"\ud83d"`, is read as U+FFFD.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes are not such an object.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        let text = coding::text(&http::HeaderMap::new(), json).map_err(|no_text| {
            DecodeError::new(format_args!("not a device: {}", no_text.why)).at(no_text.at)
        })?;
        Self::read(text).map_err(|flaw| flaw.into_error("a device", json, text))
    }

    pub(super) fn read(text: &str) -> Result<Self, Flaw> {
        let mut scanner = Scanner::new(text);
        let device = Self::scan(&mut scanner, text, None)?;
        scanner.end()?;
        Ok(device)
    }

    /// `uuid`: the service's id of the device. Opaque: KPN's own sample is `xxxxxx`.
    pub fn uuid(&self) -> &str {
        self.text(Field::Uuid).unwrap_or_default()
    }

    /// `name`; empty if the service has none.
    pub fn name(&self) -> &str {
        self.text(Field::Name).unwrap_or_default()
    }

    /// `description`.
    pub fn description(&self) -> Option<&str> {
        self.text(Field::Description)
    }

    /// `metadata`: any JSON, unchanged; `null` if there is none.
    pub fn metadata(&self) -> Json<'_> {
        self.text(Field::Metadata).map_or(Json::NULL, Json::of)
    }

    /// `deviceSpecificationUUID`: the id of the kind of device.
    pub fn device_specification_uuid(&self) -> Option<&str> {
        self.text(Field::DeviceSpecificationUuid)
    }

    /// `barcode`.
    pub fn barcode(&self) -> Option<&str> {
        self.text(Field::Barcode)
    }

    /// Fields that this library does not know, unchanged.
    pub fn extra(&self) -> &Extra {
        &self.extra
    }

    /// Returns the device with a text in [`extra`](Self::extra), such as the customer that it belongs to. It replaces an
    /// unknown field with the same name.
    #[must_use]
    pub fn with_extra_text(self, name: &str, text: &str) -> Self {
        Self { extra: self.extra.with_text(name, text), ..self }
    }

    fn text(&self, field: Field) -> Option<&str> {
        if self.present & field.bit() == 0 {
            return None;
        }
        let place = field as usize;
        if let Some(large) = self.texts.large(place) {
            return Some(large);
        }
        let start =
            place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let range: Range<usize> = start..*self.ends.get(place)? as usize;
        self.texts.copied().get(range)
    }

    /// Reads the next device in a text.
    pub(super) fn scan<'a>(
        scanner: &mut Scanner<'a>,
        text: &'a str,
        origin: Origin<'_>,
    ) -> Result<Self, Flaw> {
        let mut fields = [Token::NULL; Field::COUNT];
        let mut extra = Members::default();
        let mut after_last = 0;
        let read = scanner.object(|scanner, name| {
            let value = scanner.value()?;
            let known = name.text().and_then(|name| Field::of(&name));
            match known.and_then(|field| fields.get_mut(field as usize)) {
                Some(field) => *field = value,
                None => extra.keep(name.at(), scanner.at(), after_last),
            }
            after_last = scanner.at();
            Ok(())
        });
        let read = read.and_then(|()| {
            Self::of(&fields, extra, text, origin).map_err(|why| Flaw::new(scanner.at(), why))
        });
        read.map_err(|flaw: Flaw| flaw.of_device(fields.first().and_then(|uuid| uuid.text()).as_deref()))
    }

    fn of(
        fields: &[Token<'_>; Field::COUNT],
        extra: Members,
        text: &str,
        origin: Origin<'_>,
    ) -> Result<Self, Why> {
        let [uuid, ..] = fields;
        match uuid.kind() {
            Kind::Null => return Err(Why::NoUuid),
            Kind::Array | Kind::Object => return Err(Why::OddUuid),
            _ => {}
        }
        // This is exact without escapes. A device can be as large as the response, so it must not be copied as it grows.
        let mut texts = String::with_capacity(
            fields.iter().enumerate().map(|(place, field)| text_length(place, *field)).sum(),
        );
        let (mut ends, mut present) = ([0; Field::COUNT], 0);
        let mut large: Option<Large> = None;
        for (place, (field, end)) in fields.iter().zip(&mut ends).enumerate() {
            if field.kind() != Kind::Null {
                present |= 1 << place;
                let written = Cow::Borrowed(field.raw());
                let text =
                    if place == Field::Metadata as usize { written } else { field.text().unwrap_or(written) };
                let shared = match &text {
                    Cow::Borrowed(part) => Part::shared(part, origin),
                    Cow::Owned(_) => None,
                };
                match shared {
                    Some(shared) => {
                        if let Some(field) = large.get_or_insert_default().get_mut(place) {
                            *field = Some(shared);
                        }
                    }
                    None => texts.push_str(&text),
                }
            }
            *end = u32::try_from(texts.len()).map_err(|_| Why::Huge)?;
        }
        let extra = extra.into_extra(text, origin);
        let copied = texts.into_boxed_str();
        let texts = match large {
            None => Texts::Copied(copied),
            Some(large) => Texts::Mixed(Box::new((copied, large))),
        };
        Ok(Self { texts, ends, present, extra })
    }
}

/// Returns the length of the text of a field, or a little more if it has escapes.
fn text_length(place: usize, field: Token<'_>) -> usize {
    match field.kind() {
        Kind::Null => 0,
        Kind::Plain | Kind::Escaped if place != Field::Metadata as usize => {
            field.raw().len().saturating_sub(2)
        }
        _ => field.raw().len(),
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
            && self.extra == other.extra
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("uuid", &self.uuid())
            .field("name", &self.name())
            .field("description", &self.description())
            .field("metadata", &self.metadata())
            .field("device_specification_uuid", &self.device_specification_uuid())
            .field("barcode", &self.barcode())
            .field("extra", self.extra())
            .finish()
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("uuid", self.uuid())?;
        map.serialize_entry("name", self.name())?;
        map.serialize_entry("description", &self.description())?;
        map.serialize_entry("metadata", &self.metadata())?;
        map.serialize_entry("deviceSpecificationUUID", &self.device_specification_uuid())?;
        map.serialize_entry("barcode", &self.barcode())?;
        self.extra.iter().try_for_each(|(name, value)| map.serialize_entry(&name, &value))?;
        map.end()
    }
}

/// Reads what [`Device::from_json`] reads, with serde_json.
impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(raw.get()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Device {
        from_text(&value.to_string())
    }

    fn from_text(json: &str) -> Device {
        Device::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn fields_may_come_in_any_order_and_twice() {
        let device =
            from_text(r#"{"barcode":"b","name":"old","\u0075uid":"u","name":"new","description":"d"}"#);
        assert_eq!(device, read(json!({"uuid": "u", "name": "new", "description": "d", "barcode": "b"})));
        assert_eq!((device.uuid(), device.name(), device.barcode()), ("u", "new", Some("b")));
    }

    #[test]
    fn devices_are_equal_whatever_the_order_of_their_fields() {
        let one = from_text(r#"{"uuid":"u","a":1,"b":[2]}"#);
        assert_eq!(one, from_text(r#"{"b":[2],"uuid":"u","a":1}"#));
        assert_ne!(one, read(json!({"uuid": "u", "a": 1, "c": [2]})));
        assert_ne!(one, read(json!({"uuid": "u", "a": 1})));
    }

    #[test]
    fn an_empty_text_differs_from_none() {
        let device = read(json!({"uuid": "", "description": "", "barcode": null}));
        assert_eq!((device.uuid(), device.description(), device.barcode()), ("", Some(""), None));
        assert_ne!(device, read(json!({"uuid": "", "description": null})));
    }

    #[test]
    fn values_that_are_not_interpreted_keep_their_text() {
        let metadata = r#"{"z":1.7657E9, "iccid":89314404000123456789,"a":"\u00e9\ud83d"}"#;
        let json = format!(r#"{{"uuid":"u","metadata":{metadata},"imsi":204080123456789012345}}"#);
        let device = from_text(&json);
        assert_eq!(device.metadata().as_str(), metadata);
        assert_eq!(device.extra().get("imsi").unwrap().as_str(), "204080123456789012345");
        let written = serde_json::to_string(&device).unwrap();
        assert!(
            written.contains(metadata) && written.contains(r#""imsi":204080123456789012345"#),
            "{written}"
        );
        assert_eq!(from_text(&written), device);
    }

    #[test]
    fn a_text_is_added_to_the_unknown_fields() {
        let device = from_text(r#"{"uuid":"u","n":1.50,"\u0063":"old","x":"\u00e9"}"#);
        let marked = device.clone().with_extra_text("customer", "a \"b\"");
        assert_eq!(marked.extra().get("customer").unwrap().text().unwrap(), "a \"b\"");
        let written = serde_json::to_string(&marked).unwrap();
        assert!(written.ends_with(r#""n":1.50,"c":"old","x":"\u00e9","customer":"a \"b\""}"#), "{written}");
        let replaced = device.with_extra_text("c", "new");
        assert_eq!(replaced, from_text(r#"{"uuid":"u","n":1.50,"x":"é","c":"new"}"#));
        assert_eq!(replaced.extra().len(), 3);
        let only = from_text(r#"{"uuid":"u"}"#).with_extra_text("customer", "c");
        assert_eq!(only, from_text(r#"{"uuid":"u","customer":"c"}"#));
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        let device = from_text(r#"{"uuid":"u\udfff","name":"Parkeerplaats \ud83d","x\ud83d":1}"#);
        assert_eq!((device.uuid(), device.name()), ("u\u{FFFD}", "Parkeerplaats \u{FFFD}"));
        assert!(device.extra().get("x\u{FFFD}").is_some());
    }

    #[test]
    fn what_is_no_text_is_read_as_its_text() {
        let device = from_text(
            r#"{"uuid":4711,"name":true,"description":{"nl":"x"},"deviceSpecificationUUID":-1.50,"barcode":87100123456789012345}"#,
        );
        assert_eq!((device.uuid(), device.name()), ("4711", "true"));
        assert_eq!(device.description(), Some(r#"{"nl":"x"}"#));
        assert_eq!(device.device_specification_uuid(), Some("-1.50"));
        assert_eq!(device.barcode(), Some("87100123456789012345"));
        assert_eq!(read(json!({"uuid": "u", "name": null})).name(), "");
    }

    #[test]
    fn a_uuid_must_be_there() {
        for (bad, part) in [
            (json!({"name": "a"}), "no field uuid"),
            (json!({"uuid": null}), "no field uuid"),
            (json!({"uuid": ["u"]}), "uuid is not a text"),
            (json!([]), "not a JSON object"),
            (json!(null), "not a JSON object"),
        ] {
            let error = Device::from_json(bad.to_string().as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("not a device: ") && error.contains(part), "{error}");
            assert!(serde_json::from_value::<Device>(bad).is_err());
        }
    }

    #[test]
    fn a_device_without_its_texts_is_small() {
        assert!(size_of::<Device>() <= 64);
    }

    #[test]
    fn debug_shows_the_fields() {
        let shown = format!("{:?}", read(json!({"uuid": "u", "eui": "e"})));
        assert!(shown.contains(r#"uuid: "u""#) && shown.contains(r#"extra: {"eui": "e"}"#), "{shown}");
    }
}
