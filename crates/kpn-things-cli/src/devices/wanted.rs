//! A device by its DevEUI, UUID or name.

use std::collections::BTreeMap;

use things_core::{DevEui, Device};

use super::fields::{EUI, Field, likeness};
use crate::recipient::{self, is_uuid};

/// The device that a user names.
#[derive(Debug)]
pub(crate) struct Wanted {
    text: String,
    dev_eui: Option<DevEui>,
}

/// The kind of a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Match {
    /// There is one device with this UUID.
    Uuid,
    /// Other devices can match as well.
    DevEuiOrName,
}

impl Wanted {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim();
        Self { text: text.to_owned(), dev_eui: recipient::dev_eui(text) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a search, which is for names, may find it.
    pub(crate) fn may_be_name(&self) -> bool {
        self.dev_eui.is_none() && !is_uuid(&self.text)
    }

    /// How the device matches, if it does. DevEUIs and UUIDs match whatever the case of their letters.
    pub(crate) fn matches(&self, device: &Device) -> Option<Match> {
        if device.uuid().eq_ignore_ascii_case(&self.text) {
            return Some(Match::Uuid);
        }
        let is_dev_eui = self.dev_eui.is_some() && dev_eui(device) == self.dev_eui;
        (is_dev_eui || device.name() == self.text).then_some(Match::DevEuiOrName)
    }
}

/// The DevEUI of a device, if the service returns one.
pub(crate) fn dev_eui(device: &Device) -> Option<DevEui> {
    Field::from(EUI).text(device).parse().ok()
}

/// The names, DevEUIs and UUIDs that are most like the one that no device has.
#[derive(Debug, Default)]
pub(crate) struct Similar(BTreeMap<String, f64>);

/// Most suggestions.
const SUGGESTIONS: usize = 3;

impl Similar {
    pub(crate) fn see(&mut self, wanted: &Wanted, device: &Device) {
        let eui = Field::from(EUI).text(device);
        for text in [device.name(), &eui, device.uuid()] {
            if let Some(likeness) = likeness(&wanted.text, text) {
                self.0.insert(text.to_owned(), likeness);
            }
        }
        while self.0.len() > SUGGESTIONS {
            let least = self.0.iter().min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(text, _)| text.clone());
            least.map(|text| self.0.remove(&text));
        }
    }

    /// The best first.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<_> = self.0.iter().collect();
        texts.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        texts.into_iter().map(|(text, _)| text.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn device(uuid: &str, name: &str, eui: Option<&str>) -> Device {
        Device::from_json(json!({"uuid": uuid, "name": name, "eui": eui}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_device_matches_by_each_of_its_names() {
        let device = device("d2723e99-1FE4", "Parking 1", Some("0059ac0000181eb6"));
        let matches = |text: &str| Wanted::new(text).matches(&device);
        assert_eq!(matches("D2723E99-1fe4"), Some(Match::Uuid));
        for text in
            ["0059AC0000181EB6", "00-59-ac-00-00-18-1e-b6", "urn:dev:DEVEUI:0059AC0000181EB6:", " Parking 1 "]
        {
            assert_eq!(matches(text), Some(Match::DevEuiOrName), "{text}");
        }
        for text in ["parking 1", "Parking", "0059AC0000181EB7", "d2723e99"] {
            assert_eq!(matches(text), None, "{text}");
        }
        assert_eq!(Wanted::new("0059AC0000181EB6").matches(&self::device("u", "n", None)), None);
    }

    #[test]
    fn the_most_similar_names_are_kept() {
        let (wanted, mut similar) = (Wanted::new("parking 1"), Similar::default());
        for name in ["Parking 1", "Water", "Parking 10", "Parking 12 west", "Parking", "Barking 1"] {
            similar.see(&wanted, &device("u", name, None));
        }
        assert_eq!(similar.texts(), ["Parking 1", "Parking 10", "Parking"]);
    }
}
