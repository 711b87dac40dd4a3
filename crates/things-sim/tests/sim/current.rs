//! The read side of the current API.

use crate::client::*;
use serde_json::{Value, json};
use things_sim::{DeviceSpec, Sim, SimBuilder};

fn builder(quirks: &[&str]) -> SimBuilder {
    quirks.iter().fold(Sim::builder(), |builder, quirk| builder.quirk(quirk.parse().unwrap()))
}

/// A simulator of so many devices `d00`, `d01` and so on.
fn numbered(devices: usize, quirks: &[&str]) -> Sim {
    let device = |number: usize| DeviceSpec {
        uuid: Some(format!("d{number:02}")),
        ..DeviceSpec::named(format!("n{number:02}"))
    };
    let builder = builder(quirks).devices(0);
    (0..devices).fold(builder, |builder, number| builder.device(device(number))).start().unwrap()
}

fn get(sim: &Sim, bearer: &str, target: &str) -> Answer {
    call(sim, "GET", target, &[("Authorization", bearer), ("Accept", "application/json")], "")
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// The target of a link of the default form.
fn target(sim: &Sim, page: &Value) -> String {
    page["next"].as_str().unwrap().strip_prefix(sim.url()).unwrap().to_owned()
}

#[test]
fn pages_link_to_the_next_one() {
    let sim = numbered(5, &[]);
    let bearer = bearer(&sim);
    let first = get(&sim, &bearer, "/devices?limit=2").json();
    assert_eq!((ids(&first), first.get("prev")), (vec!["d00", "d01"], None));
    let second = get(&sim, &bearer, &target(&sim, &first)).json();
    assert_eq!(ids(&second), ["d02", "d03"]);
    let last = get(&sim, &bearer, &target(&sim, &second)).json();
    assert_eq!((ids(&last), last.get("next")), (vec!["d04"], None));
    let all = get(&sim, &bearer, "/devices").json();
    assert_eq!((ids(&all).len(), all.get("next")), (5, None));
    let page = numbered(60, &[]);
    assert_eq!(ids(&get(&page, &crate::client::bearer(&page), "/devices").json()).len(), 50);
}

#[test]
fn a_link_has_each_of_its_forms_and_places() {
    const CURSOR: &str = "%2B%2F%2F%2BMS4y";
    let query = format!("limit=2&cursor={CURSOR}");
    let link = |quirks: &[&str]| {
        let sim = numbered(3, quirks);
        get(&sim, &bearer(&sim), "/devices?cursor=%2B%2F%2F%2BMC4w&limit=2").json()["next"].clone()
    };
    assert!(link(&[]).as_str().unwrap().ends_with(&format!("/devices?{query}")));
    assert_eq!(link(&["next-link:path"]), format!("/devices?{query}"));
    assert_eq!(link(&["next-link:query"]), format!("?{query}"));
    assert_eq!(link(&["next-link:cursor"]), "+//+MS4y");
    assert_eq!(link(&["next-link:port-81"]), format!("http://127.0.0.1:81/devices?{query}"));
    let bare = format!("http://127.0.0.1:81/devices?limit=2&after={CURSOR}");
    assert_eq!(link(&["next-link:bare-port-81"]), bare);
    for (field, pointer) in [
        ("next", "/next"),
        ("next-page", "/nextPage"),
        ("links", "/links/next"),
        ("hal", "/_links/next/href"),
    ] {
        let sim = numbered(3, &["next-link:cursor", &format!("next-field:{field}")]);
        let page = get(&sim, &bearer(&sim), "/devices?limit=2").json();
        assert_eq!(page.pointer(pointer), Some(&json!("+//+MS4y")), "{field}");
    }
}

#[test]
fn a_page_can_be_empty_and_the_last_one_can_link_to_the_first() {
    let sim = numbered(3, &["empty-items:1", "next-loop"]);
    let bearer = bearer(&sim);
    let mut page = get(&sim, &bearer, "/devices?limit=2").json();
    let mut pages = vec![ids(&page).join(" ")];
    for _ in 0..3 {
        page = get(&sim, &bearer, &target(&sim, &page)).json();
        pages.push(ids(&page).join(" "));
    }
    assert_eq!(pages, ["d00 d01", "", "d02", "d00 d01"]);
}

#[test]
fn filters_select_and_sort_orders() {
    let spec = |uuid: &str, name: &str, barcode: &str, specification: &str| DeviceSpec {
        uuid: Some(uuid.to_owned()),
        barcode: Some(barcode.to_owned()),
        device_specification_uuid: Some(specification.to_owned()),
        description: format!("about {uuid}"),
        ..DeviceSpec::named(name)
    };
    let sim = Sim::builder()
        .devices(0)
        .device(spec("u-1", "Pump B", "1", "s-1"))
        .device(spec("u-2", "pump A", "2", "s-2"))
        .device(spec("u-3", "Valve", "1", "s-3"))
        .start()
        .unwrap();
    let bearer = bearer(&sim);
    let list = |query: &str| {
        let page = get(&sim, &bearer, &format!("/devices?{query}")).json();
        ids(&page).join(" ")
    };
    assert_eq!(list("q=PUMP"), "u-1 u-2");
    assert_eq!(list("q=ABOUT%20U-3"), "u-3");
    assert_eq!(list("barcode=1"), "u-1 u-3");
    assert_eq!(list("deviceSpecificationId=s-1&deviceSpecificationId=s-3"), "u-1 u-3");
    assert_eq!(list("sort=-name"), "u-2 u-3 u-1");
    assert_eq!(list("sort=barcode,-name"), "u-3 u-1 u-2");
    assert_eq!(list("createdSince=2100-01-01"), "");
    assert_eq!(list("createdBefore=2100-01-01&createdSince=2000-01-01T00:00:00%2B02:00"), "u-1 u-2 u-3");
    assert_eq!(list("modifiedBefore=2000-01-01"), "");
    let item = get(&sim, &bearer, "/devices?q=valve").json()["items"][0].clone();
    let (client, project) = (item["clientId"].as_str().unwrap(), item["projectId"].as_str().unwrap());
    assert!(list(&format!("clientId={client}&projectId={project}")).contains("u-3"));
    assert_eq!(list("clientId=other"), "");
    for (query, why) in [
        ("limit=0", "limit must be a whole number from 1"),
        ("cursor=x", "cursor is not valid"),
        ("createdSince=yesterday", "createdSince must be a date or a time in ISO 8601"),
        ("deviceId=u-1", "unknown parameter deviceId"),
        ("sort=none", "sort: there is no field none"),
    ] {
        let refused = get(&sim, &bearer, &format!("/devices?{query}"));
        assert_eq!((refused.status, &refused.json()["detail"]), (400, &json!(why)), "{query}");
    }
}

#[test]
fn every_resource_is_listed() {
    let sim = Sim::builder().devices(40).start().unwrap();
    let bearer = bearer(&sim);
    send(&sim, &bearer, SEND, DOWNLINK);
    let count = |path: &str| {
        let answer = get(&sim, &bearer, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let page = answer.json();
        let unique: std::collections::HashSet<_> = ids(&page).into_iter().collect();
        unique.len()
    };
    let [lora, http, mqtt] = ["/lora/bindings", "/http/bindings", "/mqtt/bindings"].map(count);
    assert!(lora > 0 && http > 0 && mqtt > 0);
    assert_eq!((lora + http + mqtt, count("/devices")), (40, 40));
    assert_eq!((count("/device-groups"), count("/projects")), (4, 3));
    assert_eq!((count("/downlinks"), count("/lora/downlinks"), count("/mqtt/downlinks")), (1, 1, 0));
    let project = &get(&sim, &bearer, "/projects?q=water").json()["items"][0];
    assert_eq!(project["definition"]["type"], "DEFAULT");
    assert!(project["createdBy"].as_str().unwrap().starts_with("principal/"));
    let binding = &get(&sim, &bearer, "/lora/bindings").json()["items"][0];
    let device = binding["deviceId"].as_str().unwrap();
    assert_eq!(count(&format!("/lora/bindings?deviceId={device}")), 1);
}

#[test]
fn a_downlink_passes_through_its_states() {
    let states = |progress: &str| {
        let sim = builder(&[&format!("downlink-progress:{progress}")]).start().unwrap();
        let bearer = bearer(&sim);
        send(&sim, &bearer, "/api/actuator/downlinks?port=1&externalReference=valve-1", DOWNLINK);
        send(&sim, &bearer, SEND, &DOWNLINK.replace("0059AC", "1159AC"));
        let read = || {
            let page = get(&sim, &bearer, "/downlinks?q=urn:dev:DEVEUI:0059AC0000181EB6:").json();
            assert_eq!(page["items"].as_array().unwrap().len(), 1);
            page["items"][0].clone()
        };
        let item = read();
        assert_eq!((&item["externalReference"], &item["port"]), (&json!("valve-1"), &json!(1)));
        assert_eq!(get(&sim, &bearer, "/downlinks?q=0102").json()["items"].as_array().unwrap().len(), 2);
        assert_eq!(get(&sim, &bearer, "/downlinks?q=urn:dev:deveui:").json()["items"], json!([]));
        [item["status"].clone(), read()["status"].clone(), read()["status"].clone()]
    };
    assert_eq!(states("at-once"), ["Delivered", "Delivered", "Delivered"]);
    // The search for the message is a reading, too.
    assert_eq!(states("reads-1"), ["Pending", "Delivered", "Delivered"]);
    assert_eq!(states("reads-2"), ["Pending", "Executing", "Executing"]);
    assert_eq!(states("after-100s"), ["Pending", "Pending", "Pending"]);
    assert_eq!(states("after-1ns"), ["Delivered", "Delivered", "Delivered"]);
}

#[test]
fn downlinks_belong_to_their_customer() {
    let sim = Sim::builder().customer("c-1", 2).start().unwrap();
    let bearer = bearer(&sim);
    switch(&sim, &bearer, "c-1");
    let headers =
        [("Authorization", bearer.as_str()), ("Accept", DOWNLINKS), ("Content-Type", "application/json")];
    call(&sim, "POST", SEND, &[&headers[..], &[("x-client-id", "c-1")]].concat(), DOWNLINK);
    assert_eq!(get(&sim, &bearer, "/downlinks").json()["items"], json!([]));
    let of_customer = [("Authorization", bearer.as_str()), ("x-client-id", "c-1")];
    let page = call(&sim, "GET", "/downlinks", &of_customer, "").json();
    assert_eq!(page["items"][0]["clientId"], "c-1");
    assert_eq!(call(&sim, "GET", "/devices", &of_customer, "").json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(call(&sim, "GET", "/devices", &[headers[0], ("x-client-id", "c-2")], "").status, 403);
}

#[test]
fn errors_have_each_of_their_forms() {
    let refused = |form: &str| {
        let sim = builder(&[&format!("current-errors:{form}")]).start().unwrap();
        get(&sim, &bearer(&sim), "/devices?limit=0")
    };
    const WHY: &str = "limit must be a whole number from 1";
    let problem = refused("problem");
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!((&problem.json()["detail"], &problem.json()["instance"]), (&json!(WHY), &json!("/devices")));
    let gateway =
        json!({ "transactionId": "sim-1", "status": 400, "name": "BAD_REQUEST", "message": WHY, "info": "" });
    assert_eq!(refused("gateway").json(), gateway);
    assert_eq!(refused("camara").json(), json!({ "code": "BAD_REQUEST", "message": WHY }));
    assert_eq!(refused("spring").json()["message"], WHY);
    let sim = Sim::builder().start().unwrap();
    let post = call(&sim, "POST", "/devices", &[("Authorization", &bearer(&sim))], "");
    assert_eq!((post.status, post.header("allow")), (405, Some("GET")));
}

#[test]
fn a_token_is_rejected_with_302_or_401() {
    let sim = Sim::builder().start().unwrap();
    let rejected = get(&sim, "Bearer none", "/devices");
    assert_eq!((rejected.status, rejected.header("location")), (302, Some(&*format!("{}/login", sim.url()))));
    let sim = builder(&["current-token:401"]).start().unwrap();
    let rejected = get(&sim, "Bearer none", "/devices");
    assert_eq!((rejected.status, &rejected.json()["title"]), (401, &json!("Unauthorized")));
    assert_eq!(list(&sim, "Bearer none", "").status, 302);
}

#[test]
fn every_response_can_announce_its_end() {
    let sim = builder(&["sunset", "deprecation"]).start().unwrap();
    let bearer = bearer(&sim);
    for answer in
        [ask_token(&sim), get(&sim, &bearer, "/devices"), list(&sim, &bearer, ""), get(&sim, &bearer, "/x")]
    {
        assert_eq!(answer.header("sunset"), Some("Wed, 31 Dec 2031 23:59:59 GMT"));
        assert_eq!(answer.header("deprecation"), Some("@1767225600"));
    }
    let plain = Sim::builder().start().unwrap();
    let answer = ask_token(&plain);
    assert_eq!((answer.header("sunset"), answer.header("deprecation")), (None, None));
}
