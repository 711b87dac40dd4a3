//! The devices that are made up, and how they change.

use crate::client::*;
use serde_json::Value;
use std::collections::HashSet;
use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, Sim};

#[test]
fn paging_over_100_000_devices_finds_each_once_in_order() {
    let sim = Sim::builder().devices(100_000).seed(7).start().unwrap();
    let bearer = bearer(&sim);
    let mut wire = Wire::to(&sim);
    let mut uuids = HashSet::new();
    let mut previous = String::new();
    for number in 0.. {
        let page = page(&mut wire, &bearer, &format!("pageSize=1000&currentPage={number}"));
        assert_eq!((&page["totalElements"], &page["totalPages"]), (&100_000.into(), &100.into()));
        for device in page["content"].as_array().unwrap() {
            let name = device["name"].as_str().unwrap();
            assert!(*previous < *name, "{previous} {name}");
            name.clone_into(&mut previous);
            assert!(uuids.insert(device["uuid"].as_str().unwrap().to_owned()));
        }
        if page["last"] == true {
            assert_eq!(number, 99);
            break;
        }
    }
    assert_eq!(uuids.len(), 100_000);
    assert_eq!(uuids, sim.device_uuids().into_iter().collect());
}

#[test]
fn the_seed_decides_everything_but_the_tokens() {
    let first = |seed| Sim::builder().devices(300).seed(seed).start().unwrap();
    let body = |sim: &Sim| list(sim, &bearer(sim), "?pageSize=300").body;
    let (a, b, other) = (first(7), first(7), first(8));
    assert_eq!(body(&a), body(&b));
    assert_eq!(a.credentials(), b.credentials());
    assert_ne!(body(&a), body(&other));
    assert_ne!(a.credentials(), other.credentials());
    assert_ne!(bearer(&a), bearer(&b));
    assert_ne!(a.device_uuids()[..3], {
        let bearer = bearer(&a);
        assert_eq!(switch(&a, &bearer, DEFAULT_CUSTOMER).status, 200);
        let headers =
            [("Authorization", bearer.as_str()), ("Accept", DEVICES), ("x-client-id", DEFAULT_CUSTOMER)];
        let theirs = call(&a, "GET", "/api/devices", &headers, "").json();
        theirs["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| device["uuid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
}

#[test]
fn made_up_devices_are_varied() {
    let sim = Sim::builder().devices(500).start().unwrap();
    let page = list(&sim, &bearer(&sim), "?pageSize=500").json();
    let devices = page["content"].as_array().unwrap();
    let some = |test: &dyn Fn(&Value) -> bool| {
        let count = devices.iter().filter(|device| test(device)).count();
        assert!((50..450).contains(&count), "{count}");
    };
    some(&|device| device["description"] == "");
    some(&|device| device["metadata"].is_null());
    some(&|device| device["metadata"].is_object());
    some(&|device| device["barcode"].is_string());
    some(&|device| device.get("eui").is_some_and(|eui| eui.as_str().unwrap().len() == 16));
    for letter in ['é', '&', '+', '%', ' ', '"'] {
        assert!(devices.iter().any(|device| device["name"].as_str().unwrap().contains(letter)), "{letter}");
    }
    let without = Sim::builder().devices(500).eui(false).start().unwrap();
    let page = list(&without, &bearer(&without), "?pageSize=500").json();
    assert!(page["content"].as_array().unwrap().iter().all(|device| device.get("eui").is_none()));
    assert_eq!(without.device_uuids(), sim.device_uuids());
}

#[test]
fn devices_are_added_and_removed() {
    let sim = Sim::builder().devices(2).start().unwrap();
    let bearer = bearer(&sim);
    let mut device = DeviceSpec::named("AAA");
    device.extra.insert("eui".to_owned(), "0059AC0000181EB6".into());
    let uuid = sim.add_device(device);
    assert_eq!(sim.device_count(), 3);
    let page = list(&sim, &bearer, "").json();
    assert_eq!(page["content"][0]["uuid"], *uuid);
    assert_eq!(page["content"][0]["eui"], "0059AC0000181EB6");
    let renamed = DeviceSpec { uuid: Some(uuid.clone()), ..DeviceSpec::named("ZZZ") };
    assert_eq!(sim.add_device(renamed), uuid);
    assert_eq!(names(&list(&sim, &bearer, "").json())[2], "ZZZ");
    assert!(sim.remove_device(&uuid));
    assert!(!sim.remove_device(&uuid));
    assert_eq!(sim.device_count(), 2);
}
