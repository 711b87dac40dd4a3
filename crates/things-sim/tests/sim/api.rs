//! Devices, downlinks and sub-customers: what is asked for, and what is refused.

use crate::client::*;
use serde_json::{Value, json};
use things_sim::{DEFAULT_CUSTOMER, DeviceSpec, DownlinkAnswer, Quirk, Route, Sim, SortEcho, SwitchAnswer};

#[test]
fn a_page_has_the_documented_envelope() {
    let mut device = DeviceSpec::named("My first own device");
    device.uuid = Some("xxxxxx".to_owned());
    device.device_specification_uuid = Some("d2723e99-1fe4-4d60-9b6d-8061f7414b24".to_owned());
    let sim = Sim::builder().devices(0).device(device).start().unwrap();
    let answer = list(&sim, &bearer(&sim), "");
    assert_eq!(answer.header("content-type"), Some(DEVICES));
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"content":[{"uuid":"xxxxxx","name":"My first own device","description":"","metadata":null,"#,
            r#""deviceSpecificationUUID":"d2723e99-1fe4-4d60-9b6d-8061f7414b24","barcode":null}],"#,
            r#""last":true,"totalPages":1,"totalElements":1,"#,
            r#""sort":[{"direction":"ASC","property":"name","ignoreCase":false,"nullHandling":"NATIVE","#,
            r#""ascending":true,"descending":false}],"first":true,"numberOfElements":1,"size":20,"number":0}"#
        )
    );
}

#[test]
fn sort_comes_in_the_chosen_shape() {
    for (shape, expected) in [
        (SortEcho::Null, Value::Null),
        (SortEcho::Object, json!({ "sorted": true, "unsorted": false, "empty": false })),
    ] {
        let sim = Sim::builder().quirk(Quirk::SortEcho(shape)).start().unwrap();
        assert_eq!(list(&sim, &bearer(&sim), "").json()["sort"], expected);
    }
}

#[test]
fn pages_of_an_empty_fleet_and_beyond_the_end_are_empty() {
    let sim = Sim::builder().devices(0).start().unwrap();
    let page = list(&sim, &bearer(&sim), "").json();
    assert_eq!((&page["content"], &page["totalPages"]), (&json!([]), &json!(0)));
    assert_eq!((&page["first"], &page["last"]), (&json!(true), &json!(true)));

    let sim = Sim::builder().devices(41).start().unwrap();
    let bearer = bearer(&sim);
    for (number, count, last) in
        [(0, 20, false), (1, 20, false), (2, 1, true), (3, 0, true), (2147483647, 0, true)]
    {
        let page = list(&sim, &bearer, &format!("?currentPage={number}")).json();
        assert_eq!(page["number"], number);
        assert_eq!(page["numberOfElements"], count);
        assert_eq!(page["content"].as_array().unwrap().len(), count);
        assert_eq!((&page["last"], &page["first"]), (&json!(last), &json!(number == 0)));
        assert_eq!((&page["totalPages"], &page["totalElements"]), (&json!(3), &json!(41)));
    }
}

#[test]
fn a_smaller_page_than_asked_says_so() {
    let sim = Sim::builder().devices(10).page_size_cap(4).start().unwrap();
    let bearer = bearer(&sim);
    let page = list(&sim, &bearer, "?pageSize=1000&currentPage=2").json();
    assert_eq!((&page["size"], &page["numberOfElements"]), (&json!(4), &json!(2)));
    assert_eq!(list(&sim, &bearer, "?pageSize=3").json()["size"], 3);
}

#[test]
fn search_is_case_sensitive_and_partial() {
    let sim = Sim::builder()
        .devices(0)
        .device(DeviceSpec::named("Parking A"))
        .device(DeviceSpec::named("parking B"))
        .device(DeviceSpec::named("Café & bar 50%+"))
        .start()
        .unwrap();
    let bearer = bearer(&sim);
    let found = |query: &str| names(&list(&sim, &bearer, query).json());
    assert_eq!(found("?search=Park"), ["Parking A"]);
    assert_eq!(found("?search=arking"), ["Parking A", "parking B"]);
    assert_eq!(found("?search=PARK"), [""; 0]);
    assert_eq!(found("?search=Caf%C3%A9+%26%20bar+50%25%2B"), ["Café & bar 50%+"]);
    assert_eq!(found("?search="), ["Café & bar 50%+", "Parking A", "parking B"]);
    sim.add_device(DeviceSpec::named("Parkour"));
    assert_eq!(found("?search=Park"), ["Parking A", "Parkour"]);
}

#[test]
fn listings_are_sorted_both_ways() {
    let device = |name: &str, uuid: &str, description: &str, barcode: Option<&str>| DeviceSpec {
        uuid: Some(uuid.to_owned()),
        description: description.to_owned(),
        barcode: barcode.map(str::to_owned),
        ..DeviceSpec::named(name)
    };
    let sim = Sim::builder()
        .devices(0)
        .device(device("a", "3", "y", Some("7")))
        .device(device("b", "1", "z", None))
        .device(device("c", "2", "x", Some("5")))
        .start()
        .unwrap();
    let bearer = bearer(&sim);
    for (property, expected) in [
        ("name", ["a", "b", "c"]),
        ("uuid", ["b", "c", "a"]),
        ("description", ["c", "a", "b"]),
        ("barcode", ["b", "c", "a"]),
    ] {
        let page = list(&sim, &bearer, &format!("?sortBy={property}")).json();
        assert_eq!(names(&page), expected, "{property}");
        let page =
            list(&sim, &bearer, &format!("?sortBy={property}&sortOrder=DESC&pageSize=2&currentPage=1"))
                .json();
        assert_eq!(names(&page), expected[..1], "{property}");
        assert_eq!(page["sort"][0]["property"], property);
        assert_eq!(page["sort"][0]["descending"], true);
        assert_eq!(page["sort"][0]["direction"], "DESC");
    }
}

#[test]
fn a_bad_query_or_accept_of_a_listing_is_400() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    for query in [
        "currentPage=-1",
        "currentPage=x",
        "currentPage=",
        "currentPage=2147483648",
        "pageSize=0",
        "pageSize=-1",
        "pageSize=ten",
        "sortOrder=asc",
        "sortOrder=",
        "sortBy=colour",
        "search=%zz",
        "search=%FF",
    ] {
        let answer = list(&sim, &bearer, &format!("?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let body = answer.json();
        assert_eq!((&body["status"], &body["path"]), (&json!(400), &json!("/api/devices")));
    }
    for accept in ["application/json", "*/*", DOWNLINKS] {
        let headers = [("Authorization", bearer.as_str()), ("Accept", accept)];
        assert_eq!(call(&sim, "GET", "/api/devices", &headers, "").status, 400, "{accept}");
    }
    assert_eq!(call(&sim, "GET", "/api/devices", &[("Authorization", &bearer)], "").status, 400);
    let both = format!("application/json, {DEVICES};q=0.9");
    let headers = [("authorization", bearer.as_str()), ("ACCEPT", both.as_str())];
    assert_eq!(call(&sim, "GET", "/api/devices?unknown=1", &headers, "").status, 200);
}

#[test]
fn other_paths_and_methods_are_404_and_405() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    for path in ["/", "/api", "/api/devices/1", "/devices/1"] {
        assert_eq!(call(&sim, "GET", path, &[("Authorization", &bearer)], "").status, 404, "{path}");
    }
    assert_eq!(sim.calls(Route::Other), 4);
    for (method, path, allowed) in [
        ("POST", "/api/devices", "GET"),
        ("GET", "/api/actuator/downlinks", "POST"),
        ("PUT", "/api/v1/lifecycle/clients/x/context-switch", "GET, POST"),
    ] {
        let answer = call(&sim, method, path, &[("Authorization", &bearer)], "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)));
    }
}

#[test]
fn a_downlink_is_kept_as_it_was_sent() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let target = "/api/actuator/downlinks?port=223&externalReference=valve+%2342%2F%C3%A9";
    assert_eq!(send(&sim, &bearer, target, DOWNLINK).status, 201);
    let own = r#"[{"bn":"urn:dev:IMEI:1:","n":"open","vb":true}]"#;
    assert_eq!(send(&sim, &bearer, "/api/actuator/downlinks", own).status, 201);
    let downlinks = sim.downlinks();
    assert_eq!(downlinks.len(), 2);
    let first = &downlinks[0];
    assert_eq!((first.number, first.port.as_deref()), (1, Some("223")));
    assert_eq!(first.external_reference.as_deref(), Some("valve #42/é"));
    assert_eq!(first.customer, None);
    assert_eq!(first.body, DOWNLINK.as_bytes());
    assert_eq!(first.records[0]["vs"], "0102");
    assert!(!format!("{first:?}").contains("0102"));
    assert_eq!(
        (downlinks[1].number, &downlinks[1].port, &downlinks[1].external_reference),
        (2, &None, &None)
    );
}

#[test]
fn a_downlink_is_answered_in_the_chosen_way() {
    for (answer, status, body) in [
        (DownlinkAnswer::CreatedObject, 201, r#"{"externalReference":"r","state":"Pending"}"#),
        (DownlinkAnswer::OkObject, 200, r#"{"externalReference":"r","state":"Pending"}"#),
        (DownlinkAnswer::CreatedEmpty, 201, ""),
        (DownlinkAnswer::NoContent, 204, ""),
        (DownlinkAnswer::AcceptedText, 202, "Accepted"),
    ] {
        let sim = Sim::builder().downlink_answer(answer).start().unwrap();
        let answer = send(&sim, &bearer(&sim), &format!("{SEND}&externalReference=r"), DOWNLINK);
        assert_eq!((answer.status, answer.text()), (status, body));
        assert_eq!(answer.header("content-length").is_none(), status == 204);
    }
}

#[test]
fn a_bad_downlink_is_400_and_not_kept() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    for port in ["0", "224", "-1", "x", ""] {
        let target = format!("/api/actuator/downlinks?port={port}");
        assert_eq!(send(&sim, &bearer, &target, DOWNLINK).status, 400, "{port}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        "",
        "{}",
        "[]",
        "[1]",
        "[{]",
        r#"[{"bn":"urn:dev:IMEI:1:","n":"payloadHex"}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"payloadHex","vs":""}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"payloadHex","vs":"010"}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"payloadHex","vs":"0g"}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"payloadHex","vs":1}]"#,
        r#"[{"bn":1,"n":"setpoint","v":21.5}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","bver":10.5,"n":"setpoint","v":21.5}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"setpoint","v":"21.5"}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"setpoint","v":21.5,"t":{}}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:","n":"setpoint","vb":1}]"#,
        r#"[{"n":"setpoint","v":21.5}]"#,
        r#"[{"bn":"","n":"setpoint","v":21.5}]"#,
        r#"[{"bn":"urn:dev:IMEI:1:"},{"bn":"","n":"setpoint","v":21.5}]"#,
        r#"[{"n":"setpoint","v":21.5},{"bn":"urn:dev:IMEI:1:","n":"mode","vs":"eco"}]"#,
        &deep,
    ] {
        assert_eq!(send(&sim, &bearer, SEND, body).status, 400, "{body:.80}");
    }
    // As deep as JSON is read: this has to fit on the small stack of a connection.
    let nested =
        format!(r#"[{{"bn":"urn:dev:IMEI:1:","n":"x","x":{}{}}}]"#, "[".repeat(125), "]".repeat(125));
    assert_eq!(send(&sim, &bearer, SEND, &nested).status, 201);
    for (name, value) in [("Accept", "application/json"), ("Content-Type", "text/plain")] {
        let mut headers = send_headers(&bearer);
        headers.iter_mut().find(|header| header.0 == name).unwrap().1 = value;
        assert_eq!(call(&sim, "POST", SEND, &headers, DOWNLINK).status, 400, "{name}");
    }
    let full_names = r#"[{"n":"urn:dev:IMEI:1:setpoint","v":21.5}]"#;
    let one_base_name = r#"[{"bn":"urn:dev:IMEI:1:","n":"setpoint","v":21.5},{"n":"mode","vs":"eco"}]"#;
    let version = r#"[{"bn":"urn:dev:IMEI:1:","bver":10.0,"n":"setpoint","v":21.5}]"#;
    for body in [full_names, one_base_name, version] {
        assert_eq!(send(&sim, &bearer, SEND, body).status, 201, "{body}");
    }
    assert_eq!(sim.downlinks_received(), 4);
}

#[test]
fn a_sub_customer_needs_a_grant_and_a_context_switch() {
    let sim = Sim::builder().devices(5).customer("a/b c", 2).start().unwrap();
    assert_eq!(sim.customers(), [DEFAULT_CUSTOMER, "a/b c"]);
    let bearer = bearer(&sim);
    let list_as = |customer: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Accept", DEVICES), ("x-client-id", customer)];
        call(&sim, "GET", "/api/devices", &headers, "")
    };
    assert_eq!(list_as(DEFAULT_CUSTOMER).status, 403);
    assert_eq!(switch(&sim, &bearer, "stranger").status, 403);
    assert_eq!(list_as("stranger").status, 403);
    assert_eq!(switch(&sim, &bearer, DEFAULT_CUSTOMER).status, 200);
    assert_eq!(list_as(DEFAULT_CUSTOMER).json()["totalElements"], 3);
    assert_eq!(list_as("a/b c").status, 403);
    assert_eq!(switch(&sim, &bearer, "a%2Fb%20c").json()["clientId"], "a/b c");
    assert_eq!(list_as("a/b c").json()["totalElements"], 2);
    assert_eq!(list(&sim, &bearer, "").json()["totalElements"], 5);

    let headers: Vec<_> =
        [("X-Client-Id", DEFAULT_CUSTOMER)].into_iter().chain(send_headers(&bearer)).collect();
    assert_eq!(call(&sim, "POST", SEND, &headers, DOWNLINK).status, 201);
    assert_eq!(sim.downlinks()[0].customer.as_deref(), Some(DEFAULT_CUSTOMER));

    // The switch belongs to the key: a new token changes nothing.
    let again = self::bearer(&sim);
    let headers = [("Authorization", again.as_str()), ("Accept", DEVICES), ("x-client-id", DEFAULT_CUSTOMER)];
    assert_eq!(call(&sim, "GET", "/api/devices", &headers, "").status, 200);
    sim.forget_context_switches();
    assert_eq!(list_as(DEFAULT_CUSTOMER).status, 403);
    assert!(Sim::builder().no_customers().start().unwrap().customers().is_empty());
}

#[test]
fn a_sub_customer_that_cannot_be_read_is_not_the_account_itself() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let headers = [("Authorization", bearer.as_str()), ("Accept", DEVICES), ("x-client-id", "CUSTOMER")];
    let head = request("GET", "/api/devices", &headers, "");
    let (before, after) = head.split_once("CUSTOMER").unwrap();
    let mut wire = Wire::to(&sim);
    wire.write([before.as_bytes(), b"caf\xE9", after.as_bytes()].concat());
    assert_eq!(wire.read().unwrap().status, 403);
}

#[test]
fn a_context_switch_wants_json_and_is_answered_in_the_chosen_way() {
    let target = format!("/api/v1/lifecycle/clients/{DEFAULT_CUSTOMER}/context-switch");
    let json = "application/json";
    for (variant, status, empty) in [
        (SwitchAnswer::OkObject, 200, false),
        (SwitchAnswer::OkEmpty, 200, true),
        (SwitchAnswer::NoContent, 204, true),
    ] {
        let sim = Sim::builder().switch_answer(variant).start().unwrap();
        let bearer = bearer(&sim);
        let answer = switch(&sim, &bearer, DEFAULT_CUSTOMER);
        assert_eq!((answer.status, answer.body.is_empty()), (status, empty));
        let headers = [("Authorization", bearer.as_str()), ("Accept", json), ("Content-Type", json)];
        assert_eq!(call(&sim, "POST", &target, &headers, "").status, status);
        for missing in [1, 2] {
            let mut headers = headers;
            headers[missing].1 = "text/html";
            assert_eq!(call(&sim, "GET", &target, &headers, "").status, 400);
        }
    }
}

#[test]
fn a_security_context_is_recorded_and_changes_nothing() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Accept", DEVICES),
        ("KPN-Things-Security-Context", "any thing"),
    ];
    assert_eq!(call(&sim, "GET", "/api/devices", &headers, "").status, 200);
    assert_eq!(sim.requests().last().unwrap().header("kpn-things-security-context"), Some("any thing"));
}
