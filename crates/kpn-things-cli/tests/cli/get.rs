//! `things devices get`.

use serde_json::json;
use things_sim::{DeviceSpec, Route, Sim};

use crate::tool::{Ran, Tool, simulator};

const UUID: &str = "d2723e99-1fe4-4d60-9b6d-8061f7414b24";

/// 60 devices, and three that are known: two of them have one name.
fn fleet() -> Sim {
    let device = |uuid: &str, name: &str, eui: &str| {
        let mut device = DeviceSpec::named(name);
        device.uuid = Some(uuid.into());
        device.extra.insert("eui".into(), eui.into());
        device
    };
    let mut valve = device(UUID, "Valve\x1b[2J 1", "0059AC0000181EB6");
    valve.description = "in the\nhall".into();
    valve.metadata = json!({"floor": 2});
    valve.extra.insert("model".into(), json!({"no": 1.50}));
    let sim = simulator().devices(60).page_size_cap(20).device(valve);
    sim.device(device("u-2", "Twin", "0059AC0000181EB7"))
        .device(device("u-3", "Twin", "0059AC0000181EB8"))
        .start()
        .unwrap()
}

fn get(sim: &Sim, args: &[&str]) -> Ran {
    sim.things(&[&["devices", "get"], args].concat())
}

#[test]
fn a_device_is_shown_with_all_of_its_fields() {
    let expected = format!(
        "\
name         Valve [2J 1
eui          0059AC0000181EB6
uuid         {UUID}
description  in the hall
metadata     {{\"floor\":2}}
model        {{\"no\":1.5}}
"
    );
    let sim = fleet();
    for device in [UUID, "0059AC0000181EB6", "00-59-ac-00-00-18-1e-b6", "Valve\x1b[2J 1"] {
        let ran = get(&sim, &[device]).exits(0);
        assert_eq!((ran.out, ran.err), (expected.clone(), String::new()), "{device:?}");
    }
}

#[test]
fn json_and_chosen_fields() {
    let sim = fleet();
    let device = get(&sim, &[UUID, "--json"]).exits(0).json();
    assert_eq!((&device["uuid"], &device["model"]), (&json!(UUID), &json!({"no": 1.5})));
    let ran = get(&sim, &[UUID, "--json", "--fields", "eui,metadata.floor"]).exits(0);
    assert_eq!(ran.out, "{\"eui\":\"0059AC0000181EB6\",\"metadata.floor\":2}\n");
    let ran = get(&sim, &[UUID, "--fields", "eui,barcode,nmae"]).exits(0);
    assert_eq!(ran.out, "eui      0059AC0000181EB6\nbarcode\nnmae\n");
    assert_eq!(ran.err, "warning: no device has the field nmae; did you mean name?\n");
}

#[test]
fn a_name_is_searched_for_and_a_uuid_ends_the_listing() {
    let sim = fleet();
    get(&sim, &["Valve\x1b[2J 1"]).exits(0);
    assert_eq!(sim.calls(Route::Devices), 1);
    let sim = simulator().devices(2_000).page_size_cap(20).start().unwrap();
    let first = sim.device_uuids().into_iter().min().unwrap();
    get(&sim, &[&first]).exits(0).prints(&first);
    assert!(sim.calls(Route::Devices) < 50, "of 100 pages");
}

#[test]
fn several_devices_of_one_name_are_an_error_that_lists_them() {
    let ran = get(&fleet(), &["Twin"]).exits(1);
    let expected = "\
error: 2 devices match \"Twin\": use the UUID of one of them
NAME  EUI               UUID  BARCODE  DESCRIPTION
Twin  0059AC0000181EB7  u-2
Twin  0059AC0000181EB8  u-3
";
    assert_eq!((ran.err.as_str(), ran.out.as_str()), (expected, ""));
}

#[test]
fn a_device_that_is_not_there_is_an_error_with_similar_names() {
    let sim = fleet();
    let ran = get(&sim, &["twin"]).exits(1);
    assert_eq!(
        ran.err,
        "error: no device has the DevEUI, UUID or name \"twin\"\nhint: did you mean \"Twin\"?\n"
    );
    let ran = get(&sim, &["0059AC0000181EB5"]).exits(1);
    ran.complains("hint: did you mean \"0059AC0000181EB").complains(" or ");
    get(&sim, &["~~~"]).exits(1).complains("hint: see all devices with: things devices list");
    get(&sim, &[" "]).exits(2).complains("error: the device is empty");
}

#[test]
fn a_device_without_a_dev_eui_says_so() {
    let sim = simulator().devices(0).device(DeviceSpec::named("Gate")).start().unwrap();
    let told = "no DevEUI: the service returned no field eui for this device\n";
    for args in [&["Gate"][..], &["Gate", "--json"], &["Gate", "--fields", "name,eui"]] {
        get(&sim, args).exits(0).complains(told);
    }
    for args in [&["Gate", "--fields", "name"][..], &["Gate", "--quiet"]] {
        assert_eq!(get(&sim, args).exits(0).err, "", "{args:?}");
    }
    assert_eq!(get(&fleet(), &[UUID]).exits(0).err, "");
}
