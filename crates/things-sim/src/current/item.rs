//! The items of each resource. Only the fields of a project are documented; all others are guesses.

use super::progress::DownlinkProgress;
use super::resource::Resource;
use super::timestamp;
use crate::fleet::Fleet;
use crate::listed_device::Device;
use crate::random::{Random, seed_for};
use crate::record::ListedDownlink;
use crate::senml;
use crate::world::World;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// 2026-01-05T09:00:00Z, from which on things were created.
const CREATION: Duration = Duration::from_secs(1_767_603_600);

/// An item that can be listed. Its JSON is written when it is on a page.
pub(super) struct Row {
    kind: Kind,
    owner: Arc<Owner>,
}

enum Kind {
    Device(Arc<Device>),
    Binding(Arc<Device>),
    Downlink(Arc<ListedDownlink>),
    /// A device group or a project, by its number.
    Group(usize),
    Project(usize),
}

/// Whom the items of a listing belong to.
struct Owner {
    client_id: String,
    devices: Vec<Arc<Device>>,
}

/// Returns all items of a resource.
pub(super) fn rows(world: &World, resource: Resource, fleet: &Fleet, customer: Option<&str>) -> Vec<Row> {
    let account = || uuid(&world.credentials.tenant_id);
    let client_id = customer.map_or_else(account, str::to_owned);
    let owner = Arc::new(Owner { client_id, devices: fleet.by_uuid() });
    let row = |kind| Row { kind, owner: Arc::clone(&owner) };
    let devices = || owner.devices.iter().map(Arc::clone);
    let downlinks = || {
        let listed = world.downlinks.listed();
        listed.into_iter().filter(|listed| listed.downlink.customer.as_deref() == customer)
    };
    match resource {
        Resource::Devices => devices().map(Kind::Device).map(row).collect(),
        Resource::DeviceGroups => (0..GROUPS.len()).map(Kind::Group).map(row).collect(),
        Resource::Projects => (0..PROJECTS.len()).map(Kind::Project).map(row).collect(),
        Resource::Downlinks => downlinks().map(Kind::Downlink).map(row).collect(),
        Resource::LoraDownlinks => {
            let rows = downlinks().map(Kind::Downlink).map(row);
            rows.filter(|row| row.text("networkId").is_some()).collect()
        }
        // A downlink of an actuator to an MQTT device is not simulated.
        Resource::MqttDownlinks => Vec::new(),
        Resource::LoraBindings => {
            devices().filter(|device| device.eui().is_some()).map(Kind::Binding).map(row).collect()
        }
        Resource::HttpBindings | Resource::MqttBindings => {
            let is_mqtt = resource == Resource::MqttBindings;
            let bound = |device: &Arc<Device>| device.eui().is_none() && (number(device, 2) == 1) == is_mqtt;
            devices().filter(bound).map(Kind::Binding).map(row).collect()
        }
    }
}

const GROUPS: [&str; 4] = ["Car parks", "Café", "Pumps", "Spare"];

/// The name and the description of each project.
const PROJECTS: [(&str, &str); 3] =
    [("Car parks & roads", "All parking sensors"), ("Water", ""), ("Tests", "Not in use")];

impl Row {
    /// When the item was created, and when it was changed last.
    pub(super) fn times(&self) -> (SystemTime, SystemTime) {
        let days = |count: usize| Duration::from_secs(86_400 * count as u64);
        let created = match &self.kind {
            Kind::Device(device) => days(number(device, 300)),
            Kind::Binding(device) => days(number(device, 300)) + Duration::from_secs(60),
            Kind::Downlink(listed) => return (listed.received_at, listed.received_at),
            Kind::Group(number) => days(*number),
            Kind::Project(number) => days(*number),
        };
        let created = SystemTime::UNIX_EPOCH + CREATION + created;
        (created, created + Duration::from_secs(3_600))
    }

    /// The JSON of the item. This counts as a reading of a downlink.
    pub(super) fn read(&self, progress: DownlinkProgress) -> String {
        let mut item = self.json();
        if let (Kind::Downlink(listed), Some(fields)) = (&self.kind, item.as_object_mut()) {
            let age = listed.received_at.elapsed().unwrap_or_default();
            let state = listed.read(|reads| progress.state(age, reads));
            fields.insert("status".to_owned(), state.into());
        }
        item.to_string()
    }

    /// The text of a field that can be searched or sorted by.
    pub(super) fn text(&self, field: &str) -> Option<Cow<'_, str>> {
        match (&self.kind, field) {
            (Kind::Device(device), "name") => return Some(device.name().into()),
            (Kind::Device(device), "id") => return device.uuid().map(Cow::from),
            (_, "clientId") => return Some((&self.owner.client_id).into()),
            (_, "createdAt") => return Some(timestamp::write(self.times().0).into()),
            (_, "modifiedAt") => return Some(timestamp::write(self.times().1).into()),
            (Kind::Downlink(listed), "message") => {
                return Some(String::from_utf8_lossy(&listed.downlink.body));
            }
            (Kind::Downlink(listed), "externalReference") => {
                return listed.downlink.external_reference.as_deref().map(Cow::from);
            }
            _ => {}
        }
        match self.json().get_mut(field)?.take() {
            Value::String(text) => Some(text.into()),
            _ => None,
        }
    }

    fn json(&self) -> Value {
        let mut item = match &self.kind {
            Kind::Device(device) => device_json(device, &self.owner),
            Kind::Binding(device) => json!({
                "id": uuid(&format!("binding {}", device.uuid().unwrap_or_default())),
                "deviceId": device.uuid(),
            }),
            Kind::Downlink(listed) => downlink_json(listed, &self.owner),
            Kind::Group(number) => json!({
                "id": uuid(&format!("group {number} {}", self.owner.client_id)),
                "name": GROUPS.get(*number),
                "description": "",
            }),
            Kind::Project(number) => json!({
                "id": project(*number, &self.owner),
                "name": PROJECTS.get(*number).map(|(name, _)| name),
                "description": PROJECTS.get(*number).map(|(_, description)| description),
                "createdBy": format!("principal/{}", uuid("creator")),
                "modifiedBy": format!("principal/{}", uuid("modifier")),
                "definition": { "type": "DEFAULT" },
            }),
        };
        let (created, modified) = self.times();
        if let Some(fields) = item.as_object_mut() {
            fields.insert("clientId".to_owned(), self.owner.client_id.as_str().into());
            fields.insert("createdAt".to_owned(), timestamp::write(created).into());
            fields.insert("modifiedAt".to_owned(), timestamp::write(modified).into());
        }
        item
    }
}

fn device_json(device: &Device, owner: &Owner) -> Value {
    let listed: Value = serde_json::from_str(device.json()).unwrap_or_default();
    let field = |name: &str| listed.get(name).cloned().unwrap_or_default();
    json!({
        "id": device.uuid(),
        "name": device.name(),
        "description": field("description"),
        "barcode": field("barcode"),
        "deviceSpecificationId": field("deviceSpecificationUUID"),
        "projectId": project(number(device, PROJECTS.len()), owner),
    })
}

fn downlink_json(listed: &ListedDownlink, owner: &Owner) -> Value {
    let downlink = &listed.downlink;
    let eui = senml::dev_euis(&downlink.body).into_iter().next();
    let known = |device: &&Arc<Device>| {
        device.eui().is_some() && device.eui() == eui.as_deref().and_then(crate::dev_eui::DevEui::read)
    };
    let device = eui.is_some().then(|| owner.devices.iter().find(known)).flatten();
    let mut item = json!({
        "id": uuid(&format!("downlink {}", downlink.number)),
        "deviceId": device.and_then(|device| device.uuid()),
        "tagValue": senml::base_name(&downlink.body),
        "networkId": eui,
        "port": downlink.port.as_deref().and_then(|port| port.parse::<u8>().ok()),
        "message": String::from_utf8_lossy(&downlink.body),
    });
    if let (Some(reference), Some(fields)) = (&downlink.external_reference, item.as_object_mut()) {
        fields.insert("externalReference".to_owned(), reference.as_str().into());
    }
    item
}

fn project(number: usize, owner: &Owner) -> String {
    uuid(&format!("project {number} {}", owner.client_id))
}

/// A number below `bound` that stays the same for a device.
fn number(device: &Device, bound: usize) -> usize {
    Random::new(seed_for(0, device.uuid().unwrap_or_default())).below(bound)
}

/// A UUID that stays the same for a text.
fn uuid(text: &str) -> String {
    Random::new(seed_for(0, text)).uuid()
}
