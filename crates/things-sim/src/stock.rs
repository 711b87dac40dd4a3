//! The devices of one account. They are sorted by name and already written as JSON, so that a page is a sequence of
//! slices.

use crate::change::Change;
use crate::device::{DeviceSpec, Generator};
use crate::listing::Property;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The number of searches and orders to keep, because a listing requests the same one page after page.
const VIEWS: usize = 16;

/// The number of removed devices to keep, so that they can return.
const REMOVED: usize = 10_000;

type View = Arc<Vec<Arc<Device>>>;

pub(crate) struct Stock {
    by_name: Vec<Arc<Device>>,
    views: Mutex<HashMap<(Property, String), View>>,
    removed: VecDeque<Arc<Device>>,
    /// Devices that return before the next list request.
    skipped: Vec<Arc<Device>>,
    generator: Generator,
}

impl Stock {
    pub(crate) fn new(count: usize, mut generator: Generator) -> Self {
        let mut by_name: Vec<Arc<Device>> = generator.fleet(count).map(Device::new).collect();
        by_name.sort_unstable_by(|a, b| a.order(b, Property::Name));
        Self { by_name, views: Mutex::default(), removed: VecDeque::new(), skipped: Vec::new(), generator }
    }

    /// Returns the same devices, and the same ones to come.
    pub(crate) fn copy(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            views: Mutex::default(),
            removed: self.removed.clone(),
            skipped: self.skipped.clone(),
            generator: self.generator.clone(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn uuids(&self) -> Vec<String> {
        self.by_name.iter().map(|device| device.uuid.to_string()).collect()
    }

    /// Returns the devices whose names contain a text, in ascending order.
    pub(crate) fn sorted(&self, by: Property, search: &str) -> Sorted<'_> {
        if by == Property::Name && search.is_empty() {
            return Sorted::All(&self.by_name);
        }
        let key = (by, search.to_owned());
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = views.get(&key) {
            return Sorted::Some(Arc::clone(view));
        }
        let found = self.by_name.iter().filter(|device| device.name.contains(search));
        let mut found: Vec<Arc<Device>> = found.map(Arc::clone).collect();
        if by != Property::Name {
            found.sort_unstable_by(|a, b| a.order(b, by));
        }
        if views.len() >= VIEWS {
            views.clear();
        }
        Sorted::Some(Arc::clone(views.entry(key).or_insert_with(|| Arc::new(found))))
    }

    /// Adds the device and returns its id. A device with the same id is replaced.
    pub(crate) fn add(&mut self, spec: DeviceSpec) -> String {
        let uuid = spec.uuid.unwrap_or_else(|| self.generator.random().uuid());
        let device = Device::new(DeviceSpec { uuid: Some(uuid.clone()), ..spec });
        self.insert(device);
        uuid
    }

    /// Replaces all devices.
    pub(crate) fn replace(&mut self, specs: Vec<DeviceSpec>) {
        self.forget_views();
        self.by_name.clear();
        for spec in specs {
            let uuid = spec.uuid.unwrap_or_else(|| self.generator.random().uuid());
            self.by_name.push(Device::new(DeviceSpec { uuid: Some(uuid), ..spec }));
        }
        self.by_name.sort_unstable_by(|a, b| a.order(b, Property::Name));
    }

    /// Removes the device. Returns false if there is none with this id.
    pub(crate) fn remove(&mut self, uuid: &str) -> bool {
        match self.take(uuid) {
            Some(device) => {
                self.keep_removed(device);
                true
            }
            None => false,
        }
    }

    /// Adds the devices again that were skipped for one request.
    pub(crate) fn return_skipped(&mut self) {
        for device in std::mem::take(&mut self.skipped) {
            self.insert(device);
        }
    }

    pub(crate) fn change(&mut self, change: &Change) {
        match change {
            Change::Add(count) => {
                for _ in 0..*count {
                    let spec = self.generator.another();
                    self.add(spec);
                }
            }
            Change::Remove(count) => {
                for device in self.take_some(*count) {
                    self.keep_removed(device);
                }
            }
            Change::Rename(count) => {
                for device in self.take_some(*count) {
                    let name = self.generator.another().name;
                    self.insert(device.renamed(&name));
                }
            }
            Change::Return(count) => {
                for _ in 0..(*count).min(self.removed.len()) {
                    let place = self.generator.random().below(self.removed.len());
                    let device = self.removed.swap_remove_back(place);
                    device.into_iter().for_each(|device| self.insert(device));
                }
            }
            Change::Skip(count) => self.skipped = self.take_some(*count),
            Change::AddDevice { uuid, name } => {
                self.add(DeviceSpec { uuid: Some(uuid.clone()), ..DeviceSpec::named(name.as_str()) });
            }
            Change::RemoveDevices(uuids) => {
                for uuid in uuids {
                    self.remove(uuid);
                }
            }
            Change::RenameDevice { uuid, name } => {
                if let Some(device) = self.take(uuid) {
                    self.insert(device.renamed(name));
                }
            }
            Change::ReturnDevices(uuids) => {
                for uuid in uuids {
                    let place = self.removed.iter().position(|device| *device.uuid == **uuid);
                    let device = place.and_then(|place| self.removed.remove(place));
                    device.into_iter().for_each(|device| self.insert(device));
                }
            }
        }
    }

    fn insert(&mut self, device: Arc<Device>) {
        self.take(&device.uuid);
        let place = self.by_name.partition_point(|other| other.order(&device, Property::Name).is_lt());
        self.by_name.insert(place, device);
    }

    fn take(&mut self, uuid: &str) -> Option<Arc<Device>> {
        self.forget_views();
        let place = self.by_name.iter().position(|device| *device.uuid == *uuid)?;
        Some(self.by_name.remove(place))
    }

    /// Removes and returns this many devices, or all of them if there are fewer. The seed decides which.
    fn take_some(&mut self, count: usize) -> Vec<Arc<Device>> {
        self.forget_views();
        let mut taken = Vec::new();
        for _ in 0..count.min(self.by_name.len()) {
            let place = self.generator.random().below(self.by_name.len());
            taken.push(self.by_name.remove(place));
        }
        taken
    }

    fn keep_removed(&mut self, device: Arc<Device>) {
        self.removed.push_back(device);
        if self.removed.len() > REMOVED {
            self.removed.pop_front();
        }
    }

    fn forget_views(&mut self) {
        self.views.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Devices in ascending order.
pub(crate) enum Sorted<'a> {
    All(&'a [Arc<Device>]),
    Some(View),
}

impl Sorted<'_> {
    pub(crate) fn devices(&self) -> &[Arc<Device>] {
        match self {
            Self::All(devices) => devices,
            Self::Some(view) => view,
        }
    }
}

pub(crate) struct Device {
    uuid: Box<str>,
    name: Box<str>,
    description: Box<str>,
    barcode: Option<Box<str>>,
    json: Box<str>,
}

impl Device {
    fn new(spec: DeviceSpec) -> Arc<Self> {
        // A map with text keys and JSON values can always be written.
        let json = serde_json::to_string(&spec).unwrap_or_default().into();
        Arc::new(Self {
            uuid: spec.uuid.unwrap_or_default().into(),
            name: spec.name.into(),
            description: spec.description.into(),
            barcode: spec.barcode.map(Into::into),
            json,
        })
    }

    fn renamed(&self, name: &str) -> Arc<Self> {
        // The JSON was written from the same type, so it can be read.
        let spec: DeviceSpec = serde_json::from_str(&self.json).unwrap_or_default();
        Self::new(DeviceSpec { name: name.to_owned(), ..spec })
    }

    pub(crate) fn json(&self) -> &str {
        &self.json
    }

    /// Compares by a property alone.
    pub(crate) fn compare(&self, other: &Self, by: Property) -> std::cmp::Ordering {
        match by {
            Property::Name => self.name.cmp(&other.name),
            Property::Uuid => self.uuid.cmp(&other.uuid),
            Property::Description => self.description.cmp(&other.description),
            Property::Barcode => self.barcode.cmp(&other.barcode),
        }
    }

    /// Compares by a property. The id decides between equal devices, so that all pages come from one fixed order.
    fn order(&self, other: &Self, by: Property) -> std::cmp::Ordering {
        self.compare(other, by).then_with(|| self.uuid.cmp(&other.uuid))
    }
}
