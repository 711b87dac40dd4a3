//! Turns CBOR into JSON: whole packs, and fields that no RFC defines.

use std::fmt::Write;

use ciborium_ll::{Header, simple};

use super::input::Input;
use super::number;
use super::read::{Label, label, wrong_type};
use crate::error::{Error, ErrorKind};
use crate::field::{Field, FieldType};
use crate::json::encode;
use crate::pack::Pack;
use crate::value::Data;

/// Returns the JSON of a pack, whose records are not checked yet.
pub(crate) fn pack(cbor: &[u8]) -> Result<String, Error> {
    let (mut input, mut records) = Input::of_pack(cbor)?;
    let mut json = String::with_capacity(2 * cbor.len().min(1 << 20));
    let mut index = 0;
    json.push('[');
    while input.has_more(&mut records)? {
        if index > 0 {
            json.push(',');
        }
        record(&mut input, &mut json)
            .map_err(|error| if error.is_in_record() { error.at(index) } else { error })?;
        index += 1;
    }
    json.push(']');
    input.end()?;
    Ok(json)
}

fn record(input: &mut Input<'_>, json: &mut String) -> Result<(), Error> {
    let Header::Map(mut fields) = input.header()? else { return Err(Error::not_a_map()) };
    json.push('{');
    let start = json.len();
    while input.has_more(&mut fields)? {
        if json.len() > start {
            json.push(',');
        }
        match label(input)? {
            Label::Known(field) => {
                encode::string(field.label(), json);
                json.push(':');
                known(field, input, json)?;
            }
            Label::Other(label) => {
                encode::string(&label, json);
                json.push(':');
                value(input, 2, json)?;
            }
        }
    }
    json.push('}');
    Ok(())
}

/// Appends a field of the RFCs, whose type in CBOR is checked. What JSON cannot tell apart is checked here alone.
fn known(field: Field, input: &mut Input<'_>, json: &mut String) -> Result<(), Error> {
    let header = input.header()?;
    let fits = match (field.field_type(), header) {
        (FieldType::Number, Header::Float(double)) if !double.is_finite() => {
            let why = format!("has a number in {:?} that is not finite", field.label());
            return Err(Error::in_record(ErrorKind::Number, why).of_field(field.label()));
        }
        (FieldType::Number, _) => !matches!(header, Header::Text(_) | Header::Bytes(_) | Header::Simple(_)),
        (FieldType::Text, header) => matches!(header, Header::Text(_)),
        (FieldType::Data, header) => matches!(header, Header::Bytes(_)),
        (FieldType::Boolean, header) => matches!(header, Header::Simple(simple::TRUE | simple::FALSE)),
    };
    if fits { rest(header, input, 2, json) } else { Err(wrong_type(field)) }
}

/// Appends a value of any type (RFC 8949, section 6.1). Bytes become base64url, and what JSON does not have becomes null.
pub(super) fn value(input: &mut Input<'_>, depth: usize, json: &mut String) -> Result<(), Error> {
    let header = input.header()?;
    rest(header, input, depth, json)
}

fn rest(header: Header, input: &mut Input<'_>, depth: usize, json: &mut String) -> Result<(), Error> {
    match header {
        Header::Text(length) => encode::string(&input.text(length)?, json),
        Header::Bytes(length) => encode::string(Data::new(input.bytes(length)?).as_str(), json),
        Header::Simple(simple::TRUE) => json.push_str("true"),
        Header::Simple(simple::FALSE) => json.push_str("false"),
        Header::Simple(_) => json.push_str("null"),
        Header::Float(double) if !double.is_finite() => json.push_str("null"),
        Header::Break => return Err(input.syntax()),
        Header::Array(mut items) => {
            let depth = deeper(depth)?;
            json.push('[');
            let start = json.len();
            while input.has_more(&mut items)? {
                if json.len() > start {
                    json.push(',');
                }
                value(input, depth, json)?;
            }
            json.push(']');
        }
        Header::Map(mut members) => {
            let depth = deeper(depth)?;
            json.push('{');
            let start = json.len();
            while input.has_more(&mut members)? {
                if json.len() > start {
                    json.push(',');
                }
                match input.header()? {
                    Header::Text(length) => encode::string(&input.text(length)?, json),
                    Header::Positive(label) => encode::string(&label.to_string(), json),
                    Header::Negative(label) => encode::string(&(-1 - i128::from(label)).to_string(), json),
                    _ => return Err(Error::wrong_label()),
                }
                json.push(':');
                value(input, depth, json)?;
            }
            json.push('}');
        }
        Header::Positive(_) | Header::Negative(_) | Header::Float(_) | Header::Tag(2..=4) => {
            match number::number(header, input)? {
                // Writing to a string does not fail.
                Some(Ok(number)) => drop(write!(json, "{number}")),
                Some(Err(error)) => {
                    return Err(Error::in_record(error.kind(), format!("has a number that {}", error.why())));
                }
                None => {
                    return Err(Error::in_record(
                        ErrorKind::Number,
                        "has a number that is too large, or not well-formed",
                    ));
                }
            }
        }
        // The content of a tag says what it is.
        Header::Tag(_) => value(input, deeper(depth)?, json)?,
    }
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, Error> {
    if depth < Pack::MAX_DEPTH { Ok(depth + 1) } else { Err(Error::too_deep(depth + 1)) }
}
