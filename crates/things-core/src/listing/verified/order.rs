//! Checks whether the order is really the one that was requested.
//!
//! A service may ignore an unknown `sortBy` and order by name. Names are not unique, and equal names may be in another
//! order in each response. Pages that overlap by chance prove nothing then. So the order must be shown in one of two
//! ways:
//!
//! - by devices that ascend in an order in which databases are known to sort UUIDs, if the service reports that it
//!   orders by `uuid` or if there are [`ENOUGH`] of them;
//! - by a service that reports `uuid` while its order is not known here, if the names show that it does not order by
//!   name.
//!
//! The report of the service is not enough alone. `sort` in a page of Spring is the order of the request, and a query
//! with an order of its own does not change it.

use std::collections::{HashMap, VecDeque};

use super::outcome::Why;
use crate::devices::{Device, Identity, SortEcho};

/// The property that devices are ordered by.
pub(super) const PROPERTY: &str = "uuid";

/// The number of devices that do not ascend by chance: 8 devices do so once in 40,320 times.
const ENOUGH: usize = 8;

/// If the order is not by name, half of the names are smaller than the name before them. If it is by name, a few can
/// be, because databases compare names in many ways. One in this many is more than a few.
const FEW: usize = 8;

/// The evidence about the order.
#[derive(Debug)]
pub(super) struct OrderEvidence {
    /// Whether the caller vouches for the order.
    pub(super) vouched: bool,
    /// Whether a response named the property.
    echoed: bool,
    /// The number of pairs of neighbouring devices in one page.
    neighbours: usize,
    /// The number of these pairs of which the second device has the smaller name.
    descents: usize,
    /// For each known order of ids, whether all pages ascended in it.
    ascending: [bool; Key::ALL.len()],
    /// The latest pages, to find two devices that occur in one order and later in the other.
    recent: VecDeque<Vec<Identity>>,
    /// The number of pages that are kept in `recent`.
    memory: usize,
}

impl OrderEvidence {
    pub(super) fn new(memory: usize) -> Self {
        let ascending = [true; Key::ALL.len()];
        Self {
            vouched: false,
            echoed: false,
            neighbours: 0,
            descents: 0,
            ascending,
            recent: VecDeque::new(),
            memory,
        }
    }

    /// Records the order that a response reports.
    pub(super) fn hear(&mut self, echo: &SortEcho) -> Result<(), Why> {
        match echo {
            SortEcho::Silent => Ok(()),
            SortEcho::Unsorted => Err(Why::OtherOrder { property: None }),
            SortEcho::By(property) if property == PROPERTY => {
                self.echoed = true;
                Ok(())
            }
            SortEcho::By(property) => Err(Why::OtherOrder { property: Some(property.clone()) }),
        }
    }

    /// Records the devices of a page in ascending order.
    pub(super) fn see(&mut self, devices: &[Device]) -> Result<(), Why> {
        for (key, ascending) in Key::ALL.into_iter().zip(&mut self.ascending) {
            *ascending = *ascending && key.ascends(devices);
        }
        for (one, next) in devices.iter().zip(devices.iter().skip(1)) {
            let (one, next) = (one.name(), next.name());
            self.neighbours += 1;
            self.descents += usize::from(next < one && lower_case(next).lt(lower_case(one)));
        }
        match self.echoed {
            _ if self.vouched || self.ascending.contains(&true) => Ok(()),
            // Few neighbours prove nothing yet.
            true if self.neighbours < ENOUGH * FEW || self.is_not_by_name() => Ok(()),
            _ => Err(self.doubt()),
        }
    }

    /// Returns the reason why the order is not shown.
    pub(super) fn doubt(&self) -> Why {
        if self.echoed && !self.ascending.contains(&true) { Why::OrderNotKept } else { Why::OrderNotShown }
    }

    /// Whether the order is shown, now that `devices` of them are listed.
    pub(super) fn is_shown(&self, devices: usize) -> bool {
        let ascends = self.ascending.contains(&true);
        self.vouched
            || (ascends && (self.echoed || devices >= ENOUGH))
            || (self.echoed && self.is_not_by_name())
    }

    fn is_not_by_name(&self) -> bool {
        self.descents >= ENOUGH && self.descents * FEW >= self.neighbours
    }

    /// Compares a page in ascending order with the latest pages, and remembers it.
    pub(super) fn compare(
        &mut self,
        page: &[Identity],
        places: &HashMap<Identity, usize>,
    ) -> Result<(), Why> {
        let contradicts = |earlier: &Vec<Identity>| {
            let both = earlier.iter().filter_map(|id| places.get(id));
            !both.is_sorted()
        };
        if self.recent.iter().any(contradicts) {
            return Err(Why::TwoOrders);
        }
        if self.recent.len() == self.memory {
            self.recent.pop_front();
        }
        self.recent.push_back(page.to_vec());
        Ok(())
    }

    /// The latest pages in ascending order.
    pub(super) fn recent(&self) -> impl Iterator<Item = &[Identity]> {
        self.recent.iter().map(Vec::as_slice)
    }
}

/// The orders in which databases and languages are known to sort UUIDs.
#[derive(Debug, Clone, Copy)]
enum Key {
    /// Compares the text without case, which for a UUID is comparing its bytes (PostgreSQL, Oracle, MySQL).
    Text,
    /// Compares the high 64 bits and then the low ones, both signed (`java.util.UUID`, H2).
    Java,
    /// Compares the last two groups, then the bytes of the first three from back to front (SQL Server).
    SqlServer,
    /// Compares the third group, the second, the first, then the rest (MySQL, `UUID_TO_BIN` with swapped time).
    MySqlSwapped,
}

impl Key {
    const ALL: [Self; 4] = [Self::Text, Self::Java, Self::SqlServer, Self::MySqlSwapped];

    /// Whether each device is greater than the one before it.
    fn ascends(self, devices: &[Device]) -> bool {
        let uuids = devices.iter().map(Device::uuid);
        match self {
            Self::Text => uuids.map(str::to_ascii_lowercase).is_sorted_by(|one, next| one < next),
            _ => uuids
                .map(|uuid| Some(self.bytes(uuid_bytes(uuid)?)))
                .is_sorted_by(|one, next| one.is_some() && next.is_some() && one < next),
        }
    }

    /// Returns the bytes of a UUID, rearranged so that comparing them byte by byte produces this order.
    fn bytes(self, uuid: [u8; 16]) -> [u8; 16] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = uuid;
        // Flipping the sign bit makes unsigned comparison the same as signed.
        const SIGN: u8 = 0x80;
        match self {
            Self::Text => uuid,
            Self::Java => [a ^ SIGN, b, c, d, e, f, g, h, i ^ SIGN, j, k, l, m, n, o, p],
            Self::SqlServer => [k, l, m, n, o, p, i, j, h, g, f, e, d, c, b, a],
            Self::MySqlSwapped => [g, h, e, f, a, b, c, d, i, j, k, l, m, n, o, p],
        }
    }
}

/// Returns the characters of a name in lower case, without a copy: every listing compares all of its names.
fn lower_case(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase)
}

/// Returns the bytes of a UUID, with or without dashes, in any case.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    let mut bytes = [0; 16];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn devices(uuids: &[&str]) -> Vec<Device> {
        uuids.iter().map(|uuid| serde_json::from_value(json!({"uuid": uuid})).unwrap()).collect()
    }

    fn evidence() -> OrderEvidence {
        OrderEvidence::new(2)
    }

    fn places(page: &[Identity]) -> HashMap<Identity, usize> {
        page.iter().enumerate().map(|(place, id)| (*id, place)).collect()
    }

    #[test]
    fn each_known_order_is_recognised() {
        // Pairs that ascend in one order and descend in the others.
        for (key, pair) in [
            (Key::Text, ["10000000-0000-8000-8000-000000000001", "80000000-0000-7000-0000-000000000000"]),
            (Key::Java, ["80000000-0000-0000-8000-000000000001", "00000000-0000-0000-0000-000000000000"]),
            (
                Key::SqlServer,
                ["00000003-0000-0001-0000-000000000000", "00000002-0000-0000-0000-000000000001"],
            ),
            (
                Key::MySqlSwapped,
                ["30000000-0000-0001-9000-000000000009", "20000000-0000-0002-8000-000000000000"],
            ),
        ] {
            for other in Key::ALL {
                let same = std::mem::discriminant(&other) == std::mem::discriminant(&key);
                assert_eq!(other.ascends(&devices(&pair)), same, "{key:?} looked at as {other:?}");
            }
        }
    }

    #[test]
    fn both_halves_of_a_uuid_are_signed_in_java() {
        let half = ["8000000000000000", "ffffffffffffffff", "0000000000000000", "7fffffffffffffff"];
        for (one, next) in [(0, 1), (1, 2), (2, 3), (0, 3), (1, 3), (0, 2)] {
            let (one, next) = (half[one], half[next]);
            for same in half {
                let high = [format!("{one}{same}"), format!("{next}{same}")];
                let low = [format!("{same}{one}"), format!("{same}{next}")];
                for [one, next] in [high, low] {
                    assert!(Key::Java.ascends(&devices(&[&one, &next])), "{one} {next}");
                    assert!(!Key::Java.ascends(&devices(&[&next, &one])), "{next} {one}");
                }
            }
        }
    }

    #[test]
    fn neither_the_case_nor_the_dashes_matter() {
        let pair = ["a0000000-0000-0000-0000-000000000000", "B0000000-0000-0000-0000-000000000000"];
        assert!(Key::Text.ascends(&devices(&pair)));
        assert!(!Key::Java.ascends(&devices(&["A".repeat(32).as_str(), "9".repeat(32).as_str()])));
        assert!(Key::Java.ascends(&devices(&["9".repeat(32).as_str(), "A".repeat(32).as_str()])));
    }

    #[test]
    fn the_same_device_twice_does_not_ascend() {
        let same = "a0000000-0000-0000-0000-000000000000";
        assert!(Key::ALL.into_iter().all(|key| !key.ascends(&devices(&[same, same]))));
    }

    #[test]
    fn ids_that_are_no_uuids_ascend_as_texts_only() {
        assert_eq!(Key::ALL.map(|key| key.ascends(&devices(&["a1", "B2"]))), [true, false, false, false]);
    }

    #[test]
    fn all_pages_must_ascend_in_the_same_order() {
        let mut order = evidence();
        let text = ["7fffffff-0000-0000-0000-000000000000", "80000000-0000-0000-0000-000000000000"];
        let java = [text[1], text[0]];
        assert_eq!(order.see(&devices(&text)), Ok(()));
        assert!(order.is_shown(8) && !order.is_shown(7));
        assert_eq!(order.see(&devices(&java)), Err(Why::OrderNotShown));
    }

    #[test]
    fn what_the_service_says_is_enough_for_few_devices_that_do_not_contradict_it() {
        let mut order = evidence();
        assert_eq!(order.see(&devices(&["a", "b"])), Ok(()));
        assert!(!order.is_shown(2));
        assert_eq!(order.hear(&SortEcho::By("uuid".into())), Ok(()));
        assert!(order.is_shown(2));
        assert_eq!(order.see(&devices(&["b", "a"])), Ok(()));
        assert!(!order.is_shown(100));
        let other = Why::OtherOrder { property: Some("name".into()) };
        assert_eq!(order.hear(&SortEcho::By("name".into())), Err(other));
        assert_eq!(order.hear(&SortEcho::Unsorted), Err(Why::OtherOrder { property: None }));
    }

    #[test]
    fn an_order_that_is_not_known_is_believed_if_the_names_do_not_ascend_in_it() {
        let page = |names: &mut dyn Iterator<Item = u32>| -> Vec<Device> {
            let device = |(place, name): (usize, u32)| json!({"uuid": format!("{:03}", 1_000 - place), "name": format!("n {name:03}")});
            names.enumerate().map(|place| serde_json::from_value(device(place)).unwrap()).collect()
        };
        let echoed = || {
            let mut order = evidence();
            assert_eq!(order.hear(&SortEcho::By("uuid".into())), Ok(()));
            order
        };
        let mut by_name = echoed();
        assert_eq!(by_name.see(&page(&mut (0..60))), Ok(()));
        assert!(!by_name.is_shown(60));
        assert_eq!(by_name.see(&page(&mut (0..10))), Err(Why::OrderNotKept));
        let mut other = echoed();
        assert_eq!(other.see(&page(&mut (0..8).map(|name| name * 3 % 8))), Ok(()));
        assert!(!other.is_shown(8), "too few to tell");
        assert_eq!(other.see(&page(&mut (0..60).map(|name| name * 37 % 60))), Ok(()));
        assert!(other.is_shown(68));
        // A database with a custom order of names.
        let mut nearly = echoed();
        let names = (0..200).map(|name| if name % 20 == 19 { name - 2 } else { name });
        assert_eq!(nearly.see(&page(&mut names.into_iter())), Err(Why::OrderNotKept));
    }

    #[test]
    fn an_order_by_name_is_recognised_from_enough_names_in_any_case() {
        let page = |names: &mut dyn Iterator<Item = String>| -> Vec<Device> {
            let device = |(place, name)| json!({"uuid": format!("{:03}", 1_000 - place), "name": name});
            names.enumerate().map(|place| serde_json::from_value(device(place)).unwrap()).collect()
        };
        let see = |devices: Vec<Device>| {
            let mut order = evidence();
            assert_eq!(order.hear(&SortEcho::By("uuid".into())), Ok(()));
            order.see(&devices)
        };
        let name = |number: usize| format!("n {number:03}");
        assert_eq!(see(page(&mut (0..ENOUGH * FEW).map(name))), Ok(()), "one neighbour too few");
        assert_eq!(see(page(&mut (0..=ENOUGH * FEW).map(name))), Err(Why::OrderNotKept));
        let in_both_cases = (0..100).map(|number| {
            let name = name(number / 2);
            if number % 2 == 0 { name } else { name.to_uppercase() }
        });
        assert_eq!(see(page(&mut in_both_cases.into_iter())), Err(Why::OrderNotKept));
    }

    #[test]
    fn two_devices_in_two_orders_are_noticed_while_the_page_is_remembered() {
        let id = |text: &str| Identity::of(text);
        let (ab, ba, cd) = ([id("a"), id("b")], [id("b"), id("a")], [id("c"), id("d")]);
        let mut order = evidence();
        for page in [ab, cd] {
            assert_eq!(order.compare(&page, &places(&page)), Ok(()));
        }
        assert_eq!(order.compare(&ba, &places(&ba)), Err(Why::TwoOrders));
        assert_eq!(order.compare(&cd, &places(&cd)), Ok(()));
        assert_eq!(order.compare(&ba, &places(&ba)), Ok(()), "the page before is forgotten");
    }
}
