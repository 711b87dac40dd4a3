//! The cases that the algorithm was designed for.

use std::collections::HashSet;

use super::*;
use crate::stage::Stage;

#[test]
fn a_fleet_at_rest_costs_one_page_more_at_most() {
    let listed = quiet(&Service::new(45), feed(20, 1));
    assert_eq!(listed.devices, Vec::from_iter(0..45));
    assert_eq!((listed.proof().requests, listed.proof().repairs, listed.read), (3, 0, 48));
    let listed = quiet(&Service::new(2_000), feed(100, 8));
    assert_eq!((listed.proof().requests, listed.devices.len()), (23, 2_000));
}

#[test]
fn less_than_the_least_cap_is_one_request() {
    for devices in [0, 1, 2, 19] {
        let listed = quiet(&Service::new(devices), feed(20, 1));
        assert_eq!((listed.proof().requests, listed.devices.len()), (1, devices as usize));
    }
    assert_eq!(quiet(&Service::new(20), feed(20, 1)).proof().requests, 2);
}

#[test]
fn an_empty_page_is_an_empty_fleet_only_if_nothing_contradicts_it() {
    for (total, last, proven) in [
        (json!(0), json!(true), true),
        (json!(null), json!(null), true),
        (json!(3), json!(true), false),
        (json!(0), json!(false), false),
    ] {
        let page = json!({"content": [], "totalElements": total, "last": last});
        let listed = list(feed(20, 1), |_| 0, |_| Ok(page.clone()));
        assert_eq!(listed.end.is_ok(), proven, "{page}");
        if !proven {
            let (why, gaps) = listed.incomplete();
            assert!(why.contains("changed faster"), "{why}");
            assert_eq!(gaps, ["START .. END"]);
        }
    }
}

#[test]
fn a_full_page_that_says_last_is_not_the_end() {
    let listed = quiet(&Service::new(100), feed(100, 1));
    assert_eq!((listed.proof().requests, listed.devices.len()), (2, 100));
    assert!(listed.read <= 102, "{}", listed.read);
}

#[test]
fn devices_that_are_removed_in_front_move_no_other_out_of_sight() {
    let mut service = Service::new(60);
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| {
            if request.number == 1 {
                service.remove([5, 19]);
            }
            Ok(service.page(request))
        },
    );
    assert!(listed.end.is_ok());
    let devices: HashSet<u32> = listed.devices.iter().copied().collect();
    assert!(service.fleet.iter().all(|device| devices.contains(device)));
}

#[test]
fn an_empty_page_behind_devices_that_moved_is_not_the_end() {
    let mut service = Service::new(41);
    let mut emptied = 0;
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| {
            if emptied == 0 && request.number * request.size > 30 {
                service.remove(0..12);
                emptied = service.page(request)["content"].as_array().unwrap().len() + 1;
            }
            Ok(service.page(request))
        },
    );
    assert_eq!(emptied, 1, "the page was empty");
    let devices: HashSet<u32> = listed.devices.iter().copied().collect();
    assert!(listed.end.is_ok() && (12..41).all(|device| devices.contains(&device)));
}

#[test]
fn a_cap_that_the_service_hides_is_no_end() {
    let service = Service { cap: 25, silent: true, ..Service::new(60) };
    let first = service.page(Request { number: 0, size: 100, descending: false });
    assert_eq!(
        (&first["size"], &first["totalElements"], &first["last"]),
        (&json!(100), &json!(25), &json!(true))
    );
    let listed = quiet(&service, feed(100, 1));
    assert!(listed.end.is_ok());
    assert_eq!(listed.devices, Vec::from_iter(0..60));
}

#[test]
fn a_cap_that_the_service_names_is_taken_for_what_it_is() {
    for window in [1, 8] {
        let listed = quiet(&Service { cap: 50, ..Service::new(500) }, feed(200, window));
        assert_eq!(listed.devices, Vec::from_iter(0..500));
        assert!(listed.proof().requests <= 14, "{}", listed.proof().requests);
    }
}

#[test]
fn another_order_proves_nothing() {
    let by_name = Service { echo: json!([{"property": "name"}]), ..Service::new(60) };
    let listed = quiet(&by_name, feed(20, 1));
    assert_eq!(listed.requests.len(), 1);
    let (why, gaps) = listed.incomplete();
    assert_eq!(why, "the service ordered the devices by name instead of uuid");
    assert_eq!(gaps, ["START .. END"]);
    let unsorted = Service { echo: json!({"unsorted": true}), ..Service::new(60) };
    assert_eq!(quiet(&unsorted, feed(20, 1)).incomplete().0, "the service did not order the devices");
    let odd = Service { echo: json!([{"property": "eyJhbGciOi.J9"}]), ..Service::new(60) };
    assert_eq!(quiet(&odd, feed(20, 1)).incomplete().0, "the service did not order the devices by uuid");
}

#[test]
fn an_order_that_is_not_known_is_enough_if_it_is_named_and_is_not_that_of_the_names() {
    // The service has an order of its own for ids and for names.
    let order: Vec<u32> = (0..60).map(|number| number * 37 % 60).collect();
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| {
            let listed = order.iter().skip(request.number * request.size).take(request.size);
            let content: Vec<Value> =
                listed.map(|device| json!({"uuid": uuid(*device), "name": format!("{device:02}")})).collect();
            Ok(json!({"content": content, "totalElements": 60, "sort": [{"property": "uuid"}]}))
        },
    );
    assert!(listed.end.is_ok(), "{:?}", listed.end);
    assert_eq!(listed.devices, order);
}

#[test]
fn an_order_that_is_only_named_is_not_believed() {
    // The service orders by name and reports the order of the request, as Spring does. A device that was not read yet
    // is renamed and moves to the front. Overlapping pages do not show that.
    let mut by_name: Vec<u32> = (0..60).map(|number| number * 37 % 60).collect();
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| {
            if request.number == 1 {
                let device = by_name.remove(45);
                by_name.insert(0, device);
            }
            let listed = by_name.iter().skip(request.number * request.size).take(request.size);
            let content: Vec<Value> = listed.map(|device| json!({"uuid": uuid(*device)})).collect();
            Ok(json!({"content": content, "totalElements": 60, "sort": [{"property": "uuid"}]}))
        },
    );
    let (why, gaps) = listed.incomplete();
    assert!(why.contains("are in no known order of uuids"), "{why}");
    assert_eq!(gaps, ["START .. END"]);
}

#[test]
fn the_order_does_not_matter_if_one_page_is_the_whole_fleet() {
    let by_name = Service { echo: json!([{"property": "name"}]), ..Service::new(12) };
    assert_eq!(quiet(&by_name, feed(100, 1)).proof().requests, 1);
}

#[test]
fn devices_that_ascend_show_the_order_where_the_service_is_silent() {
    let silent = Service { echo: json!({"sorted": true, "unsorted": false}), ..Service::new(60) };
    assert!(quiet(&silent, feed(20, 1)).end.is_ok());
    let shuffled = |request: Request| {
        let mut page = silent.page(request);
        page["content"].as_array_mut().unwrap().swap(3, 7);
        Ok(page)
    };
    let listed = list(feed(20, 1), |_| 0, shuffled);
    assert_eq!(listed.requests.len(), 1);
    assert!(listed.incomplete().0.contains("does not show"));
    let vouched = feed(20, 1).vouch_for_order();
    assert!(list(vouched, |_| 0, shuffled).end.is_ok(), "the caller knows better");
}

#[test]
fn the_descending_order_shows_the_end_unless_the_service_ignores_it() {
    for honours_descending in [true, false] {
        let service = Service { honours_descending, ..Service::new(60) };
        let listed = list(
            feed(20, 1),
            |_| 0,
            |request| {
                let mut page = service.page(request);
                page["last"] = json!(false);
                Ok(page)
            },
        );
        assert_eq!(listed.devices, Vec::from_iter(0..60));
        assert_eq!(listed.end.is_ok(), honours_descending);
        let descending = listed.requests.iter().filter(|request| request.descending).count();
        assert_eq!(descending, 1, "a service that ignored it once is not tried again");
        if !honours_descending {
            assert_eq!(listed.incomplete().1, [format!("{} .. END", uuid(59))]);
        }
    }
}

#[test]
fn pages_of_one_device_do_not_show_that_the_descending_order_is_honoured() {
    let service = Service { cap: 1, honours_descending: false, ..Service::new(58) };
    for total in [json!(null), json!(1), json!(58)] {
        let serve = |request: Request| {
            let mut page = service.page(request);
            page["totalElements"] = total.clone();
            Ok(page)
        };
        let listed = list(feed(50, 8), |_| 0, serve);
        assert!(listed.end.is_err(), "{total}: {:?} of 58 devices", listed.devices);
    }
}

#[test]
fn the_result_does_not_depend_on_the_window_nor_on_the_order_of_responses() {
    let service = Service::new(300);
    for window in [1, 2, 4, 8, 64] {
        for newest_first in [false, true] {
            let pick = |flying: usize| if newest_first { flying - 1 } else { 0 };
            let listed = list(feed(20, window), pick, |request| Ok(service.page(request)));
            assert_eq!(listed.devices, Vec::from_iter(0..300), "window {window}");
            assert!(listed.end.is_ok());
        }
    }
}

#[test]
fn pages_that_no_service_should_send_end_the_listing() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 3] = [
        (|page| page["content"][1] = page["content"][0].clone(), "twice"),
        (
            |page| page["content"].as_array_mut().unwrap().push(json!({"uuid": "x"})),
            "21 devices for a page of 20",
        ),
        (|page| page["number"] = json!(3), "page 0 was requested, and the response is page 3"),
    ];
    for (change, part) in changes {
        let listed = list(
            feed(20, 1),
            |_| 0,
            |request| {
                let mut page = Service::new(60).page(request);
                change(&mut page);
                Ok(page)
            },
        );
        let why = listed.incomplete().0;
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn two_devices_in_two_orders_prove_nothing() {
    let service = Service::new(60);
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| {
            let mut page = service.page(request);
            if request.number > 0 {
                page["content"].as_array_mut().unwrap().reverse();
            }
            Ok(page)
        },
    );
    // Pages that overlap by one device do not show it, but the two sides of a mend do.
    assert!(listed.end.is_err());
}

fn refusal() -> Result<Value, Error> {
    Err(Error::new(ErrorKind::BadRequest, Stage::Call, "400 Bad Request: no property uuid"))
}

#[test]
fn an_order_that_is_refused_is_an_incomplete_listing() {
    let listed = list(Verified::new(ListDevices::new(), 8), |_| 0, |_| refusal());
    let sizes: Vec<usize> = listed.requests.iter().map(|request| request.size).collect();
    assert_eq!(sizes, [100, 20], "the page size may be to blame");
    let (why, gaps) = listed.incomplete();
    assert_eq!(why, "the service refused a page that the proof needs: 400 Bad Request: no property uuid");
    assert_eq!(gaps, ["START .. END"]);
    let listed = list(feed(100, 8), |_| 0, |_| refusal());
    assert_eq!(listed.requests.len(), 1, "a page size that the user names is not changed");
}

#[test]
fn a_page_size_that_is_refused_is_replaced_by_the_documented_one() {
    let service = Service::new(45);
    let refused: Arc<AtomicU8> = Arc::default();
    let begin = || Verified::begin(ListDevices::new(), 1, 1_000, Arc::clone(&refused));
    let serve = |request: Request| if request.size > 20 { refusal() } else { Ok(service.page(request)) };
    let listed = list(begin(), |_| 0, serve);
    assert_eq!((listed.proof().requests, listed.devices.len()), (4, 45));
    assert_eq!(list(begin(), |_| 0, serve).proof().requests, 3, "the session remembers it");
}

#[test]
fn an_order_that_was_refused_before_is_not_requested_again() {
    let refused: Arc<AtomicU8> = Arc::new(AtomicU8::new(1));
    let listed = list(Verified::begin(ListDevices::new(), 1, 1_000, refused), |_| 0, |_| refusal());
    assert!(listed.requests.is_empty());
    assert!(listed.incomplete().0.contains("did not take sortBy=uuid before"));
}

#[test]
fn what_is_proven_comes_before_the_error_of_a_page() {
    let service = Service::new(100);
    let listed = list(
        feed(20, 1),
        |_| 0,
        |request| match request.number {
            0 | 1 => Ok(service.page(request)),
            _ => Err(Error::new(ErrorKind::Server, Stage::Call, "500")),
        },
    );
    assert_eq!(listed.devices, Vec::from_iter(0..38));
    assert_eq!(listed.end.unwrap_err().kind(), ErrorKind::Server);
}

#[test]
fn a_query_that_cannot_be_right_sends_nothing() {
    for (query, window) in [
        (ListDevices::new().sort_by("name"), 1),
        (ListDevices::new().sort_order(crate::devices::SortOrder::Descending), 1),
        (ListDevices::new().page_size(0), 1),
        (ListDevices::new().page(1), 1),
        (ListDevices::new(), 0),
        (ListDevices::new(), 65),
    ] {
        let listed = list(Verified::new(query, window), |_| 0, |_| refusal());
        assert!(listed.requests.is_empty());
        assert_eq!(listed.end.unwrap_err().kind(), ErrorKind::Input);
    }
}

#[test]
fn the_latest_content_of_a_device_is_handed_out() {
    let mut chain = Chain::new(20, 2, 100);
    let service = Service::new(30);
    let page = |number, size, name: &str| {
        let mut page = service.page(Request { number, size, descending: false });
        for device in page["content"].as_array_mut().unwrap() {
            device["name"] = json!(name);
        }
        read(&page).unwrap()
    };
    let (first, _) = chain.want().unwrap();
    chain.accept(first, page(0, 20, "old"));
    let (second, ask) = chain.want().unwrap();
    assert_eq!((ask.window.number, ask.window.size), (1, 19));
    chain.accept(second, page(1, 19, "new"));
    let names: Vec<String> = chain.take().iter().map(|device| device.name().to_owned()).collect();
    assert_eq!(names.iter().filter(|name| *name == "old").count(), 19, "device 19 was in both pages");
    assert_eq!(names.len(), 30);
}

#[test]
fn a_response_that_is_late_or_unknown_changes_nothing() {
    let mut chain = Chain::new(20, 1, 100);
    let page = || read(&Service::new(45).page(Request { number: 0, size: 20, descending: false })).unwrap();
    let (first, _) = chain.want().unwrap();
    chain.lost(first);
    chain.accept(first, page());
    chain.accept(99, page());
    assert!(chain.take().is_empty());
    let (again, ask) = chain.want().unwrap();
    assert_eq!((again, ask.window.number), (2, 0), "the first page is requested again");
    chain.accept(again, page());
    assert_eq!(chain.take().len(), 20);
}

#[test]
fn only_page_0_is_the_start_and_only_if_the_service_does_not_deny_it() {
    let service = Service::new(45);
    let listed = |first: Value| {
        list(
            feed(20, 1),
            |_| 0,
            |request| {
                let mut page = service.page(request);
                page["first"] = first.clone();
                Ok(page)
            },
        )
    };
    let proven = listed(Value::Null);
    assert_eq!((proven.proof().requests, proven.devices), (3, Vec::from_iter(0..45)));
    let denied = listed(json!(false));
    assert!(denied.devices.is_empty() && denied.end.unwrap_err().kind() == ErrorKind::Incomplete);
}
