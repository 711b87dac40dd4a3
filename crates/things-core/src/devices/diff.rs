//! The differences between two listings of devices: an old one and a new one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Device, Identities, Identity};
use crate::input::InputError;
use crate::json::Json;

/// Compares an old listing of devices with a new one.
///
/// Devices are matched by their `uuid`, so the order of the listings does not matter. The new listing is read device
/// by device: only the old one is kept in memory.
///
/// A device of the old listing that the new one lacks was [removed](DeviceChange::Removed) only if the new
/// listing is proven complete. Without a proof, it is [not listed](DeviceChange::NotListed): plain pages can skip a
/// device that exists.
///
/// ```
/// use things_core::{Device, DeviceDiff};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut diff = DeviceDiff::default();
/// diff.add_old(Device::from_json(br#"{"uuid":"1","name":"Parking 1"}"#)?)?;
/// diff.add_old(Device::from_json(br#"{"uuid":"2","name":"Parking 2"}"#)?)?;
///
/// let renamed = diff.add_new(Device::from_json(br#"{"uuid":"1","name":"Hall"}"#)?)?;
/// assert_eq!(renamed.unwrap().kind(), "changed");
///
/// let proven = false;
/// let absent: Vec<_> = diff.absent(proven).map(|change| change.kind()).collect();
/// assert_eq!(absent, ["not_listed"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct DeviceDiff {
    /// The devices of the old listing that the new one has not shown yet.
    old: Vec<Option<Device>>,
    /// Where they are.
    places: HashMap<Identity, usize>,
    /// The devices of the new listing.
    new: Identities,
}

impl DeviceDiff {
    /// Adds a device of the old listing.
    ///
    /// # Errors
    ///
    /// Returns an error if the old listing has a device with this `uuid` already.
    pub fn add_old(&mut self, device: Device) -> Result<(), InputError> {
        if self.places.insert(Identity::of(device.uuid()), self.old.len()).is_some() {
            return Err(twice(&device, "old"));
        }
        self.old.push(Some(device));
        Ok(())
    }

    /// Compares a device of the new listing with the old listing. Returns `None` if nothing has changed. Add all
    /// devices of the old listing first.
    ///
    /// # Errors
    ///
    /// Returns an error if the new listing has a device with this `uuid` already.
    pub fn add_new(&mut self, device: Device) -> Result<Option<DeviceChange>, InputError> {
        let identity = Identity::of(device.uuid());
        if !self.new.insert(identity) {
            return Err(twice(&device, "new"));
        }
        let old = self.places.get(&identity).and_then(|place| self.old.get_mut(*place)?.take());
        Ok(match old {
            None => Some(DeviceChange::Added(device)),
            Some(old) if old == device => None,
            Some(old) => Some(DeviceChange::Changed { old, new: device }),
        })
    }

    /// Returns the devices of the old listing that the new one lacks, in the order of the old listing. Call it
    /// after the last device of the new listing.
    ///
    /// If the new listing is `proven` complete, they are [removed](DeviceChange::Removed), otherwise
    /// [not listed](DeviceChange::NotListed).
    pub fn absent(self, proven: bool) -> impl Iterator<Item = DeviceChange> {
        let change = if proven { DeviceChange::Removed } else { DeviceChange::NotListed };
        self.old.into_iter().flatten().map(change)
    }
}

/// Returns all differences between two listings: first the changed and added devices in the order of the new listing,
/// then those that it lacks. `proven` is whether the new listing is proven complete; see [`DeviceDiff`].
///
/// # Errors
///
/// Returns an error if a listing has two devices with the same `uuid`.
pub fn diff_devices(
    old: impl IntoIterator<Item = Device>,
    new: impl IntoIterator<Item = Device>,
    proven: bool,
) -> Result<Vec<DeviceChange>, InputError> {
    let mut diff = DeviceDiff::default();
    old.into_iter().try_for_each(|device| diff.add_old(device))?;
    let mut changes = Vec::new();
    for device in new {
        changes.extend(diff.add_new(device)?);
    }
    changes.extend(diff.absent(proven));
    Ok(changes)
}

fn twice(device: &Device, listing: &str) -> InputError {
    InputError::new("device", format!("with the uuid {:?} is in the {listing} listing twice", device.uuid()))
}

/// A difference between two listings.
///
/// Serialises as an object with `change`, `uuid` and `name`, and either the `device` or its changed `fields`. Each field
/// has an `old` and a `new` value, of which one is missing if the device did not have the field.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeviceChange {
    /// Only the new listing has the device. It is new only if the old listing is proven complete.
    Added(Device),
    /// Fields of the device differ.
    Changed {
        /// The device in the old listing.
        old: Device,
        /// The device in the new listing.
        new: Device,
    },
    /// The new listing is proven complete and does not have the device, so the device was absent at some moment of that
    /// listing. If the listing was a search, the device may only have stopped matching.
    Removed(Device),
    /// The new listing does not have the device, and is not proven complete. The device may still exist.
    NotListed(Device),
}

impl DeviceChange {
    /// The change as one word: `added`, `changed`, `removed` or `not_listed`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Changed { .. } => "changed",
            Self::Removed(_) => "removed",
            Self::NotListed(_) => "not_listed",
        }
    }

    /// The device, as the new listing has it, or as the old one had it.
    pub fn device(&self) -> &Device {
        match self {
            Self::Added(device) | Self::Removed(device) | Self::NotListed(device) => device,
            Self::Changed { new, .. } => new,
        }
    }

    /// Returns the fields that differ, if the device changed: the documented fields first, then the others by name.
    ///
    /// Values are compared by their meaning, and numbers as they are written: the order of keys, whitespace and escapes
    /// do not matter, and `1.0` and `1` differ. A documented field that is missing is the same as one that is `null`.
    pub fn fields(&self) -> Vec<FieldChange<'_>> {
        match self {
            Self::Changed { old, new } => fields(old, new),
            _ => Vec::new(),
        }
    }
}

/// A field of a device with different values in two listings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange<'a> {
    /// The service's name of the field.
    pub name: Cow<'a, str>,
    /// The value in the old listing. `None` if the device had no such field.
    pub old: Option<FieldValue<'a>>,
    /// The value in the new listing. `None` if the device has no such field.
    pub new: Option<FieldValue<'a>>,
}

/// The value of a field of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// The text of a documented field.
    Text(&'a str),
    /// Any other value, unchanged.
    Json(Json<'a>),
}

fn fields<'a>(old: &'a Device, new: &'a Device) -> Vec<FieldChange<'a>> {
    let text = |text: Option<&'a str>| text.map_or(FieldValue::Json(Json::NULL), FieldValue::Text);
    let documented = [
        ("name", text(Some(old.name())), text(Some(new.name()))),
        ("description", text(old.description()), text(new.description())),
        ("metadata", FieldValue::Json(old.metadata()), FieldValue::Json(new.metadata())),
        (
            "deviceSpecificationUUID",
            text(old.device_specification_uuid()),
            text(new.device_specification_uuid()),
        ),
        ("barcode", text(old.barcode()), text(new.barcode())),
    ];
    let documented = documented.into_iter().map(|(name, old, new)| FieldChange {
        name: name.into(),
        old: Some(old),
        new: Some(new),
    });
    let mut others: BTreeMap<_, (Option<FieldValue<'a>>, Option<FieldValue<'a>>)> = BTreeMap::new();
    for (name, value) in old.extra() {
        others.entry(name).or_default().0 = Some(FieldValue::Json(value));
    }
    for (name, value) in new.extra() {
        others.entry(name).or_default().1 = Some(FieldValue::Json(value));
    }
    let others = others.into_iter().map(|(name, (old, new))| FieldChange { name, old, new });
    documented.chain(others).filter(|field| field.old != field.new).collect()
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(json) => json.serialize(serializer),
        }
    }
}

/// The two values of a field.
impl Serialize for FieldChange<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(old) = &self.old {
            map.serialize_entry("old", old)?;
        }
        if let Some(new) = &self.new {
            map.serialize_entry("new", new)?;
        }
        map.end()
    }
}

impl Serialize for DeviceChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Changed<'a>(Vec<FieldChange<'a>>);

        impl Serialize for Changed<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|field| (&field.name, field)))
            }
        }

        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("change", self.kind())?;
        map.serialize_entry("uuid", self.device().uuid())?;
        map.serialize_entry("name", self.device().name())?;
        match self {
            Self::Changed { .. } => map.serialize_entry("fields", &Changed(self.fields()))?,
            _ => map.serialize_entry("device", self.device())?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(json: &str) -> Device {
        Device::from_json(json.as_bytes()).unwrap()
    }

    fn changes(old: &[&str], new: &[&str], proven: bool) -> Vec<String> {
        let of = |devices: &[&str]| devices.iter().map(|json| device(json)).collect::<Vec<_>>();
        let changes = diff_devices(of(old), of(new), proven).unwrap();
        changes.iter().map(|change| serde_json::to_string(change).unwrap()).collect()
    }

    #[test]
    fn a_device_is_removed_only_according_to_a_proven_listing() {
        let kinds = |proven| {
            let changes = diff_devices([device(r#"{"uuid":"1"}"#)], [], proven).unwrap();
            changes.iter().map(DeviceChange::kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(true), ["removed"]);
        assert_eq!(kinds(false), ["not_listed"]);
    }

    #[test]
    fn changes_are_in_the_order_of_the_later_listing_and_absent_devices_in_that_of_the_earlier_one() {
        let old = [r#"{"uuid":"4"}"#, r#"{"uuid":"1"}"#, r#"{"uuid":"2","name":"a"}"#, r#"{"uuid":"3"}"#];
        let new = [r#"{"uuid":"5"}"#, r#"{"uuid":"2","name":"b"}"#, r#"{"uuid":"1"}"#, r#"{"uuid":"0"}"#];
        let of = |devices: [&str; 4]| devices.map(device);
        let changes = diff_devices(of(old), of(new), true).unwrap();
        let shown: Vec<_> = changes.iter().map(|change| (change.kind(), change.device().uuid())).collect();
        let expected = [("added", "5"), ("changed", "2"), ("added", "0"), ("removed", "4"), ("removed", "3")];
        assert_eq!(shown, expected);
    }

    #[test]
    fn each_changed_field_has_both_values() {
        let old = r#"{"uuid":"1","name":"a","description":null,"barcode":"b","metadata":{"x":1},
            "eui":"e","gone":1,"same":[1]}"#;
        let new = r#"{"uuid":"1","name":"b","description":"","metadata":{"x":12345678901234567890123},
            "eui":"f","new":null,"same":[1]}"#;
        assert_eq!(
            changes(&[old], &[new], true),
            [concat!(
                r#"{"change":"changed","uuid":"1","name":"b","fields":{"#,
                r#""name":{"old":"a","new":"b"},"description":{"old":null,"new":""},"#,
                r#""metadata":{"old":{"x":1},"new":{"x":12345678901234567890123}},"#,
                r#""barcode":{"old":"b","new":null},"eui":{"old":"e","new":"f"},"#,
                r#""gone":{"old":1},"new":{"new":null}}}"#
            )]
        );
        assert_eq!(
            changes(&[], &[r#"{"uuid":"1","x":1}"#], true),
            [concat!(
                r#"{"change":"added","uuid":"1","name":"","device":{"uuid":"1","name":"","description":null,"#,
                r#""metadata":null,"deviceSpecificationUUID":null,"barcode":null,"x":1}}"#
            )]
        );
    }

    #[test]
    fn the_order_of_keys_whitespace_and_escapes_are_no_change_and_digits_are() {
        let old = r#"{"uuid":"1","metadata":{"a":1,"b":{"c":"é","d":[1.0]}},"x":{"k":1,"l":2}}"#;
        let same = r#"{"x":{"l":2, "k":1},"uuid":"1","metadata":{"b":{"d":[1.0],"c":"\u00e9"},"a":1}}"#;
        assert_eq!(changes(&[old], &[same], true), [""; 0]);
        let digits = old.replace("1.0", "1.00");
        let changed = changes(&[old], &[&digits], true);
        assert!(matches!(&changed[..], [one] if one.contains(r#""fields":{"metadata":{"#)), "{changed:?}");
        assert!(!changed[0].contains(r#""x""#), "{changed:?}");
    }

    #[test]
    fn a_documented_field_that_is_missing_is_null() {
        let bare = r#"{"uuid":"1"}"#;
        let nulls = r#"{"uuid":"1","name":null,"description":null,"metadata":null,"barcode":null}"#;
        assert_eq!(changes(&[bare], &[nulls], true), [""; 0]);
    }

    #[test]
    fn a_device_twice_is_refused() {
        let one = || device(r#"{"uuid":"1"}"#);
        let old = diff_devices([one(), one()], [], true).unwrap_err();
        assert_eq!(old.to_string(), r#"device with the uuid "1" is in the old listing twice"#);
        let new = diff_devices([one()], [one(), one()], true).unwrap_err();
        assert_eq!(new.to_string(), r#"device with the uuid "1" is in the new listing twice"#);
    }

    proptest! {
        #[test]
        fn every_difference_is_found_once(
            old in proptest::collection::btree_map(0..20_u8, 0..3_u8, 0..20),
            new in proptest::collection::btree_map(0..20_u8, 0..3_u8, 0..20),
        ) {
            let of = |listing: &BTreeMap<u8, u8>| -> Vec<Device> {
                let json = |(uuid, name)| format!(r#"{{"uuid":"{uuid}","name":"{name}"}}"#);
                listing.iter().map(json).map(|json| device(&json)).collect()
            };
            let changes = diff_devices(of(&old), of(&new), true).unwrap();
            let mut found: Vec<_> = changes
                .iter()
                .map(|change| (change.device().uuid().parse::<u8>().unwrap(), change.kind()))
                .collect();
            found.sort_unstable();
            let expected: Vec<_> = (0..20)
                .filter_map(|uuid| match (old.get(&uuid), new.get(&uuid)) {
                    (None, None) => None,
                    (Some(_), None) => Some((uuid, "removed")),
                    (None, Some(_)) => Some((uuid, "added")),
                    (Some(one), Some(other)) => (one != other).then_some((uuid, "changed")),
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
