//! Devices that a test describes or that the simulator generates.

use crate::random::Random;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A device of the simulator. The default has an empty name, no metadata and no barcode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceSpec {
    /// The id. If it is `None`, the simulator generates one. Any text is allowed because ids are opaque.
    pub uuid: Option<String>,
    /// The name, which need not be unique.
    pub name: String,
    /// The description, often empty.
    pub description: String,
    /// Any JSON, often null.
    pub metadata: Value,
    /// The id of the device's specification; `None` is sent as null.
    #[serde(rename = "deviceSpecificationUUID")]
    pub device_specification_uuid: Option<String>,
    /// The barcode; `None` is sent as null.
    pub barcode: Option<String>,
    /// Additional fields, sent unchanged with the documented ones.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl DeviceSpec {
    /// Creates a device with only a name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Generates devices from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    random: Random,
    made: usize,
    with_eui: bool,
    /// The number of devices in a row that have the same name.
    shared_names: usize,
}

impl Generator {
    pub(crate) fn new(seed: u64, with_eui: bool, shared_names: usize) -> Self {
        Self { random: Random::new(seed), made: 0, with_eui, shared_names: shared_names.max(1) }
    }

    /// Generates a whole fleet, sorted by name, with about as many devices of each kind.
    pub(crate) fn fleet(&mut self, count: usize) -> impl Iterator<Item = DeviceSpec> {
        (0..count).map(move |index| {
            // Devices with the same name are of the same kind.
            let index = index - index % self.shared_names;
            let kind = KINDS.get(index * KINDS.len() / count).copied().unwrap_or_default();
            self.device(kind)
        })
    }

    /// Generates one more device, of a random kind.
    pub(crate) fn another(&mut self) -> DeviceSpec {
        let kind = self.random.pick(&KINDS);
        self.device(kind)
    }

    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn device(&mut self, kind: &str) -> DeviceSpec {
        self.made += 1;
        let random = &mut self.random;
        let uuid = random.uuid();
        let description = random.pick(&DESCRIPTIONS).to_owned();
        let metadata = if random.chance(0.5) {
            Value::Null
        } else {
            json!({ "building": random.pick(&["A", "B", "C&D"]), "floor": random.below(12) })
        };
        let specification = random.pick(&SPECIFICATIONS).to_owned();
        let barcode = random.chance(0.5).then(|| format!("87{:011}", random.below(100_000_000_000)));
        let mut extra = Map::new();
        // This is always drawn, so that the setting does not change the fields of later devices.
        let (some, eui) = (random.chance(0.5), random.next());
        if some && self.with_eui {
            extra.insert("eui".to_owned(), Value::String(format!("{eui:016X}")));
        }
        DeviceSpec {
            uuid: Some(uuid),
            name: format!("{kind} {:05}", self.made.div_ceil(self.shared_names)),
            description,
            metadata,
            device_specification_uuid: Some(specification),
            barcode,
            extra,
        }
    }
}

/// The kinds in alphabetical order. Some contain characters that URLs and JSON have to escape.
const KINDS: [&str; 12] = [
    "Asset \"tracker\"",
    "Café thermostat",
    "Gas meter",
    "Heating & cooling",
    "Parking sensor",
    "Pump A+B",
    "Smoke detector",
    "Soil sensor",
    "Street light",
    "Valve 50% open",
    "Waste container",
    "Water meter",
];

const DESCRIPTIONS: [&str; 6] =
    ["", "", "", "Ground floor, east wing", "Behind the café, 2nd door", "Spare; battery < 20%"];

const SPECIFICATIONS: [&str; 4] = [
    "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
    "0f7f7f0e-7c0b-4a4e-9e55-21ab3b6b8f11",
    "6b0f3a52-52f5-4c39-8f0a-0d1c6f7e9a63",
    "b8a9e5c4-2f1d-4e0b-a6d7-3c5f8e9d0a21",
];
