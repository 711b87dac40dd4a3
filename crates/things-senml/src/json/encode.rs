//! Writes records as JSON without blanks.

use std::fmt::{Display, Write};

use crate::record::Record;
use crate::value::{Number, Value};

/// Appends a record. Its fields are in the order of RFC 8428's examples, unknown ones last.
pub(crate) fn record(record: &Record, json: &mut String) {
    let mut object = Object { json, is_empty: true };
    object.json.push('{');
    object.number("bver", record.base_version());
    object.string("bn", record.base_name());
    object.number("bt", record.base_time());
    object.string("bu", record.base_unit());
    object.number("bv", record.base_value());
    object.number("bs", record.base_sum());
    object.string("n", Some(record.name()).filter(|name| !name.is_empty()));
    object.string("u", record.unit());
    match record.value() {
        Some(Value::Number(number)) => object.number("v", Some(number)),
        Some(Value::String(text)) => object.string("vs", Some(text)),
        Some(Value::Boolean(boolean)) => object.field("vb", boolean),
        Some(Value::Data(data)) => object.string("vd", Some(data.as_str())),
        None => {}
    }
    object.number("s", record.sum());
    object.number("t", record.time());
    object.number("ut", record.update_time());
    for (label, value) in record.extra() {
        object.field(label, value);
    }
    object.json.push('}');
}

/// Returns the base name as the first field of an object, to be followed by others.
pub(crate) fn base_name(name: &str) -> String {
    let mut json = String::with_capacity(name.len() + 8);
    string("bn", &mut json);
    json.push(':');
    string(name, &mut json);
    json
}

/// A JSON object that is being written.
struct Object<'a> {
    json: &'a mut String,
    is_empty: bool,
}

impl Object<'_> {
    fn label(&mut self, label: &str) {
        if !self.is_empty {
            self.json.push(',');
        }
        self.is_empty = false;
        string(label, self.json);
        self.json.push(':');
    }

    fn field(&mut self, label: &str, value: impl Display) {
        self.label(label);
        // Writing to a string does not fail.
        let _ = write!(self.json, "{value}");
    }

    fn string(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.label(label);
            string(text, self.json);
        }
    }

    fn number(&mut self, label: &str, number: Option<&Number>) {
        if let Some(number) = number {
            self.field(label, number);
        }
    }
}

/// Appends a JSON string with its quotes.
pub(crate) fn string(text: &str, json: &mut String) {
    if text.bytes().all(|byte| byte >= 0x20 && !matches!(byte, b'"' | b'\\')) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        // Writing to a string does not fail.
        let _ = write!(json, "{}", serde_json::Value::from(text));
    }
}
