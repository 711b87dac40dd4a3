//! Reads the records of a pack in one pass over its CBOR.

use std::borrow::Cow;

use ciborium_ll::{Header, simple};

use super::input::Input;
use super::{json, number};
use crate::error::Error;
use crate::field::{Field, FieldType};
use crate::resolve::Pass;
use crate::value::{Data, Number};

/// Passes all records of a pack on.
pub(crate) fn pack<'a>(cbor: &'a [u8], pass: &mut Pass<'_, 'a>) -> Result<(), Error> {
    let (mut input, mut records) = Input::of_pack(cbor)?;
    while input.has_more(&mut records)? {
        record(&mut input, pass)
            .map_err(|error| if error.is_in_record() { pass.at(error) } else { error })?;
    }
    input.end()
}

fn record<'a>(input: &mut Input<'a>, pass: &mut Pass<'_, 'a>) -> Result<(), Error> {
    let Header::Map(mut fields) = input.header()? else { return Err(Error::not_a_map()) };
    while input.has_more(&mut fields)? {
        match label(input)? {
            Label::Known(field) => {
                pass.note(field)?;
                value(field, input, pass)?;
            }
            Label::Other(label) => {
                pass.check_extra(&label)?;
                // The array and the map around the field are two levels.
                let mut json = String::new();
                json::value(input, 2, &mut json)?;
                pass.extra(label.into_owned(), json);
            }
        }
    }
    pass.end()
}

/// The label of a field.
pub(super) enum Label<'a> {
    Known(Field),
    Other(Cow<'a, str>),
}

/// Reads the label of a field: an integer or a text. An integer that the RFC does not define is kept as its digits.
pub(super) fn label<'a>(input: &mut Input<'a>) -> Result<Label<'a>, Error> {
    let integer = match input.header()? {
        Header::Text(length) => {
            let label = input.text(length)?;
            return Ok(match Field::of_label(&label) {
                Some(field) => Label::Known(field),
                None => Label::Other(label),
            });
        }
        Header::Positive(label) => i128::from(label),
        Header::Negative(label) => -1 - i128::from(label),
        _ => return Err(Error::wrong_label()),
    };
    Ok(match Field::of_cbor_label(integer) {
        Some(field) => Label::Known(field),
        None => Label::Other(Cow::Owned(integer.to_string())),
    })
}

fn value<'a>(field: Field, input: &mut Input<'a>, pass: &mut Pass<'_, 'a>) -> Result<(), Error> {
    let header = input.header()?;
    match (field.field_type(), header) {
        // Most numbers are one of these, and need no result on the way.
        (FieldType::Number, Header::Positive(integer)) => pass.number(field, Number::from(integer)),
        (FieldType::Number, Header::Float(double)) if double.is_finite() => {
            pass.number(field, Number::from_finite(double))
        }
        (FieldType::Number, _) => match number::number(header, input)? {
            Some(number) => {
                let number = number.map_err(|error| Error::in_field(field.label(), "a number", &error))?;
                pass.number(field, number)
            }
            None => Err(wrong_type(field)),
        },
        (FieldType::Text, Header::Text(length)) => {
            let text = input.text(length)?;
            pass.text(field, text)
        }
        (FieldType::Data, Header::Bytes(length)) => {
            pass.data(Data::new(input.bytes(length)?));
            Ok(())
        }
        (FieldType::Boolean, Header::Simple(simple @ (simple::TRUE | simple::FALSE))) => {
            pass.boolean(simple == simple::TRUE);
            Ok(())
        }
        _ => Err(wrong_type(field)),
    }
}

pub(super) fn wrong_type(field: Field) -> Error {
    Error::wrong_type(
        field.label(),
        match field.field_type() {
            FieldType::Number => "an integer, a floating-point number, a big integer or a decimal fraction",
            FieldType::Text => "a text string",
            FieldType::Data => "a byte string",
            FieldType::Boolean => "true or false",
        },
    )
}
