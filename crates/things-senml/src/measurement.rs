//! A resolved record: one measurement that needs no other record to be understood.

use std::fmt;

use smol_str::SmolStr;

use crate::field::Field;
use crate::json::encode;
use crate::record::Record;
use crate::time::Time;
use crate::value::{Number, Value};

/// One resolved record: all base values are applied, and its time is absolute (RFC 8428, section 4.6).
#[derive(Clone, PartialEq, Eq)]
pub struct Measurement {
    pub(crate) record: usize,
    pub(crate) name: Box<str>,
    /// The length of the base name at the start of the name.
    pub(crate) base_name: usize,
    pub(crate) time: Time,
    pub(crate) unit: Option<SmolStr>,
    pub(crate) value: Option<Value>,
    pub(crate) rest: Option<Box<Rest>>,
}

/// What few records have.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) sum: Option<Number>,
    pub(crate) update_time: Option<Number>,
    pub(crate) content_format: Option<SmolStr>,
    pub(crate) extra: Vec<(String, String)>,
}

impl Measurement {
    /// The full name: the base name with the name appended (section 4.5.1).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part of the name that comes from the base name (`bn`). At KPN Things it is the URN of the device.
    pub fn base_name(&self) -> &str {
        self.name.get(..self.base_name).unwrap_or_default()
    }

    /// The part of the name that comes from the record (`n`), such as `temperature`. Empty if the record has none.
    pub fn local_name(&self) -> &str {
        self.name.get(self.base_name..).unwrap_or_default()
    }

    /// The absolute time (section 4.5.3).
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// The unit of the record, or else the base unit (section 4.5.2). [`Unit::find`](crate::units::Unit::find) explains it.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The value. The base value is added to a number (section 4.5.4). `None` if the record has a sum and no value.
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The integral of the value over time, with the base sum added (section 4.5.4). Its unit is the unit times seconds.
    pub fn sum(&self) -> Option<&Number> {
        self.rest.as_ref()?.sum.as_ref()
    }

    /// The seconds until the next measurement of this name at the latest (section 4.5.3).
    pub fn update_time(&self) -> Option<&Number> {
        self.rest.as_ref()?.update_time.as_ref()
    }

    /// The Content-Format of a data value (`ct`, or else `bct`): a number of the registry of CoAP, or a media type with
    /// an optional content coding, such as `text/csv@gzip` (RFC 9193, section 3).
    pub fn content_format(&self) -> Option<&str> {
        self.rest.as_ref()?.content_format.as_deref()
    }

    /// Label and JSON of each field that no RFC defines, without blanks, as they were written.
    pub fn extra(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let extra = self.rest.as_ref().map(|rest| rest.extra.as_slice()).unwrap_or_default();
        extra.iter().map(|(label, json)| (label.as_str(), json.as_str()))
    }

    /// Returns the resolved record.
    pub(crate) fn to_record(&self, version: Option<Number>) -> Record {
        let mut extra = Vec::new();
        if let Some(format) = self.content_format() {
            let mut json = String::new();
            encode::string(format, &mut json);
            extra.push((Field::ContentFormat.label().to_owned(), json));
        }
        extra.extend(self.extra().map(|(label, json)| (label.to_owned(), json.to_owned())));
        Record {
            base_version: version,
            name: self.name.to_string(),
            unit: self.unit().map(str::to_owned),
            value: self.value.clone(),
            sum: self.sum().cloned(),
            time: Some(self.time.as_number().clone()),
            update_time: self.update_time().cloned(),
            extra,
            ..Record::default()
        }
    }

    /// The index of the record in the pack, from 0.
    pub fn record(&self) -> usize {
        self.record
    }
}

/// Shows the name and the time, not the value.
impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measurement({} at {})", self.name, self.time)
    }
}
