//! The devices of one account, their changes between list requests, and their pages.

use crate::change::{Change, ChangeRule};
use crate::dev_eui::DevEui;
use crate::device::Generator;
use crate::listed_device::Device;
use crate::listing::{Listing, Property};
use crate::page;
use crate::quirk::{ListingBehaviour, Totals};
use crate::random::{Random, seed_for};
use crate::response::Response;
use crate::stock::Stock;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) struct Fleet {
    stock: RwLock<Stock>,
    schedule: Mutex<Schedule>,
}

/// The coming changes, and the random generator that decides about them.
#[derive(Clone)]
struct Schedule {
    rules: Vec<ActiveChange>,
    random: Random,
    /// Provides a new seed for each list request.
    ties: Random,
    totals: Random,
}

#[derive(Clone)]
struct ActiveChange {
    rule: ChangeRule,
    requests: u64,
}

impl Fleet {
    /// Generates devices from a seed.
    pub(crate) fn new(seed: u64, count: usize, eui: bool, behaviour: &ListingBehaviour) -> Self {
        let stock = Stock::new(count, Generator::new(seed, eui, behaviour.shared_names));
        let random = |name| Random::new(seed_for(seed, name));
        let schedule = Schedule {
            rules: Vec::new(),
            random: random("changes"),
            ties: random("ties"),
            totals: random("totals"),
        };
        Self { stock: RwLock::new(stock), schedule: Mutex::new(schedule) }
    }

    /// Returns an independent fleet with the same devices and the same changes to come.
    pub(crate) fn copy(&self) -> Self {
        let schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        Self { stock: RwLock::new(self.read().copy()), schedule: Mutex::new(schedule.clone()) }
    }

    pub(crate) fn count(&self) -> usize {
        self.read().count()
    }

    /// Returns the device at this place in the order of the names.
    pub(crate) fn at(&self, place: usize) -> Option<Arc<Device>> {
        self.read().at(place)
    }

    pub(crate) fn uuids(&self) -> Vec<String> {
        self.read().uuids()
    }

    /// Adds the device and returns its id. A device with the same id is replaced.
    pub(crate) fn add(&self, device: Device) -> String {
        self.write().add(device)
    }

    /// Adds many devices, which have different ids. Devices with the same ids are replaced.
    pub(crate) fn add_all(&self, devices: &[Arc<Device>]) {
        self.write().add_all(devices);
    }

    /// Whether a device has this DevEUI.
    pub(crate) fn has_eui(&self, eui: DevEui) -> bool {
        self.read().has_eui(eui)
    }

    /// Replaces all devices.
    pub(crate) fn replace(&self, devices: Vec<Device>) {
        self.write().replace(devices);
    }

    /// Calls a function with each device as JSON, in the order of the names.
    pub(crate) fn each_json(&self, mut see: impl FnMut(&str)) {
        self.read().sorted(Property::Name, "").devices().iter().for_each(|device| see(device.json()));
    }

    /// The devices in the order of their ids.
    pub(crate) fn by_uuid(&self) -> Vec<Arc<Device>> {
        self.read().sorted(Property::Uuid, "").devices().to_vec()
    }

    pub(crate) fn remove(&self, uuid: &str) -> bool {
        self.write().remove(uuid)
    }

    pub(crate) fn change(&self, change: &Change) {
        self.write().change(change);
    }

    /// Adds a rule, whose list requests are counted from now on.
    pub(crate) fn add_change(&self, rule: ChangeRule) {
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        schedule.rules.push(ActiveChange { rule, requests: 0 });
    }

    /// Makes the changes that are due before this request, and appends the page to the body.
    pub(crate) fn write_page(&self, listing: &Listing<'_>, behaviour: &ListingBehaviour, out: &mut Response) {
        let order = listing.order;
        let (stock, mut ties, wrong_total) = {
            let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
            let count = |stock: &Stock| stock.sorted(order.by, &listing.search).devices().len();
            let before = (behaviour.totals == Totals::Stale).then(|| count(&self.read()));
            self.make_changes(&mut schedule);
            let ties = Random::new(schedule.ties.next());
            // The stock is locked before the schedule is released, so that the changes of the next request come after
            // this page.
            let stock = self.read();
            let wrong_total = match behaviour.totals {
                Totals::Exact => None,
                Totals::Stale => before,
                Totals::Random => Some(schedule.totals.below(2 * count(&stock) + 1)),
                Totals::Fewer => Some(count(&stock).saturating_sub(tenth(count(&stock)))),
                Totals::More => Some(count(&stock) + tenth(count(&stock))),
            };
            (stock, ties, wrong_total)
        };
        let sorted = stock.sorted(order.by, &listing.search);
        let devices = sorted.devices();
        let total = devices.len();
        let start = listing.page.saturating_mul(listing.size).min(total);
        let end = start.saturating_add(listing.size).min(total);
        let range = if order.descending { total - end..total - start } else { start..end };
        let on_page = if behaviour.shuffled_ties {
            Cow::Owned(shuffle_ties(devices, range, order.by, &mut ties))
        } else {
            Cow::Borrowed(devices.get(range).unwrap_or_default())
        };
        let json = on_page.iter().map(|device| device.json());
        let total = wrong_total.unwrap_or(total);
        if order.descending {
            page::write(json.rev(), total, listing, behaviour, out);
        } else {
            page::write(json, total, listing, behaviour, out);
        }
    }

    fn make_changes(&self, schedule: &mut Schedule) {
        if schedule.rules.is_empty() {
            return;
        }
        let Schedule { rules, random, .. } = schedule;
        let mut due: Vec<&Change> = Vec::new();
        for ActiveChange { rule, requests } in rules {
            *requests += 1;
            if rule.when.hits(*requests, random) {
                due.push(&rule.change);
            }
        }
        let mut stock = self.write();
        stock.return_skipped();
        due.into_iter().for_each(|change| stock.change(change));
    }

    fn read(&self) -> RwLockReadGuard<'_, Stock> {
        self.stock.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Stock> {
        self.stock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a tenth of this many devices, and at least one.
fn tenth(devices: usize) -> usize {
    (devices / 10).max(1)
}

/// Returns the devices at these positions, after devices that are equal by the property were shuffled.
fn shuffle_ties(
    sorted: &[Arc<Device>],
    places: Range<usize>,
    by: Property,
    random: &mut Random,
) -> Vec<Arc<Device>> {
    let on_page = sorted.get(places.clone()).unwrap_or_default();
    let (Some(first), Some(last)) = (on_page.first(), on_page.last()) else {
        return Vec::new();
    };
    // Equal devices beyond the edges of the page may swap positions with those on the page.
    let start = sorted.partition_point(|device| device.compare(first, by).is_lt());
    let end = sorted.partition_point(|device| device.compare(last, by).is_le());
    let mut devices = sorted.get(start..end).unwrap_or_default().to_vec();
    for equal in devices.chunk_by_mut(|a, b| a.compare(b, by).is_eq()) {
        random.shuffle(equal);
    }
    devices.into_iter().skip(places.start - start).take(places.len()).collect()
}
