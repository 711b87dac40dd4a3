//! Checks the records of a downlink: they must be about one device, and a payload in them must be sendable.

use things_senml::{Pack, Record, Value};

use super::device_urn::Identity;
use super::{DeviceUrn, Payload};
use crate::input::InputError;

/// The name of the record that carries the bytes of a raw downlink (KPN's documentation).
pub(super) const PAYLOAD_HEX: &str = "payloadHex";

/// Checks that all records are about one device, and that a payload has 1 to 242 bytes in hex.
pub(super) fn check(pack: &Pack) -> Result<(), InputError> {
    let mut first = None;
    let mut base_name = String::new();
    for (place, record) in pack.records().enumerate() {
        let identity = identity(&mut base_name, &record).map_err(|error| error.of_record(place))?;
        check_payload(&base_name, &record).map_err(|error| error.of_record(place))?;
        if identity.is_unknown() {
            let why = r#"names no device: put its URN into "bn", such as "urn:dev:DEVEUI:0059AC0000181EB6:""#;
            return Err(wrong(place, why));
        }
        if *first.get_or_insert_with(|| identity.clone()) != identity {
            let why = "is about another device than the first record: send one downlink per device";
            return Err(wrong(place, why));
        }
    }
    Ok(())
}

/// Checks that all records are about this device.
pub(super) fn check_device(device: &DeviceUrn, pack: &Pack) -> Result<(), InputError> {
    let mut base_name = String::new();
    for (place, record) in pack.records().enumerate() {
        let identity = identity(&mut base_name, &record).map_err(|error| error.of_record(place))?;
        if identity != *device.identity() {
            let urn = device.base_name().as_str().trim_end_matches(':');
            let why = format!(
                "is about another device than {urn}: leave its \"bn\" out, or name the same device in it"
            );
            return Err(wrong(place, &why));
        }
    }
    Ok(())
}

/// Returns the device of a record. `base_name` is the one in force, which the record may change.
fn identity(base_name: &mut String, record: &Record) -> Result<Identity, InputError> {
    if let Some(name) = record.base_name() {
        name.clone_into(base_name);
    }
    Identity::of(base_name, record.name())
}

/// Checks the payload of a record, if its name shows that it has one.
fn check_payload(base_name: &str, record: &Record) -> Result<(), InputError> {
    if !is_payload(base_name, record.name()) {
        return Ok(());
    }
    match record.value() {
        Some(Value::String(hex)) => Payload::from_record(hex).map(drop),
        _ => Err(InputError::new(
            "payload",
            r#"is not a text: expected two hex digits per byte in "vs", such as "vs":"0102ff""#,
        )),
    }
}

/// Whether the name, with or without the base name in force, is that of a payload.
fn is_payload(base_name: &str, name: &str) -> bool {
    // Only the end of the base name can matter, and it may be long and apply to many records.
    let most = PAYLOAD_HEX.len() + ":".len();
    let end = base_name.get(base_name.len().saturating_sub(most)..).unwrap_or_default();
    let full = format!("{end}{name}");
    [name, &full].iter().any(|name| name.rsplit(':').next() == Some(PAYLOAD_HEX))
}

fn wrong(place: usize, why: &str) -> InputError {
    InputError::new("SenML record", format!("{} {why}", place + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> Result<(), String> {
        check(&Pack::from_json(json).unwrap()).map_err(|error| error.to_string())
    }

    /// Checks a payload in the second record.
    fn payload(fields: &str) -> Result<(), String> {
        checked(&format!(r#"[{{"bn":"urn:own:","n":"a"}},{{"n":"payloadHex",{fields}}}]"#))
    }

    #[test]
    fn a_payload_in_a_record_has_1_to_242_bytes_in_hex() {
        let longest = format!(r#""vs":"{}""#, "0f".repeat(Payload::MAX));
        for fields in [r#""vs":"01""#, r#""vs":"0102fF","u":"x""#, &longest] {
            assert_eq!(payload(fields), Ok(()));
        }
        let too_long = format!(r#""vs":"{}""#, "00".repeat(300));
        for (fields, why) in [
            (r#""vs":"""#, "is empty: expected 1 to 242 bytes"),
            (r#""vs":"0x0102""#, "starts with 0x: expected two hex digits per byte, such as 0102ff"),
            (
                r#""vs":"102""#,
                "has 3 hex digits, an odd number, from position 1: expected two hex digits per byte, such as 0102ff",
            ),
            (r#""vs":"AQI=""#, "has 'Q' at position 2: expected two hex digits per byte, such as 0102ff"),
            (r#""vs":"01 02""#, "has ' ' at position 3: expected two hex digits per byte, such as 0102ff"),
            (&too_long, "has 300 bytes: LoRaWAN carries at most 242"),
            (r#""v":102"#, NO_TEXT),
            (r#""vd":"AQI""#, NO_TEXT),
            (r#""vb":true"#, NO_TEXT),
            (r#""t":1"#, NO_TEXT),
        ] {
            assert_eq!(payload(fields), Err(format!("payload of SenML record 2 {why}")));
        }
    }

    const NO_TEXT: &str = r#"is not a text: expected two hex digits per byte in "vs", such as "vs":"0102ff""#;

    #[test]
    fn a_payload_is_found_by_its_full_name() {
        for (base_name, name) in [
            ("", "payloadHex"),
            ("urn:dev:DEVEUI:0059AC0000181EB6:", "payloadHex"),
            ("urn:dev:DEVEUI:0059AC0000181EB6", "payloadHex"),
            ("urn:dev:DEVEUI:0059AC0000181EB6:payload", "Hex"),
            ("urn:dev:DEVEUI:0059AC0000181EB6:payloadHex", ""),
            ("payload", "Hex"),
            ("urn:dev:DEVEUI:0059AC0000181EB6", ":payloadHex"),
            ("", "urn:dev:DEVEUI:0059AC0000181EB6:payloadHex"),
        ] {
            assert!(is_payload(base_name, name), "{base_name} {name}");
        }
        for (base_name, name) in [
            ("urn:own:", "payload"),
            ("urn:own:", "payloadhex"),
            ("urn:own:", "myPayloadHex"),
            ("urn:own:", "payloadHex2"),
            ("urn:own:", "payloadHex:a"),
            ("urn:own:payloadHex", ":a"),
            ("urn:own:my", "payloadHe"),
            ("urn:own:x-payload", "Hex"),
        ] {
            assert!(!is_payload(base_name, name), "{base_name} {name}");
        }
    }

    #[test]
    fn records_are_about_one_device() {
        for json in [
            r#"[{"bn":"urn:own:","n":"a"},{"n":"b"},{"bn":"urn:own","n":":c"}]"#,
            r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.75E9},{"n":"setpoint","v":19.0}]"#,
            r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"a"},{"bn":"urn:dev:DEVEUI:0059ac0000181eb6:","n":"b"}]"#,
            r#"[{"n":"urn:dev:DEVEUI:0059AC0000181EB6:a"},{"n":"urn:dev:DEVEUI:0059AC0000181EB6:b"}]"#,
            r#"[{"bn":"device-name","n":"humidity"}]"#,
        ] {
            assert_eq!(checked(json), Ok(()), "{json}");
        }
        let another = "is about another device than the first record: send one downlink per device";
        let none = r#"names no device: put its URN into "bn", such as "urn:dev:DEVEUI:0059AC0000181EB6:""#;
        for (json, record, why) in [
            (r#"[{"bn":"urn:own:","n":"a"},{"bn":"urn:other:","n":"b"}]"#, 2, another),
            (
                r#"[{"n":"urn:dev:DEVEUI:0059AC0000181EB6:a"},{"n":"urn:dev:DEVEUI:0059AC0000181EB7:b"}]"#,
                2,
                another,
            ),
            (r#"[{"n":"a","v":1}]"#, 1, none),
            (r#"[{"bn":"urn:own:","n":"a"},{"bn":"","n":"b"}]"#, 2, none),
        ] {
            assert_eq!(checked(json), Err(format!("SenML record {record} {why}")), "{json}");
        }
        let error = checked(r#"[{"bn":"urn:own:"},{"bn":"urn:dev:IMEI:1:"}]"#).unwrap_err();
        assert_eq!(error, "IMEI of SenML record 2 is not 14 to 16 digits");
    }
}
