//! Random schedules.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

/// One change of the fleet.
#[derive(Debug, Clone, Copy)]
enum Change {
    Add(u32),
    Remove(usize),
    /// Removes as many devices at the front as the next page overlaps.
    Shift(usize),
    /// Removes the first devices of the next page, which the chain would have used as links.
    Anchors(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0_u32..100_000).prop_map(Change::Add),
        (0_usize..1_000).prop_map(Change::Remove),
        (1_usize..6).prop_map(Change::Shift),
        (1_usize..4).prop_map(Change::Anchors),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever changes during the listing, a proven listing holds each device that existed all the time, and none
    /// twice. It always ends.
    #[test]
    fn a_proven_listing_misses_no_device_that_stayed(
        count in 0_u32..200, size in 8_u32..60, window in 1_usize..6, cap in 20_usize..80, silent: bool,
        honours_descending: bool, says_order: bool,
        changes in proptest::collection::vec(proptest::collection::vec(change(), 0..5), 0..40),
        picks in proptest::collection::vec(any::<usize>(), 1..40),
    ) {
        let mut service = Service { cap, silent, honours_descending, ..Service::new(0) };
        service.fleet = (0..count).map(|number| number * 400 + 7).collect();
        if !says_order {
            service.echo = Value::Null;
        }
        let mut stayed = service.fleet.clone();
        let (mut changes, mut picks) = (changes.into_iter(), picks.into_iter().cycle());
        let at_rest = changes.len() == 0;
        let listed = list(feed(size, window), |flying| picks.next().unwrap_or(0) % flying, |request| {
            for change in changes.next().unwrap_or_default() {
                let fleet: Vec<u32> = service.fleet.iter().copied().collect();
                let from = request.number * request.size.min(cap);
                match change {
                    Change::Add(device) => drop(service.fleet.insert(device)),
                    Change::Remove(place) => service.remove(fleet.get(place % fleet.len().max(1)).copied()),
                    Change::Shift(most) => service.remove(fleet.into_iter().take(most)),
                    Change::Anchors(most) => service.remove(fleet.into_iter().skip(from).take(most)),
                }
                stayed.retain(|device| service.fleet.contains(device));
            }
            Ok(service.page(request))
        });
        let devices: HashSet<u32> = listed.devices.iter().copied().collect();
        prop_assert_eq!(devices.len(), listed.devices.len(), "a device came twice");
        if listed.end.is_ok() {
            prop_assert!(stayed.iter().all(|device| devices.contains(device)), "a device is missing");
        }
        if at_rest && !silent {
            prop_assert!(listed.end.is_ok(), "{:?}", listed.end.err());
        }
    }

    /// No response makes the listing loop or panic.
    #[test]
    fn any_responses_come_to_an_end(
        pages in proptest::collection::vec((proptest::collection::vec(0_u32..60, 0..25), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<bool>>(), any::<Option<bool>>()), 1..40),
        window in 1_usize..6, size in 2_u32..30,
    ) {
        let mut pages = pages.into_iter().cycle();
        let listed = list(feed(size, window).vouch_for_order(), |_| 0, |request| {
            let (devices, size, total, first, last) = pages.next().unwrap_or_default();
            let unique: BTreeSet<u32> = devices.into_iter().collect();
            let content: Vec<Value> = unique.iter().take(request.size).map(|n| json!({"uuid": uuid(*n)})).collect();
            Ok(json!({"content": content, "size": size, "totalElements": total, "first": first, "last": last}))
        });
        prop_assert!(listed.requests.len() < 5_000);
    }
}
