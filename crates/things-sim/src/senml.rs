//! Whether the body of a downlink is a SenML pack (RFC 8428) that names its device.

use serde_json::{Map, Value};

/// The type of a SenML field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Integer,
    Boolean,
}

/// The fields of RFC 8428 whose type is checked. A record may have other fields.
const FIELDS: [(&str, Kind); 15] = [
    ("bn", Kind::Text),
    ("bt", Kind::Number),
    ("bu", Kind::Text),
    ("bv", Kind::Number),
    ("bs", Kind::Number),
    ("bver", Kind::Integer),
    ("n", Kind::Text),
    ("u", Kind::Text),
    ("v", Kind::Number),
    ("vs", Kind::Text),
    ("vb", Kind::Boolean),
    ("vd", Kind::Text),
    ("s", Kind::Number),
    ("t", Kind::Number),
    ("ut", Kind::Number),
];

/// Checks the body of a downlink.
///
/// # Errors
///
/// Returns the reason of a 400.
pub(crate) fn check(body: &[u8]) -> Result<(), &'static str> {
    let Ok(Value::Array(records)) = serde_json::from_slice(body) else {
        return Err("the body must be a JSON array of SenML records");
    };
    if records.is_empty() {
        return Err("the body must contain a SenML record");
    }
    let mut base_name = "";
    for record in &records {
        let Value::Object(record) = record else {
            return Err("a SenML record must be an object");
        };
        check_types(record)?;
        let text = |field| record.get(field).and_then(Value::as_str);
        let name = text("n").unwrap_or_default();
        base_name = text("bn").unwrap_or(base_name);
        if base_name.is_empty() && !name.starts_with("urn:") {
            return Err("a SenML record must name its device in bn, or in that of a record before it");
        }
        if name == "payloadHex" && !is_hex(text("vs").unwrap_or_default()) {
            return Err("vs of payloadHex must be pairs of hexadecimal digits");
        }
    }
    Ok(())
}

/// Returns the first base name of a body.
pub(crate) fn base_name(body: &[u8]) -> Option<String> {
    let records: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    records.iter().find_map(|record| record.get("bn")?.as_str().map(str::to_owned))
}

/// Returns the DevEUIs that the records of a body name.
pub(crate) fn dev_euis(body: &[u8]) -> Vec<String> {
    const URN: &str = "urn:dev:deveui:";
    let records: Vec<Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut base_name = "";
    let mut euis = Vec::new();
    for record in &records {
        let text = |field| record.get(field).and_then(Value::as_str);
        base_name = text("bn").unwrap_or(base_name);
        let name = format!("{base_name}{}", text("n").unwrap_or_default());
        if let Some((urn, eui)) = name.split_at_checked(URN.len())
            && urn.eq_ignore_ascii_case(URN)
        {
            euis.push(eui.split(':').next().unwrap_or_default().to_owned());
        }
    }
    euis
}

fn check_types(record: &Map<String, Value>) -> Result<(), &'static str> {
    let wrong = FIELDS.iter().find(|(field, kind)| {
        let value = record.get(*field);
        value.is_some_and(|value| match kind {
            Kind::Text => !value.is_string(),
            Kind::Number => !value.is_number(),
            // 5.0 is an integer, too.
            Kind::Integer => value.as_f64().is_none_or(|number| number.fract() != 0.0),
            Kind::Boolean => !value.is_boolean(),
        })
    });
    match wrong {
        None => Ok(()),
        Some((_, Kind::Text)) => Err("bn, bu, n, u, vs and vd of a SenML record must be text"),
        Some((_, Kind::Number)) => Err("bt, bv, bs, v, s, t and ut of a SenML record must be numbers"),
        Some((_, Kind::Integer)) => Err("bver of a SenML record must be an integer"),
        Some((_, Kind::Boolean)) => Err("vb of a SenML record must be true or false"),
    }
}

/// Whether a text is one or more pairs of hexadecimal digits.
fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
