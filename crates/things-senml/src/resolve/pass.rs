//! One pass over the records of a pack, in whichever format they are written.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::bases::{Bases, VERSION};
use super::{Resolved, Resolver};
use crate::content_format;
use crate::error::{Error, ErrorKind};
use crate::field::Field;
use crate::leniency::{Leniency, LeniencyKind};
use crate::measurement::{Measurement, Rest};
use crate::record::Record;
use crate::time::Time;
use crate::units::{Kind, Unit};
use crate::value::{Addend, Data, Number, Value};

/// Takes the fields of one record after the other, and makes measurements of them.
///
/// A reader calls one of the methods per field of a record, and then [`end`](Self::end). Errors do not contain the index of the
/// record, which the reader adds with [`at`](Self::at).
pub(crate) struct Pass<'r, 'a> {
    resolver: &'r Resolver,
    now: Addend,
    bases: Bases,
    fields: Fields<'a>,
    base_name: Option<String>,
    base_time: Option<Number>,
    /// Units that were looked up, and are not secondary ones.
    units: Vec<SmolStr>,
    records: usize,
    measurements: Vec<Measurement>,
    leniencies: Vec<Leniency>,
}

/// Most measurements for which there is memory from the beginning.
const MOST_EXPECTED: usize = 1_024;

/// Most units to remember. A pack has few.
const MOST_UNITS: usize = 8;

/// The fields of one record, without its base fields.
#[derive(Default)]
struct Fields<'a> {
    /// The bits of the fields that the record has.
    present: u32,
    count: usize,
    /// The name without the base name.
    name: Cow<'a, str>,
    unit: Option<Cow<'a, str>>,
    value: Option<Value>,
    time: Option<Number>,
    rest: Option<Box<Rest>>,
}

impl<'r, 'a> Pass<'r, 'a> {
    /// Creates a pass over a pack of about this many records.
    pub(crate) fn new(resolver: &'r Resolver, records: usize) -> Self {
        Self {
            resolver,
            now: Addend::new(resolver.now.clone()),
            bases: Bases::default(),
            fields: Fields::default(),
            base_name: None,
            base_time: None,
            units: Vec::new(),
            records: 0,
            measurements: Vec::with_capacity(records.min(MOST_EXPECTED)),
            leniencies: Vec::new(),
        }
    }

    /// Adds the index of the current record to an error.
    pub(crate) fn at(&self, error: Error) -> Error {
        error.at(self.records)
    }

    /// Notes that the record has a field. Each field is noted before its value is set.
    pub(crate) fn note(&mut self, field: Field) -> Result<(), Error> {
        self.count()?;
        if self.fields.present & field.bit() != 0 {
            return Err(Error::twice(field.label()));
        }
        self.fields.present |= field.bit();
        if field.bit() & VALUES != 0 && (self.fields.present & VALUES).count_ones() > 1 {
            return Err(Error::several_values(field.label()));
        }
        Ok(())
    }

    /// Sets a field that is a number.
    // A call would write the number to memory and copy it from there, which takes a third of the time of a pack. So the methods
    // for the most frequent fields, and those of `end`, are part of their callers.
    #[inline(always)]
    pub(crate) fn number(&mut self, field: Field, number: Number) -> Result<(), Error> {
        match field {
            Field::Value => self.fields.value = Some(Value::Number(number)),
            Field::Time => self.fields.time = Some(number),
            Field::Sum => self.fields.rest.get_or_insert_default().sum = Some(number),
            Field::UpdateTime => self.fields.rest.get_or_insert_default().update_time = Some(number),
            Field::BaseTime => {
                if self.base_time.is_none() {
                    self.base_time = Some(number.clone());
                }
                self.bases.time = Some(Addend::new(number));
            }
            Field::BaseValue => self.bases.value = Some(Addend::new(number)),
            Field::BaseSum => self.bases.sum = Some(Addend::new(number)),
            Field::BaseVersion => self.bases.set_version(&number, self.records)?,
            _ => {}
        }
        Ok(())
    }

    /// Sets a field that is a text, or a data value in base64url.
    #[inline(always)]
    pub(crate) fn text(&mut self, field: Field, text: Cow<'a, str>) -> Result<(), Error> {
        match field {
            Field::Name => self.fields.name = text,
            Field::Unit => self.fields.unit = Some(text),
            _ => return self.other_text(field, text),
        }
        Ok(())
    }

    /// Sets a text that fewer records have.
    #[inline(never)]
    fn other_text(&mut self, field: Field, text: Cow<'a, str>) -> Result<(), Error> {
        match field {
            Field::StringValue => self.fields.value = Some(Value::String(text.into_owned())),
            Field::DataValue => {
                let data = Data::from_base64(text)
                    .map_err(|error| Error::in_field(field.label(), "data", &error))?;
                self.data(data);
            }
            Field::ContentFormat | Field::BaseContentFormat => {
                content_format::check(&text).map_err(|why| wrong_content_format(field, why))?;
                let format = Some(SmolStr::new(text));
                if field == Field::ContentFormat {
                    self.fields.rest.get_or_insert_default().content_format = format;
                } else {
                    self.bases.content_format = format;
                }
            }
            Field::BaseName => {
                self.bases.set_name(&text)?;
                if self.base_name.is_none() {
                    self.base_name = Some(text.into_owned());
                }
            }
            Field::BaseUnit => self.bases.unit = Some(SmolStr::new(text)),
            _ => {}
        }
        Ok(())
    }

    /// Sets the boolean value.
    pub(crate) fn boolean(&mut self, boolean: bool) {
        self.fields.value = Some(Value::Boolean(boolean));
    }

    /// Sets the data value.
    pub(crate) fn data(&mut self, data: Data) {
        self.fields.value = Some(Value::Data(data));
    }

    /// Checks the label of a field that no RFC defines, before its value is read.
    pub(crate) fn check_extra(&mut self, label: &str) -> Result<(), Error> {
        self.count()?;
        let extra = self.fields.rest.iter().flat_map(|rest| &rest.extra);
        if extra.into_iter().any(|(known, _)| known == label) {
            return Err(Error::twice(label));
        }
        if label.ends_with('_') && !self.resolver.understood.iter().any(|field| field == label) {
            let why = format!(
                "has the field {label:?}, which must be understood because it ends in _ (RFC 8428, section 4.4): \
                 update the reader, or list the field as understood"
            );
            return Err(Error::in_record(ErrorKind::MustUnderstand, why).of_field(label));
        }
        Ok(())
    }

    /// Keeps a field that no RFC defines.
    pub(crate) fn extra(&mut self, label: String, json: String) {
        self.fields.rest.get_or_insert_default().extra.push((label, json));
    }

    /// Ends a record.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        if let Some(measurement) = self.measurement()? {
            self.measurements.push(measurement);
        }
        self.records += 1;
        Ok(())
    }

    /// Ends the pack.
    pub(crate) fn finish(self) -> Result<Resolved, Error> {
        if self.records == 0 {
            return Err(Error::empty());
        }
        Ok(Resolved {
            version: self.bases.version.unwrap_or(VERSION),
            base_name: self.base_name,
            base_time: self.base_time,
            records: self.records,
            measurements: self.measurements,
            leniencies: self.leniencies,
        })
    }

    /// Returns the measurement of the current record. `None` if it has base fields alone.
    #[inline]
    fn measurement(&mut self) -> Result<Option<Measurement>, Error> {
        let present = std::mem::take(&mut self.fields.present);
        self.fields.count = 0;
        if present != 0 && present & !BASE == 0 {
            self.fields.rest = None;
            return Ok(None);
        }
        // Memory that was just written in parts is slow to copy as a whole. So the time is made first, and moved last.
        let time = self.time();
        let name = self.bases.full_name(&std::mem::take(&mut self.fields.name))?;
        if present & (VALUES | Field::Sum.bit()) == 0 {
            let why = r#"has neither a value nor a sum: add one of "v", "vs", "vb", "vd" and "s""#;
            return Err(Error::in_record(ErrorKind::NoValue, why));
        }
        if present & Field::ContentFormat.bit() != 0 && present & Field::DataValue.bit() == 0 {
            return Err(wrong_content_format(
                Field::ContentFormat,
                r#"is not that of data: remove it, or write the value in "vd""#,
            ));
        }
        let unit = self.unit()?;
        self.resolve_value()?;
        if let Some(base) = &self.bases.sum {
            let integral = &mut self.fields.rest.get_or_insert_default().sum;
            *integral = Some(match integral {
                Some(number) => sum(Field::Sum, base, number)?,
                None => base.as_number().clone(),
            });
        }
        Ok(Some(Measurement {
            record: self.records,
            name,
            base_name: self.bases.name.len(),
            time: time?,
            unit,
            value: self.fields.value.take(),
            rest: self.fields.rest.take(),
        }))
    }

    /// Applies the base value and the base content format, or else the leniency for numbers in strings.
    #[inline(always)]
    fn resolve_value(&mut self) -> Result<(), Error> {
        match (&mut self.fields.value, &self.bases.value) {
            (Some(Value::Number(number)), Some(base)) => *number = sum(Field::Value, base, number)?,
            // With a base value it stays a string: whether the base is part of the number is unknown.
            (Some(Value::String(text)), None) if self.resolver.lenient => {
                let text = std::mem::take(text);
                self.fields.value = Some(self.number_in(text));
            }
            (Some(Value::Data(_)), _) => {
                if let Some(base) = &self.bases.content_format {
                    let rest = self.fields.rest.get_or_insert_default();
                    rest.content_format.get_or_insert_with(|| base.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the absolute time of a record (section 4.5.3).
    #[inline(always)]
    fn time(&mut self) -> Result<Time, Error> {
        let seconds = match (&self.bases.time, self.fields.time.take()) {
            (None, None) => return Ok(Time::new(self.now.as_number().clone(), true)),
            // Nearly all times are like this.
            (Some(base), None) if base.as_number().to_f64() >= ABSOLUTE => {
                return Ok(Time::new(base.as_number().clone(), false));
            }
            (Some(base), None) => base.as_number().clone(),
            (None, Some(time)) => time,
            (Some(base), Some(time)) => sum(Field::Time, base, &time)?,
        };
        Ok(if seconds.to_f64() >= ABSOLUTE {
            Time::new(seconds, false)
        } else {
            Time::new(sum(Field::Time, &self.now, &seconds)?, true)
        })
    }

    /// Returns the unit of a record, or else the base unit (section 4.5.2).
    #[inline(always)]
    fn unit(&mut self) -> Result<Option<SmolStr>, Error> {
        let (field, unit) = match (self.fields.unit.take(), &self.bases.unit) {
            (Some(unit), _) => match self.units.iter().find(|known| **known == *unit) {
                Some(known) => return Ok(Some(known.clone())),
                None => (Field::Unit, SmolStr::new(unit)),
            },
            (None, Some(base)) => (Field::BaseUnit, base.clone()),
            (None, None) => return Ok(None),
        };
        if self.bases.has_secondary_units() || self.units.contains(&unit) {
            return Ok(Some(unit));
        }
        if Unit::find(&unit).is_none_or(|unit| unit.kind() == Kind::Primary) {
            if self.units.len() < MOST_UNITS {
                self.units.push(unit.clone());
            }
        } else {
            if !self.resolver.lenient {
                let why = format!(
                    "has in {:?} a secondary unit (RFC 8798): write \"bver\": 26 in the first record (RFC 9100), or use \
                     the primary unit",
                    field.label()
                );
                return Err(Error::in_record(ErrorKind::Unit, why).of_field(field.label()));
            }
            self.leniencies.push(Leniency::new(self.records, field.label(), LeniencyKind::SecondaryUnit));
        }
        Ok(Some(unit))
    }

    /// Reads a string value that is a number, and reports it. Any other stays a string.
    fn number_in(&mut self, text: String) -> Value {
        let Ok(number) = text.parse::<Number>() else { return Value::String(text) };
        let label = Field::StringValue.label();
        self.leniencies.push(Leniency::new(self.records, label, LeniencyKind::NumberInString));
        Value::Number(number)
    }

    fn count(&mut self) -> Result<(), Error> {
        self.fields.count += 1;
        if self.fields.count > Record::MAX_FIELDS { Err(Error::too_many_fields()) } else { Ok(()) }
    }
}

const fn bits(fields: &[Field]) -> u32 {
    let (mut bits, mut rest) = (0, fields);
    while let [first, others @ ..] = rest {
        bits |= first.bit();
        rest = others;
    }
    bits
}

/// Times from this one on, in seconds, are absolute: 2²⁸ (section 4.5.3).
const ABSOLUTE: f64 = 268_435_456.0;

/// The bits of the fields that hold the value.
const VALUES: u32 = bits(&[Field::Value, Field::StringValue, Field::BooleanValue, Field::DataValue]);

/// The bits of the base fields.
const BASE: u32 = bits(&[
    Field::BaseVersion,
    Field::BaseName,
    Field::BaseTime,
    Field::BaseUnit,
    Field::BaseValue,
    Field::BaseSum,
    Field::BaseContentFormat,
]);

/// A Content-Format that is wrong, or where none may be.
fn wrong_content_format(field: Field, why: &str) -> Error {
    let why = format!("has a Content-Format in {:?} that {why}", field.label());
    Error::in_record(ErrorKind::ContentFormat, why).of_field(field.label())
}

/// Adds a base number to a number of a record.
#[inline]
fn sum(field: Field, base: &Addend, number: &Number) -> Result<Number, Error> {
    base.plus(number).map_err(|error| {
        let why = format!("has a number in {:?} that with its base {}", field.label(), error.why());
        Error::in_record(error.kind(), why).of_field(field.label())
    })
}
