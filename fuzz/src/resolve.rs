//! `resolve` and `resolve_cbor`: SenML packs become measurements, or an error that names a record. What is resolved stays the
//! same if it is written and resolved again.

use things_senml::{Measurement, Pack, Resolved, Resolver};

const NOW: f64 = 1_700_000_000.0;

/// Reads the bytes as a pack in JSON.
pub fn resolve(data: &[u8]) {
    let strict = Resolver::new(NOW).resolve_json(data);
    let lenient = Resolver::new(NOW).lenient(true).resolve_json(data);
    match (strict, lenient) {
        (Ok(strict), Ok(lenient)) => {
            assert!(strict.leniencies().is_empty());
            if lenient.leniencies().is_empty() {
                assert_eq!(strict, lenient);
            }
            holds(&strict);
            holds(&lenient);
        }
        (Err(_), Ok(lenient)) => {
            assert!(!lenient.leniencies().is_empty());
            holds(&lenient);
        }
        (Ok(_), Err(error)) => panic!("only the lenient resolver refuses it: {error}"),
        (Err(_), Err(_)) => {}
    }
}

/// Reads the bytes as a pack in CBOR.
pub fn resolve_cbor(data: &[u8]) {
    if let Ok(resolved) = Resolver::new(NOW).resolve_cbor(data) {
        holds(&resolved);
    }
    if let Ok(pack) = Pack::from_cbor(data) {
        let again = Pack::from_cbor(&pack.to_cbor()).unwrap();
        assert_eq!(again.len(), pack.len());
    }
}

fn holds(resolved: &Resolved) {
    let measurements = resolved.measurements();
    assert!(measurements.len() <= resolved.records());
    let mut last = None;
    for measurement in measurements {
        assert!(last.is_none_or(|last| last < measurement.record()));
        last = Some(measurement.record());
        assert!(!measurement.name().is_empty() && measurement.time().as_f64().is_finite());
        assert!(measurement.value().is_some() || measurement.sum().is_some());
    }
    let Ok(pack) = resolved.to_pack() else { return };
    let again =
        Resolver::new(NOW).understood(understood(measurements)).resolve_json(pack.as_json().as_bytes());
    // It is refused if leniency tolerated a unit, or if base fields made a record one field too long.
    let Ok(again) = again else { return };
    assert_eq!(again.measurements().len(), measurements.len());
}

fn understood(measurements: &[Measurement]) -> Vec<String> {
    measurements.iter().flat_map(Measurement::extra).map(|(label, _)| label.to_owned()).collect()
}
