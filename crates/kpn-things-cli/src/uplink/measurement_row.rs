//! One row per measurement, as a data frame has them.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;
use things_senml::{Measurement, Number, Time, Value};
use things_store::inbox::Message;
use things_uplink::{Device, Uplink};

use super::output::Row;
use crate::table::Column;

/// A measurement of a message, or the error of a message that cannot be read. The columns are those of `Inbox.rows` in Python.
#[derive(Serialize)]
pub(super) struct MeasurementRow {
    message: u64,
    received: String,
    #[serde(flatten)]
    measurement: Reading,
    error: Option<String>,
}

/// A measurement with its device. A number is written with the digits that the message has.
#[derive(Serialize, Default)]
pub(super) struct Reading {
    device: Option<String>,
    name: Option<String>,
    time: Option<String>,
    unit: Option<String>,
    value: Option<Box<RawValue>>,
    text: Option<String>,
    flag: Option<bool>,
    data: Option<String>,
}

impl MeasurementRow {
    /// The rows of a message.
    pub(super) fn of(message: &Message, uplink: &Result<Uplink, String>) -> Vec<Self> {
        let row = |measurement, error| Self {
            message: message.id,
            received: received(message.received),
            measurement,
            error,
        };
        match uplink {
            Ok(uplink) => {
                let measurements = uplink.measurements().iter();
                measurements.map(|measurement| row(Reading::of(measurement, uplink), None)).collect()
            }
            Err(error) => vec![row(Reading::default(), Some(error.clone()))],
        }
    }
}

impl Reading {
    pub(super) fn of(measurement: &Measurement, uplink: &Uplink) -> Self {
        let device = match measurement.base_name() {
            "" => uplink.device().map(Device::to_string),
            name => Some(Device::of(name).to_string()),
        };
        let mut reading = Self {
            device,
            name: Some(measurement.local_name().to_owned()),
            time: Some(time(measurement.time())),
            unit: measurement.unit().map(str::to_owned),
            ..Self::default()
        };
        match measurement.value() {
            // A payload whose hex digits look like a number, such as 5e10, is none, although the resolver reads it as one.
            Some(Value::Number(value)) if measurement.local_name() == "payload" => {
                reading.text = Some(value.as_str().to_owned());
            }
            Some(Value::Number(value)) => reading.value = raw(value),
            Some(Value::String(text)) => reading.text = Some(text.clone()),
            Some(Value::Boolean(flag)) => reading.flag = Some(*flag),
            Some(Value::Data(data)) => reading.data = Some(data.as_str().to_owned()),
            None => {}
        }
        reading
    }

    /// The value as a person reads it.
    pub(super) fn shown_value(&self) -> String {
        let number = self.value.as_ref().map(|value| value.get().to_owned());
        let flag = self.flag.map(|flag| flag.to_string());
        number.or(self.text.clone()).or(flag).or(self.data.clone()).unwrap_or_default()
    }

    /// The name, the value and the unit, such as `temperature=21.5 Cel`.
    pub(super) fn summary(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        format!("{}={}{unit}", self.name.as_deref().unwrap_or_default(), self.shown_value())
    }
}

impl Row for MeasurementRow {
    const NAMES: &'static [&'static str] =
        &["message", "received", "device", "name", "time", "unit", "value", "text", "flag", "data", "error"];

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let Reading { device, name, time, unit, value, text: words, flag, data } = &self.measurement;
        vec![
            self.message.to_string(),
            self.received.clone(),
            text(device),
            text(name),
            text(time),
            text(unit),
            value.as_ref().map(|value| value.get().to_owned()).unwrap_or_default(),
            text(words),
            flag.map(|flag| flag.to_string()).unwrap_or_default(),
            text(data),
            text(&self.error),
        ]
    }

    fn columns() -> Vec<Column> {
        vec![
            Column::from("MESSAGE"),
            Column::from("TIME"),
            Column::from("DEVICE").cut_to(16),
            Column::from("NAME").cut_to(10),
            Column::from("VALUE").cut_to(8),
            Column::from("UNIT").if_any(),
            Column::from("ERROR").cut_to(20).if_any(),
        ]
    }

    fn shown(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let reading = &self.measurement;
        // Nanoseconds help no reader of a table.
        let time = text(&reading.time).replace("000000Z", "Z");
        vec![
            self.message.to_string(),
            time,
            text(&reading.device),
            text(&reading.name),
            reading.shown_value(),
            text(&reading.unit),
            text(&self.error),
        ]
    }
}

/// When a message was received, in milliseconds: an inbox keeps no more.
pub(super) fn received(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// The time of a measurement in nanoseconds, because pandas reads a column of equal formats. A time that is not in the years
/// 1970 to 9999 is its seconds since 1970.
fn time(time: &Time) -> String {
    const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);
    let since_1970 = time.nanoseconds().and_then(|nanoseconds| u128::try_from(nanoseconds).ok());
    let since_1970 = since_1970.and_then(|nanoseconds| {
        let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
        let rest = u32::try_from(nanoseconds % 1_000_000_000).ok()?;
        Some(Duration::new(seconds, rest)).filter(|since_1970| *since_1970 < YEAR_10000)
    });
    match since_1970.and_then(|since_1970| SystemTime::UNIX_EPOCH.checked_add(since_1970)) {
        Some(time) => humantime::format_rfc3339_nanos(time).to_string(),
        None => time.as_str().to_owned(),
    }
}

/// A number with its digits as they were written.
fn raw(number: &Number) -> Option<Box<RawValue>> {
    RawValue::from_string(number.as_str().to_owned()).ok()
}
