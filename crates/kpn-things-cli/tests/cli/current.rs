//! Commands on KPN's current API.

use serde_json::Value;
use things_sim::{DeviceSpec, Sim, SimBuilder};

use crate::tool::{Ran, Tool, simulator};

const DEVICE: &str = "0059AC0000181EB6";

/// A simulator of so many devices `d0`, `d1` and so on, whose names are in the opposite order.
fn numbered(devices: usize, quirks: &[&str]) -> Sim {
    let device = |number: usize| DeviceSpec {
        uuid: Some(format!("d{number}")),
        barcode: Some(format!("0{number}")),
        ..DeviceSpec::named(format!("n{}", devices - 1 - number))
    };
    let builder =
        quirks.iter().fold(simulator().devices(0), |builder, quirk| builder.quirk(quirk.parse().unwrap()));
    (0..devices).fold(builder, |builder, number| builder.device(device(number))).start().unwrap()
}

fn progress(rule: &str) -> SimBuilder {
    simulator().quirk(format!("downlink-progress:{rule}").parse().unwrap())
}

fn send(sim: &Sim, device: &str, reference: &str) {
    let args =
        ["downlink", "send", device, "--port", "1", "--hex", "0102", "--reference", reference, "--quiet"];
    sim.things(&args).exits(0);
}

fn list(sim: &Sim, more: &[&str]) -> Ran {
    sim.things(&[&["devices", "list", "--api", "current"], more].concat())
}

#[test]
fn devices_of_the_current_api_are_listed_in_every_format() {
    let sim = numbered(5, &[]);
    let table = list(&sim, &["--page-size", "2"]).exits(0).complains("5 devices on 3 pages");
    let lines: Vec<_> = table.out.lines().collect();
    assert!(lines[0].starts_with("ID  NAME  BARCODE"), "{table:?}");
    assert!(lines[1].starts_with("d0  n4    00"), "{table:?}");
    assert_eq!(lines.len(), 6);
    let json = list(&sim, &["--json", "--sort-by", "name", "--fields", "name,id,none"]).exits(0).json();
    assert_eq!(json[0].to_string(), r#"{"id":"d4","name":"n0","none":null}"#);
    let ndjson = list(&sim, &["--ndjson", "--limit", "3", "--page-size", "2"]).exits(0);
    ndjson.complains("3 devices on 2 pages; stopped at the limit").prints(r#""id":"d2""#);
    let csv = list(&sim, &["--csv", "--sort-by", "name", "--descending"]).exits(0);
    let lines: Vec<_> = csv.out.lines().collect();
    assert!(lines[0].starts_with("id,name,barcode,") && lines[0].ends_with(",extra"), "{csv:?}");
    assert!(lines[1].starts_with("d0,n4,00,"), "{csv:?}");
    let excel = list(&sim, &["--csv-dialect", "excel", "--fields", "id,barcode"]).exits(0);
    assert!(excel.out.starts_with("\u{FEFF}id;barcode\r\n\"=\"\"d0\"\"\";\"=\"\"00\"\"\"\r\n"), "{excel:?}");
    for (format, nothing) in
        [("--json", "[]\n"), ("--ndjson", ""), ("--csv", ""), ("--csv-dialect=plain", "")]
    {
        let ran = list(&sim, &["--search", "nothing", format]).exits(0);
        assert_eq!(ran.complains("0 devices on 1 page").out, nothing);
    }
}

#[test]
fn filters_go_to_the_current_api_only() {
    let sim = numbered(5, &[]);
    let found =
        list(&sim, &["--barcode", "03", "--search", "N1", "--created-since", "2026-01-01", "--ndjson"]);
    assert_eq!(found.exits(0).json()["id"], "d3");
    let target = sim.requests().last().unwrap().target.clone();
    assert_eq!(target, "/devices?createdSince=2026-01-01&q=N1&barcode=03");
    let requests = sim.calls_total();
    sim.things(&["devices", "list", "--barcode", "03"]).exits(2).complains("add --api current");
    for (more, why) in [
        (&["--verified"][..], "--verified, --plain and --window are not for --api current"),
        (&["--ndjson", "--with-proof"], "--with-proof are not for --api current"),
        (&["--descending"], "needs --sort-by"),
        (&["--created-before", "soon"], "createdBefore is \"soon\": expected a date"),
    ] {
        list(&sim, more).exits(2).complains(why);
    }
    assert_eq!(sim.calls_total(), requests);
    list(&sim, &["--dry-run", "--page-size", "2"]).exits(0).prints("/devices?limit=2");
}

#[test]
fn a_listing_that_breaks_off_says_how_much_it_has() {
    let sim = numbered(3, &["next-loop"]);
    let ran = list(&sim, &["--ndjson", "--page-size", "2"]).exits(1);
    ran.complains("error: the output is incomplete: 5 devices")
        .complains("links to a page that was requested before");
}

#[test]
fn downlinks_are_listed_by_device_and_by_connection() {
    let sim = progress("reads-9").devices(3).start().unwrap();
    send(&sim, DEVICE, "valve-1");
    send(&sim, "1159AC0000181EB6", "valve-2");
    let references = |more: &[&str]| {
        let ran = sim.things(&[&["downlink", "list", "--ndjson"], more].concat()).exits(0);
        let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|item| item["externalReference"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(references(&[]), ["valve-1", "valve-2"]);
    assert_eq!(references(&["--device", &DEVICE.to_lowercase()]), ["valve-1"]);
    assert_eq!(references(&["--search", "1159AC"]), ["valve-2"]);
    assert_eq!(references(&["--sort", "-createdAt", "--limit", "1"]), ["valve-2"]);
    assert_eq!(references(&["--connection", "lora"]), ["valve-1", "valve-2"]);
    assert!(references(&["--connection", "lora", "--device-id", "d-1"]).is_empty());
    assert!(references(&["--connection", "mqtt"]).is_empty());
    sim.things(&["downlink", "list", "--device-id", "d-1"]).exits(2).complains("--connection");
    sim.things(&["downlink", "list", "--device", "Parking 1"]).exits(2).complains("DevEUI");
    sim.things(&["downlink", "list"]).exits(0).prints("STATUS").complains("2 downlinks on 1 page");
}

#[test]
fn watch_prints_each_change_and_ends_with_the_last_downlink() {
    let sim = progress("reads-2").start().unwrap();
    send(&sim, DEVICE, "valve-1");
    let ran = sim.things(&["downlink", "watch", "valve-1", "--interval", "0"]).exits(0);
    let states: Vec<_> = ran.out.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(states, ["Pending", "Executing", "Delivered (ended)"]);
    ran.complains("1 downlink ended: no field is Pending or Executing");
    send(&sim, DEVICE, "valve-2");
    let ran = sim.things(&["downlink", "watch", DEVICE, "--interval", "0", "--ndjson"]).exits(0);
    let changes: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |reference: &str| {
        let changes = changes.iter().filter(|change| change["downlink"]["externalReference"] == reference);
        changes.map(|change| (change["state"].as_str().unwrap(), change["ended"] == true)).collect::<Vec<_>>()
    };
    assert_eq!(of("valve-1"), [("Delivered", true)]);
    assert_eq!(of("valve-2"), [("Pending", false), ("Executing", false), ("Delivered", true)]);
}

#[test]
fn watch_follows_no_other_device_for_a_dev_eui_that_is_cut_off() {
    let sim = progress("at-once").start().unwrap();
    send(&sim, DEVICE, "valve-1");
    let requests = sim.calls_total();
    for target in [&DEVICE[..15], &DEVICE[..14], "0059AC0000181EB60"] {
        let ran = sim.things(&["downlink", "watch", target]).exits(2);
        ran.complains(&format!("DevEUI has {} hex digits", target.len()));
    }
    assert_eq!(sim.calls_total(), requests);
    sim.things(&["downlink", "watch", "202601310930", "--deadline", "0.01"]).exits(1);
}

#[test]
fn watch_ends_at_its_deadline_and_survives_a_service_that_is_down_for_a_while() {
    let sim = progress("after-1000s").start().unwrap();
    let watch =
        |target: &str| sim.things(&["downlink", "watch", target, "--interval", "0.01", "--deadline", "0.2"]);
    let ran = watch("nothing").exits(1).complains("the deadline passed, and no downlink was found");
    assert_eq!(ran.err.matches("no downlink is found yet; the next request follows in 0.01 s").count(), 1);
    send(&sim, DEVICE, "valve-1");
    let ran = watch("valve-1").exits(1).complains("the deadline passed, and 1 downlink had not ended");
    assert_eq!(ran.out.lines().count(), 1);
    let sim = progress("at-once").fault("other@1-4=status:502".parse().unwrap()).start().unwrap();
    send(&sim, DEVICE, "valve-1");
    let ran =
        sim.things(&["downlink", "watch", "valve-1", "--interval", "0"]).exits(0).complains("trying again");
    assert!(ran.out.trim_end().ends_with("  ended"), "{ran:?}");
    let sim = progress("at-once").fault("other=status:403".parse().unwrap()).start().unwrap();
    let ran = sim.things(&["downlink", "watch", "valve-1"]).exits(1);
    ran.complains("403").complains("the API key may lack the scope downlink.read");
    sim.things(&["downlink", "watch", " "]).exits(2).complains("the target is empty");
    sim.things(&["downlink", "watch", "urn:dev:DEVEUI:00:"]).exits(2);
}
