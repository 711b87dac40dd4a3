//! S25 and S26: a SenML pack of 1,000 records from bytes to resolved measurements.

use std::hint::black_box;

use serde::Deserialize;
use things_senml::{Pack, Resolved, Resolver};

use crate::report::{Report, median, time};

const ROUNDS: usize = 401;
const RECORDS: usize = 1_000;
const NOW: f64 = 1_765_740_000.0;

pub(crate) fn measure(report: &mut Report) {
    let json = pack();
    let cbor = Pack::from_json(&json).unwrap().to_cbor();
    let resolver = Resolver::new(NOW);
    let (mut json_ratios, mut cbor_ratios) = (Vec::new(), Vec::new());
    // Large memory that was freed makes glibc keep what is freed later. Otherwise it returns pages to the system after a round,
    // and the next one pays for new ones, whichever it is.
    drop(black_box(vec![0_u8; 16 << 20]));
    for _ in 0..ROUNDS {
        // Each result is dropped before the next one is made, so that all find the same memory.
        let (theirs, by_hand) = time(|| resolve_by_hand(black_box(json.as_bytes())));
        let Measurement { name, time: seconds, .. } = &by_hand[RECORDS - 1];
        let expected = (name.clone(), *seconds);
        drop(by_hand);
        let (from_json, ours) = time(|| resolver.resolve_json(black_box(json.as_bytes())).unwrap());
        assert_eq!(last(&ours), expected);
        drop(ours);
        let (from_cbor, ours) = time(|| resolver.resolve_cbor(black_box(&cbor)).unwrap());
        assert_eq!(last(&ours), expected);
        drop(ours);
        json_ratios.push(from_json.as_secs_f64() / theirs.as_secs_f64());
        cbor_ratios.push(from_cbor.as_secs_f64() / theirs.as_secs_f64());
    }
    report.row(
        "S25",
        "SenML JSON, 1,000 records resolved with all checks / serde_json into owned structs, resolved by hand",
        median(json_ratios),
        "",
        1.10,
        "",
    );
    report.row("S26", "SenML CBOR, the same pack / the same JSON by hand", median(cbor_ratios), "", 0.50, "");
}

/// Name and seconds of the last measurement.
fn last(resolved: &Resolved) -> (String, f64) {
    let last = &resolved.measurements()[RECORDS - 1];
    (last.name().to_owned(), last.time().as_f64())
}

/// A pack like those of KPN: a first record of base fields alone, and measurements after it.
fn pack() -> String {
    let mut json = String::from(r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9}"#);
    for number in 0..RECORDS {
        let value = 20.0 + number as f64 / 128.0;
        json.push_str(&match number % 4 {
            0 => format!(r#",{{"n":"temperature","u":"Cel","v":{value:.2},"t":{}}}"#, number / 4),
            1 => format!(r#",{{"n":"humidity","u":"%RH","v":{value:.1},"t":{}}}"#, number / 4),
            2 => format!(r#",{{"n":"FCntUp","v":{number}.0}}"#),
            _ => format!(r#",{{"n":"payload","vs":"{number:016x}"}}"#),
        });
    }
    json.push(']');
    json
}

/// What a program without this library would write: structs with owned texts, and no checks.
#[derive(Deserialize)]
struct Record {
    bn: Option<String>,
    bt: Option<f64>,
    bu: Option<String>,
    bv: Option<f64>,
    n: Option<String>,
    u: Option<String>,
    v: Option<f64>,
    vs: Option<String>,
    vb: Option<bool>,
    vd: Option<String>,
    t: Option<f64>,
}

#[derive(Debug)]
struct Measurement {
    name: String,
    time: f64,
    #[expect(dead_code, reason = "a program would read it")]
    unit: Option<String>,
    #[expect(dead_code, reason = "a program would read it")]
    value: Value,
}

#[derive(Debug)]
#[expect(dead_code, reason = "a program would read it")]
enum Value {
    Number(f64),
    String(String),
    Boolean(bool),
    Data(String),
}

fn resolve_by_hand(json: &[u8]) -> Vec<Measurement> {
    let records: Vec<Record> = serde_json::from_slice(json).unwrap();
    let (mut base_name, mut base_time, mut base_unit, mut base_value) = (String::new(), 0.0, None, 0.0);
    let mut measurements = Vec::with_capacity(records.len());
    for record in records {
        base_name = record.bn.unwrap_or(base_name);
        base_time = record.bt.unwrap_or(base_time);
        base_unit = record.bu.or(base_unit);
        base_value = record.bv.unwrap_or(base_value);
        let value = match (record.v, record.vs, record.vb, record.vd) {
            (Some(number), ..) => Value::Number(base_value + number),
            (_, Some(text), ..) => Value::String(text),
            (_, _, Some(boolean), _) => Value::Boolean(boolean),
            (.., Some(data)) => Value::Data(data),
            _ => continue,
        };
        let time = base_time + record.t.unwrap_or(0.0);
        measurements.push(Measurement {
            name: base_name.clone() + record.n.as_deref().unwrap_or_default(),
            time: if time < 268_435_456.0 { NOW + time } else { time },
            unit: record.u.or_else(|| base_unit.clone()),
            value,
        });
    }
    measurements
}
