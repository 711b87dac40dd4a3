//! Records and packs, and the JSON they make (RFC 8428, sections 4 and 5).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::BaseName;
use super::base_name::check_name;
use crate::input::InputError;

/// One SenML record: a name with at most one value.
#[derive(Clone, PartialEq)]
pub struct Record {
    name: String,
    fields: Map<String, Value>,
}

impl Record {
    /// A record of this name, as yet without a value.
    pub fn new(name: impl Into<String>) -> Result<Self, InputError> {
        let name = name.into();
        check_name("SenML name", &name)?;
        Ok(Self { name, fields: Map::new() })
    }

    /// A number (`v`). Must be finite.
    pub fn number(self, value: f64) -> Result<Self, InputError> {
        match serde_json::Number::from_f64(value) {
            Some(number) => Ok(self.value("v", Value::Number(number))),
            None => Err(InputError::new("SenML value", "is not a finite number, which JSON cannot say")),
        }
    }

    /// A text (`vs`).
    pub fn string(self, value: impl Into<String>) -> Self {
        self.value("vs", Value::String(value.into()))
    }

    /// A boolean (`vb`).
    pub fn boolean(self, value: bool) -> Self {
        self.value("vb", Value::Bool(value))
    }

    /// Bytes (`vd`), which go out as base64url without padding.
    pub fn data(self, value: impl AsRef<[u8]>) -> Self {
        self.value("vd", Value::String(BASE64_URL_SAFE_NO_PAD.encode(value)))
    }

    /// The unit (`u`), such as `Cel`.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.fields.insert("u".into(), Value::String(unit.into()));
        self
    }

    /// Replaces the value: a record has one.
    fn value(mut self, label: &str, value: Value) -> Self {
        for other in VALUES {
            self.fields.remove(*other);
        }
        self.fields.insert(label.into(), value);
        self
    }
}

/// Shows the name, not the value.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", self.name)
    }
}

/// A SenML pack: at least one record, about one device.
#[derive(Clone, PartialEq)]
pub struct Pack(Vec<Value>);

impl Pack {
    /// The records of one device; its base name stands in the first of them.
    pub fn new(base_name: &BaseName, records: Vec<Record>) -> Result<Self, InputError> {
        if records.is_empty() {
            return Err(InputError::new(PACK, "is empty: give at least one record"));
        }
        let mut base_name = Some(base_name);
        let to_value = |record: Record| {
            let mut fields = Map::new();
            if let Some(name) = base_name.take() {
                fields.insert("bn".into(), Value::String(name.as_str().to_owned()));
            }
            fields.insert("n".into(), Value::String(record.name));
            fields.extend(record.fields);
            Value::Object(fields)
        };
        Ok(Self(records.into_iter().map(to_value).collect()))
    }

    /// A pack of your own as JSON: an array of records. Fields beyond RFC 8428 are sent as they are.
    pub fn from_json(json: &str) -> Result<Self, InputError> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            InputError::new(PACK, format!("is not JSON at line {line}, column {column}"))
        })?;
        let Value::Array(records) = value else {
            return Err(InputError::new(PACK, "is not a JSON array of records"));
        };
        let mut base_name = "";
        for (place, record) in records.iter().enumerate() {
            check_record(record, &mut base_name).map_err(|why| {
                InputError::new(PACK, format!("has a wrong record at place {place}: it {why}"))
            })?;
        }
        if records.is_empty() {
            return Err(InputError::new(PACK, "is empty: give at least one record"));
        }
        Ok(Self(records))
    }

    /// The same with the device beside it: its base name goes into the first record, unless that has it already.
    pub fn about(device: &BaseName, json: &str) -> Result<Self, InputError> {
        let mut records: Value = serde_json::from_str(json).unwrap_or_default();
        let Some(first) = records.get_mut(0).and_then(Value::as_object_mut) else {
            // No array of records, or an empty one: the reader says what it is.
            return Self::from_json(json);
        };
        let name = first.entry("bn").or_insert_with(|| device.as_str().into());
        if name != device.as_str() {
            return Err(InputError::new(
                PACK,
                format!("is about another device than {device}: leave its \"bn\" out, or make both the same"),
            ));
        }
        Self::from_json(&records.to_string())
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a pack has at least one record.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON of the pack, without blanks.
    pub fn to_json(&self) -> String {
        Value::Array(self.0.clone()).to_string()
    }
}

/// Shows the number of records, not what they say.
impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pack({} records)", self.0.len())
    }
}

const PACK: &str = "SenML pack";
const VALUES: &[&str] = &["v", "vs", "vb", "vd"];

/// Checks the labels of RFC 8428 in a record of the user's own; `base_name` is the one in force.
fn check_record<'a>(record: &'a Value, base_name: &mut &'a str) -> Result<(), String> {
    let fields = record.as_object().ok_or("is not an object")?;
    for (label, value) in fields {
        let fits = match label.as_str() {
            "bn" | "bu" | "n" | "u" | "vs" | "vd" => value.is_string(),
            "bt" | "bv" | "bs" | "bver" | "v" | "s" | "t" | "ut" => value.is_number(),
            "vb" => value.is_boolean(),
            _ => true,
        };
        if !fits {
            return Err(format!("has a value of the wrong type for {label:?}"));
        }
    }
    if VALUES.iter().filter(|label| fields.contains_key(**label)).count() > 1 {
        return Err("has more than one value".into());
    }
    if let Some(name) = fields.get("bn").and_then(Value::as_str) {
        *base_name = name;
    }
    let name = fields.get("n").and_then(Value::as_str).unwrap_or_default();
    check_name("name", &format!("{base_name}{name}")).map_err(|error| format!("has a {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pack(record: Record) -> String {
        Pack::new(&BaseName::new("urn:x:").unwrap(), vec![record]).unwrap().to_json()
    }

    fn record() -> Record {
        Record::new("n1").unwrap()
    }

    #[test]
    fn each_kind_of_value_has_its_label() {
        assert_eq!(
            pack(record().number(21.5).unwrap().unit("Cel")),
            r#"[{"bn":"urn:x:","n":"n1","u":"Cel","v":21.5}]"#
        );
        assert_eq!(pack(record().string("é\"")), r#"[{"bn":"urn:x:","n":"n1","vs":"é\""}]"#);
        assert_eq!(pack(record().boolean(false)), r#"[{"bn":"urn:x:","n":"n1","vb":false}]"#);
        assert_eq!(pack(record().data([0xfb, 0xff])), r#"[{"bn":"urn:x:","n":"n1","vd":"-_8"}]"#);
    }

    #[test]
    fn a_record_has_one_value() {
        assert_eq!(pack(record().string("a").boolean(true)), r#"[{"bn":"urn:x:","n":"n1","vb":true}]"#);
    }

    #[test]
    fn only_the_first_record_carries_the_base_name() {
        let pack = Pack::new(
            &BaseName::new("urn:x:").unwrap(),
            vec![record().boolean(true), record().boolean(false)],
        );
        assert_eq!(pack.unwrap().to_json(), r#"[{"bn":"urn:x:","n":"n1","vb":true},{"n":"n1","vb":false}]"#);
    }

    #[test]
    fn a_pack_counts_its_records_and_shows_none_of_their_values() {
        let records = vec![record().string("hunter2"), record().string("hunter2")];
        let debug = format!("{:?}", records[0]);
        assert_eq!(debug, "Record(n1)");
        let pack = Pack::new(&BaseName::new("urn:x:").unwrap(), records).unwrap();
        assert_eq!((pack.len(), pack.is_empty()), (2, false));
        assert_eq!(format!("{pack:?}"), "Pack(2 records)");
    }

    #[test]
    fn numbers_that_json_cannot_say_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(record().number(bad).is_err());
        }
    }

    #[test]
    fn the_first_record_names_the_device_unless_it_does_already() {
        let device = BaseName::new("urn:x:").unwrap();
        let about = |json| Pack::about(&device, json).map(|pack| pack.to_json());
        assert_eq!(
            about(r#"[{"n":"open","vb":true}]"#).unwrap(),
            r#"[{"bn":"urn:x:","n":"open","vb":true}]"#
        );
        assert!(about(r#"[{"bn":"urn:x:","n":"open","vb":true},{"n":"b","v":1}]"#).is_ok());
        let other = about(r#"[{"bn":"urn:y:","n":"open","vb":true}]"#).unwrap_err().to_string();
        assert!(other.contains("another device than urn:x:"), "{other}");
        for (bad, reason) in
            [("", "not JSON"), ("{}", "not a JSON array"), ("[]", "is empty"), ("[1]", "not an object")]
        {
            let error = about(bad).unwrap_err().to_string();
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }

    #[test]
    fn packs_of_ones_own_are_checked_and_kept() {
        let json = r#"[{"bn":"urn:dev:DEVEUI:0059ac0000181eb6:","n":"setpoint","v":21.0,"x-own":{"a":1}},{"n":"mode","vs":"eco"}]"#;
        let again: Value = serde_json::from_str(&Pack::from_json(json).unwrap().to_json()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(json).unwrap());
        for (bad, reason) in [
            ("", "not JSON"),
            ("{}", "not a JSON array"),
            ("[]", "is empty"),
            ("[1]", "not an object"),
            (r#"[{"n":1}]"#, r#"wrong type for "n""#),
            (r#"[{"n":"a","v":"1"}]"#, r#"wrong type for "v""#),
            (r#"[{"n":"a","vb":1}]"#, r#"wrong type for "vb""#),
            (r#"[{"n":"a","v":1,"vs":"1"}]"#, "more than one value"),
            (r#"[{"vs":"1"}]"#, "name is empty"),
            (r#"[{"n":"a b"}]"#, "does not allow"),
        ] {
            let error = Pack::from_json(bad).unwrap_err().to_string();
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(name in "[a-zA-Z0-9][a-zA-Z0-9:./_-]{0,12}", text in any::<String>(), number in proptest::num::f64::NORMAL) {
            let base_name = BaseName::new("urn:x:").unwrap();
            let records = vec![
                Record::new(name.as_str()).unwrap().string(text.as_str()),
                Record::new(name.as_str()).unwrap().number(number).unwrap(),
            ];
            let pack = Pack::new(&base_name, records).unwrap();
            let json: Value = serde_json::from_str(&pack.to_json()).unwrap();
            prop_assert_eq!(json[0]["vs"].as_str(), Some(text.as_str()));
            prop_assert_eq!(json[1]["v"].as_f64(), Some(number));
            prop_assert_eq!(Pack::from_json(&pack.to_json()).map(|pack| pack.to_json()), Ok(pack.to_json()));
        }

        #[test]
        fn any_text_is_a_pack_or_an_error(text in "\\PC{0,60}") {
            let _ = Pack::from_json(&text);
        }
    }
}
