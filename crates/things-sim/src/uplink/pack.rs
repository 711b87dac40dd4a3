//! Writes the SenML pack of an uplink.

use super::error::UplinkError;
use super::number::UplinkNumbers;
use super::spec::{Measured, Measurement, PackShape, UplinkLocation, UplinkSpec};
use crate::random::{Random, seed_for};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Returns the body of an uplink. `number` counts the uplinks, and is the frame counter of the radio metadata.
///
/// # Errors
///
/// Returns the reason if the device is unknown, if a number is not finite, or if the uplink is empty.
pub(super) fn write(spec: &UplinkSpec, number: u64, now: SystemTime) -> Result<String, UplinkError> {
    if let Some(body) = &spec.body {
        return Ok(body.clone());
    }
    let mut records = Records { numbers: spec.numbers, records: Vec::new() };
    if let Some(payload) = &spec.payload {
        records.text("payload", &hex::encode(payload));
    }
    if let Some(port) = spec.port {
        records.number("port", None, f64::from(port))?;
    }
    if spec.radio {
        write_radio(number, &mut records)?;
    }
    for measurement in &spec.measurements {
        records.measurement(measurement)?;
    }
    if let Some(location) = &spec.location {
        write_location(location, &mut records)?;
    }
    let base_name = Value::from(spec.base_name()?);
    let base_time = spec.time.unwrap_or_else(|| seconds(now));
    let base = format!(r#""bn":{base_name},"bt":{}"#, spec.numbers.written(finite("time", base_time)?));
    let records = records.records;
    match (records.is_empty(), spec.shape) {
        (true, _) => Err(UplinkError::new(
            "the uplink is empty: it needs a payload, a measurement, a location or a body",
        )),
        (false, PackShape::BaseRecord) => Ok(format!("[{{{base}}},{{{}}}]", records.join("},{"))),
        (false, PackShape::FirstMeasurement) => Ok(format!("[{{{base},{}}}]", records.join("},{"))),
    }
}

/// The time in seconds since 1970, to the millisecond.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Rounded as an integer, so that the fraction has no more than three digits.
    Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or_default()).as_secs_f64()
}

/// The names are KPN's. The types and values are guesses.
fn write_radio(number: u64, records: &mut Records) -> Result<(), UplinkError> {
    let mut random = Random::new(seed_for(number, "radio"));
    let rssi = -120.0 + random.below(60) as f64;
    let snr = -10.0 + random.below(80) as f64 / 4.0;
    records.number("FCntUp", None, number as f64)?;
    records.number("FCntDn", None, (number / 10) as f64)?;
    records.number("LrrRSSI", None, rssi)?;
    records.number("LrrSNR", None, snr)?;
    records.number("LrrESP", None, rssi - 3.5)?;
    records.number("SpFact", None, 7.0 + random.below(6) as f64)?;
    records.text("SubBand", random.pick(&["G0", "G1", "G2"]));
    records.text("timeOrigin", "NETWORK");
    Ok(())
}

fn write_location(location: &UplinkLocation, records: &mut Records) -> Result<(), UplinkError> {
    records.number("latitude", Some("lat"), location.latitude)?;
    records.number("longitude", Some("lon"), location.longitude)?;
    if let Some(radius) = location.radius {
        records.number("radius", Some("m"), radius)?;
    }
    if let Some(method) = &location.method {
        records.text("locMethod", method);
    }
    if let Some(accuracy) = location.accuracy {
        records.number("locAccuracy", None, accuracy)?;
    }
    match location.time {
        Some(time) if location.time_as_text => {
            records.text("locTime", &format!("{:.0}", finite("locTime", time)? * 1000.0));
        }
        Some(time) => records.number("locTime", None, time)?,
        None => {}
    }
    if let Some(origin) = &location.origin {
        records.text("locOrigin", origin);
    }
    Ok(())
}

/// The records after the base values, each without its braces.
struct Records {
    numbers: UplinkNumbers,
    records: Vec<String>,
}

impl Records {
    fn text(&mut self, name: &str, value: &str) {
        self.record(name, None, "vs", &Value::from(value).to_string());
    }

    fn number(&mut self, name: &str, unit: Option<&str>, value: f64) -> Result<(), UplinkError> {
        let number = self.numbers.written(finite(name, value)?);
        self.record(name, unit, "v", &number);
        Ok(())
    }

    fn measurement(&mut self, measurement: &Measurement) -> Result<(), UplinkError> {
        let Measurement { name, unit, value } = measurement;
        let (field, value) = match value {
            Measured::Number(number) => {
                let number = self.numbers.written(finite(name, *number)?);
                match self.numbers {
                    UplinkNumbers::Text => ("vs", format!("\"{number}\"")),
                    _ => ("v", number),
                }
            }
            Measured::Boolean(value) => ("vb", value.to_string()),
            Measured::Text(text) => ("vs", Value::from(text.as_str()).to_string()),
            Measured::Data { data } => ("vd", Value::from(data.as_str()).to_string()),
        };
        self.record(name, unit.as_deref(), field, &value);
        Ok(())
    }

    fn record(&mut self, name: &str, unit: Option<&str>, field: &str, value: &str) {
        let unit = unit.map(|unit| format!(r#","u":{}"#, Value::from(unit))).unwrap_or_default();
        self.records.push(format!(r#""n":{}{unit},"{field}":{value}"#, Value::from(name)));
    }
}

fn finite(name: &str, number: f64) -> Result<f64, UplinkError> {
    match number.is_finite() {
        true => Ok(number),
        false => Err(UplinkError::new(format!("the number of `{name}` must be finite"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let spec = UplinkSpec::from_json(json.as_bytes()).unwrap();
        write(&spec, 7, SystemTime::UNIX_EPOCH + Duration::from_millis(1_765_739_960_260)).unwrap()
    }

    #[test]
    fn a_raw_uplink_has_payload_and_port() {
        assert_eq!(
            written(r#"{"device":"00-59-ac-00-00-18-1e-b6","port":1,"payload":"01ff"}"#),
            r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"payload","vs":"01ff"},{"n":"port","v":1.0}]"#
        );
    }

    #[test]
    fn base_values_can_be_in_the_first_measurement() {
        let shape = r#""shape":"first-measurement","numbers":"plain","time":1585650750"#;
        assert_eq!(
            written(&format!(
                r#"{{"device":"490154203237518","measurements":[{{"name":"t","unit":"Cel","value":21.0}}],{shape}}}"#
            )),
            r#"[{"bn":"urn:dev:IMEI:490154203237518:","bt":1585650750,"n":"t","u":"Cel","v":21}]"#
        );
    }

    #[test]
    fn measurements_of_every_type_are_written() {
        let values = r#"[{"name":"a","value":33},{"name":"b","value":true},{"name":"c","value":"\"x\""},{"name":"d","value":{"data":"aG9p"}}]"#;
        assert_eq!(
            written(&format!(r#"{{"device":"urn:x:","numbers":"text","time":1,"measurements":{values}}}"#)),
            r#"[{"bn":"urn:x:","bt":1.0},{"n":"a","vs":"33.0"},{"n":"b","vb":true},{"n":"c","vs":"\"x\""},{"n":"d","vd":"aG9p"}]"#
        );
    }

    #[test]
    fn the_time_of_a_location_has_two_forms() {
        let located = |form: &str| {
            written(&format!(
                r#"{{"device":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","time":1,"location":{{"latitude":52.1,"longitude":5.1,"radius":20,"method":"m","accuracy":3,"time":1585650750.5,"origin":"KPNLORA"{form}}}}}"#
            ))
        };
        let records = |time| {
            format!(
                r#"[{{"bn":"urn:dev:DVNUUID:3f2504e0-4f89-41d3-9a0c-0305e82c3301:","bt":1.0}},{{"n":"latitude","u":"lat","v":52.1}},{{"n":"longitude","u":"lon","v":5.1}},{{"n":"radius","u":"m","v":20.0}},{{"n":"locMethod","vs":"m"}},{{"n":"locAccuracy","v":3.0}},{{"n":"locTime",{time}}},{{"n":"locOrigin","vs":"KPNLORA"}}]"#
            )
        };
        assert_eq!(located(""), records(r#""v":1.5856507505E9"#));
        assert_eq!(located(r#","time_as_text":true"#), records(r#""vs":"1585650750500""#));
    }

    #[test]
    fn the_radio_metadata_has_the_names_of_kpn() {
        let body = written(r#"{"device":"0059AC0000181EB6","payload":"","radio":true}"#);
        let records: Vec<Value> = serde_json::from_str(&body).unwrap();
        let names: Vec<&str> = records.iter().filter_map(|record| record["n"].as_str()).collect();
        let radio = ["FCntUp", "FCntDn", "LrrRSSI", "LrrSNR", "LrrESP", "SpFact", "SubBand", "timeOrigin"];
        assert_eq!(names, [&["payload"], radio.as_slice()].concat());
        assert_eq!(records[2]["v"], 7.0);
    }

    #[test]
    fn what_cannot_be_written_is_explained() {
        let refused = |spec: UplinkSpec| write(&spec, 1, SystemTime::UNIX_EPOCH).unwrap_err().to_string();
        assert!(refused(UplinkSpec::lora("0059AC", 1, [1])).contains("use a DevEUI, an IMEI"));
        let infinite = [Measurement::number("t", "Cel", f64::INFINITY)];
        assert_eq!(refused(UplinkSpec::measured("urn:x:", infinite)), "the number of `t` must be finite");
        let empty = UplinkSpec { device: "urn:x:".into(), ..UplinkSpec::default() };
        assert!(refused(empty).contains("it needs a payload"));
        let wrong = |json: &str| UplinkSpec::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(wrong(r#"{"payload":"0"}"#).contains("pairs of hexadecimal digits"));
        assert!(wrong(r#"{"prt":1}"#).contains("unknown field `prt`"));
    }

    #[test]
    fn a_body_is_sent_unchanged() {
        assert_eq!(written(r#"{"body":"[{ \"v\" : 1.50 }]"}"#), r#"[{ "v" : 1.50 }]"#);
    }
}
