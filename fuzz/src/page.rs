//! `page`: a page of devices. It reads as JSON's own reader says, keeps what it does not know, and is written as it was
//! read.

use serde_json::Value;
use things_core::{Device, Json, Page};

/// Reads the bytes as a page.
pub fn page(data: &[u8]) {
    let read = Page::from_json(data);
    if let Ok(page) = &read {
        let _ = format!("{page:?}");
        page.devices.iter().for_each(is_written_as_it_was_read);
    }
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    // Half of a surrogate pair or a number beyond all bounds is read in a page, and not in a value.
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
    if let Ok(page) = read {
        agrees(&page, &value);
    }
    // The same fields, each once.
    match Page::from_json(value.to_string().as_bytes()) {
        Ok(page) => {
            assert!(fits(&value), "what is no page was read");
            agrees(&page, &value);
        }
        Err(error) => assert!(!fits(&value), "{error}"),
    }
}

fn is_written_as_it_was_read(device: &Device) {
    let written = serde_json::to_string(device).unwrap();
    let again: Device = serde_json::from_str(&written).unwrap();
    assert_eq!(&again, device);
    assert_eq!(serde_json::to_string(&again).unwrap(), written);
    assert_eq!(&device.clone(), device);
}

/// Whether this is a page, by the documentation: only `content` and each `uuid` must be there.
fn fits(value: &Value) -> bool {
    let content = value.get("content").and_then(Value::as_array);
    content.is_some_and(|devices| devices.len() <= 10_000 && devices.iter().all(is_device))
}

fn is_device(value: &Value) -> bool {
    value.get("uuid").is_some_and(|uuid| uuid.is_string() || uuid.is_number() || uuid.is_boolean())
}

/// A hint, if it is what it should be.
fn count(value: &Value) -> Option<u64> {
    let text = value.as_str().map(str::trim);
    let number = value.as_f64().or_else(|| text?.parse().ok());
    let whole =
        number.filter(|number| number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number));
    value.as_u64().or_else(|| text?.parse().ok()).or(whole.map(|number| number as u64))
}

fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A value as it reads: compared as a value, because the text of a number may differ.
fn value_of(json: Json<'_>) -> Value {
    json.parse().unwrap()
}

/// Whether a page says what the value says.
fn agrees(page: &Page, value: &Value) {
    let nested = &value["page"];
    let nested = if nested.is_object() { nested } else { &Value::Null };
    let number = |name: &str| count(&value[name]).or_else(|| count(&nested[name]));
    assert_eq!(page.number, number("number"));
    assert_eq!(page.size, number("size"));
    assert_eq!(page.total_pages, number("totalPages"));
    assert_eq!(page.total_elements, number("totalElements"));
    let ends = count(&nested["number"]).zip(count(&nested["totalPages"]));
    let first = flag(&value["first"]).or(ends.map(|(number, _)| number == 0));
    let last = flag(&value["last"]).or(ends.map(|(number, pages)| number.saturating_add(1) >= pages));
    assert_eq!((page.first, page.last), (first.unwrap_or(false), last.unwrap_or(false)));
    const KNOWN: &[&str] = &[
        "content",
        "number",
        "size",
        "totalPages",
        "totalElements",
        "first",
        "last",
        "numberOfElements",
        "sort",
    ];
    for (name, value) in value.as_object().unwrap() {
        let known = KNOWN.contains(&name.as_str()) || (name == "page" && value.is_object());
        let extra = page.extra.get(name).map(value_of);
        assert_eq!(extra.as_ref(), Some(value).filter(|_| !known), "{name}");
    }
    let devices = value["content"].as_array().unwrap();
    assert_eq!(page.devices.len(), devices.len());
    for (device, value) in page.devices.iter().zip(devices) {
        agrees_as_device(device, value);
    }
}

fn agrees_as_device(device: &Device, value: &Value) {
    // A number is read as its text, which a value does not have.
    let text = |name: &str| match &value[name] {
        Value::String(text) => Some(Value::from(text.as_str())),
        Value::Null => None,
        other => Some(other.clone()),
    };
    let read = |name: &str, found: Option<&str>| match (text(name), found) {
        (Some(Value::String(text)), found) => assert_eq!(Some(text.as_str()), found, "{name}"),
        (Some(other), Some(found)) => {
            assert_eq!(other, serde_json::from_str::<Value>(found).unwrap(), "{name}")
        }
        (expected, found) => assert_eq!((expected, found), (None, None), "{name}"),
    };
    read("uuid", Some(device.uuid()));
    if text("name").is_some() {
        read("name", Some(device.name()));
    } else {
        assert_eq!(device.name(), "");
    }
    read("description", device.description());
    assert_eq!(value_of(device.metadata()), value["metadata"]);
    read("deviceSpecificationUUID", device.device_specification_uuid());
    read("barcode", device.barcode());
    const KNOWN: &[&str] = &["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode"];
    let extra = device.extra();
    assert_eq!(extra.len(), extra.iter().count());
    for (name, value) in value.as_object().unwrap() {
        let found = extra.get(name).map(value_of);
        assert_eq!(found.as_ref(), Some(value).filter(|_| !KNOWN.contains(&name.as_str())), "{name}");
    }
    assert!(extra.iter().all(|(name, _)| value.get(&*name).is_some()));
}
