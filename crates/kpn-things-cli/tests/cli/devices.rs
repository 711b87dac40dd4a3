use serde_json::{Value, json};
use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Quirk, Route, Sim, SortByUuid, SortEcho};

use crate::tool::{SECRET, Tool, file, run, simulator};

const LIST: &[&str] = &["devices", "list"];

pub(crate) fn list(sim: &Sim, args: &[&str]) -> crate::tool::Ran {
    sim.things(&[LIST, args].concat())
}

/// Two devices with all that a format may have to escape.
pub(crate) fn awkward() -> Sim {
    let mut first = DeviceSpec::named("A, \"b\"\n\tc\x1b[31m é");
    first.uuid = Some("xxxxxx".into());
    first.description = "one\r\ntwo".into();
    first.metadata = json!({"floor": 2, "tags": ["a", null]});
    first.barcode = Some("=1+1".into());
    first.extra.insert("eui".into(), "0059AC0000181EB6".into());
    let mut second = DeviceSpec::named("B");
    second.uuid = Some("yyyyyy".into());
    simulator()
        .devices(0)
        .device(first)
        .device(second)
        .quirk(Quirk::SortEcho(SortEcho::Object))
        .start()
        .unwrap()
}

#[test]
fn a_table_has_a_heading_full_values_and_no_control_characters() {
    let ran = list(&awkward(), &[]).exits(0);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    assert!(lines[0].starts_with("NAME "));
    assert_eq!(lines[1], "A, \"b\"  c [31m é  0059AC0000181EB6  xxxxxx  =1+1     one  two", "{ran:?}");
    assert_eq!(ran.err, "2 devices, proven complete with 1 request\n");
    let long = "x".repeat(300);
    let sim = simulator().devices(0).device(DeviceSpec::named(long.as_str())).start().unwrap();
    list(&sim, &[]).exits(0).prints(&long);
}

#[test]
fn json_is_one_array_with_the_services_own_fields() {
    let ran = list(&awkward(), &["--json"]).exits(0);
    let devices = ran.json();
    assert_eq!(devices[0]["uuid"], "xxxxxx");
    assert_eq!(devices[0]["name"], "A, \"b\"\n\tc\x1b[31m é");
    assert_eq!(devices[0]["metadata"], json!({"floor": 2, "tags": ["a", null]}));
    assert_eq!(devices[0]["eui"], "0059AC0000181EB6");
    assert!(devices[1].as_object().unwrap().contains_key("deviceSpecificationUUID"));
    assert_eq!(devices.as_array().unwrap().len(), 2);
}

#[test]
fn ndjson_is_one_object_a_line() {
    let ran = list(&awkward(), &["--ndjson"]).exits(0);
    let devices: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(devices.len(), 2);
    assert_eq!(devices[1]["name"], "B");
}

#[test]
fn an_empty_fleet_is_empty_in_every_format() {
    let sim = simulator().devices(0).start().unwrap();
    assert_eq!(list(&sim, &[]).exits(0).out, "");
    assert_eq!(list(&sim, &["--json"]).exits(0).json(), json!([]));
    assert_eq!(list(&sim, &["--ndjson"]).exits(0).out, "");
    let csv = list(&sim, &["--csv"]).exits(0);
    assert_eq!(csv.out, "uuid,name,description,deviceSpecificationUUID,barcode,metadata,eui,extra\n");
    assert_eq!(csv.err, "0 devices, proven complete with 1 request\n");
}

#[test]
fn the_query_goes_out_as_given() {
    let sim = simulator().start().unwrap();
    let args = ["--search", "P&B é+%", "--sort-by", "uuid", "--descending", "--page-size", "7", "--json"];
    list(&sim, &args).exits(0);
    let target =
        "/api/devices?currentPage=0&pageSize=7&search=P%26B%20%C3%A9%2B%25&sortBy=uuid&sortOrder=DESC";
    assert_eq!(sim.requests().last().unwrap().target, target);
    list(&sim, &["--ascending", "--limit", "1"]).exits(0);
    assert_eq!(
        sim.requests().last().unwrap().target,
        "/api/devices?currentPage=0&pageSize=100&sortOrder=ASC"
    );
}

#[test]
fn all_pages_come_in_order_whatever_the_window() {
    let sim = simulator().devices(205).page_size_cap(10).start().unwrap();
    for window in ["1", "64"] {
        let args = ["--plain", "--json", "--page-size", "50", "--window", window];
        let ran = list(&sim, &args).exits(0);
        let json = ran.json();
        let uuids: Vec<_> =
            json.as_array().unwrap().iter().map(|device| device["uuid"].as_str().unwrap()).collect();
        let mut expected = sim.device_uuids();
        expected.sort();
        assert_eq!(uuids, expected);
        assert_eq!(ran.err, "205 devices on 21 pages\n");
    }
}

#[test]
fn a_listing_is_proven_complete() {
    let sim = simulator().devices(2_000).start().unwrap();
    for args in [&["--ndjson"][..], &["--ndjson", "--verified"], &["--ndjson", "--window", "1"]] {
        let ran = list(&sim, args).exits(0);
        assert_eq!(ran.out.lines().count(), 2_000);
        assert_eq!(ran.err, "2,000 devices, proven complete with 23 requests\n");
    }
    let request = sim.requests().last().unwrap().clone();
    assert!(request.target.ends_with("&sortBy=uuid&sortOrder=ASC"), "{}", request.target);
    assert_eq!(request.header("cache-control").unwrap(), "no-cache");
}

#[test]
fn a_listing_that_cannot_be_proven_lists_each_device_once_and_says_why() {
    for (quirk, why) in [
        (SortByUuid::Ignored, "the service ordered the devices by name instead of uuid"),
        (SortByUuid::Refused, "the service refused a page that the proof needs: 400"),
    ] {
        let sim = simulator().devices(250).quirk(Quirk::SortByUuid(quirk)).start().unwrap();
        let ran = list(&sim, &["--ndjson"]).exits(0);
        assert!(ran.err.starts_with("250 devices on 3 pages; not proven complete: "), "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
        let mut lines: Vec<_> = ran.out.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 250);
        let ran = list(&sim, &["--ndjson", "--verified"]).exits(5);
        ran.complains(&format!("error: the listing is not proven complete: {why}"))
            .complains("gap: devices may be missing between the start and the end");
    }
}

#[test]
fn what_was_proven_is_not_listed_again_where_the_proof_fails_later() {
    let sim = simulator().devices(250).fault("devices@3=status:400".parse().unwrap()).start().unwrap();
    let ran = list(&sim, &["--ndjson", "--window", "1"]).exits(0).complains("not proven complete");
    let mut lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 250);
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 250);
}

#[test]
fn a_proof_goes_with_no_order_and_no_limit() {
    let sim = simulator().start().unwrap();
    for args in
        [&["--plain"][..], &["--limit", "1"], &["--sort-by", "name"], &["--descending"], &["--ascending"]]
    {
        list(&sim, &[&["--verified"], args].concat()).exits(2).complains("cannot be used with");
        assert!(!list(&sim, args).exits(0).err.contains("proven"));
    }
    assert_eq!(list(&sim, &["--plain"]).exits(0).err, "100 devices on 1 page\n");
}

#[test]
fn a_table_is_sorted_by_name() {
    let names = ["beta", "Alpha", "gamma"];
    let devices = names.iter().fold(simulator().devices(0), |sim, name| sim.device(DeviceSpec::named(*name)));
    let ran = list(&devices.start().unwrap(), &[]).exits(0);
    let first: Vec<_> = ran.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first, ["NAME", "Alpha", "beta", "gamma"]);
}

#[test]
fn what_a_table_holds_back_is_written_even_if_the_listing_fails() {
    let broken = simulator().devices(100).fault("devices@2-=status:404".parse().unwrap()).start().unwrap();
    let ran = list(&broken, &["--window", "1", "--page-size", "20"]).exits(1).complains("error: 404");
    assert_eq!(ran.out.lines().count(), 21);
}

#[test]
fn a_limit_stops_early() {
    let sim = simulator().devices(45).start().unwrap();
    let ran = list(&sim, &["--limit", "5", "--ndjson"]).exits(0);
    assert_eq!(ran.out.lines().count(), 5);
    assert_eq!(ran.err, "5 devices on 1 page; the service counts 45 devices; stopped at the limit\n");
    assert_eq!(sim.calls(Route::Devices), 1);
    assert_eq!(list(&sim, &["--limit", "25", "--ndjson"]).exits(0).out.lines().count(), 25);
    assert_eq!(list(&sim, &["--limit", "0", "--json"]).exits(0).json(), json!([]));
}

#[test]
fn a_customers_devices_are_listed_by_option_and_by_variable() {
    let sim = simulator().customer("other", 4).start().unwrap();
    let ran = list(&sim, &["--customer", DEFAULT_CUSTOMER, "--json"]).exits(0);
    assert_eq!(ran.json().as_array().unwrap().len(), 3);
    assert_eq!(sim.calls(Route::ContextSwitch), 1);
    let mut command = sim.command(&["devices", "list", "--ndjson"]);
    command.env("KPN_THINGS_CUSTOMER_ID", "other");
    assert_eq!(run(command).exits(0).out.lines().count(), 4);
    list(&sim, &["--customer", "stranger"]).exits(1).complains("error: 403").complains("stranger");
    list(&sim, &["--customer", "a/b"]).exits(2).complains("customer id");
}

#[test]
fn the_security_context_goes_out_verbatim() {
    let sim = simulator().start().unwrap();
    let context = file("verbatim.context", "as-it-is = 1\n");
    list(&sim, &["--security-context-file", &context, "--limit", "1"]).exits(0);
    let header = sim.requests().last().unwrap().header("KPN-Things-Security-Context").unwrap().to_owned();
    assert_eq!(header, "as-it-is = 1");
}

#[test]
fn failures_have_their_own_exit_status_and_leave_no_whole_json() {
    let refused = simulator().without_access().start().unwrap();
    let ran = list(&refused, &["--json"]).exits(3).complains("error: 302").complains("\nhint: ");
    assert_eq!(ran.out, "");
    let broken = simulator().devices(100).fault("devices@3-=status:400".parse().unwrap()).start().unwrap();
    let ran = list(&broken, &["--plain", "--json", "--window", "1", "--page-size", "20"])
        .exits(1)
        .complains("error: 400");
    assert!(ran.out.starts_with('[') && !ran.out.contains(']'), "{ran:?}");
    let down = simulator().fault("token=status:503".parse().unwrap()).start().unwrap();
    list(&down, &["--timeout", "0.1"]).exits(1).complains("request: POST");
}

#[test]
fn an_answer_that_repeats_the_secret_does_not_show_it() {
    let body = format!("token=status:401,body:{{\"error\":\"no key has {}\"}}", escaped_for_a_rule(SECRET));
    let sim = simulator().fault(body.parse().unwrap()).start().unwrap();
    list(&sim, &[]).exits(3).complains("[redacted]");
}

/// The secret as a text in JSON, in a rule of the simulator.
fn escaped_for_a_rule(secret: &str) -> String {
    let json = serde_json::to_string(secret).unwrap();
    json.trim_matches('"').replace('\\', "\\\\").replace(',', "\\,")
}
