//! The endpoint that devices of your own post to.

use crate::client::*;
use crate::destination::{Server, token};
use serde_json::{Value, json};
use things_sim::{Route, Sim};

const PATH: &str = "/ingestion/ip/senml/v1";
const UUID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

fn sim() -> Sim {
    Sim::builder().own_device(UUID, SECRET).start().unwrap()
}

fn pack(uuid: &str) -> String {
    format!(r#"[{{"bn":"urn:dev:DVNUUID:{uuid}:","n":"temperature","u":"Cel","v":21.50}}]"#)
}

fn post(sim: &Sim, tokens: &[&str], body: &str) -> Answer {
    let headers: Vec<_> = tokens.iter().map(|token| ("Things-Message-Token", *token)).collect();
    call(sim, "POST", PATH, &headers, body)
}

#[test]
fn a_signed_pack_is_accepted_and_kept() {
    let sim = sim();
    let body = pack(UUID);
    for token in [token(SECRET, body.as_bytes()), token(SECRET, body.as_bytes()).to_uppercase()] {
        let answer = post(&sim, &[&token], &body);
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
    let packs = sim.packs();
    assert_eq!((packs.len(), packs[1].number, packs[0].device.as_str()), (2, 2, UUID));
    assert_eq!((packs[0].body.as_slice(), &packs[0].records[0]["v"]), (body.as_bytes(), &json!(21.5)));
    assert!(!format!("{packs:?}").contains("21.5"));
    assert_eq!(sim.calls(Route::Ingestion), 2);
}

#[test]
fn what_is_not_signed_is_refused() {
    let sim = sim();
    let body = pack(UUID);
    let right = token(SECRET, body.as_bytes());
    let other = pack("7c9e6679-7425-40de-944b-e07fc1f90ae7");
    for (tokens, body, status, why) in [
        (vec![], &body, 401, "must have one Things-Message-Token"),
        (vec![right.as_str(), right.as_str()], &body, 401, "must have one Things-Message-Token"),
        (vec!["00"], &body, 401, "does not match"),
        (vec![right.as_str()], &body.replace("21.50", "21.5"), 401, "does not match"),
        (vec![token(SECRET, other.as_bytes()).as_str()], &other, 401, "no device has this UUID"),
        (vec![right.as_str()], &r#"[{"bn":"urn:dev:IMEI:1:","n":"x","v":1}]"#.to_owned(), 400, "base name"),
        (vec![right.as_str()], &"nonsense".to_owned(), 400, "base name"),
    ] {
        let answer = post(&sim, &tokens, body);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && message.contains(why), "{status} {message}");
    }
    let wrong = pack(UUID).replace("21.50", r#""x""#);
    assert_eq!(post(&sim, &[&token(SECRET, wrong.as_bytes())], &wrong).status, 400);
    assert_eq!(call(&sim, "GET", PATH, &[], "").header("allow"), Some("POST"));
    assert!(sim.packs().is_empty());
}

#[test]
fn a_response_carries_a_downlink_once() {
    let sim = sim();
    let body = pack(UUID);
    let token = token(SECRET, body.as_bytes());
    assert!(sim.set_downlink_in_response(UUID, [0, 255, 7]));
    assert!(!sim.set_downlink_in_response("unknown", [1]));
    let answer = post(&sim, &[&token], &body);
    assert_eq!((answer.status, answer.body.as_slice()), (200, [0, 255, 7].as_slice()));
    assert_eq!(post(&sim, &[&token], &body).body, b"");
    assert_eq!(sim.packs()[0].downlink.as_deref(), Some([0, 255, 7].as_slice()));
}

#[test]
fn a_pack_is_posted_to_the_destination() {
    let server = Server::start(&[]);
    let builder = Sim::builder().own_device(UUID, SECRET);
    let sim = builder.uplink_destination(server.destination()).start().unwrap();
    let body = pack(UUID);
    assert_eq!(post(&sim, &[&token(SECRET, body.as_bytes())], &body).status, 200);
    let arrived = server.next();
    assert!(arrived.is_signed() && arrived.body == body.as_bytes());
}

#[test]
fn faults_apply_to_it() {
    let sim = Sim::builder().own_device(UUID, SECRET);
    let sim = sim.fault("ingestion@1=status:503".parse().unwrap()).start().unwrap();
    let body = pack(UUID);
    let token = token(SECRET, body.as_bytes());
    assert_eq!([(); 2].map(|()| post(&sim, &[&token], &body).status), [503, 200]);
    assert_eq!(sim.packs().len(), 1);
}

#[test]
fn the_default_device_follows_from_the_seed() {
    let device = |seed| Sim::builder().seed(seed).start().unwrap().own_devices();
    assert_eq!((device(1).len(), device(1)), (1, device(1)));
    assert_ne!(device(1), device(2));
    let error = Sim::builder().own_device(UUID, "short").start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("30 to 100 letters and digits"), "{error}");
}

#[test]
fn devices_and_packs_are_managed_by_the_control_api() {
    let sim = Sim::builder().start().unwrap();
    let control = |method: &str, target: &str, body: &str| -> (u16, Value) {
        let answer = call(&sim, method, &format!("/__sim/{target}"), &[], body);
        (answer.status, answer.json())
    };
    let add = |body: Value| control("POST", "own-devices", &body.to_string()).0;
    assert_eq!(add(json!({ "uuid": UUID, "downlink": "01" })), 404);
    assert_eq!(add(json!({ "uuid": UUID, "secret": SECRET })), 201);
    assert_eq!(add(json!({ "uuid": UUID, "downlink": "01ff" })), 201);
    assert_eq!(add(json!({ "uuid": UUID, "downlink": "0" })), 400);
    assert_eq!(add(json!({ "uuid": UUID, "secret": "short" })), 400);
    assert_eq!(control("GET", "own-devices", "").1["devices"].as_array().unwrap().len(), 2);
    let body = pack(UUID);
    assert_eq!(post(&sim, &[&token(SECRET, body.as_bytes())], &body).body, [1, 255]);
    let records: Value = serde_json::from_str(&body).unwrap();
    let kept = json!({ "number": 1, "device": UUID, "records": records, "downlink": "01ff" });
    let expected = json!({ "received": 1, "packs": [kept] });
    assert_eq!(control("GET", "packs?wait_for=1", ""), (200, expected));
    assert_eq!(control("DELETE", "packs", "").0, 200);
    assert!(sim.packs().is_empty());
}
