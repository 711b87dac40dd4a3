//! `page`: a page of devices. It reads as JSON's own reader says, keeps what it does not know, and is written as it was
//! read.

use serde_json::{Map, Value};
use things_core::{Device, Page};

/// Reads the bytes as a page.
pub fn page(data: &[u8]) {
    let read = Page::from_json(data);
    if let Ok(page) = &read {
        let _ = format!("{page:?}");
        page.devices.iter().for_each(is_written_as_it_was_read);
    }
    let text = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    // What is nested too deep for a value may still be read where it is skipped.
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

/// Whether this is a page, by the documentation: what is not there is tolerated, what has another type is not.
fn fits(value: &Value) -> bool {
    let Some(page) = value.as_object() else { return false };
    let numbers = ["number", "size", "totalPages", "totalElements"];
    let numbers = numbers.iter().all(|name| is_null_or(page, name, Value::is_u64));
    let flags = ["first", "last"].iter().all(|name| is_null_or(page, name, Value::is_boolean));
    let content = page.get("content").and_then(Value::as_array);
    numbers && flags && content.is_some_and(|devices| devices.iter().all(is_device))
}

fn is_device(value: &Value) -> bool {
    let texts = ["name", "description", "deviceSpecificationUUID", "barcode"];
    value.as_object().is_some_and(|device| {
        device.get("uuid").is_some_and(Value::is_string)
            && texts.iter().all(|name| is_null_or(device, name, Value::is_string))
    })
}

fn is_null_or(fields: &Map<String, Value>, name: &str, fits: impl Fn(&Value) -> bool) -> bool {
    fields.get(name).is_none_or(|value| value.is_null() || fits(value))
}

/// Whether a page says what the value says.
fn agrees(page: &Page, value: &Value) {
    let number = |name: &str| value[name].as_u64();
    assert_eq!(page.number, number("number"));
    assert_eq!(page.size, number("size"));
    assert_eq!(page.total_pages, number("totalPages"));
    assert_eq!(page.total_elements, number("totalElements"));
    assert_eq!(page.first, value["first"].as_bool().unwrap_or(false));
    assert_eq!(page.last, value["last"].as_bool().unwrap_or(false));
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
        let extra = page.extra.get(name);
        assert_eq!(extra, Some(value).filter(|_| !KNOWN.contains(&name.as_str())), "{name}");
    }
    let devices = value["content"].as_array().unwrap();
    assert_eq!(page.devices.len(), devices.len());
    for (device, value) in page.devices.iter().zip(devices) {
        agrees_as_device(device, value);
    }
}

fn agrees_as_device(device: &Device, value: &Value) {
    assert_eq!(Some(device.uuid()), value["uuid"].as_str());
    assert_eq!(device.name(), value["name"].as_str().unwrap_or_default());
    assert_eq!(device.description(), value["description"].as_str());
    assert_eq!(device.metadata(), &value["metadata"]);
    assert_eq!(device.device_specification_uuid(), value["deviceSpecificationUUID"].as_str());
    assert_eq!(device.barcode(), value["barcode"].as_str());
    const KNOWN: &[&str] = &["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode"];
    let extra = device.extra();
    assert_eq!(extra.len(), extra.iter().count());
    for (name, value) in value.as_object().unwrap() {
        assert_eq!(extra.get(name), Some(value).filter(|_| !KNOWN.contains(&name.as_str())), "{name}");
    }
    assert!(extra.iter().all(|(name, _)| value.get(name).is_some()));
}
