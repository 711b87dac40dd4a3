//! A fleet from a file: one JSON object per line, as `things devices list --ndjson` writes it.

use crate::client::*;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use things_sim::{DeviceFileError, DeviceSpec, MAX_DEVICES, Sim, SimBuilder};

/// Two devices, with fields and digits that the simulator does not know.
const FLEET: &str = r#"{"uuid":"u-2","name":"Pump","iccid":89314404000123456789,"eui":"0059AC0000181EB6","weight":1.50}
{"uuid":"u-1", "name":"Café","barcode":871234,"metadata":{"b":1,"a":[1e3]},"description":null}
"#;

fn from_text(text: impl AsRef<[u8]>) -> Result<SimBuilder, DeviceFileError> {
    Sim::builder().devices_from(text.as_ref())
}

fn listed(sim: &Sim, query: &str) -> String {
    list(sim, &bearer(sim), query).text().to_owned()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn devices_are_listed_exactly_as_in_the_file() {
    let path = path("fleet.ndjson");
    fs::write(&path, FLEET).unwrap();
    let sim = Sim::builder().device_file(&path).unwrap().start().unwrap();
    assert_eq!(sim.device_uuids(), ["u-1", "u-2"]);
    let lines: Vec<&str> = FLEET.lines().collect();
    let content = format!(r#"{{"content":[{},{}],"#, lines[1], lines[0]);
    assert!(listed(&sim, "").starts_with(&content), "{}", listed(&sim, ""));
    assert!(listed(&sim, "?search=Caf%C3%A9").contains(r#""totalElements":1"#));
    assert!(listed(&sim, "?sortBy=barcode&sortOrder=DESC").starts_with(&content));
}

#[test]
fn generated_and_described_devices_join_those_of_a_file() {
    let described = DeviceSpec { uuid: Some("u-1".into()), ..DeviceSpec::named("Described") };
    let sim = from_text(FLEET).unwrap().devices(5).device(described).start().unwrap();
    assert_eq!(sim.device_count(), 7);
    assert!(listed(&sim, "").contains(r#""name":"Described""#));
    let more = from_text(FLEET).unwrap().devices_from(&br#"{"uuid":"u-3"}"#[..]).unwrap();
    assert_eq!(more.start().unwrap().device_count(), 3);
    assert_eq!(from_text("").unwrap().start().unwrap().device_count(), 0);
}

#[test]
fn a_renamed_device_keeps_its_other_fields() {
    let rename = "1=rename-device:u-2,Valve".parse().unwrap();
    let sim = from_text(FLEET).unwrap().change(rename).start().unwrap();
    let expected = r#"{"uuid":"u-2","name":"Valve","iccid":89314404000123456789,"eui":"0059AC0000181EB6","weight":1.50}"#;
    assert!(listed(&sim, "").contains(expected), "{}", listed(&sim, ""));
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_are_tolerated() {
    let text = format!("\u{FEFF}{}\r\n\r\n", FLEET.trim_end().replace('\n', "\r\n"));
    assert_eq!(from_text(text).unwrap().start().unwrap().device_count(), 2);
}

#[test]
fn the_record_of_a_listing_is_no_device() {
    let record = r#"{"_listing":{"proven":true,"requests":1,"devices":2}}"#;
    assert_eq!(from_text(format!("{FLEET}{record}\n")).unwrap().start().unwrap().device_count(), 2);
    let marked = r#"{"uuid":"u-3","_listing":{}}"#;
    assert_eq!(from_text(marked).unwrap().start().unwrap().device_count(), 1);
}

#[test]
fn errors_name_the_line_and_the_reason() {
    let twice = format!("{FLEET}\n{}", FLEET.lines().next().unwrap());
    for (text, line, reason) in [
        (twice.as_bytes(), 4, "the uuid u-2 is also on line 1"),
        (b"{\"uuid\":\"u-1\"}\n{\"name\":\"A\"}", 2, "the device has no uuid"),
        (b"{\"uuid\":\"\"}", 1, "the device has no uuid"),
        (b"{\"uuid\":\"u-1\",\"name\":[]}", 1, "`name` is not text"),
        (b"{\"uuid\":\"u-1\" \"name\":1}", 1, "not JSON: expected `,` or `}` in column 15"),
        (b"{\"uuid\":\"u-1\"", 1, "not JSON: EOF while parsing an object in column 13"),
        (b"[{\"uuid\":\"u-1\"}]", 1, "things devices list --ndjson"),
        (b"{\n\"uuid\":\"u-1\"}", 1, "things devices list --ndjson"),
        (b"uuid,name\nu-1,A", 1, "things devices list --ndjson"),
        (b"\xFF\xFE{\0", 1, "UTF-16"),
        (b"{\"uuid\":\"\xE9\"}", 1, "not UTF-8"),
    ] {
        let error = from_text(text).unwrap_err();
        assert_eq!(error.line(), Some(line), "{error}");
        assert!(error.reason().contains(reason), "{error}");
    }
    let error = from_text(FLEET).unwrap().devices_from(&br#"{"uuid":"u-1"}"#[..]).unwrap_err();
    assert_eq!(error.to_string(), "the list of devices, line 1: the uuid u-1 is also in an earlier file");
}

#[test]
fn errors_name_the_file() {
    let path = path("broken.ndjson");
    fs::write(&path, "{}").unwrap();
    let name = path.display();
    let error = Sim::builder().device_file(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("{name}, line 1: the device has no uuid"));
    let error = Sim::builder().device_file("/nowhere/fleet.ndjson").unwrap_err();
    assert_eq!(error.line(), None);
    assert!(error.to_string().starts_with("/nowhere/fleet.ndjson: "), "{error}");
}

#[test]
fn a_strict_simulator_knows_the_devices_that_downlinks_are_for() {
    let sim = from_text(FLEET).unwrap().strict_devices().start().unwrap();
    let bearer = bearer(&sim);
    let status = |sim: &Sim, body: &str| send(sim, &bearer, SEND, body).status;
    assert_eq!(status(&sim, DOWNLINK), 201);
    assert_eq!(status(&sim, &DOWNLINK.replace("0059AC", "0059ac")), 201);
    assert_eq!(status(&sim, r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"setpoint","v":1}]"#), 201);
    let unknown = DOWNLINK.replace("1EB6", "1EB7");
    let refused = send(&sim, &bearer, SEND, &unknown);
    assert_eq!(refused.status, 404);
    assert_eq!(refused.json()["message"], "no device has the DevEUI 0059AC0000181EB7");
    let second =
        r#"[{"bn":"urn:dev:DEVEUI:","n":"0059AC0000181EB6:a","v":1},{"n":"0059AC0000181EB7:a","v":1}]"#;
    assert_eq!(status(&sim, second), 404);
    assert_eq!(sim.downlinks_received(), 3);

    assert!(sim.remove_device("u-2"));
    assert_eq!(status(&sim, DOWNLINK), 404);
    let returned = serde_json::json!({ "eui": "00-59-AC-00-00-18-1E-B7" });
    sim.add_device(serde_json::from_value(returned).unwrap());
    assert_eq!(status(&sim, &unknown), 201);
}

#[test]
fn a_simulator_that_is_not_strict_takes_every_dev_eui() {
    let sim = Sim::builder().devices(0).start().unwrap();
    assert_eq!(send(&sim, &bearer(&sim), SEND, DOWNLINK).status, 201);
}

#[test]
fn too_many_devices_are_refused_before_they_are_generated() {
    for builder in [Sim::builder().devices(MAX_DEVICES + 1), Sim::builder().customer("c", usize::MAX)] {
        let error = builder.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("5000000"), "{error}");
    }
}
