//! `senml`: what users write about a device and a downlink, as text, and packs of arbitrary records. All is read or
//! refused, and what goes out reads back.

use arbitrary::{Arbitrary, Unstructured};
use http::Response;
use serde_json::Value;
use things_core::senml::{BaseName, Data, ErrorKind, Number, Pack, Record};
use things_core::{CustomerId, DevEui, DeviceUrn, Downlink, ExternalReference, FPort, Payload, RawCall};

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
    let device = DeviceUrn::from(DevEui::new([0, 0x59, 0xac, 0, 0, 0x18, 0x1e, 0xb6]));
    match Pack::from_json(text) {
        Ok(pack) => {
            reads_back(&pack);
            if let (Some(value), Some(written)) = (value(text), value(pack.as_json())) {
                assert_eq!(written, value);
                names_are_legal(&value);
            }
            if Downlink::senml(pack.clone()).is_ok() {
                payloads_can_be_sent(&pack);
            }
        }
        // What is no JSON to one reader is none to the other.
        Err(error) => assert!(error.kind() != ErrorKind::Syntax || value(text).is_none()),
    }
    if let Ok(pack) = device.pack(text) {
        reads_back(&pack);
        let base_names = pack.records().filter_map(|record| record.base_name().map(str::to_owned));
        let base_names: Vec<_> = base_names.collect();
        assert!(!base_names.is_empty());
        for name in base_names {
            assert_eq!(DeviceUrn::new(BaseName::new(name).unwrap()).as_ref(), Ok(&device));
        }
    }
}

/// JSON as another reader reads it. It refuses numbers beyond a double in fields that SenML does not define.
fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()
}

fn reads_back(pack: &Pack) {
    assert_eq!(Pack::from_json(pack.as_json()).as_ref(), Ok(pack));
    let records: Vec<Record> = pack.records().collect();
    assert_eq!(records.len(), pack.len());
    let first = records.first().and_then(|record| record.base_name()).map(BaseName::new);
    if let Some(Ok(base_name)) = first {
        let again = Pack::new(&base_name, records.clone()).unwrap();
        assert!(again.records().eq(records));
    }
}

/// A record whose own name is that of a payload has 1 to 242 bytes in hex.
fn payloads_can_be_sent(pack: &Pack) {
    for record in pack.records().filter(|record| record.name() == "payloadHex") {
        let Some(things_core::senml::Value::String(hex)) = record.value() else { panic!("no text") };
        assert!((2..=484).contains(&hex.len()) && hex.len() % 2 == 0);
        assert!(hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
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
    if let Ok(device) = text.parse::<DeviceUrn>() {
        assert_eq!(device.to_string().parse().as_ref(), Ok(&device));
    }
    if let Ok(number) = text.parse::<Number>() {
        assert_eq!(number.as_str(), text);
        assert!(number.to_f64().is_finite());
    }
    if let Ok(data) = Data::from_base64(text) {
        assert_eq!(data.as_str(), text);
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
        // Separators between the bytes, and 0x before them, are no digits.
        let bytes = text.split(|char: char| char.is_whitespace() || ":-,".contains(char));
        let digits: String =
            bytes.map(|byte| byte.trim_start_matches("0x").trim_start_matches("0X")).collect();
        assert_eq!(payload.bytes().len() * 2, digits.len());
        is_sent(&payload, &digits);
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
                    let Ok(written) = Number::try_from(number) else {
                        assert!(!number.is_finite());
                        continue;
                    };
                    value = Some(("v", Value::from(number)));
                    record.with_value(written)
                }
                Measured::Text(text) => {
                    value = Some(("vs", Value::from(text.as_str())));
                    record.with_value(text)
                }
                Measured::Flag(flag) => {
                    value = Some(("vb", Value::from(flag)));
                    record.with_value(flag)
                }
                Measured::Data(bytes) => {
                    value = Some(("vd", Value::from(base64url(&bytes))));
                    record.with_value(Data::new(bytes))
                }
            };
        }
        if let Some(unit) = &measurement.unit {
            record = record.with_unit(unit.as_str());
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
    assert_eq!(serde_json::from_str::<Value>(pack.as_json()).unwrap(), Value::from(expected));
    assert_eq!(Pack::from_json(pack.as_json()), Ok(pack));
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
