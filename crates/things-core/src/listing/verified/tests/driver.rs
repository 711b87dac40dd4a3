//! What a driver sees of the feed.

use super::*;
use crate::stage::Stage;

fn want(feed: &mut Verified) -> Option<(Ticket, Request)> {
    match feed.want(Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH)) {
        Want::Call { ticket, operation, .. } => Some((ticket, request(&operation))),
        _ => None,
    }
}

fn arrives(feed: &mut Verified, service: &Service, (ticket, request): (Ticket, Request)) {
    feed.accept(ticket, read(&service.page(request)));
}

fn failure() -> Result<Page, Error> {
    Err(Error::new(ErrorKind::Server, Stage::Call, "500"))
}

/// A feed that wants several pages at once, with its first page taken.
fn started(service: &Service) -> Verified {
    let mut feed = feed(20, 4);
    let first = want(&mut feed).unwrap();
    arrives(&mut feed, service, first);
    assert_eq!(feed.take().unwrap().unwrap().len(), 20);
    feed
}

#[test]
fn nothing_is_requested_or_read_after_a_failure() {
    let service = Service::new(200);
    let mut feed = started(&service);
    let (failed, late) = (want(&mut feed).unwrap(), want(&mut feed).unwrap());
    feed.accept(failed.0, failure());
    assert!(want(&mut feed).is_none());
    arrives(&mut feed, &service, late);
    assert!(want(&mut feed).is_none() && feed.proof().is_none() && !feed.is_finished());
    assert_eq!(feed.take().unwrap().unwrap_err().kind(), ErrorKind::Server);
    assert!(feed.is_finished() && feed.take().is_none());
}

#[test]
fn an_error_after_the_proof_changes_nothing() {
    let service = Service::new(30);
    let mut feed = feed(20, 4);
    let first = want(&mut feed).unwrap();
    arrives(&mut feed, &service, first);
    let second = want(&mut feed).unwrap();
    let third = want(&mut feed);
    arrives(&mut feed, &service, second);
    let proof = feed.proof().unwrap();
    let ticket = third.map_or(Ticket::new(7), |(ticket, _)| ticket);
    feed.accept(ticket, failure());
    assert_eq!(feed.proof(), Some(proof));
    assert_eq!(feed.take().unwrap().unwrap().len(), 30);
    assert!(feed.is_finished() && feed.take().is_none());
}

#[test]
fn all_pages_in_flight_are_waited_for() {
    let service = Service::new(100);
    let mut feed = started(&service);
    let mut flying: Vec<_> = std::iter::from_fn(|| want(&mut feed)).collect();
    assert_eq!(flying.len(), 4);
    let mut devices = 20;
    while !feed.is_finished() {
        match feed.take() {
            Some(items) => devices += items.unwrap().len(),
            None => {
                // All arrive before the driver asks again, newest first.
                flying.drain(..).rev().for_each(|next| arrives(&mut feed, &service, next));
                flying.extend(std::iter::from_fn(|| want(&mut feed)));
                assert!(!flying.is_empty() || feed.proof().is_some(), "nothing in flight and no end");
            }
        }
    }
    assert_eq!(devices, 100);
}

#[test]
fn a_feed_tells_what_it_has_listed() {
    let service = Service::new(30);
    let mut feed = feed(20, 1);
    let device =
        |number: u32| Device::from_json(json!({"uuid": uuid(number)}).to_string().as_bytes()).unwrap();
    assert_eq!((feed.expected(), feed.warning()), (0, None));
    let first = want(&mut feed).unwrap();
    arrives(&mut feed, &service, first);
    assert!(feed.has_listed(&device(19)) && !feed.has_listed(&device(20)));
    assert_eq!(feed.expected(), 30);
    assert_eq!(feed.fleet(Vec::new()).report.devices, 0, "none was taken");
    let devices = feed.take().unwrap().unwrap();
    let fleet = feed.fleet(devices);
    assert_eq!((fleet.report.devices, fleet.total_elements, fleet.pages), (20, Some(30), 0));
}

#[test]
fn a_page_size_that_was_not_refused_is_requested_again() {
    let service = Service::new(250);
    for query in [ListDevices::new(), ListDevices::new().page_size(20)] {
        let refused: Arc<AtomicU8> = Arc::default();
        let begin = |query: ListDevices| Verified::begin(query, 1, 1_000, Arc::clone(&refused));
        quiet(&service, begin(query)).proof();
        let second = quiet(&service, begin(ListDevices::new()));
        assert_eq!(second.requests.first().unwrap().size, 100);
    }
}
