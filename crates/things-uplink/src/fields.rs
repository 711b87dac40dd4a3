//! The records of one device, by their names.

use things_senml::{LeniencyKind, Measurement, Resolved, Value};

use crate::device::Device;
use crate::error::{FieldError, FieldErrorKind};

/// The records of the device of a message.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'u> {
    pub(crate) resolved: &'u Resolved,
    pub(crate) device: &'u Device,
}

impl<'u> Fields<'u> {
    /// The measurements of the device, with their names.
    pub(crate) fn all(self) -> impl Iterator<Item = (&'u str, &'u Measurement)> {
        self.resolved.measurements().iter().filter_map(move |measurement| {
            let (device, name) = split(measurement);
            (device == *self.device).then_some((name, measurement))
        })
    }

    /// The one measurement of this name.
    pub(crate) fn find(self, name: &'static str) -> Result<Option<&'u Measurement>, FieldError> {
        let mut found = self.all().filter(|(known, _)| *known == name).map(|(_, measurement)| measurement);
        let first = found.next();
        match found.next() {
            Some(second) => Err(FieldError::new(second.record(), name, FieldErrorKind::Repeated)),
            None => Ok(first),
        }
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.all().any(|(known, _)| known == name)
    }

    pub(crate) fn value(self, name: &'static str) -> Result<Option<&'u Value>, FieldError> {
        Ok(self.find(name)?.and_then(Measurement::value))
    }

    /// A text (`vs`). Its characters are those that were written, also if it looks like a number.
    pub(crate) fn text(self, name: &'static str) -> Result<Option<&'u str>, FieldError> {
        let Some(measurement) = self.find(name)? else { return Ok(None) };
        match measurement.value() {
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) if self.was_text(measurement) => Ok(Some(number.as_str())),
            _ => Err(FieldError::new(measurement.record(), name, FieldErrorKind::NotText)),
        }
    }

    /// A number (`v`, or `vs` where the lenient resolver read a number).
    pub(crate) fn number(self, name: &'static str) -> Result<Option<f64>, FieldError> {
        let Some(measurement) = self.find(name)? else { return Ok(None) };
        match measurement.value() {
            Some(Value::Number(number)) => Ok(Some(number.to_f64())),
            _ => Err(FieldError::new(measurement.record(), name, FieldErrorKind::NotNumber)),
        }
    }

    /// A number from `-most` to `most`.
    pub(crate) fn within(self, name: &'static str, most: f64) -> Result<Option<f64>, FieldError> {
        match self.number(name)? {
            Some(number) if number.abs() > most => Err(self.error(name, FieldErrorKind::OutOfRange)),
            number => Ok(number),
        }
    }

    /// A whole number from 0 to `most`, such as `1.0`.
    pub(crate) fn whole(self, name: &'static str, most: u32) -> Result<Option<u32>, FieldError> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        if number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number) {
            // It is whole and in range, so nothing is lost.
            Ok(Some(number as u32))
        } else {
            Err(self.error(name, FieldErrorKind::NotWhole { most }))
        }
    }

    /// An error in the record of this name.
    pub(crate) fn error(self, name: &'static str, why: FieldErrorKind) -> FieldError {
        let record =
            self.all().find(|(known, _)| *known == name).map_or(0, |(_, measurement)| measurement.record());
        FieldError::new(record, name, why)
    }

    /// Whether a number was written as a text.
    pub(crate) fn was_text(self, measurement: &Measurement) -> bool {
        self.resolved.leniencies().iter().any(|leniency| {
            leniency.record() == measurement.record() && leniency.kind() == LeniencyKind::NumberInString
        })
    }
}

/// The device of a measurement, and the rest of its name.
pub(crate) fn split(measurement: &Measurement) -> (Device, &str) {
    Device::split(measurement.base_name(), measurement.local_name(), measurement.name())
}
