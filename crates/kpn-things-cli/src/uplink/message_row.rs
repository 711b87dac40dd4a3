//! One row per message.

use serde::Serialize;
use things_store::inbox::Message;
use things_uplink::{Device, Uplink};

use super::measurement_row::{Reading, received};
use super::output::Row;
use crate::table::Column;

/// A message: when it was received, and what it says.
#[derive(Serialize)]
pub(super) struct MessageRow {
    message: u64,
    received: String,
    source: &'static str,
    label: Option<String>,
    device: Option<String>,
    /// The port of a raw uplink.
    port: Option<u8>,
    /// The payload of a raw uplink, in hex.
    payload: Option<String>,
    /// What is not part of a raw uplink or a location.
    measurements: Vec<Reading>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    /// Why the message cannot be read, or a part of it.
    error: Option<String>,
}

impl MessageRow {
    /// The row of a message, or of its error.
    pub(super) fn of(message: &Message, uplink: &Result<Uplink, String>) -> Self {
        let mut row = Self {
            message: message.id,
            received: received(message.received),
            source: message.source.as_str(),
            label: message.label.clone(),
            device: None,
            port: None,
            payload: None,
            measurements: Vec::new(),
            latitude: None,
            longitude: None,
            error: None,
        };
        match uplink {
            Ok(uplink) => row.view(uplink),
            Err(error) => row.error = Some(error.clone()),
        }
        row
    }

    fn view(&mut self, uplink: &Uplink) {
        self.device = uplink.device().map(Device::to_string);
        self.measurements = uplink.others().map(|other| Reading::of(other, uplink)).collect();
        if let Some(lora) = uplink.lora() {
            self.port = self.or_error(lora.port()).flatten();
            self.payload = self.or_error(lora.payload()).map(hex::encode);
        }
        if let Some(location) = uplink.location() {
            self.latitude = self.or_error(location.latitude()).flatten();
            self.longitude = self.or_error(location.longitude()).flatten();
        }
    }

    /// Keeps the first error: a field that cannot be read leaves the others as they are.
    fn or_error<T>(&mut self, field: Result<T, impl ToString>) -> Option<T> {
        field.map_err(|error| self.error.get_or_insert_with(|| error.to_string()).len()).ok()
    }
}

impl Row for MessageRow {
    const NAMES: &'static [&'static str] = &[
        "message",
        "received",
        "source",
        "label",
        "device",
        "port",
        "payload",
        "measurements",
        "latitude",
        "longitude",
        "error",
    ];

    /// The measurements are one cell of JSON.
    fn cells(&self) -> Vec<String> {
        fn text<T: ToString>(value: Option<&T>) -> String {
            value.map(T::to_string).unwrap_or_default()
        }
        vec![
            self.message.to_string(),
            self.received.clone(),
            self.source.to_owned(),
            text(self.label.as_ref()),
            text(self.device.as_ref()),
            text(self.port.as_ref()),
            text(self.payload.as_ref()),
            serde_json::to_string(&self.measurements).unwrap_or_default(),
            text(self.latitude.as_ref()),
            text(self.longitude.as_ref()),
            text(self.error.as_ref()),
        ]
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::from("MESSAGE"),
            Column::from("RECEIVED"),
            Column::from("LABEL").if_any().if_it_fits(),
            Column::from("DEVICE").cut_to(16),
            Column::from("PORT").if_any(),
            Column::from("PAYLOAD").cut_to(8).if_any(),
            Column::from("MEASUREMENTS").cut_to(20).if_any(),
            Column::from("LOCATION").if_any().if_it_fits(),
            Column::from("ERROR").cut_to(20).if_any(),
        ]
    }

    fn shown(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let place = self.latitude.zip(self.longitude);
        vec![
            self.message.to_string(),
            self.received.clone(),
            text(&self.label),
            text(&self.device),
            self.port.map(|port| port.to_string()).unwrap_or_default(),
            text(&self.payload),
            self.measurements.iter().map(Reading::summary).collect::<Vec<_>>().join(", "),
            place.map(|(latitude, longitude)| format!("{latitude}, {longitude}")).unwrap_or_default(),
            text(&self.error),
        ]
    }
}
