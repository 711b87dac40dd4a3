//! Reads the records of a pack in one pass over its JSON.

use std::borrow::Cow;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{decode, scan};
use crate::error::{Error, ErrorKind, PACK};
use crate::field::{Field, FieldType};
use crate::pack::Pack;
use crate::resolve::Pass;
use crate::value::Number;

/// Passes all records of a pack on.
pub(crate) fn pack<'a>(json: &'a [u8], pass: &mut Pass<'_, 'a>) -> Result<(), Error> {
    let text = std::str::from_utf8(json).map_err(|error| {
        let why = format!("is not UTF-8 at byte {}: JSON is UTF-8", error.valid_up_to());
        Error::new(ErrorKind::NotUtf8, PACK, why)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    decode::check_size(text)?;
    let mut reader = Reader { pass, place: Place::Pack, error: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_seq(&mut reader).and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(()),
        Err(error) => Err(reader.explain(&error, text)),
    }
}

/// Drives the JSON parser, and knows where it is.
struct Reader<'p, 'r, 'a> {
    pass: &'p mut Pass<'r, 'a>,
    place: Place,
    /// What is wrong, if it is SenML that is wrong and not JSON.
    error: Option<Error>,
}

/// Where the parser is.
#[derive(Clone, Copy)]
enum Place {
    Pack,
    Record,
    /// In a record, before a label.
    Label,
    Value(Field),
}

impl<'a> Reader<'_, '_, 'a> {
    /// Keeps an error of ours, and returns one that stops the parser.
    fn stop<E: serde_core::de::Error>(&mut self, error: Error) -> E {
        self.error = Some(self.pass.at(error));
        E::custom("")
    }

    /// Returns the error for one of the JSON parser.
    fn explain(self, error: &serde_json::Error, json: &str) -> Error {
        if let Some(error) = self.error {
            return error;
        }
        // A parser that skips values does not look into them. If it succeeds, then the JSON is right and its use is wrong.
        if let Err(error) = serde_json::from_str::<&RawValue>(json) {
            return decode::syntax(&error);
        }
        let record = match self.place {
            Place::Pack => {
                return decode::check_array(json.trim_start()).err().unwrap_or_else(|| decode::syntax(error));
            }
            Place::Record => Error::not_an_object(),
            // JSON allows half of a surrogate pair, and a Rust string does not.
            Place::Label => Error::half_surrogate(),
            Place::Value(_) if !error.is_data() && scan::has_half_surrogate(json) => Error::half_surrogate(),
            Place::Value(field) => wrong_type(field),
        };
        self.pass.at(record)
    }

    fn value<A: MapAccess<'a>>(&mut self, field: Field, map: &mut A) -> Result<(), A::Error> {
        match field.field_type() {
            FieldType::Number => {
                let json = map.next_value::<&RawValue>()?.get();
                if let Some(number) = Number::short(json) {
                    return self.pass.number(field, number).map_err(|error| self.stop(error));
                }
                let read = match Number::from_valid_json(json) {
                    Some(number) => number
                        .map_err(|error| Error::in_field(field.label(), "a number", &error))
                        .and_then(|number| self.pass.number(field, number)),
                    None => Err(wrong_type(field)),
                };
                read.map_err(|error| self.stop(error))
            }
            FieldType::Text | FieldType::Data => {
                let text = map.next_value_seed(Text)?;
                self.pass.text(field, text).map_err(|error| self.stop(error))
            }
            FieldType::Boolean => {
                self.pass.boolean(map.next_value::<bool>()?);
                Ok(())
            }
        }
    }

    fn extra<A: MapAccess<'a>>(&mut self, label: &str, map: &mut A) -> Result<(), A::Error> {
        self.pass.check_extra(label).map_err(|error| self.stop(error))?;
        let json = scan::compact(map.next_value::<&RawValue>()?.get());
        // The array and the object around the field add two levels.
        let depth = scan::depth(&json) + 2;
        if depth > Pack::MAX_DEPTH {
            return Err(self.stop(Error::too_deep(depth)));
        }
        if scan::has_half_surrogate(&json) {
            return Err(self.stop(Error::half_surrogate()));
        }
        self.pass.extra(label.to_owned(), json);
        Ok(())
    }
}

/// The array of records.
impl<'a> Visitor<'a> for &mut Reader<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut records: A) -> Result<(), A::Error> {
        loop {
            self.place = Place::Record;
            if records.next_element_seed(Record(self))?.is_none() {
                self.place = Place::Pack;
                return Ok(());
            }
        }
    }
}

/// One record.
struct Record<'m, 'p, 'r, 'a>(&'m mut Reader<'p, 'r, 'a>);

impl<'a> DeserializeSeed<'a> for Record<'_, '_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Record<'_, '_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        loop {
            reader.place = Place::Label;
            let Some(label) = map.next_key_seed(Text)? else { break };
            match Field::of_label(&label) {
                Some(field) => {
                    reader.place = Place::Value(field);
                    reader.pass.note(field).map_err(|error| reader.stop(error))?;
                    reader.value(field, &mut map)?;
                }
                None => reader.extra(&label, &mut map)?,
            }
        }
        reader.pass.end().map_err(|error| reader.stop(error))
    }
}

/// A text, borrowed where the JSON has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

fn wrong_type(field: Field) -> Error {
    Error::wrong_type(
        field.label(),
        match field.field_type() {
            FieldType::Number => "a number without quotes",
            FieldType::Text | FieldType::Data => "a text in quotes",
            FieldType::Boolean => "true or false without quotes",
        },
    )
}
