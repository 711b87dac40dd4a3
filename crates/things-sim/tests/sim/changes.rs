//! Devices that change between list requests.

use crate::client::*;
use serde_json::Value;
use std::collections::HashSet;
use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Sim, SimBuilder};

fn builder(changes: &[&str]) -> SimBuilder {
    changes.iter().fold(Sim::builder(), |builder, rule| builder.change(rule.parse().unwrap()))
}

/// The responses to so many equal requests.
fn pages(sim: &Sim, count: usize) -> Vec<Value> {
    let bearer = bearer(sim);
    let mut wire = Wire::to(sim);
    (0..count).map(|_| page(&mut wire, &bearer, "sortBy=uuid&pageSize=1000")).collect()
}

fn set(page: &Value) -> HashSet<String> {
    uuids(page).into_iter().collect()
}

#[test]
fn named_devices_change_before_the_request_that_the_rule_names() {
    let rules = [
        "2=remove-device:u-1,u-3",
        "3=rename-device:u-2,Renamed",
        "4=return-device:u-3",
        r"5=add-device:u-9,Pump\, north",
        "6=remove-device:unknown",
    ];
    let device = |uuid: &str| DeviceSpec {
        uuid: Some(uuid.to_owned()),
        description: "kept".to_owned(),
        ..DeviceSpec::named(format!("Name of {uuid}"))
    };
    let uuids_of = ["u-1", "u-2", "u-3"];
    let builder =
        uuids_of.iter().fold(builder(&rules).devices(0), |builder, uuid| builder.device(device(uuid)));
    let sim = builder.start().unwrap();
    let pages = pages(&sim, 6);
    let seen: Vec<String> = pages.iter().map(|page| uuids(page).join(" ")).collect();
    assert_eq!(seen, ["u-1 u-2 u-3", "u-2", "u-2", "u-2 u-3", "u-2 u-3 u-9", "u-2 u-3 u-9"]);
    assert_eq!(names(&pages[3]), ["Renamed", "Name of u-3"]);
    assert_eq!(pages[3]["content"][0]["description"], "kept");
    assert_eq!(names(&pages[4])[2], "Pump, north");
}

#[test]
fn a_list_without_a_server_has_the_pages_of_one() {
    let builder = builder(&["every-2=add:3", "every-3=rename:5"]).devices(50).seed(5);
    let sim = builder.clone().start().unwrap();
    let mut offline = builder.device_list();
    for page in pages(&sim, 6) {
        let same: Value = serde_json::from_str(&offline.page("sortBy=uuid&pageSize=1000").unwrap()).unwrap();
        assert_eq!(same, page);
    }
    assert_eq!(offline.uuids(), sim.device_uuids());
    offline.change(&"remove:2".parse().unwrap());
    assert_eq!(offline.uuids().len() + 2, sim.device_count());
    assert_eq!(offline.page("sortBy=age").unwrap_err(), "sortBy must be name, uuid, description or barcode");
}

#[test]
fn rates_add_and_remove_devices_as_the_seed_says() {
    let run = |seed| {
        let sim = builder(&["every-2=add:3", "every-2=remove:1"]).devices(50).seed(seed).start().unwrap();
        let totals: Vec<Value> = pages(&sim, 6).iter().map(|page| page["totalElements"].clone()).collect();
        assert_eq!(totals, [50, 52, 52, 54, 54, 56].map(Value::from));
        assert_eq!(sim.device_count(), 56);
        sim.device_uuids()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_probability_decides_by_the_seed() {
    let run = || {
        let sim = builder(&["30%=remove:1"]).devices(100).start().unwrap();
        pages(&sim, 50).iter().map(|page| uuids(page).len()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    assert!((70..97).contains(run().last().unwrap()));
}

#[test]
fn devices_are_renamed_removed_and_returned() {
    let sim = builder(&["2=rename:3", "3=remove:4", "4=return:3", "5=return:3"]).devices(10).start().unwrap();
    let pages = pages(&sim, 5);
    let before: HashSet<String> = names(&pages[0]).into_iter().collect();
    assert_eq!(set(&pages[1]), set(&pages[0]));
    assert_eq!(names(&pages[1]).into_iter().filter(|name| !before.contains(name)).count(), 3);
    assert_eq!(pages.iter().map(|page| uuids(page).len()).collect::<Vec<_>>(), [10, 10, 6, 9, 10]);
    assert_eq!(set(&pages[4]), set(&pages[0]));
}

#[test]
fn skipped_devices_are_missing_from_one_response() {
    let sim = builder(&["2-3=skip:2"]).devices(10).start().unwrap();
    let pages = pages(&sim, 4);
    assert_eq!(pages.iter().map(|page| uuids(page).len()).collect::<Vec<_>>(), [10, 8, 8, 10]);
    assert_ne!(set(&pages[1]), set(&pages[2]));
    assert_eq!(set(&pages[3]), set(&pages[0]));
}

#[test]
fn only_served_lists_of_the_account_count() {
    let sim = builder(&["2=remove:1"]).devices(3).start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "").json()["totalElements"], 3);
    assert_eq!(list(&sim, &bearer, "?pageSize=0").status, 400);
    assert_eq!(switch(&sim, &bearer, DEFAULT_CUSTOMER).status, 200);
    let headers =
        [("Authorization", bearer.as_str()), ("Accept", DEVICES), ("x-client-id", DEFAULT_CUSTOMER)];
    assert_eq!(call(&sim, "GET", "/api/devices", &headers, "").json()["totalElements"], 3);
    assert_eq!(sim.device_count(), 3);
    assert_eq!(list(&sim, &bearer, "").json()["totalElements"], 2);
}

#[test]
fn a_change_that_is_added_later_counts_from_then_on() {
    let sim = Sim::builder().devices(3).start().unwrap();
    assert_eq!(pages(&sim, 2).len(), 2);
    sim.add_change("2=remove:1".parse().unwrap());
    let totals: Vec<usize> = pages(&sim, 3).iter().map(|page| uuids(page).len()).collect();
    assert_eq!(totals, [3, 2, 2]);
}
