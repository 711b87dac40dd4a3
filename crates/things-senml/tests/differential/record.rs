//! Records how `sindit-senml` resolves the corpus. README.md explains how to run it.

use serde_json::{Map, Value, json};
use sindit_senml::{SenMLResolvedRecord, SenMLValueField, parse_json};

/// The "now" of the test that compares the results.
const NOW: i64 = 1_700_000_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let [corpus, results] =
        [(); 2].map(|()| arguments.next().expect("two arguments: the corpus and the results"));
    let corpus: Map<String, Value> =
        serde_json::from_str(&std::fs::read_to_string(corpus).expect("the corpus is a file"))
            .expect("the corpus is JSON");
    let lines: Vec<_> =
        corpus.iter().map(|(name, pack)| format!("  {}: {}", json!(name), resolve(pack))).collect();
    std::fs::write(results, format!("{{\n{}\n}}\n", lines.join(",\n"))).expect("the results can be written");
}

fn resolve(pack: &Value) -> Value {
    match parse_json(&pack.to_string(), chrono::DateTime::from_timestamp(NOW, 0)) {
        Ok(records) => records.iter().map(row).collect(),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

fn row(record: &SenMLResolvedRecord) -> Value {
    let value = match &record.value {
        Some(SenMLValueField::FloatingPoint(number)) => json!(number),
        Some(SenMLValueField::StringValue(text)) => json!(text),
        Some(SenMLValueField::BooleanValue(boolean)) => json!(boolean),
        Some(SenMLValueField::DataValue(bytes)) => {
            json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
        }
        None => Value::Null,
    };
    json!([record.name, record.time.timestamp_micros() as f64 / 1e6, record.unit, value, record.sum])
}
