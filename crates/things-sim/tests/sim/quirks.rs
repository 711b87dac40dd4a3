//! Quirks of the list of devices.

use crate::client::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use things_sim::{DeviceSpec, Sim, SimBuilder};

fn builder(quirks: &[&str]) -> SimBuilder {
    quirks.iter().fold(Sim::builder(), |builder, quirk| builder.quirk(quirk.parse().unwrap()))
}

/// A simulator of so many devices `d00`, `d01` and so on, whose names are in the opposite order.
fn numbered(devices: usize, quirks: &[&str]) -> Sim {
    let device = |number: usize| DeviceSpec {
        uuid: Some(format!("d{number:02}")),
        ..DeviceSpec::named(format!("n{:02}", devices - 1 - number))
    };
    (0..devices)
        .fold(builder(quirks).devices(0), |builder, number| builder.device(device(number)))
        .start()
        .unwrap()
}

fn sort(property: &str, direction: &str) -> Value {
    json!([{
        "direction": direction, "property": property, "ignoreCase": false, "nullHandling": "NATIVE",
        "ascending": direction == "ASC", "descending": direction == "DESC",
    }])
}

#[test]
fn sorting_by_uuid_is_accepted_refused_or_ignored() {
    let ask = |quirks: &[&str]| {
        let sim = numbered(3, quirks);
        list(&sim, &bearer(&sim), "?sortBy=uuid")
    };
    let accepted = ask(&[]).json();
    assert_eq!(
        (uuids(&accepted), &accepted["sort"]),
        (vec!["d00".to_owned(), "d01".into(), "d02".into()], &sort("uuid", "ASC"))
    );
    let refused = ask(&["sort-by-uuid:refused"]);
    assert_eq!(
        (refused.status, &refused.json()["message"]),
        (400, &json!("sortBy must be name, description or barcode"))
    );
    for (echo, shown) in [
        ("array", sort("name", "ASC")),
        ("requested", sort("uuid", "ASC")),
        ("object", json!({ "sorted": true, "unsorted": false, "empty": false })),
        ("null", Value::Null),
    ] {
        let ignored = ask(&["sort-by-uuid:ignored", &format!("sort-echo:{echo}")]).json();
        assert_eq!(names(&ignored), ["n00", "n01", "n02"]);
        assert_eq!(ignored.get("sort"), Some(&shown), "{echo}");
    }
    assert_eq!(ask(&["sort-by-uuid:ignored", "sort-echo:absent"]).json().get("sort"), None);
    let sim = numbered(3, &["sort-by-uuid:refused"]);
    assert_eq!(list(&sim, &bearer(&sim), "?sortBy=name").status, 200);
}

#[test]
fn the_sort_order_can_be_ignored() {
    let descending = |quirks: &[&str]| {
        let sim = numbered(3, quirks);
        list(&sim, &bearer(&sim), "?sortBy=uuid&sortOrder=DESC").json()
    };
    let honoured = descending(&[]);
    assert_eq!((uuids(&honoured)[0].as_str(), &honoured["sort"]), ("d02", &sort("uuid", "DESC")));
    let ignored = descending(&["sort-order:ignored"]);
    assert_eq!((uuids(&ignored)[0].as_str(), &ignored["sort"]), ("d00", &sort("uuid", "ASC")));
}

#[test]
fn a_page_size_beyond_the_limit_is_refused() {
    let sim = builder(&["page-size-limit:30"]).start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "?pageSize=30").json()["numberOfElements"], 30);
    let refused = list(&sim, &bearer, "?pageSize=31");
    assert_eq!((refused.status, &refused.json()["message"]), (400, &json!("pageSize must be at most 30")));
}

#[test]
fn equal_devices_are_in_another_order_each_time() {
    let run = |seed| {
        let sim = builder(&["shuffled-ties", "shared-names:4"]).devices(24).seed(seed).start().unwrap();
        let bearer = bearer(&sim);
        let mut wire = Wire::to(&sim);
        let whole: Vec<Vec<String>> =
            (0..5).map(|_| uuids(&page(&mut wire, &bearer, "pageSize=24"))).collect();
        for order in &whole {
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), 24);
        }
        assert!(whole.windows(2).all(|pair| pair[0] != pair[1]));
        let by_name = names(&page(&mut wire, &bearer, "pageSize=24&sortOrder=DESC"));
        assert!(by_name.is_sorted_by(|a, b| a >= b) && by_name.iter().collect::<HashSet<_>>().len() < 24);
        let by_uuid = uuids(&page(&mut wire, &bearer, "pageSize=24&sortBy=uuid"));
        assert!(by_uuid.is_sorted());
        whole
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn ties_across_the_edge_of_a_page_are_repeated_or_missed() {
    let sim = builder(&["shuffled-ties", "shared-names:8"]).devices(16).start().unwrap();
    let bearer = bearer(&sim);
    let mut wire = Wire::to(&sim);
    let complete = |wire: &mut Wire| {
        let pages = (0..4).map(|number| page(wire, &bearer, &format!("pageSize=4&currentPage={number}")));
        pages.flat_map(|page| uuids(&page)).collect::<HashSet<_>>().len() == 16
    };
    assert!((0..10).any(|_| !complete(&mut wire)));
}

#[test]
fn without_the_quirk_equal_devices_keep_their_order() {
    let sim = builder(&["shared-names:8"]).devices(16).start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "").body, list(&sim, &bearer, "").body);
}

#[test]
fn an_open_cap_is_echoed_and_a_silent_one_is_not() {
    let figures = |quirk: &str, query: &str| {
        let sim = builder(&[quirk]).devices(60).start().unwrap();
        let page = list(&sim, &bearer(&sim), query).json();
        ["numberOfElements", "size", "totalElements", "totalPages", "last"].map(|name| page[name].clone())
    };
    let open = "page-size-cap:25";
    assert_eq!(figures(open, "?pageSize=100"), [json!(25), json!(25), json!(60), json!(3), json!(false)]);
    let silent = "silent-page-size-cap:25";
    assert_eq!(figures(silent, "?pageSize=100"), [json!(25), json!(100), json!(25), json!(1), json!(true)]);
    assert_eq!(figures(silent, "?pageSize=50"), [json!(25), json!(50), json!(60), json!(2), json!(false)]);
    assert_eq!(figures(silent, "?pageSize=20"), [json!(20), json!(20), json!(60), json!(3), json!(false)]);
    assert_eq!(
        figures(silent, "?pageSize=50&currentPage=2"),
        [json!(10), json!(50), json!(110), json!(3), json!(true)]
    );
}

#[test]
fn totals_can_follow_from_a_wrong_count() {
    let totals = |quirk: &str| {
        let change = "every-2=remove:10".parse().unwrap();
        let sim = builder(&[quirk]).devices(60).change(change).start().unwrap();
        let bearer = bearer(&sim);
        let mut wire = Wire::to(&sim);
        let pages = (0..4).map(|_| page(&mut wire, &bearer, "pageSize=20&currentPage=2"));
        pages.map(|page| ["totalElements", "totalPages"].map(|name| page[name].as_u64().unwrap())).collect()
    };
    let exact: Vec<[u64; 2]> = totals("totals:exact");
    assert_eq!(exact, [[60, 3], [50, 3], [50, 3], [40, 2]]);
    assert_eq!(totals("totals:stale"), [[60, 3], [60, 3], [50, 3], [50, 3]]);
    assert_eq!(totals("totals:fewer"), [[54, 3], [45, 3], [45, 3], [36, 2]]);
    assert_eq!(totals("totals:more"), [[66, 4], [55, 3], [55, 3], [44, 3]]);
    let random = totals("totals:random");
    assert!(random.iter().all(|[total, pages]| *total <= 120 && *pages == total.div_ceil(20)), "{random:?}");
    assert_ne!(random, exact);
    assert_eq!(random, totals("totals:random"), "the seed decides");
}

#[test]
fn pages_come_in_every_envelope_of_spring() {
    let ask = |quirks: &[&str]| {
        let sim = numbered(5, quirks);
        list(&sim, &bearer(&sim), "?sortBy=uuid&pageSize=2&currentPage=1").json()
    };
    let fields = |page: &Value| {
        let mut fields: Vec<String> = page.as_object().unwrap().keys().cloned().collect();
        fields.sort();
        fields.join(" ")
    };
    for (envelope, expected) in [
        ("sample", "content first last number numberOfElements size sort totalElements totalPages"),
        (
            "page-impl",
            "content empty first last number numberOfElements pageable size sort totalElements totalPages",
        ),
        ("paged-model", "content page"),
        ("hateoas", "_embedded _links page"),
        ("slice", "content empty first last number numberOfElements pageable size sort"),
        ("no-totals", "content first last number numberOfElements size sort"),
        ("content-only", "content"),
    ] {
        let page = ask(&[&format!("envelope:{envelope}")]);
        assert_eq!(fields(&page), expected, "{envelope}");
        let devices = if envelope == "hateoas" { &page["_embedded"]["devices"] } else { &page["content"] };
        assert_eq!((&devices[0]["uuid"], &devices[1]["uuid"]), (&json!("d02"), &json!("d03")), "{envelope}");
        if let Some(figures) = page.get("page") {
            assert_eq!(figures, &json!({ "size": 2, "number": 1, "totalElements": 5, "totalPages": 3 }));
        }
    }
    let echoed = ask(&["envelope:paged-model", "sort-echo:array"]);
    assert_eq!(echoed["sort"], sort("uuid", "ASC"));
}

#[test]
fn numbers_are_written_as_text_or_with_a_fraction() {
    let numbers = |quirk: &str| {
        let sim = builder(&[quirk]).devices(5).start().unwrap();
        let page = list(&sim, &bearer(&sim), "?pageSize=2").json();
        ["number", "size", "numberOfElements", "totalElements", "totalPages"]
            .map(|name| page[name].to_string())
            .join(" ")
    };
    assert_eq!(numbers("numbers:integer"), "0 2 2 5 3");
    assert_eq!(numbers("numbers:text"), r#""0" "2" "2" "5" "3""#);
    assert_eq!(numbers("numbers:float"), "0.0 2.0 2.0 5.0 3.0");
}

#[test]
fn one_page_in_the_middle_can_be_empty() {
    let sim = numbered(6, &["empty-page:1"]);
    let bearer = bearer(&sim);
    let mut wire = Wire::to(&sim);
    let pages: Vec<Value> = (0..3)
        .map(|number| page(&mut wire, &bearer, &format!("sortBy=uuid&pageSize=2&currentPage={number}")))
        .collect();
    assert_eq!(pages.iter().map(uuids).collect::<Vec<_>>(), [vec!["d00", "d01"], vec![], vec!["d04", "d05"]]);
    assert!(pages.iter().all(|page| page["totalElements"] == 6));
    assert_eq!((&pages[1]["numberOfElements"], &pages[1]["last"]), (&json!(0), &json!(false)));
}
