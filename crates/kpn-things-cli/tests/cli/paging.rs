//! `things api --all`, against the simulator and against a server that pages with links.

use serde_json::{Value, json};
use things_sim::Sim;

use crate::tool::{Tool, simulator};
use crate::wire::Wire;

/// The number of devices that a query parameter asked for, in the order of the requests.
fn pages(sim: &Sim) -> Vec<String> {
    let requests = sim.requests();
    let targets = requests.iter().map(|request| request.target.clone());
    targets.filter(|target| target.starts_with("/api/devices")).collect()
}

#[test]
fn numbered_pages_are_followed_to_the_last() {
    let sim = simulator().devices(5).start().unwrap();
    let args = ["api", "/api/devices", "--query", "pageSize=2", "--query", "sortBy=uuid", "--all"];
    let ran = sim.things(&args).exits(0);
    let all = ran.json();
    let found: std::collections::BTreeSet<_> =
        all.as_array().unwrap().iter().map(|device| device["uuid"].as_str().unwrap()).collect();
    assert_eq!(found.len(), 5);
    assert_eq!(
        pages(&sim),
        [
            "/api/devices?pageSize=2&sortBy=uuid",
            "/api/devices?pageSize=2&sortBy=uuid&currentPage=1",
            "/api/devices?pageSize=2&sortBy=uuid&currentPage=2"
        ]
    );
    assert_eq!(ran.out.lines().count(), 7, "one item per line: {}", ran.out);
    let rest = sim.things(&["api", "/api/devices?currentPage=2&pageSize=2", "--all"]).exits(0).json();
    assert_eq!(rest.as_array().unwrap().len(), 1);
    let none = sim.things(&["api", "/api/devices?search=nothing", "--all"]).exits(0);
    assert_eq!(none.out, "[]\n");
}

#[test]
fn each_item_is_printed_as_it_came() {
    let item = r#"{"b":1.0E9, "a":89314404000123456789}"#;
    let wire = Wire::start(move |target| match target {
        "/devices?limit=2" => {
            (200, format!("{{\"items\":[{item},{{\n \"c\": 2 }}],\"next\":\"/devices?cursor=x%2By\"}}"))
        }
        "/devices?cursor=x%2By" => (200, r#"{"items":[],"next":"last=="}"#.to_owned()),
        "/devices?limit=2&cursor=last%3D%3D" => (200, r#"{"items":[3]}"#.to_owned()),
        _ => (404, "{}".to_owned()),
    });
    let ran = wire.things(&["api", "/devices", "--query", "limit=2", "--all"]).exits(0);
    assert_eq!(ran.out, format!("[\n{item},\n{{\n \"c\": 2 }},\n3\n]\n"));
}

#[test]
fn a_link_to_another_server_is_not_followed() {
    let wire = Wire::start(|target| match target {
        "/devices?limit=2" => {
            (200, r#"{"items":[1],"next":"https://internal.example/devices?cursor=x%2By"}"#.to_owned())
        }
        "/devices?limit=2&cursor=x%2By" => {
            (200, r#"{"items":[2],"next":"https://internal.example/2"}"#.to_owned())
        }
        _ => (404, "{}".to_owned()),
    });
    let ran = wire.things(&["api", "/devices?limit=2", "--all"]).exits(2);
    assert_eq!(ran.out, "[\n1,\n2");
    ran.complains("the output is incomplete: it ends after 2 items")
        .complains("the token goes to no other server");
}

#[test]
fn pages_that_do_not_end_or_are_none_are_refused() {
    for (body, part) in [
        (r#"{"items":[1],"next":"/x"}"#, "the service links to a page that was read already: /x"),
        (r#"{"id":1}"#, "it has neither `content` nor `items`"),
        ("[1]", "the response is not a page in JSON"),
        (r#"{"content":[1],"last":false}"#, "only /api/devices is documented to have numbered pages"),
        (r#"{"content":[1],"number":7,"last":false}"#, "page 0 was requested, and page 7 came"),
    ] {
        let wire = Wire::start(move |_| (200, body.to_owned()));
        wire.things(&["api", "/x", "--all"]).exits(1).complains(part);
    }
    let wire = Wire::start(|_| (200, "{}".to_owned()));
    wire.things(&["api", "DELETE", "/x", "--all"])
        .exits(2)
        .complains("--all reads pages with GET, not with DELETE");
    wire.things(&["api", "/x", "--all", "--include"]).exits(2);
    assert_eq!(wire.requests(), 0);
}

#[test]
fn a_page_that_fails_is_reported_with_what_was_printed() {
    let sim = simulator().devices(5).fault("devices@2=status:400".parse().unwrap()).start().unwrap();
    let ran = sim.things(&["api", "/api/devices?pageSize=2", "--all"]).exits(1);
    assert_eq!(ran.out.lines().count(), 3, "{ran:?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.out).ok(), None::<Value>);
    ran.complains("the output is incomplete: it ends after 2 items").complains("error: 400");
    let numbers = json!({"page": {"totalPages": 2, "number": 0}, "content": [1]}).to_string();
    let last = json!({"page": {"totalPages": 2, "number": 1}, "content": [2]}).to_string();
    let wire =
        Wire::start(move |target| (200, if target.contains("=1") { last.clone() } else { numbers.clone() }));
    assert_eq!(wire.things(&["api", "/api/devices", "--all"]).exits(0).out, "[\n1,\n2\n]\n");
}

#[test]
fn a_link_to_the_first_page_prints_no_item_twice() {
    let wire = Wire::start(|_| (200, r#"{"items":[1],"next":"/devices"}"#.to_owned()));
    let ran = wire.things(&["api", "/devices", "--all"]).exits(1);
    ran.complains("the service links to a page that was read already: /devices");
    assert_eq!(wire.requests(), 1);
}
