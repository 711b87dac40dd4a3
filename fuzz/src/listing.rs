//! `listing`: two saved listings, with a line `---` between them, and their differences.

use std::collections::HashMap;

use serde_json::Value;
use things_core::{Device, DeviceChange, SavedListing, diff_devices};

/// Reads the bytes as two files, and compares them.
pub fn listing(data: &[u8]) {
    let place = data.windows(5).position(|part| part == b"\n---\n");
    let (old, new) = match place {
        Some(place) => (&data[..place], &data[place + 5..]),
        None => (data, &data[..0]),
    };
    let (Some((old, _)), Some((new, proven))) = (read(old), read(new)) else { return };
    let (before, after) = (by_uuid(&old), by_uuid(&new));
    let changes = diff_devices(old.clone(), new.clone(), proven).unwrap();
    let mut changed = HashMap::new();
    for change in &changes {
        let uuid = change.device().uuid();
        assert!(changed.insert(uuid.to_owned(), change.kind()).is_none(), "{uuid:?} twice");
        let expected = match (before.contains_key(uuid), after.contains_key(uuid)) {
            (false, true) => "added",
            (true, true) => "changed",
            (true, false) if proven => "removed",
            (true, false) => "not_listed",
            (false, false) => panic!("{uuid:?} is in neither"),
        };
        assert_eq!(change.kind(), expected);
        assert_eq!(change.fields().is_empty(), !matches!(change, DeviceChange::Changed { .. }));
        let record = serde_json::to_string(change).unwrap();
        if let Ok(record) = serde_json::from_str::<Value>(&record) {
            assert_eq!((&record["uuid"], &record["change"]), (&uuid.into(), &change.kind().into()));
        }
    }
    for (uuid, device) in &before {
        let (Some(other), false) = (after.get(uuid), changed.contains_key(*uuid)) else { continue };
        // What did not change is the same for any reader.
        if let (Some(one), Some(other)) = (value(device), value(other)) {
            assert_eq!(one, other);
        }
    }
    let missing = before.keys().filter(|uuid| !after.contains_key(*uuid));
    let added = after.keys().filter(|uuid| !before.contains_key(*uuid));
    assert!(missing.chain(added).all(|uuid| changed.contains_key(*uuid)));
    // A listing that was written and read again is the same.
    let text = new.iter().map(|device| serde_json::to_string(device).unwrap() + "\n").collect::<String>();
    let (again, proven) = read(text.as_bytes()).unwrap();
    assert!(!proven && diff_devices(new, again, true).unwrap().is_empty());
}

/// The devices of a file, and whether it proves that they are all.
fn read(file: &[u8]) -> Option<(Vec<Device>, bool)> {
    let (mut saved, mut devices) = (SavedListing::default(), Vec::new());
    for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
        match saved.read_line(line) {
            Ok(device) => devices.extend(device),
            Err(error) => {
                assert_eq!(error.line(), number);
                return None;
            }
        }
    }
    let record = saved.record().cloned();
    let is_whole =
        record.as_ref().is_some_and(|record| record.devices == devices.len() as u64 && record.proven);
    assert_eq!(saved.is_proven(), is_whole);
    if let Some(record) = record {
        let mut again = SavedListing::default();
        again.read_line(record.to_line().as_bytes()).unwrap();
        assert_eq!(again.record(), Some(&record));
    }
    Some((devices, saved.is_proven()))
}

fn by_uuid(devices: &[Device]) -> HashMap<&str, &Device> {
    let by_uuid: HashMap<_, _> = devices.iter().map(|device| (device.uuid(), device)).collect();
    assert_eq!(by_uuid.len(), devices.len());
    by_uuid
}

/// A device as serde_json reads it. `None` if it cannot.
fn value(device: &Device) -> Option<Value> {
    serde_json::from_str(&serde_json::to_string(device).unwrap()).ok()
}
