//! Compares how packs are resolved with how other libraries resolve them.

// A test that cannot go on should stop and say where.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use things_senml::{Measurement, Resolver, Value};

const CORPUS: &str = include_str!("differential/corpus.json");

/// Returns the results that we expect of a library: name, seconds, unit, value and sum of each measurement, or an error.
fn ours(pack: &Json) -> Json {
    match Resolver::new(1.7e9).resolve_json(pack.to_string().as_bytes()) {
        Ok(resolved) => resolved.measurements().iter().map(row).collect(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn row(one: &Measurement) -> Json {
    let value = one.value().map(|value| match value {
        Value::Number(number) => json!(number.to_f64()),
        Value::String(text) => json!(text),
        Value::Boolean(boolean) => json!(boolean),
        Value::Data(data) => {
            json!({ "hex": data.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
        }
    });
    json!([one.name(), one.time().as_f64(), one.unit(), value, one.sum().map(|sum| sum.to_f64())])
}

/// Whether two results are the same. Numbers may differ by the rounding of one sum, and errors in their words.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= f64::EPSILON * one.abs()
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) if one.contains_key("error") => other.contains_key("error"),
        _ => one == other,
    }
}

/// Checks that a library disagrees about these packs and no others. `columns` are those that the library reads.
fn compare(results: &str, columns: &[usize], disagreements: &[&str]) {
    let corpus: Map<String, Json> = serde_json::from_str(CORPUS).unwrap();
    let results: Map<String, Json> = serde_json::from_str(results).unwrap();
    assert_eq!(corpus.keys().collect::<BTreeSet<_>>(), results.keys().collect());
    let found: BTreeSet<_> = corpus
        .iter()
        .filter(|(name, pack)| {
            let mut ours = ours(pack);
            for row in ours.as_array_mut().into_iter().flatten() {
                *row = columns.iter().map(|column| row[*column].clone()).collect();
            }
            !same(&ours, &results[*name])
        })
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, disagreements.iter().copied().collect());
}

#[test]
fn senml_of_python_disagrees_where_readme_explains_it() {
    let disagreements = [
        "base fields alone",
        "base sum",
        "base value alone",
        "data",
        "data of the URL alphabet",
        "just below absolute",
        "newer version",
        "no name",
        "no value",
        "number as a text",
        "relative to now",
        "second base name",
        "second base time",
        "text as a number",
        "two values",
        "unknown field that must be understood",
        "wrong character in a name",
        "wrong first character of a name",
    ];
    compare(include_str!("differential/senml.json"), &[0, 1, 2, 3, 4], &disagreements);
}

#[test]
fn kpn_senml_of_python_disagrees_where_readme_explains_it() {
    let disagreements = [
        "base fields alone",
        "base value alone",
        "data",
        "data of the URL alphabet",
        "empty text",
        "newer version",
        "no records",
        "no value",
        "text as a number",
        "texts and booleans",
        "two values",
        "unknown field that must be understood",
        "wrong character in a name",
        "wrong first character of a name",
    ];
    compare(include_str!("differential/kpn_senml.json"), &[0, 3], &disagreements);
}

#[test]
fn sindit_senml_of_rust_disagrees_where_readme_explains_it() {
    let disagreements = [
        "base fields alone",
        "base value alone",
        "newer version",
        "no records",
        "no value",
        "relative to base time",
        "unknown field that must be understood",
    ];
    compare(include_str!("differential/sindit_senml.json"), &[0, 1, 2, 3, 4], &disagreements);
}
