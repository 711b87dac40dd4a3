//! `senml`: what users write about a device and a downlink, as text, and packs of arbitrary records. All is read or
//! refused, and what goes out reads back.

use arbitrary::{Arbitrary, Unstructured};
use http::Response;
use serde_json::Value;
use things_core::senml::{BaseName, Pack, Record};
use things_core::{CustomerId, DevEui, Downlink, ExternalReference, FPort, Payload, RawCall};

use crate::account::{TOKEN, answer, sent, session, start, token_body};

/// Reads the bytes as text, line by line too, and as records.
pub fn senml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    pack_of_ones_own(&text);
    text.lines().for_each(line);
    if let Ok(records) = Vec::<Measurement>::arbitrary_take_rest(Unstructured::new(data)) {
        pack_of(records);
    }
}

fn pack_of_ones_own(text: &str) {
    let device = BaseName::from(DevEui::new([0, 0x59, 0xac, 0, 0, 0x18, 0x1e, 0xb6]));
    if let Ok(pack) = Pack::from_json(text) {
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&pack.to_json()).unwrap(), value);
        assert_eq!(Pack::from_json(&pack.to_json()).as_ref(), Ok(&pack));
        assert_eq!(Some(pack.len()), value.as_array().map(Vec::len));
        names_are_legal(&value);
    }
    if let Ok(pack) = Pack::about(&device, text) {
        let written: Value = serde_json::from_str(&pack.to_json()).unwrap();
        assert_eq!(written[0]["bn"], device.as_str());
        names_are_legal(&written);
        let mut value: Value = serde_json::from_str(text).unwrap();
        value[0]["bn"] = device.as_str().into();
        assert_eq!(written, value);
    }
}

/// RFC 8428, section 4.5.1: base name and name together are not empty, and of these characters.
fn names_are_legal(pack: &Value) {
    let mut base_name = "";
    for record in pack.as_array().unwrap() {
        base_name = record.get("bn").map_or(base_name, |name| name.as_str().unwrap());
        let name = format!("{base_name}{}", record.get("n").map_or("", |name| name.as_str().unwrap()));
        assert!(name.starts_with(|first: char| first.is_ascii_alphanumeric()), "{name:?}");
        let legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | ':' | '.' | '/' | '_');
        assert!(name.chars().all(legal), "{name:?}");
    }
}

fn line(text: &str) {
    if let Ok(name) = text.parse::<BaseName>() {
        assert_eq!(name.as_str().parse().as_ref(), Ok(&name));
    }
    if let Ok(name) = BaseName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if BaseName::imei(text).is_ok() {
        assert!(text.bytes().all(|byte| byte.is_ascii_digit()));
    }
    let _ = BaseName::device_uuid(text);
    if let Ok(dev_eui) = text.parse::<DevEui>() {
        let plain: String = text.chars().filter(|char| !matches!(char, '-' | ':')).collect();
        assert_eq!(dev_eui.to_string(), plain.to_ascii_uppercase());
    }
    if let Ok(port) = text.parse::<FPort>() {
        assert!((1..=223).contains(&port.number()));
        assert_eq!(text.trim_start_matches('0'), port.to_string());
    }
    if let Ok(reference) = ExternalReference::new(text) {
        assert_eq!(reference.as_str(), text);
        assert!(!text.chars().any(char::is_control) && text.trim() == text);
    }
    if let Ok(customer) = text.parse::<CustomerId>() {
        assert_eq!(customer.as_str(), text);
        is_switched_to(text);
    }
    if let Ok(payload) = text.parse::<Payload>() {
        assert_eq!(payload.bytes().len() * 2, text.len());
        is_sent(&payload, text);
    }
}

/// The customer stays one segment of the path, and one value of the header.
fn is_switched_to(customer: &str) {
    let session = session().for_customer(customer).unwrap();
    let step = session.start(&RawCall::get("/x"), start());
    let (request, exchange) = sent(answer(step, 200, token_body(TOKEN)));
    let path: Vec<_> = request.uri().path().split('/').collect();
    let [_, "api", "v1", "lifecycle", "clients", segment, "context-switch"] = path[..] else {
        panic!("{path:?}")
    };
    assert!(!matches!(segment, "" | "." | "..") && request.uri().query().is_none());
    let (request, _) = sent(exchange.resume(Ok(Response::default()), start()));
    assert_eq!(request.headers()["x-client-id"], customer);
}

/// The payload goes out in lower case, on its port, under its reference.
fn is_sent(payload: &Payload, text: &str) {
    let port = FPort::new(1).unwrap();
    let downlink = Downlink::raw(DevEui::new([0; 8]), port, payload.bytes()).unwrap();
    let step = session().start(&downlink, start());
    let (request, _) = sent(answer(step, 200, token_body(TOKEN)));
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body[0]["vs"], text.to_ascii_lowercase());
    assert_eq!(body[0]["n"], "payloadHex");
    assert_eq!(request.uri().path_and_query().unwrap(), "/api/actuator/downlinks?port=1");
}

#[derive(Arbitrary, Debug)]
struct Measurement {
    name: String,
    values: Vec<Measured>,
    unit: Option<String>,
}

#[derive(Arbitrary, Debug)]
enum Measured {
    Number(f64),
    Text(String),
    Flag(bool),
    Data(Vec<u8>),
}

fn pack_of(measurements: Vec<Measurement>) {
    let base_name = BaseName::new("urn:dev:DVNUUID:a-1:").unwrap();
    let mut expected = Vec::new();
    let mut records = Vec::new();
    for measurement in measurements {
        let Ok(mut record) = Record::new(measurement.name.as_str()) else { continue };
        let mut value = None;
        for measured in measurement.values {
            record = match measured {
                Measured::Number(number) => {
                    let Ok(next) = record.clone().number(number) else {
                        assert!(!number.is_finite());
                        continue;
                    };
                    value = Some(("v", Value::from(number)));
                    next
                }
                Measured::Text(text) => {
                    value = Some(("vs", Value::from(text.as_str())));
                    record.string(text)
                }
                Measured::Flag(flag) => {
                    value = Some(("vb", Value::from(flag)));
                    record.boolean(flag)
                }
                Measured::Data(bytes) => {
                    value = Some(("vd", Value::from(base64url(&bytes))));
                    record.data(bytes)
                }
            };
        }
        if let Some(unit) = &measurement.unit {
            record = record.unit(unit.as_str());
        }
        let mut fields = serde_json::Map::new();
        fields.insert("n".into(), measurement.name.into());
        fields.extend(measurement.unit.map(|unit| ("u".to_owned(), unit.into())));
        fields.extend(value.map(|(label, value)| (label.to_owned(), value)));
        expected.push(Value::from(fields));
        records.push(record);
    }
    let Some(first) = expected.first_mut() else {
        assert!(Pack::new(&base_name, records).is_err());
        return;
    };
    first["bn"] = base_name.as_str().into();
    let pack = Pack::new(&base_name, records).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&pack.to_json()).unwrap(), Value::from(expected));
    assert_eq!(Pack::from_json(&pack.to_json()), Ok(pack));
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}
