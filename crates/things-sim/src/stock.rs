//! The devices of one account. They are sorted by name and already written as JSON, so that a page is a sequence of
//! slices.

use crate::change::Change;
use crate::dev_eui::DevEui;
use crate::device::{DeviceSpec, Generator};
use crate::listed_device::Device;
use crate::listing::Property;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The number of searches and orders to keep, because a listing requests the same one page after page.
const VIEWS: usize = 16;

/// The number of removed devices to keep, so that they can return.
const REMOVED: usize = 10_000;

type View = Arc<Vec<Arc<Device>>>;

pub(crate) struct Stock {
    by_name: Vec<Arc<Device>>,
    views: Mutex<HashMap<(Property, String), View>>,
    /// The DevEUIs of the devices, computed when they are first needed.
    euis: OnceLock<HashSet<DevEui>>,
    removed: VecDeque<Arc<Device>>,
    /// Devices that return before the next list request.
    skipped: Vec<Arc<Device>>,
    generator: Generator,
}

impl Stock {
    pub(crate) fn new(count: usize, mut generator: Generator) -> Self {
        let devices = generator.fleet(count).map(|spec| Arc::new(spec.into()));
        let mut by_name: Vec<Arc<Device>> = devices.collect();
        by_name.sort_unstable_by(|a, b| a.order(b, Property::Name));
        Self {
            by_name,
            views: Mutex::default(),
            euis: OnceLock::new(),
            removed: VecDeque::new(),
            skipped: Vec::new(),
            generator,
        }
    }

    /// Returns the same devices, and the same ones to come.
    pub(crate) fn copy(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            views: Mutex::default(),
            euis: OnceLock::new(),
            removed: self.removed.clone(),
            skipped: self.skipped.clone(),
            generator: self.generator.clone(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn at(&self, place: usize) -> Option<Arc<Device>> {
        self.by_name.get(place).map(Arc::clone)
    }

    pub(crate) fn uuids(&self) -> Vec<String> {
        self.by_name.iter().filter_map(|device| device.uuid()).map(str::to_owned).collect()
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
        let found = self.by_name.iter().filter(|device| device.name().contains(search));
        let mut found: Vec<Arc<Device>> = found.map(Arc::clone).collect();
        if by != Property::Name {
            found.sort_unstable_by(|a, b| a.order(b, by));
        }
        if views.len() >= VIEWS {
            views.clear();
        }
        Sorted::Some(Arc::clone(views.entry(key).or_insert_with(|| Arc::new(found))))
    }

    /// Whether a device has this DevEUI.
    pub(crate) fn has_eui(&self, eui: DevEui) -> bool {
        let euis = self.euis.get_or_init(|| self.by_name.iter().filter_map(|device| device.eui()).collect());
        euis.contains(&eui)
    }

    /// Adds the device and returns its id. A device with the same id is replaced.
    pub(crate) fn add(&mut self, device: Device) -> String {
        let (device, uuid) = self.identified(device);
        self.insert(Arc::new(device));
        uuid
    }

    /// Adds many devices, which have different ids. Devices with the same ids are replaced.
    pub(crate) fn add_all(&mut self, devices: &[Arc<Device>]) {
        self.forget_views();
        let uuids: HashSet<_> = devices.iter().map(|device| device.uuid()).collect();
        self.by_name.retain(|device| !uuids.contains(&device.uuid()));
        self.by_name.extend(devices.iter().map(Arc::clone));
        self.by_name.sort_unstable_by(|a, b| a.order(b, Property::Name));
    }

    /// Replaces all devices.
    pub(crate) fn replace(&mut self, devices: Vec<Device>) {
        self.by_name.clear();
        let devices = devices.into_iter().map(|device| Arc::new(self.identified(device).0));
        let devices: Vec<_> = devices.collect();
        self.add_all(&devices);
    }

    /// Returns the device and its id, which is generated if it has none.
    fn identified(&mut self, device: Device) -> (Device, String) {
        if let Some(uuid) = device.uuid() {
            let uuid = uuid.to_owned();
            return (device, uuid);
        }
        let uuid = self.generator.random().uuid();
        (device.with_uuid(&uuid), uuid)
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
                    let device = self.generator.another().into();
                    self.add(device);
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
                    self.insert(Arc::new(device.renamed(&name)));
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
                let spec = DeviceSpec { uuid: Some(uuid.clone()), ..DeviceSpec::named(name.as_str()) };
                self.add(spec.into());
            }
            Change::RemoveDevices(uuids) => {
                for uuid in uuids {
                    self.remove(uuid);
                }
            }
            Change::RenameDevice { uuid, name } => {
                if let Some(device) = self.take(uuid) {
                    self.insert(Arc::new(device.renamed(name)));
                }
            }
            Change::ReturnDevices(uuids) => {
                for uuid in uuids {
                    let place = self.removed.iter().position(|device| device.uuid() == Some(uuid));
                    let device = place.and_then(|place| self.removed.remove(place));
                    device.into_iter().for_each(|device| self.insert(device));
                }
            }
        }
    }

    fn insert(&mut self, device: Arc<Device>) {
        if let Some(uuid) = device.uuid() {
            self.take(uuid);
        }
        let place = self.by_name.partition_point(|other| other.order(&device, Property::Name).is_lt());
        self.by_name.insert(place, device);
    }

    fn take(&mut self, uuid: &str) -> Option<Arc<Device>> {
        self.forget_views();
        let place = self.by_name.iter().position(|device| device.uuid() == Some(uuid))?;
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
        self.euis.take();
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
