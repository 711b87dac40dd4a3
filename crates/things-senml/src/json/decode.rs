//! Reads records from JSON, and checks them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::scan;
use crate::error::{Error, ErrorKind, PACK};
use crate::pack::Pack;
use crate::record::Record;
use crate::value::{Data, Number, Value};

/// Returns the JSON of a pack without blanks: an array, whose items are not checked yet.
pub(crate) fn array(json: &str) -> Result<String, Error> {
    // Editors on Windows put a byte order mark in front.
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    check_size(json)?;
    let json = serde_json::from_str::<&RawValue>(json).map_err(|error| syntax(&error))?;
    check_array(json.get())?;
    Ok(scan::compact(json.get()))
}

/// Checks that JSON is an array, from its first character on.
pub(super) fn check_array(json: &str) -> Result<(), Error> {
    let why = match json.get(..1) {
        Some("[") => return Ok(()),
        Some("{") => "is not a JSON array of records: put [ and ] around it".to_owned(),
        _ => format!("is not a JSON array of records: expected one, such as {EXAMPLE}"),
    };
    Err(Error::new(ErrorKind::NotAnArray, PACK, why))
}

/// Turns an error of the JSON parser into ours.
pub(super) fn syntax(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let why = format!(
        "is not JSON at line {line}, column {column}: expected an array of records, such as {EXAMPLE}"
    );
    Error::new(ErrorKind::Syntax, PACK, why)
}

const EXAMPLE: &str = r#"[{"n":"setpoint","v":21.5}]"#;

/// Rejects JSON that exceeds the maximum size of a pack.
pub(crate) fn check_size(json: &str) -> Result<(), Error> {
    if json.len() <= Pack::MAX_BYTES {
        return Ok(());
    }
    let (bytes, most) = (json.len(), Pack::MAX_BYTES);
    let why = format!("has {bytes} bytes of JSON, more than {most}: split it into several");
    Err(Error::new(ErrorKind::TooLarge, PACK, why))
}

/// Reads a record from valid JSON without blanks. The error does not contain the index of the record.
pub(crate) fn record(json: &str) -> Result<Record, Error> {
    if !json.starts_with('{') {
        return Err(Error::not_an_object());
    }
    // The array around the record adds one level.
    let depth = scan::depth(json) + 1;
    if depth > Pack::MAX_DEPTH {
        return Err(Error::too_deep(depth));
    }
    if scan::has_half_surrogate(json) {
        return Err(Error::half_surrogate());
    }
    let mut record = Record::default();
    for (label, json) in fields(json)? {
        let label = &*label;
        match label {
            "bn" => record.base_name = Some(string(label, json)?),
            "bu" => record.base_unit = Some(string(label, json)?),
            "bt" => record.base_time = Some(number(label, json)?),
            "bv" => record.base_value = Some(number(label, json)?),
            "bs" => record.base_sum = Some(number(label, json)?),
            "bver" => record.base_version = Some(number(label, json)?),
            "n" => record.name = string(label, json)?,
            "u" => record.unit = Some(string(label, json)?),
            "s" => record.sum = Some(number(label, json)?),
            "t" => record.time = Some(number(label, json)?),
            "ut" => record.update_time = Some(number(label, json)?),
            "v" | "vs" | "vb" | "vd" => {
                if record.value.is_some() {
                    return Err(Error::several_values(label));
                }
                record.value = Some(value(label, json)?);
            }
            _ => record.extra.push((label.to_owned(), json.to_owned())),
        }
    }
    Ok(record)
}

/// Returns labels and JSON of the fields of a record, none of them twice.
fn fields(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Error> {
    let mut fields = Vec::new();
    for member in scan::items(json) {
        if fields.len() == Record::MAX_FIELDS {
            return Err(Error::too_many_fields());
        }
        let (key, value) = scan::member(member);
        fields.push((unescape(key).unwrap_or_default(), value));
    }
    let mut labels: Vec<&str> = fields.iter().map(|(label, _)| &**label).collect();
    labels.sort_unstable();
    match labels.windows(2).find_map(|pair| pair.first().filter(|label| pair.last() == Some(label))) {
        Some(label) => Err(Error::twice(label)),
        None => Ok(fields),
    }
}

fn value(label: &str, json: &str) -> Result<Value, Error> {
    Ok(match label {
        "v" => Value::Number(number(label, json)?),
        "vs" => Value::String(string(label, json)?),
        "vb" => Value::Boolean(match json {
            "true" => true,
            "false" => false,
            _ => return Err(Error::wrong_type(label, "true or false without quotes")),
        }),
        _ => {
            let data = Data::from_base64(string(label, json)?);
            Value::Data(data.map_err(|error| Error::in_field(label, "data", &error))?)
        }
    })
}

fn string(label: &str, json: &str) -> Result<String, Error> {
    unescape(json).map(Cow::into_owned).ok_or_else(|| Error::wrong_type(label, "a text in quotes"))
}

fn number(label: &str, json: &str) -> Result<Number, Error> {
    match Number::from_valid_json(json) {
        Some(number) => number.map_err(|error| Error::in_field(label, "a number", &error)),
        None => Err(Error::wrong_type(label, "a number without quotes")),
    }
}

/// Returns the text of a JSON string, or `None` if it is not a string.
pub(crate) fn unescape(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}
