//! `things devices diff`, and the record of a listing with its proof.

use std::fs;

use serde_json::{Value, json};
use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Quirk, Sim, SortByUuid};

use crate::devices::list;
use crate::tool::{Ran, Tool, bare, file, run_with_input, simulator};

fn device(uuid: &str, name: &str) -> DeviceSpec {
    DeviceSpec { uuid: Some(uuid.into()), ..DeviceSpec::named(name) }
}

/// Five devices.
fn fleet() -> Sim {
    let names = ["Hall", "Pump", "Valve", "Parking 1", "Parking 2"];
    let devices = names.iter().enumerate().map(|(place, name)| device(&format!("u-{}", place + 1), name));
    devices.fold(simulator().devices(0), things_sim::SimBuilder::device).start().unwrap()
}

/// Saves a listing, and returns the name of the file.
fn saved(sim: &Sim, name: &str, args: &[&str]) -> String {
    let ran = list(sim, &[&["--ndjson", "--with-proof"], args].concat()).exits(0);
    file(name, &ran.out)
}

fn diff(sim: &Sim, args: &[&str]) -> Ran {
    sim.things(&[&["devices", "diff"], args].concat())
}

/// Removes, adds, renames and describes one device each.
fn change(sim: &Sim) {
    sim.remove_device("u-1");
    sim.add_device(device("u-6", "New"));
    sim.add_device(device("u-2", "Pump\x1b[2J west"));
    let mut valve = device("u-3", "Valve");
    valve.metadata = json!({"floor": 2});
    valve.barcode = Some("0012".into());
    valve.extra.insert("eui".into(), "0059AC0000181EB6".into());
    sim.add_device(valve);
}

fn records(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The kind of change of each device.
fn kinds(ran: &Ran) -> Vec<(String, String)> {
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    records(ran).iter().map(|record| (text(record, "change"), text(record, "uuid"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(change, uuid)| ((*change).to_owned(), (*uuid).to_owned())).collect()
}

#[test]
fn a_saved_listing_ends_with_its_proof() {
    let sim = fleet();
    let ran = list(&sim, &["--ndjson", "--with-proof"]).exits(0);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let record = &last["_listing"];
    let when = record["when"].as_str().unwrap();
    assert!(when.len() == "2026-07-01T09:30:00Z".len() && when.ends_with('Z'), "{record}");
    let expected = json!({
        "proven": true, "requests": 1, "devices": 5, "when": when, "base_url": sim.url(), "search": null,
        "customer": null,
    });
    assert_eq!(record, &expected);
    let args = ["--ndjson", "--with-proof", "--search", "Park", "--customer", DEFAULT_CUSTOMER, "--plain"];
    let ran = list(&sim, &args).exits(0);
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let record = &last["_listing"];
    assert_eq!((&record["proven"], &record["search"]), (&json!(false), &json!("Park")));
    assert_eq!(record["customer"], DEFAULT_CUSTOMER);
    for other in [&["--json"][..], &[], &["--ndjson", "--fields", "name"]] {
        list(&sim, &[&["--with-proof"], other].concat()).exits(2);
    }
}

#[test]
fn the_documented_record_has_the_fields_of_a_real_one() {
    let readme = include_str!("../../README.md");
    let shown = readme.lines().find(|line| line.starts_with("{\"_listing\"")).unwrap();
    let ran = list(&fleet(), &["--ndjson", "--with-proof"]).exits(0);
    let names = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        value["_listing"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(shown), names(ran.out.lines().last().unwrap()));
}

#[test]
fn a_listing_that_failed_has_no_record() {
    let sim = simulator().devices(300).fault("devices@2-=status:403".parse().unwrap()).start().unwrap();
    let ran = list(&sim, &["--ndjson", "--with-proof", "--plain"]).exits(1);
    assert!(ran.out.lines().count() >= 100 && !ran.out.contains("_listing"), "{ran:?}");
}

#[test]
fn the_tool_compares_a_saved_listing_with_the_devices_now() {
    let sim = fleet();
    let old = saved(&sim, "diff-now.ndjson", &[]);
    let ran = diff(&sim, &[&old]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "5 devices, no differences\n"));
    diff(&sim, &[&old, "--exit-status"]).exits(0);
    change(&sim);
    let ran = diff(&sim, &[&old]).exits(0);
    let expected = "\
CHANGE   NAME           UUID  FIELD     OLD   NEW
changed  Pump [2J west  u-2   name      Pump  Pump [2J west
changed  Valve          u-3   metadata  null  {\"floor\":2}
changed  Valve          u-3   barcode   null  0012
changed  Valve          u-3   eui             0059AC0000181EB6
added    New            u-6
removed  Hall           u-1
";
    assert_eq!(ran.out, expected);
    assert_eq!(ran.err, "5 devices: 1 added, 2 changed, 1 removed\n");
    let ran = diff(&sim, &[&old, "--exit-status", "--ndjson"]).exits(6);
    let changes = records(&ran);
    assert_eq!(changes[0]["fields"], json!({"name": {"old": "Pump", "new": "Pump\u{1b}[2J west"}}));
    assert_eq!(changes[1]["fields"]["eui"], json!({"new": "0059AC0000181EB6"}));
    assert_eq!((&changes[2]["change"], &changes[2]["device"]["name"]), (&json!("added"), &json!("New")));
    assert_eq!((&changes[3]["change"], &changes[3]["uuid"]), (&json!("removed"), &json!("u-1")));
    assert!(!ran.err.contains("error"), "{ran:?}");
}

#[test]
fn only_a_proven_listing_says_that_a_device_was_removed() {
    let sim = fleet();
    let old = saved(&sim, "diff-proven-old.ndjson", &[]);
    sim.remove_device("u-1");
    let new = saved(&sim, "diff-proven-new.ndjson", &[]);
    let ran = bare(&["devices", "diff", &old, &new, "--ndjson"]).exits(0);
    assert_eq!(kinds(&ran), pairs(&[("removed", "u-1")]));
    let unproven = saved(&sim, "diff-unproven.ndjson", &["--plain"]);
    let whole = fs::read_to_string(&new).unwrap();
    let cut = file("diff-cut.ndjson", &whole[..whole.find("{\"_listing").unwrap()]);
    let shortened: String = whole.lines().skip(1).map(|line| line.to_owned() + "\n").collect();
    let shortened = file("diff-shortened.ndjson", &shortened);
    for (new, why) in [
        (&unproven, "not proven complete"),
        (&cut, "it does not end with a _listing record"),
        (&shortened, "it was changed after it was saved"),
    ] {
        let ran = bare(&["devices", "diff", &old, new]).exits(0);
        assert!(ran.out.contains("not listed  Hall") && !ran.out.contains("removed"), "{ran:?}");
        ran.complains("may still exist").complains(why).complains(new);
    }
    let ran = bare(&["devices", "diff", &cut, &old, "--ndjson", "--exit-status"]).exits(6);
    assert_eq!(kinds(&ran), pairs(&[("added", "u-1")]));
    ran.complains("1 added device may have existed before");
}

#[test]
fn a_listing_that_cannot_be_proven_is_not_compared() {
    let sim = fleet();
    let old = saved(&sim, "diff-incomplete.ndjson", &[]);
    let other = simulator().devices(300).quirk(Quirk::SortByUuid(SortByUuid::Refused)).start().unwrap();
    let old =
        file("diff-incomplete.ndjson", &fs::read_to_string(old).unwrap().replace(sim.url(), other.url()));
    let ran = diff(&other, &[&old]).exits(5);
    assert_eq!(ran.out, "");
}

#[test]
fn listings_of_something_else_are_refused_before_anything_is_sent() {
    let sim = fleet();
    let search = saved(&sim, "diff-search.ndjson", &["--search", "Park"]);
    let requests = sim.calls_total();
    let ran = diff(&sim, &[&search]).exits(2);
    ran.complains("the old one is of devices that match \"Park\", and the new one is of all devices")
        .complains(&format!("hint: the old listing was made with --base-url {} --search Park", sim.url()));
    assert_eq!(sim.calls_total(), requests);
    sim.remove_device("u-4");
    let ran = diff(&sim, &[&search, "--search", "Park", "--ndjson"]).exits(0);
    assert_eq!(kinds(&ran), pairs(&[("removed", "u-4")]));
    ran.complains("may only have stopped matching the search");
    let customer = saved(&sim, "diff-customer.ndjson", &["--customer", DEFAULT_CUSTOMER]);
    diff(&sim, &[&customer]).exits(2).complains(&format!("of the customer {DEFAULT_CUSTOMER}"));
    let all = saved(&sim, "diff-all.ndjson", &[]);
    bare(&["devices", "diff", &all, &search]).exits(2).complains("list both with the same search");
    let elsewhere = saved(&fleet(), "diff-elsewhere.ndjson", &[]);
    let ran = bare(&["devices", "diff", &all, &elsewhere]).exits(2);
    ran.complains("list both with the same base URL");
    bare(&["devices", "diff", &all, &elsewhere, "--search", "a"]).exits(2);
}

#[test]
fn an_error_in_a_file_has_its_line() {
    let good = file("diff-good.ndjson", "{\"uuid\":\"u-1\"}\n");
    for (text, message) in [
        ("{\"uuid\":\"u-1\"}\n\n{\"uuid\":\"u-1\"}\n", "line 3: the uuid \"u-1\" is also on line 1"),
        (
            "{\"uuid\":\"u-1\"}\n{\"uuid\":\"u-2\",\n",
            "line 2: not a device: the JSON is cut short (column 15)",
        ),
        ("{\"name\":\"a\\u001b[2J\"}\n", "line 1: the device has no uuid"),
        ("[]\n", "line 1: not a JSON object; write the file with: things devices list --ndjson"),
    ] {
        let bad = file("diff-bad.ndjson", text);
        for args in [[&bad, &good], [&good, &bad]] {
            let ran = bare(&["devices", "diff", args[0], args[1]]).exits(2);
            assert_eq!((ran.out.as_str(), ran.err), ("", format!("error: {bad}, {message}\n")));
        }
    }
    bare(&["devices", "diff", "/nowhere.ndjson"]).exits(2).complains("cannot be read from /nowhere.ndjson");
}

#[test]
fn one_of_the_two_listings_can_be_stdin() {
    let old = file("diff-stdin.ndjson", "{\"uuid\":\"u-1\"}\n{\"uuid\":\"u-2\"}\n");
    let args = ["devices", "diff", &old, "-", "--ndjson"];
    let ran = run_with_input(crate::tool::command(&args), "{\"uuid\":\"u-2\"}\n").exits(0);
    assert_eq!(kinds(&ran), pairs(&[("not_listed", "u-1")]));
    ran.complains("the new listing proves nothing");
    bare(&["devices", "diff", "-", "-"]).exits(2).complains("cannot be read from stdin");
}

#[test]
fn an_older_listing_as_the_new_one_is_noticed() {
    let record = |when: &str| {
        format!(
            "{{\"_listing\":{{\"proven\":true,\"requests\":1,\"devices\":0,\"when\":\"{when}\",\"base_url\":\"u\"}}}}\n"
        )
    };
    let old = file("diff-when-old.ndjson", &record("2026-07-01T09:30:00Z"));
    let new = file("diff-when-new.ndjson", &record("2026-07-02T09:30:00Z"));
    assert_eq!(bare(&["devices", "diff", &old, &new]).exits(0).err, "0 devices, no differences\n");
    bare(&["devices", "diff", &new, &old]).exits(0).complains("OLD comes first");
}

#[test]
fn the_simulator_takes_a_file_with_a_record() {
    let saved = saved(&fleet(), "diff-sim.ndjson", &[]);
    let ran = bare(&["sim", "--device-file", &saved, "--", env!("CARGO_BIN_EXE_things"), "devices", "list"]);
    ran.exits(0).complains("5 devices, proven complete");
}
