//! How long a listing goes on, and when it is given up.

use super::*;

#[test]
fn a_listing_that_does_not_end_is_given_up() {
    let endless = |request: Request| {
        let first = (request.number * request.size) as u32;
        let content: Vec<Value> =
            (first..first + request.size as u32).map(|n| json!({"uuid": uuid(n)})).collect();
        Ok(json!({"content": content, "totalElements": u64::MAX}))
    };
    let listed = list(Verified::begin(ListDevices::new(), 4, 30, Arc::default()), |_| 0, endless);
    assert_eq!(listed.requests.len(), 30);
    assert!(listed.incomplete().0.contains("the most pages allowed"));
}

#[test]
fn a_service_that_sends_the_same_page_for_ever_is_given_up() {
    let service = Service::new(1_000);
    let listed = list(
        feed(20, 4),
        |_| 0,
        |request| {
            let mut page = service.page(Request { number: 0, ..request });
            for name in ["number", "totalElements", "last", "first"] {
                page[name] = Value::Null;
            }
            Ok(page)
        },
    );
    assert!(listed.requests.len() <= 501, "{}", listed.requests.len());
    assert!(listed.incomplete().0.contains("changed faster"));
}

#[test]
fn a_long_listing_goes_on_as_long_as_it_finds_devices() {
    let listed = quiet(&Service::new(6_000), feed(20, 1));
    assert_eq!(listed.devices.len(), 6_000);
    assert!(listed.proof().requests > 300);
}

#[test]
fn a_listing_ends_after_too_many_setbacks() {
    let service = Service::new(100);
    let begun = || {
        let mut chain = Chain::new(20, 1, 1_000);
        let (first, _) = chain.want().unwrap();
        chain.accept(first, read(&service.page(Request { number: 0, size: 20, descending: false })).unwrap());
        chain
    };
    let mut chain = begun();
    chain.setbacks = 12;
    assert!(chain.want().is_some());
    let mut chain = begun();
    chain.setbacks = 13;
    assert!(chain.want().is_none() && matches!(chain.outcome, Some(Outcome::Incomplete { .. })));
}
