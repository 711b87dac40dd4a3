//! `/__sim/`: the simulator's own API.

use crate::client::*;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use things_sim::{Route, Sim};

fn get(sim: &Sim, resource: &str) -> Value {
    let answer = call(sim, "GET", &format!("/__sim/{resource}"), &[], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn refused(sim: &Sim, method: &str, resource: &str, body: &str) -> (u16, String) {
    let answer = call(sim, method, &format!("/__sim/{resource}"), &[], body);
    let json = answer.json();
    assert_eq!(json["status"], answer.status);
    (answer.status, json["message"].as_str().unwrap().to_owned())
}

#[test]
fn its_requests_are_not_counted_and_get_no_fault() {
    let sim = Sim::builder().fault("any=status:503".parse().unwrap()).start().unwrap();
    assert_eq!(get(&sim, "health")["status"], "ok");
    assert_eq!(get(&sim, "requests")["received"], 0);
    assert_eq!((sim.calls_total(), sim.requests().len()), (0, 0));
    assert_eq!(get(&sim, "faults"), json!({ "faults": [{ "rule": "any=status:503", "calls": 0 }] }));
    let mut wire = Wire::to(&sim);
    for _ in 0..2 {
        wire.write("GET /__sim/health HTTP/1.1\r\n\r\n");
        assert_eq!(wire.read().unwrap().status, 200);
    }
}

#[test]
fn requests_are_listed_by_route_and_forgotten() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    list(&sim, &bearer, "?pageSize=3");
    let all = get(&sim, "requests");
    assert_eq!(
        (&all["received"], &all["calls"]["token"], &all["calls"]["devices"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let devices = get(&sim, "requests?route=devices");
    let request = &devices["requests"][0];
    assert_eq!((devices["received"].as_u64(), devices["requests"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!((&request["method"], &request["route"]), (&json!("GET"), &json!("devices")));
    assert_eq!(request["target"], "/api/devices?pageSize=3");
    assert!(request["headers"].as_array().unwrap().contains(&json!(["Authorization", "Bearer ***"])));
    assert_eq!(call(&sim, "DELETE", "/__sim/requests", &[], "").status, 200);
    assert_eq!(get(&sim, "requests")["received"], 0);
    assert_eq!((sim.calls_total(), sim.requests().len()), (0, 0));
}

#[test]
fn downlinks_are_listed_and_forgotten() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    send(&sim, &bearer, &format!("{SEND}&externalReference=valve-42"), DOWNLINK);
    let downlinks = get(&sim, "downlinks");
    let records: Value = serde_json::from_str(DOWNLINK).unwrap();
    let downlink = json!({
        "number": 1, "customer": null, "port": 1, "external_reference": "valve-42", "records": records,
    });
    assert_eq!(downlinks, json!({ "received": 1, "downlinks": [downlink] }));
    assert_eq!(call(&sim, "DELETE", "/__sim/downlinks", &[], "").status, 200);
    assert_eq!(get(&sim, "downlinks"), json!({ "received": 0, "downlinks": [] }));
    assert_eq!(sim.downlinks_received(), 0);
}

#[test]
fn a_test_waits_until_enough_has_arrived() {
    let sim = Arc::new(Sim::builder().start().unwrap());
    let bearer = bearer(&sim);
    for resource in ["downlinks?wait_for=2&timeout=20", "requests?route=downlinks&wait_for=4&timeout=20"] {
        let waiting = thread::spawn({
            let sim = Arc::clone(&sim);
            move || get(&sim, resource)
        });
        for _ in 0..2 {
            send(&sim, &bearer, SEND, DOWNLINK);
        }
        assert!(waiting.join().unwrap()["received"].as_u64() >= Some(2));
    }
    let (status, message) = refused(&sim, "GET", "downlinks?wait_for=5&timeout=0.05", "");
    assert_eq!((status, message.as_str()), (408, "4 of 5 downlinks arrived within 0.05 s"));
    assert_eq!(get(&sim, "downlinks?wait_for=4")["received"], 4);
}

#[test]
fn stopping_ends_a_wait() {
    let sim = Sim::builder().start().unwrap();
    let mut wire = Wire::to(&sim);
    wire.write(
        "GET /__sim/health HTTP/1.1\r\n\r\nGET /__sim/downlinks?wait_for=1&timeout=300 HTTP/1.1\r\n\r\n",
    );
    assert_eq!(wire.read().unwrap().status, 200);
    let start = Instant::now();
    sim.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn devices_are_listed_replaced_and_added() {
    let sim = Sim::builder().devices(3).start().unwrap();
    let bearer = bearer(&sim);
    let before = get(&sim, "devices");
    assert_eq!((&before["count"], before["devices"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(list(&sim, &bearer, "").json()["content"], before["devices"]);

    let put = r#"[{"uuid":"u-2","name":"B","eui":"0059AC0000181EB6","iccid":89314404000123456789},{"uuid":"u-1","name":"A"}]"#;
    assert_eq!(call(&sim, "PUT", "/__sim/devices", &[], put).json(), json!({ "count": 2 }));
    let page = list(&sim, &bearer, "").json();
    assert_eq!(uuids(&page), ["u-1", "u-2"]);
    assert_eq!(page["content"][1]["eui"], "0059AC0000181EB6");
    assert_eq!(
        (&page["content"][0]["description"], &page["content"][0]["barcode"]),
        (&json!(""), &Value::Null)
    );
    assert!(list(&sim, &bearer, "").text().contains("89314404000123456789"));

    for (body, added) in [(r#"{"uuid":"u-3","name":"C"}"#, 1), ("{\"name\":\"D\"}\n{\"name\":\"E\"}\n", 2)] {
        let answer = call(&sim, "POST", "/__sim/devices", &[], body);
        assert_eq!((answer.status, answer.json()["uuids"].as_array().unwrap().len()), (201, added));
    }
    assert_eq!(names(&list(&sim, &bearer, "").json()), ["A", "B", "C", "D", "E"]);

    for (body, why) in [
        ("[{\"name\":[]}]", "device 1 is not valid: `name` is not text"),
        ("[{},7]", "device 2 is not valid: it must be a JSON object"),
        (r#"[{"uuid":"u"},{"uuid":"u"}]"#, "device 2 is not valid: uuid u occurs twice"),
        ("[{", "the body is not JSON"),
    ] {
        let (status, message) = refused(&sim, "PUT", "devices", body);
        assert!(status == 400 && message.starts_with(why), "{status} {message}");
    }
    assert_eq!(sim.device_count(), 5);
}

#[test]
fn faults_are_added_and_removed() {
    let sim = Sim::builder().start().unwrap();
    for body in ["token@1=status:503", r#"{"rule":"token=status:500"}"#, "token=status:500\n"] {
        assert_eq!(call(&sim, "POST", "/__sim/faults", &[], body).status, 201);
    }
    assert_eq!([ask_token(&sim).status, ask_token(&sim).status], [503, 500]);
    let rule = |rule| json!({ "rule": rule, "calls": 2 });
    let faults = ["token@1=status:503", "token=status:500", "token=status:500"].map(rule);
    assert_eq!(get(&sim, "faults")["faults"], json!(faults));
    let remove = |query| call(&sim, "DELETE", &format!("/__sim/faults{query}"), &[], "");
    assert_eq!(remove("?rule=token%3Dstatus:500").json(), json!({ "removed": 1 }));
    assert_eq!(remove("").json(), json!({ "removed": 2 }));
    assert_eq!(remove("?rule=token%3Dstatus:500").status, 404);
    assert_eq!(ask_token(&sim).status, 200);

    let parsed = "tokn=stall".parse::<things_sim::FaultRule>().unwrap_err().to_string();
    assert_eq!(refused(&sim, "POST", "faults", "tokn=stall"), (400, parsed));
    for body in ["", "{}", "{", r#"{"rule":1}"#] {
        let (status, message) = refused(&sim, "POST", "faults", body);
        assert!(status == 400 && message.contains("downlinks@2=drop-after"), "{status} {message}");
    }
}

#[test]
fn a_reset_restores_the_start_and_keeps_clients_going() {
    let builder = Sim::builder().devices(4).customer("mine", 2);
    let fault = "downlinks@1=status:503".parse().unwrap();
    let sim = builder.fault(fault).change("1=remove:1".parse().unwrap()).start().unwrap();
    let bearer = bearer(&sim);
    switch(&sim, &bearer, "mine");
    let mut runs = [(); 2].map(|()| {
        let statuses = [(); 2].map(|()| send(&sim, &bearer, SEND, DOWNLINK).status);
        let listed = uuids(&list(&sim, &bearer, "").json());
        sim.add_device(things_sim::DeviceSpec::named("another"));
        sim.add_fault("devices=stall".parse().unwrap());
        assert_eq!(call(&sim, "POST", "/__sim/reset", &[], "").status, 200);
        (statuses, listed)
    });
    assert_eq!((runs[0].0, runs[0].1.len()), ([503, 201], 3));
    assert_eq!(runs[0], runs[1]);
    runs[0].1.clear();
    assert_eq!((sim.device_count(), sim.downlinks_received(), sim.calls(Route::Devices)), (4, 0, 0));
    let headers = [("Authorization", bearer.as_str()), ("Accept", DEVICES), ("x-client-id", "mine")];
    assert_eq!(call(&sim, "GET", "/api/devices", &headers, "").status, 200);
}

#[test]
fn wrong_requests_are_explained() {
    let sim = Sim::builder().start().unwrap();
    for (method, resource, status, why) in [
        ("GET", "nothing", 404, "/__sim/downlinks"),
        ("PATCH", "devices", 405, "accepts GET, PUT, POST"),
        ("GET", "downlinks?wait=1", 400, "unknown parameter `wait`: use tenant, wait_for"),
        ("GET", "downlinks?wait_for=x", 400, "wait_for=2"),
        ("GET", "downlinks?wait_for=1&timeout=301", 400, "0 to 300 seconds"),
        ("GET", "downlinks?wait_for=1&timeout=NaN", 400, "0 to 300 seconds"),
        ("GET", "requests?route=x", 400, "context-switch"),
        ("GET", "health?tenant=other", 404, "--any-tenant"),
        ("GET", "health?tenant=%zz", 400, "percent-encoded"),
    ] {
        let (got, message) = refused(&sim, method, resource, "");
        assert!(got == status && message.contains(why), "{resource}: {got} {message}");
    }
    assert_eq!(call(&sim, "GET", "/__sim/reset", &[], "").header("allow"), Some("POST"));
}

/// Runs the shell block of the README, whose comments are the expected output.
#[test]
fn the_curl_examples_of_the_readme_work() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## From other languages").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (script, _) = block.split_once("```").unwrap();
    let sim = Sim::builder().devices(2).start().unwrap();
    let bearer = bearer(&sim);
    sim.reset();
    send(&sim, &bearer, &format!("{SEND}&externalReference=valve-42"), DOWNLINK);
    let ran = Command::new("/bin/sh").args(["-eu", "-c", script]).env("SIM", sim.url()).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let json =
        |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let printed: Vec<Value> = String::from_utf8(ran.stdout).unwrap().lines().map(json).collect();
    let expected: Vec<Value> = script
        .lines()
        .filter_map(|line| line.strip_prefix("# {"))
        .map(|rest| json(&format!("{{{rest}")))
        .collect();
    assert!(expected.len() >= 8);
    for (printed, mut expected) in printed.iter().zip(expected) {
        if expected.get("version").is_some() {
            expected["version"] = env!("CARGO_PKG_VERSION").into();
            expected["tenants"] = json!([sim.credentials().tenant_id]);
        }
        assert_eq!(*printed, expected);
    }
}
