use things_senml::{LeniencyKind, Value};

use super::*;
use crate::error::FieldErrorKind;

const LORA: &str = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},
    {"n":"payload","vs":"0102aBfF"},{"n":"port","v":1.0},{"n":"FCntUp","v":70000.0},{"n":"FCntDn","v":3},
    {"n":"LrrRSSI","v":-97.5},{"n":"LrrSNR","vs":"7.25"},{"n":"LrrESP","v":-98.1},{"n":"SpFact","v":7.0},
    {"n":"SubBand","vs":"G1"},{"n":"timeOrigin","vs":"NETWORK"},{"n":"DevLrrCnt","v":2.0},
    {"n":"batteryLevel","u":"%EL","v":80}]"#;

fn parse(body: &str) -> Uplink {
    Uplink::parse(body.as_bytes(), at(1_800_000_000)).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A pack of one LoRa device with these records.
fn device(records: &str) -> Uplink {
    parse(&format!(r#"[{{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.7E9}},{records}]"#))
}

#[test]
fn a_lora_uplink_has_payload_port_counters_and_radio_metadata() {
    let uplink = parse(LORA);
    assert_eq!(uplink.device().unwrap().to_string(), "0059AC0000181EB6");
    let lora = uplink.lora().unwrap();
    assert_eq!(lora.payload(), Ok(vec![1, 2, 0xab, 0xff]));
    assert_eq!(lora.port(), Ok(Some(1)));
    assert_eq!((lora.frame_counter_up(), lora.frame_counter_down()), (Ok(Some(70_000)), Ok(Some(3))));
    assert_eq!((lora.rssi(), lora.snr(), lora.esp()), (Ok(Some(-97.5)), Ok(Some(7.25)), Ok(Some(-98.1))));
    assert_eq!(lora.spreading_factor(), Ok(Some(7)));
    assert_eq!(lora.sub_band(), Ok(Some(&Value::from("G1"))));
    assert_eq!(lora.time_origin(), Ok(Some(&Value::from("NETWORK"))));
    assert_eq!(lora.time().unwrap().unwrap().as_str(), "1.76573996026E9");
    let metadata: Vec<_> = lora.metadata().map(|(name, _)| name).collect();
    assert_eq!((metadata.len(), metadata[8], metadata[9]), (10, "DevLrrCnt", "batteryLevel"));
    let others: Vec<_> = uplink.others().map(Measurement::local_name).collect();
    assert_eq!(others, ["DevLrrCnt", "batteryLevel"]);
    assert_eq!(uplink.measurements().len(), 12);
    assert!(uplink.location().is_none());
}

#[test]
fn each_leniency_is_reported() {
    let uplink = parse(LORA);
    let found: Vec<_> = uplink.leniencies().iter().map(|one| (one.record(), one.kind())).collect();
    assert_eq!(found, [(6, LeniencyKind::NumberInString)]);
    let strict = Uplink::parse_with(LORA.as_bytes(), &Resolver::new(0.0)).unwrap();
    assert!(strict.leniencies().is_empty());
    let error = strict.lora().unwrap().snr().unwrap_err();
    assert_eq!(error.to_string(), r#"SenML record 7 (LrrSNR) is not a number ("v")"#);
}

#[test]
fn a_base_value_does_not_change_a_payload_of_digits() {
    let record = r#"{"n":"payload","vs":"1234"},{"n":"port","v":1}"#;
    for (records, port) in [(record.to_owned(), 1), (format!(r#"{{"bv":5}},{record}"#), 6)] {
        let uplink = device(&records);
        let lora = uplink.lora().unwrap();
        assert_eq!((lora.payload(), lora.port()), (Ok(vec![0x12, 0x34]), Ok(Some(port))), "{records}");
    }
}

#[test]
fn base_values_in_the_first_measurement_are_the_other_shape_of_kpn() {
    let uplink = parse(
        r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.58565075E9,"n":"payload","vs":"01"},{"n":"port","v":223.0}]"#,
    );
    let lora = uplink.lora().unwrap();
    assert_eq!((lora.payload(), lora.port()), (Ok(vec![1]), Ok(Some(223))));
    assert_eq!(uplink.base_time(), Some(at(1_585_650_750)));
}

#[test]
fn absent_fields_are_none() {
    let uplink = device(r#"{"n":"payload","vs":""}"#);
    let lora = uplink.lora().unwrap();
    assert_eq!((lora.payload(), lora.port(), lora.rssi()), (Ok(vec![]), Ok(None), Ok(None)));
    assert_eq!(
        (lora.frame_counter_up(), lora.spreading_factor(), lora.sub_band()),
        (Ok(None), Ok(None), Ok(None))
    );
    assert!(device(r#"{"n":"port","v":1.0}"#).lora().is_none());
}

#[test]
fn a_payload_of_digits_keeps_them() {
    for (text, bytes) in
        [("1234", vec![0x12, 0x34]), ("0012", vec![0, 0x12]), ("12e4", vec![0x12, 0xe4]), ("10", vec![0x10])]
    {
        let uplink = device(&format!(r#"{{"n":"payload","vs":"{text}"}}"#));
        assert_eq!(uplink.lora().unwrap().payload(), Ok(bytes), "{text}");
    }
}

#[test]
fn a_wrong_field_names_its_record_and_the_rest_stays_readable() {
    let uplink = device(
        r#"{"n":"payload","vs":"01zz"},{"n":"port","v":256},{"n":"FCntUp","v":1.5},{"n":"LrrRSSI","vb":true},{"n":"LrrESP","v":-1}"#,
    );
    let lora = uplink.lora().unwrap();
    let text = |error: FieldError| error.to_string();
    assert_eq!(
        lora.payload().map_err(text),
        Err("SenML record 2 (payload) is not hex: character 3 is not a hex digit".into())
    );
    assert_eq!(
        lora.port().map_err(text),
        Err("SenML record 3 (port) is not a whole number from 0 to 255".into())
    );
    let error = lora.frame_counter_up().unwrap_err();
    assert_eq!((error.record(), error.name()), (3, "FCntUp"));
    assert_eq!(error.kind(), FieldErrorKind::NotWhole { most: u32::MAX });
    assert_eq!(lora.rssi().unwrap_err().kind(), FieldErrorKind::NotNumber);
    assert_eq!(lora.esp(), Ok(Some(-1.0)));
    assert_eq!(uplink.measurements().len(), 5);
    for (record, kind) in [
        (r#"{"n":"payload","vs":"012"}"#, FieldErrorKind::OddHex { digits: 3 }),
        (r#"{"n":"payload","vs":"０1"}"#, FieldErrorKind::NotHex { at: 1 }),
        (r#"{"n":"payload","v":1234}"#, FieldErrorKind::NotText),
        (r#"{"n":"payload","vs":"01"},{"n":"payload","vs":"02"}"#, FieldErrorKind::Repeated),
    ] {
        let uplink = device(record);
        assert_eq!(uplink.lora().unwrap().payload().unwrap_err().kind(), kind, "{record}");
    }
}

#[test]
fn a_location_has_its_time_in_both_forms() {
    let body = r#"{"n":"latitude","v":52.09},{"n":"longitude","u":"lon","v":5.12},{"n":"radius","v":20},
        {"n":"locMethod","vs":"TDOA"},{"n":"locAccuracy","v":12.5},{"n":"locOrigin","vs":"KPN"},"#;
    for (time, milliseconds) in [
        (r#""v":1.58565075E9"#, 1_585_650_750_000),
        (r#""v":1585650750.25"#, 1_585_650_750_250),
        (r#""vs":"1585650750123""#, 1_585_650_750_123),
    ] {
        let uplink = device(&format!(r#"{body}{{"n":"locTime",{time}}}"#));
        let location = uplink.location().unwrap();
        let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        assert_eq!(location.time(), Ok(Some(expected)), "{time}");
        assert_eq!((location.latitude(), location.longitude()), (Ok(Some(52.09)), Ok(Some(5.12))));
        assert_eq!(location.radius(), Ok(Some(20.0)));
        assert_eq!(location.method(), Ok(Some(&Value::from("TDOA"))));
        assert_eq!(location.origin(), Ok(Some(&Value::from("KPN"))));
        assert!(matches!(location.accuracy(), Ok(Some(Value::Number(_)))));
        assert!(uplink.lora().is_none() && uplink.others().next().is_none());
    }
    let strict = Resolver::new(0.0);
    let body = br#"[{"bn":"a:","n":"latitude","v":1},{"n":"locTime","vs":"1500"}]"#;
    let uplink = Uplink::parse_with(body, &strict).unwrap();
    let expected = SystemTime::UNIX_EPOCH + Duration::from_millis(1500);
    assert_eq!(uplink.location().unwrap().time(), Ok(Some(expected)));
}

#[test]
fn a_location_that_cannot_be_is_an_error() {
    let uplink =
        device(r#"{"n":"latitude","v":90.1},{"n":"longitude","v":-180.1},{"n":"locTime","vs":"soon"}"#);
    let location = uplink.location().unwrap();
    assert_eq!(location.latitude().unwrap_err().kind(), FieldErrorKind::OutOfRange);
    assert_eq!(location.longitude().unwrap_err().record(), 2);
    assert_eq!(location.time().unwrap_err().kind(), FieldErrorKind::OutOfRange);
    assert_eq!(location.radius(), Ok(None));
}

#[test]
fn an_index_name_of_thingsml_is_refused_by_name() {
    let body = br#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:"},{"i_":-24,"v":1}]"#;
    let error = Uplink::parse(body, at(0)).unwrap_err();
    assert_eq!(error, Error::IndexName { record: 1 });
    assert!(error.to_string().starts_with(r#"SenML record 2 has an index name ("i_") of ThingsML"#));
    let error = Uplink::parse(br#"[{"n":"a","v":1,"x_":1}]"#, at(0)).unwrap_err();
    assert!(matches!(error, Error::Senml(_)));
}

#[test]
fn what_is_no_message_is_an_error() {
    assert_eq!(Uplink::parse(b"[{\"n\":\"\xff\"}]", at(0)), Err(Error::NotUtf8 { at: 7 }));
    for body in ["", "{}", "[]", "[{}]", "null"] {
        assert!(matches!(Uplink::parse(body.as_bytes(), at(0)), Err(Error::Senml(_))), "{body}");
    }
}

#[test]
fn the_published_example_is_a_device_with_a_data_value() {
    let uplink = parse(r#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#);
    assert_eq!(uplink.device(), Some(&Device::Other("device-name".into())));
    assert_eq!(uplink.measurements()[0].local_name(), "humidity");
    assert_eq!(uplink.measurements()[0].time().as_str(), "1800000000.000000000");
    assert!(uplink.measurements()[0].time().is_relative());
    assert_eq!(uplink.base_time(), None);
}

#[test]
fn the_records_of_another_device_are_measurements_alone() {
    let uplink = parse(
        r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"port","v":1},{"bn":"urn:dev:DEVEUI:0059AC0000181EB7:","n":"payload","vs":"01"}]"#,
    );
    assert!(uplink.lora().is_none());
    assert_eq!(uplink.measurements().len(), 2);
    let uplink = parse(r#"[{"n":"urn:dev:IMEI:352656100000000:x","v":1}]"#);
    assert_eq!(uplink.device(), Some(&Device::Imei("352656100000000".into())));
    assert_eq!(parse(r#"[{"n":"x","v":1}]"#).device(), None);
    let uplink = parse(r#"[{"bn":"urn:dev:IMEI:352656100000000"}]"#);
    assert_eq!(uplink.device(), Some(&Device::Imei("352656100000000".into())));
}

#[test]
fn a_codec_makes_measurements_of_a_payload() {
    let uplink = device(r#"{"n":"payload","vs":"0102"},{"n":"port","v":9}"#);
    let decoded = uplink.decode(|port, payload| {
        assert_eq!((port, payload), (9, &[1, 2][..]));
        Ok(vec![Record::new("a")?.with_value(Number::from(1)), Record::new("b")?.with_value(true)])
    });
    let decoded = decoded.unwrap();
    assert!(!decoded[0].time().is_relative());
    let names: Vec<_> = decoded.iter().map(|one| (one.name(), one.time().as_str())).collect();
    let expected = ["urn:dev:DEVEUI:0059AC0000181EB6:a", "urn:dev:DEVEUI:0059AC0000181EB6:b"];
    assert_eq!(names, expected.map(|name| (name, "1.7E9")));
    assert!(uplink.decode(|_, _| Ok(Vec::new())).unwrap().is_empty());
    let error = uplink.decode(|_, _| Err("too short".into())).unwrap_err();
    assert_eq!(error.to_string(), "the codec could not decode the payload: too short");
    let error = uplink.decode(|_, _| Ok(vec![Record::new("a")?])).unwrap_err();
    assert!(matches!(error, DecodeError::Senml(_)), "{error}");
    let now = parse(r#"[{"bn":"a:","n":"payload","vs":"00"},{"n":"port","v":9}]"#);
    let decoded = now.decode(|_, _| Ok(vec![Record::new("b")?.with_value(true)])).unwrap();
    assert_eq!((decoded[0].name(), decoded[0].time()), ("a:b", now.measurements()[0].time()));
    let nameless = parse(r#"[{"n":"payload","vs":"00"},{"n":"port","v":9}]"#);
    assert_eq!(nameless.lora().unwrap().payload(), Ok(vec![0]));
    let decoded = nameless.decode(|_, _| Ok(vec![Record::new("b")?.with_value(true)]));
    assert!(matches!(decoded, Err(DecodeError::NoDevice)));
    let wrong = device(r#"{"n":"payload","vs":"0"},{"n":"port","v":9}"#);
    assert!(matches!(wrong.decode(|_, _| unreachable!()), Err(DecodeError::Field(_))));
    for records in [r#"{"n":"payload","vs":"00"}"#, r#"{"n":"port","v":9}"#] {
        assert!(device(records).decode(|_, _| unreachable!()).unwrap().is_empty(), "{records}");
    }
}

#[test]
fn debug_shows_no_value() {
    let uplink = device(r#"{"n":"payload","vs":"deadbeef"},{"n":"latitude","v":52.25}"#);
    let text = format!("{uplink:?} {:?} {:?}", uplink.lora(), uplink.location());
    assert!(!text.contains("deadbeef") && !text.contains("52.25"), "{text}");
}
