//! The devices of one account. They are kept sorted by name and already written as JSON, so that a page is a row of
//! slices.

use crate::behaviour::SortShape;
use crate::device::{DeviceSpec, Generator};
use crate::response::Response;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Devices that come and go between pages. Which ones is decided by the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Churn {
    /// After this many pages of a fleet; 0 is never.
    pub every: u64,
    /// How many devices are added each time.
    pub add: usize,
    /// How many devices are removed each time.
    pub remove: usize,
}

/// The fields that a listing can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Property {
    Name,
    Uuid,
    Description,
    Barcode,
}

impl Property {
    pub(crate) const ALL: [Self; 4] = [Self::Name, Self::Uuid, Self::Description, Self::Barcode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uuid => "uuid",
            Self::Description => "description",
            Self::Barcode => "barcode",
        }
    }
}

/// The parameters of a listing.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) page: usize,
    pub(crate) size: usize,
    pub(crate) search: &'a str,
    pub(crate) sort_by: Property,
    pub(crate) descending: bool,
}

pub(crate) struct Fleet {
    stock: RwLock<Stock>,
    churn: Option<Churn>,
    pages: AtomicU64,
}

impl Fleet {
    pub(crate) fn new(count: usize, mut generator: Generator, churn: Option<Churn>) -> Self {
        let mut by_name: Vec<Arc<Device>> = generator.fleet(count).map(Device::new).collect();
        by_name.sort_unstable_by(|a, b| a.order(b, Property::Name));
        let stock = Stock { by_name, views: Mutex::default(), generator };
        Self { stock: RwLock::new(stock), churn, pages: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self) -> usize {
        self.read().by_name.len()
    }

    pub(crate) fn uuids(&self) -> Vec<String> {
        self.read().by_name.iter().map(|device| device.uuid.to_string()).collect()
    }

    /// Adds the device and returns its id. A device with the same id is replaced.
    pub(crate) fn add(&self, spec: DeviceSpec) -> String {
        let mut stock = self.write();
        if let Some(uuid) = &spec.uuid {
            stock.remove(uuid);
        }
        stock.add(spec)
    }

    pub(crate) fn remove(&self, uuid: &str) -> bool {
        self.write().remove(uuid)
    }

    /// Appends a page in the envelope of Spring Data; then devices may come and go.
    pub(crate) fn write_page(&self, listing: &Listing<'_>, shape: SortShape, out: &mut Response) {
        {
            let stock = self.read();
            if listing.sort_by == Property::Name && listing.search.is_empty() {
                write_page(&stock.by_name, listing, shape, out);
            } else {
                write_page(&stock.view(listing), listing, shape, out);
            }
        }
        if let Some(churn) = self.churn {
            let pages = self.pages.fetch_add(1, Ordering::Relaxed) + 1;
            if churn.every > 0 && pages.is_multiple_of(churn.every) {
                self.write().churn(churn);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Stock> {
        self.stock.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Stock> {
        self.stock.write().unwrap_or_else(PoisonError::into_inner)
    }
}

type View = Arc<Vec<Arc<Device>>>;

/// The number of searches and orders to keep, because a listing requests the same one page after page.
const VIEWS: usize = 16;

struct Stock {
    by_name: Vec<Arc<Device>>,
    views: Mutex<HashMap<(Property, String), View>>,
    generator: Generator,
}

impl Stock {
    fn view(&self, listing: &Listing<'_>) -> View {
        let key = (listing.sort_by, listing.search.to_owned());
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&key) {
            return Arc::clone(view);
        }
        let found = self.by_name.iter().filter(|device| device.name.contains(listing.search));
        let mut found: Vec<Arc<Device>> = found.map(Arc::clone).collect();
        if listing.sort_by != Property::Name {
            found.sort_unstable_by(|a, b| a.order(b, listing.sort_by));
        }
        if views.len() >= VIEWS {
            views.clear();
        }
        Arc::clone(views.entry(key).or_insert_with(|| Arc::new(found)))
    }

    fn add(&mut self, spec: DeviceSpec) -> String {
        let uuid = spec.uuid.unwrap_or_else(|| self.generator.random().uuid());
        let device = Device::new(DeviceSpec { uuid: Some(uuid.clone()), ..spec });
        let place = self.by_name.partition_point(|other| other.order(&device, Property::Name).is_lt());
        self.by_name.insert(place, device);
        self.forget_views();
        uuid
    }

    fn remove(&mut self, uuid: &str) -> bool {
        let before = self.by_name.len();
        self.by_name.retain(|device| *device.uuid != *uuid);
        self.forget_views();
        self.by_name.len() < before
    }

    fn churn(&mut self, churn: Churn) {
        for _ in 0..churn.remove.min(self.by_name.len()) {
            let place = self.generator.random().below(self.by_name.len());
            self.by_name.remove(place);
        }
        for _ in 0..churn.add {
            let spec = self.generator.another();
            self.add(spec);
        }
        self.forget_views();
    }

    fn forget_views(&mut self) {
        self.views.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

struct Device {
    uuid: Box<str>,
    name: Box<str>,
    description: Box<str>,
    barcode: Option<Box<str>>,
    json: Box<str>,
}

impl Device {
    fn new(spec: DeviceSpec) -> Arc<Self> {
        // A map of text keys and JSON values can always be written.
        let json = serde_json::to_string(&spec).unwrap_or_default().into();
        Arc::new(Self {
            uuid: spec.uuid.unwrap_or_default().into(),
            name: spec.name.into(),
            description: spec.description.into(),
            barcode: spec.barcode.map(Into::into),
            json,
        })
    }

    /// The order by a property. The id decides between equals, so that all pages are cut from one fixed order.
    fn order(&self, other: &Self, by: Property) -> std::cmp::Ordering {
        let order = match by {
            Property::Name => self.name.cmp(&other.name),
            Property::Uuid => std::cmp::Ordering::Equal,
            Property::Description => self.description.cmp(&other.description),
            Property::Barcode => self.barcode.cmp(&other.barcode),
        };
        order.then_with(|| self.uuid.cmp(&other.uuid))
    }
}

fn write_page(devices: &[Arc<Device>], listing: &Listing<'_>, shape: SortShape, out: &mut Response) {
    let total = devices.len();
    let start = listing.page.saturating_mul(listing.size);
    out.push(br#"{"content":["#);
    let count = if listing.descending {
        write_devices(devices.iter().rev().skip(start).take(listing.size), out)
    } else {
        write_devices(devices.iter().skip(start).take(listing.size), out)
    };
    let pages = total.div_ceil(listing.size.max(1));
    let last = listing.page.saturating_add(1) >= pages;
    // Writing into memory does not fail.
    let _ = write!(out, r#"],"last":{last},"totalPages":{pages},"totalElements":{total},"sort":"#);
    write_sort(listing, shape, out);
    let Listing { page, size, .. } = listing;
    let first = *page == 0;
    let _ = write!(out, r#","first":{first},"numberOfElements":{count},"size":{size},"number":{page}}}"#);
}

fn write_devices<'a>(devices: impl Iterator<Item = &'a Arc<Device>>, out: &mut Response) -> usize {
    let mut count = 0;
    for device in devices {
        if count > 0 {
            out.push(b",");
        }
        out.push(device.json.as_bytes());
        count += 1;
    }
    count
}

fn write_sort(listing: &Listing<'_>, shape: SortShape, out: &mut Response) {
    match shape {
        SortShape::Array => {
            let descending = listing.descending;
            let direction = if descending { "DESC" } else { "ASC" };
            let property = listing.sort_by.name();
            let _ = write!(
                out,
                r#"[{{"direction":"{direction}","property":"{property}","ignoreCase":false,"nullHandling":"NATIVE","ascending":{},"descending":{descending}}}]"#,
                !descending
            );
        }
        SortShape::Null => out.push(b"null"),
        SortShape::Object => out.push(br#"{"sorted":true,"unsorted":false,"empty":false}"#),
    }
}
