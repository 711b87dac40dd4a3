//! A pack: records in their order, and their JSON.

use std::fmt;

use crate::base_name::{BaseName, check_full, check_part};
use crate::error::{Error, ErrorKind};
use crate::json::{decode, encode, scan};
use crate::record::Record;

/// A SenML pack of one or more records.
///
/// A pack is its checked JSON text. Two packs are equal if their JSON is, apart from blanks.
#[derive(Clone, PartialEq, Eq)]
pub struct Pack {
    json: String,
    len: usize,
}

impl Pack {
    /// Maximum size of the JSON of a pack in bytes: 16 MiB.
    pub const MAX_BYTES: usize = 16 << 20;

    /// Maximum nesting of arrays and objects in the JSON of a pack.
    pub const MAX_DEPTH: usize = 127;

    /// Creates a pack from the records of one device. The first record gets the base name, which replaces its own if any.
    ///
    /// # Errors
    ///
    /// Returns an error of one of these kinds:
    ///
    /// - [`ErrorKind::Empty`] if there are no records;
    /// - [`ErrorKind::Name`] if a record from another pack results in a name that RFC 8428 does not allow;
    /// - [`ErrorKind::TooLarge`] if the JSON has more than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(base_name: &BaseName, records: impl IntoIterator<Item = Record>) -> Result<Self, Error> {
        // A record of one value takes about this much.
        let mut json = String::with_capacity(128);
        json.push('[');
        let mut names = Names::default();
        let mut len = 0;
        for mut record in records {
            if len == 0 {
                record.base_name = Some(base_name.as_str().to_owned());
            } else {
                json.push(',');
            }
            names.check(&record).map_err(|error| error.at(len))?;
            encode::record(&record, &mut json);
            len += 1;
        }
        json.push(']');
        Self::of_records(json, len)
    }

    /// Reads a JSON array of records.
    ///
    /// Numbers and fields that RFC 8428 does not define stay as they are written. Blanks and a leading byte order mark
    /// are removed.
    ///
    /// # Errors
    ///
    /// Returns an error that names the wrong record. Its [kind](Error::kind) shows what is wrong: the JSON, the type of
    /// a field, a name, a duplicate field, more than one value, a number beyond the range of a double, data that is not
    /// base64url, half of a surrogate pair, or a size beyond the limits of this crate.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        Self::checked(decode::array(json)?)
    }

    /// Reads the CBOR of a pack (RFC 8428, section 6). Labels become those of JSON, and byte strings become base64url.
    ///
    /// An integer label that the RFC does not define becomes a text of its digits.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`from_json`](Self::from_json), where the kind of an error in the CBOR itself is
    /// [`ErrorKind::Syntax`].
    #[cfg(feature = "cbor")]
    pub fn from_cbor(cbor: &[u8]) -> Result<Self, Error> {
        Self::checked(crate::cbor::to_json(cbor)?)
    }

    /// Returns the CBOR of the pack (RFC 8428, section 6), with its records and fields in their order.
    ///
    /// A number reads back as the same number if it has at most 37 digits, and as the nearest double otherwise. Its spelling can
    /// change: `1.0E2` reads back as `100.0`.
    #[cfg(feature = "cbor")]
    pub fn to_cbor(&self) -> Vec<u8> {
        crate::cbor::encode(&self.json, self.len)
    }

    /// Reads a JSON array of records, and adds the base name to the first one unless that has one.
    ///
    /// ```
    /// use things_senml::{BaseName, Pack};
    ///
    /// let device = BaseName::new("urn:dev:DVNUUID:a-1:")?;
    /// let pack = Pack::from_json_about(&device, r#"[{"n":"open","vb":true}]"#)?;
    /// assert_eq!(pack.as_json(), r#"[{"bn":"urn:dev:DVNUUID:a-1:","n":"open","vb":true}]"#);
    /// # Ok::<(), things_senml::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the errors of [`from_json`](Self::from_json).
    pub fn from_json_about(base_name: &BaseName, json: &str) -> Result<Self, Error> {
        let mut json = decode::array(json)?;
        let Some(first) = scan::items(&json).next() else { return Err(Error::empty()) };
        let record = decode::record(first).map_err(|error| error.at(0))?;
        if record.base_name().is_none() {
            let separator = if first == "{}" { "" } else { "," };
            json.insert_str("[{".len(), &format!("{}{separator}", encode::base_name(base_name.as_str())));
        }
        Self::checked(json)
    }

    /// Checks the records of a JSON array without blanks.
    fn checked(json: String) -> Result<Self, Error> {
        let mut names = Names::default();
        let mut len = 0;
        for json in scan::items(&json) {
            let checked = decode::record(json).and_then(|record| names.check(&record));
            checked.map_err(|error| error.at(len))?;
            len += 1;
        }
        Self::of_records(json, len)
    }

    /// Creates a pack of this many records, all of them checked.
    pub(crate) fn of_records(json: String, len: usize) -> Result<Self, Error> {
        decode::check_size(&json)?;
        if len == 0 { Err(Error::empty()) } else { Ok(Self { json, len }) }
    }

    /// Returns the records in their order, as they are written. The iterator reads each one from the JSON when it
    /// reaches it.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        // All records were already read once, when the pack was created.
        scan::items(&self.json).filter_map(|json| decode::record(json).ok())
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false, because a pack has at least one record.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The JSON of the pack, without blanks.
    pub fn as_json(&self) -> &str {
        &self.json
    }
}

/// Shows the number of records, but not their contents.
impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pack({} records)", self.len)
    }
}

/// Checks that base name and name together are a valid name.
#[derive(Default)]
struct Names {
    /// Whether the base name in force has at least one character. The base name is checked once, where it is set.
    has_base: bool,
}

impl Names {
    fn check(&mut self, record: &Record) -> Result<(), Error> {
        if let Some(base_name) = record.base_name() {
            self.has_base = !base_name.is_empty();
            if self.has_base {
                check_full(base_name).map_err(|why| wrong("base name", "bn", &why))?;
            }
        }
        let name = record.name();
        if self.has_base {
            check_part(name).map_err(|why| wrong("name", "n", &why))
        } else if name.is_empty() {
            let why = r#"has a name that is empty: add "n", or a base name in "bn""#;
            Err(Error::in_record(ErrorKind::Name, why).of_field("n"))
        } else {
            check_full(name).map_err(|why| wrong("name", "n", &why))
        }
    }
}

fn wrong(thing: &str, label: &str, why: &str) -> Error {
    Error::in_record(ErrorKind::Name, format!("has a {thing} that {why}")).of_field(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{Data, Number, Value};

    fn base_name() -> BaseName {
        BaseName::new("urn:x:").unwrap()
    }

    fn json_of(records: impl IntoIterator<Item = Record>) -> String {
        Pack::new(&base_name(), records).unwrap().as_json().to_owned()
    }

    fn record() -> Record {
        Record::new("n1").unwrap()
    }

    #[test]
    fn each_kind_of_value_has_its_label() {
        for (record, json) in [
            (
                record().with_value(Number::try_from(21.5).unwrap()).with_unit("Cel"),
                r#"[{"bn":"urn:x:","n":"n1","u":"Cel","v":21.5}]"#,
            ),
            (record().with_value("é\""), r#"[{"bn":"urn:x:","n":"n1","vs":"é\""}]"#),
            (record().with_value(String::from("a")), r#"[{"bn":"urn:x:","n":"n1","vs":"a"}]"#),
            (record().with_value(false), r#"[{"bn":"urn:x:","n":"n1","vb":false}]"#),
            (record().with_value(Data::new([0xfb, 0xff])), r#"[{"bn":"urn:x:","n":"n1","vd":"-_8"}]"#),
            (record(), r#"[{"bn":"urn:x:","n":"n1"}]"#),
        ] {
            assert_eq!(json_of([record]), json);
        }
    }

    #[test]
    fn only_the_first_record_carries_the_base_name() {
        let records = [record().with_value(true), record().with_value(false)];
        assert_eq!(json_of(records), r#"[{"bn":"urn:x:","n":"n1","vb":true},{"n":"n1","vb":false}]"#);
    }

    #[test]
    fn a_pack_counts_its_records_and_shows_none_of_their_values() {
        let records = [record().with_value("hunter2"), record().with_value("hunter2")];
        let pack = Pack::new(&base_name(), records).unwrap();
        assert_eq!((pack.len(), pack.is_empty()), (2, false));
        assert_eq!(format!("{pack:?}"), "Pack(2 records)");
        assert_eq!(Pack::new(&base_name(), []).unwrap_err().kind(), ErrorKind::Empty);
    }

    /// Every field of RFC 8428, in the order in which they are written, and one unknown field.
    const EVERY_FIELD: &str = concat!(
        r#"{"bver":10,"bn":"urn:y:","bt":1.7657E9,"bu":"A","bv":0.10,"bs":-1e2,"n":"n2","u":"V","#,
        r#""v":89314404000123456789,"s":1.0,"t":-0.5,"ut":60,"x-own":{"a":[1.50,"b c"]}}"#
    );

    #[test]
    fn a_record_reads_back_all_of_its_fields() {
        let pack = Pack::from_json(&format!("[{EVERY_FIELD}]")).unwrap();
        let record = pack.records().next().unwrap();
        let number = |number: Option<&Number>| number.unwrap().as_str().to_owned();
        assert_eq!(number(record.base_version()), "10");
        assert_eq!(record.base_name(), Some("urn:y:"));
        assert_eq!(number(record.base_time()), "1.7657E9");
        assert_eq!(record.base_unit(), Some("A"));
        assert_eq!(number(record.base_value()), "0.10");
        assert_eq!(number(record.base_sum()), "-1e2");
        assert_eq!(record.name(), "n2");
        assert_eq!(record.unit(), Some("V"));
        assert_eq!(record.value(), Some(&Value::Number("89314404000123456789".parse().unwrap())));
        assert_eq!(number(record.sum()), "1.0");
        assert_eq!(number(record.time()), "-0.5");
        assert_eq!(number(record.update_time()), "60");
        assert_eq!(record.extra().collect::<Vec<_>>(), [("x-own", r#"{"a":[1.50,"b c"]}"#)]);
    }

    #[test]
    fn records_of_one_pack_go_into_another() {
        let pack = Pack::from_json(&format!("[{EVERY_FIELD},{{\"n\":\":a\",\"vs\":\"\\u00e9\"}}]")).unwrap();
        let again = Pack::new(&base_name(), pack.records()).unwrap();
        let expected = EVERY_FIELD.replace("urn:y:", "urn:x:");
        assert_eq!(again.as_json(), format!("[{expected},{{\"n\":\":a\",\"vs\":\"é\"}}]"));
        assert_eq!(again.len(), 2);
        let stray = Pack::from_json(r#"[{"bn":"a","n":"b"},{"bn":"","n":"c"},{"bn":"d"}]"#).unwrap();
        let error = Pack::new(
            &base_name(),
            stray.records().map(|mut record| {
                record.name.clear();
                record
            }),
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "SenML record 2 has a name that is empty: add \"n\", or a base name in \"bn\""
        );
    }

    #[test]
    fn the_text_of_a_pack_stays_as_it_is_apart_from_blanks() {
        let json = concat!(
            "\u{feff} [ {\"vs\" : \"a  b\\u00e9\", \"n\": \"m\", \"bn\":\"urn:x:\"},\r\n",
            "\t{\"v\": 1.0E+2, \"\\u006e\": \"o\", \"_\": [ 1e400, null ]} ]\n"
        );
        let pack = Pack::from_json(json).unwrap();
        assert_eq!(
            pack.as_json(),
            r#"[{"vs":"a  b\u00e9","n":"m","bn":"urn:x:"},{"v":1.0E+2,"\u006e":"o","_":[1e400,null]}]"#
        );
        let names: Vec<_> = pack.records().map(|record| record.name().to_owned()).collect();
        assert_eq!(names, ["m", "o"]);
        assert_eq!(pack.records().next().unwrap().value(), Some(&Value::from("a  bé")));
    }

    #[test]
    fn a_record_of_base_values_alone_is_read() {
        let json = r#"[{"bn":"urn:x:","bt":1.75E9},{"n":"a","v":1},{"s":2}]"#;
        let pack = Pack::from_json(json).unwrap();
        assert_eq!((pack.as_json(), pack.len()), (json, 3));
    }

    #[test]
    fn the_base_name_goes_into_the_first_record_unless_that_has_one() {
        let about = |json| Pack::from_json_about(&base_name(), json).map(|pack| pack.as_json().to_owned());
        for (json, expected) in [
            (r#"[{"n":"open","vb":true}]"#, r#"[{"bn":"urn:x:","n":"open","vb":true}]"#),
            ("\u{feff}[{},{\"n\":\"a\"}]", r#"[{"bn":"urn:x:"},{"n":"a"}]"#),
            (r#"[{"vs":"1"}]"#, r#"[{"bn":"urn:x:","vs":"1"}]"#),
            (r#"[{"bn":"urn:y:","n":"open"}]"#, r#"[{"bn":"urn:y:","n":"open"}]"#),
            (r#"[{"\u0062n":"urn:y:"}]"#, r#"[{"\u0062n":"urn:y:"}]"#),
        ] {
            assert_eq!(about(json).as_deref(), Ok(expected));
        }
        for (json, kind, record) in [
            ("", ErrorKind::Syntax, None),
            ("{}", ErrorKind::NotAnArray, None),
            ("[]", ErrorKind::Empty, None),
            ("[1]", ErrorKind::NotAnObject, Some(0)),
            (r#"[{"v":"1"}]"#, ErrorKind::FieldType, Some(0)),
            (r#"[{"n":"a"},{"n":"b c"}]"#, ErrorKind::Name, Some(1)),
        ] {
            let error = about(json).unwrap_err();
            assert_eq!((error.kind(), error.record()), (kind, record), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_no_pack_is_refused_with_a_reason() {
        for (json, kind, message) in [
            (
                "",
                ErrorKind::Syntax,
                "SenML pack is not JSON at line 1, column 0: expected an array of records, such as",
            ),
            ("[{\n\"n\":nonsense", ErrorKind::Syntax, "SenML pack is not JSON at line 2, column 6: expected"),
            (r#"[{"n":"a","v":NaN}]"#, ErrorKind::Syntax, "SenML pack is not JSON at line 1, column 15"),
            ("[{\"n\":\"a\"}] x", ErrorKind::Syntax, "SenML pack is not JSON at line 1, column 13"),
            ("\u{feff}\u{feff}[]", ErrorKind::Syntax, "SenML pack is not JSON at line 1, column 1"),
            ("{}", ErrorKind::NotAnArray, "SenML pack is not a JSON array of records: put [ and ] around it"),
            ("1", ErrorKind::NotAnArray, "SenML pack is not a JSON array of records: expected one, such as"),
            ("[]", ErrorKind::Empty, "SenML pack is empty: expected at least one record"),
        ] {
            let error = Pack::from_json(json).unwrap_err();
            assert_eq!((error.kind(), error.record()), (kind, None), "{json:?}");
            assert!(error.to_string().starts_with(message), "{json:?}: {error}");
        }
    }

    /// Returns the error of a pack whose second record is wrong.
    fn error_of(record: &str) -> Error {
        let json = format!(r#"[{{"n":"a"}},{record},{{"n":"c"}}]"#);
        let error = Pack::from_json(&json).unwrap_err();
        assert_eq!(error.record(), Some(1), "{error}");
        error
    }

    #[test]
    fn a_wrong_record_is_named_by_its_place() {
        for (record, kind, field, message) in [
            ("1", ErrorKind::NotAnObject, None, "is not an object: expected fields in { and }"),
            (r#"["n"]"#, ErrorKind::NotAnObject, None, "is not an object: expected fields in { and }"),
            (
                r#"{"n":"b","v":1,"vs":"1"}"#,
                ErrorKind::SeveralValues,
                Some("vs"),
                r#"has more than one value: keep one of "v", "vs", "vb" and "vd""#,
            ),
            (
                r#"{"n":"b","n":"c"}"#,
                ErrorKind::DuplicateField,
                Some("n"),
                r#"has the field "n" twice: keep one"#,
            ),
            (
                r#"{"n":"b","x":1,"\u0078":1}"#,
                ErrorKind::DuplicateField,
                Some("x"),
                r#"has the field "x" twice: keep one"#,
            ),
            (
                r#"{"vs":"1"}"#,
                ErrorKind::Name,
                Some("n"),
                r#"has a name that is empty: add "n", or a base name in "bn""#,
            ),
            (
                r#"{"n":"b c"}"#,
                ErrorKind::Name,
                Some("n"),
                "has a name that has ' ', which RFC 8428 does not allow: use letters, digits and the characters - : . / _",
            ),
            (
                r#"{"n":":b"}"#,
                ErrorKind::Name,
                Some("n"),
                "has a name that does not start with a letter or digit (RFC 8428)",
            ),
            (
                r#"{"bn":":b","n":"c"}"#,
                ErrorKind::Name,
                Some("bn"),
                "has a base name that does not start with a letter or digit (RFC 8428)",
            ),
            (
                r#"{"bn":"a:","n":"b\u0000"}"#,
                ErrorKind::Name,
                Some("n"),
                "has a name that has '\\0', which RFC 8428 does not allow: use letters, digits and the characters - : . / _",
            ),
            (
                r#"{"n":"b","v":1e309}"#,
                ErrorKind::Number,
                Some("v"),
                r#"has a number in "v" that is beyond the range of a double: expected a number between -1.7e308 and 1.7e308"#,
            ),
            (
                r#"{"n":"b","vd":"+/8="}"#,
                ErrorKind::Data,
                Some("vd"),
                r#"has data in "vd" that is not base64url: write - in place of + and _ in place of /"#,
            ),
            (
                r#"{"n":"b","vs":"\ud83d"}"#,
                ErrorKind::HalfSurrogate,
                None,
                r#"has half of a surrogate pair in a JSON string: escape both halves, as in "\ud83d\ude00""#,
            ),
            (
                r#"{"n":"b","x":{"\ude00":1}}"#,
                ErrorKind::HalfSurrogate,
                None,
                r#"has half of a surrogate pair in a JSON string: escape both halves, as in "\ud83d\ude00""#,
            ),
        ] {
            let error = error_of(record);
            assert_eq!((error.kind(), error.field()), (kind, field), "{record}: {error}");
            assert_eq!(error.to_string(), format!("SenML record 2 {message}"));
            assert_eq!(format!("{} {}", error.what(), error.why()), error.to_string());
        }
    }

    #[test]
    fn fields_have_the_types_of_rfc_8428() {
        let (text, number) = ("a text in quotes", "a number without quotes");
        for (labels, right, expected) in [
            (&["bn", "bu", "n", "u", "vs"][..], r#""a""#, text),
            (&["vd"], r#""YQ""#, text),
            (&["bt", "bv", "bs", "bver", "v", "s", "t", "ut"], "1", number),
            (&["vb"], "true", "true or false without quotes"),
        ] {
            for label in labels {
                for value in [r#""a""#, "1", "true", "null", "[]", "{}"] {
                    let fits = value == right || (*label == "vd" && value.starts_with('"'));
                    if !fits {
                        let error = error_of(&format!("{{{label:?}:{value}}}"));
                        assert_eq!((error.kind(), error.field()), (ErrorKind::FieldType, Some(*label)));
                        let message = format!(
                            "SenML record 2 has a value of the wrong type in {label:?}: expected {expected}"
                        );
                        assert_eq!(error.to_string(), message);
                    }
                }
                let json = format!(r#"[{{"bn":"urn:x:"}},{{{label:?}:{right}}}]"#);
                assert_eq!(Pack::from_json(&json).map(|pack| pack.as_json().to_owned()), Ok(json));
            }
        }
    }

    #[test]
    fn a_base_name_holds_for_the_records_after_it() {
        assert!(Pack::from_json(r#"[{"bn":"a"},{"n":":b"},{"bn":"c:"},{}]"#).is_ok());
        let error = Pack::from_json(r#"[{"bn":"a"},{"n":"b"},{"bn":""}]"#).unwrap_err();
        assert_eq!((error.kind(), error.record()), (ErrorKind::Name, Some(2)));
        let error = Pack::from_json(r#"[{"n":"a"},{"n":"b","bn":"é"},{"n":"c"}]"#).unwrap_err();
        assert_eq!((error.kind(), error.field(), error.record()), (ErrorKind::Name, Some("bn"), Some(1)));
    }

    #[test]
    fn sizes_are_bounded() {
        let nested =
            |levels: usize| format!(r#"{{"n":"b","x":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let deepest = format!("[{}]", nested(Pack::MAX_DEPTH - 2));
        assert_eq!(Pack::from_json(&deepest).unwrap().as_json(), deepest);
        let error = error_of(&nested(Pack::MAX_DEPTH - 1));
        assert_eq!(error.kind(), ErrorKind::TooDeep);
        assert_eq!(error.to_string(), "SenML record 2 is 128 levels deep: a pack has at most 127");
        assert_eq!(error_of(&nested(100_000)).kind(), ErrorKind::TooDeep);

        let wide = |fields: usize| {
            let extra: Vec<_> = (1..fields).map(|field| format!(r#""x{field}":{field}"#)).collect();
            format!(r#"{{"n":"b",{}}}"#, extra.join(","))
        };
        let pack = Pack::from_json(&format!("[{}]", wide(Record::MAX_FIELDS))).unwrap();
        assert_eq!(pack.records().next().unwrap().extra().len(), 255);
        let error = error_of(&wide(Record::MAX_FIELDS + 1));
        assert_eq!(error.kind(), ErrorKind::TooManyFields);
        assert_eq!(error.to_string(), "SenML record 2 has more than 256 fields: split it into several");

        let long = |length: usize| format!(r#"[{{"n":"b","vs":"{}"}}]"#, "x".repeat(length - 19));
        assert_eq!(long(100).len(), 100);
        assert!(Pack::from_json(&long(Pack::MAX_BYTES)).is_ok());
        let error = Pack::from_json(&long(Pack::MAX_BYTES + 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(
            error.to_string(),
            "SenML pack has 16777217 bytes of JSON, more than 16777216: split it into several"
        );
        let error = Pack::from_json_about(&base_name(), &long(Pack::MAX_BYTES)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let record = record().with_value("x".repeat(Pack::MAX_BYTES));
        assert_eq!(Pack::new(&base_name(), [record]).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn many_records_after_a_long_base_name_are_read_in_one_go() {
        let json = format!(r#"[{{"bn":"{}"}}{}]"#, "x".repeat(1 << 20), ",{}".repeat(1 << 16));
        assert_eq!(Pack::from_json(&json).unwrap().records().count(), (1 << 16) + 1);
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::num::f64::NORMAL.prop_map(|number| Value::Number(Number::try_from(number).unwrap())),
            any::<String>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<Vec<u8>>().prop_map(|bytes| Value::Data(Data::new(bytes))),
        ]
    }

    fn written() -> impl Strategy<Value = Record> {
        let name = "[a-zA-Z0-9][a-zA-Z0-9:./_-]{0,12}";
        (name, proptest::option::of(value()), proptest::option::of(any::<String>()))
            .prop_map(|(name, value, unit)| Record { value, unit, ..Record::new(name).unwrap() })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mut records in proptest::collection::vec(written(), 1..8)) {
            let pack = Pack::new(&base_name(), records.clone()).unwrap();
            let read = Pack::from_json(pack.as_json()).unwrap();
            prop_assert_eq!(&read, &pack);
            records[0].base_name = Some("urn:x:".into());
            prop_assert!(read.records().eq(records));
            let json: serde_json::Value = serde_json::from_str(pack.as_json()).unwrap();
            prop_assert_eq!(json.as_array().map(Vec::len), Some(pack.len()));
        }

        #[test]
        fn any_text_is_a_pack_or_an_error(text in "\\PC{0,60}") {
            let _ = Pack::from_json(&text);
        }

        #[test]
        fn any_fields_make_a_pack_or_an_error(
            fields in proptest::collection::vec(
                (
                    "bn|bt|bu|bv|bs|bver|n|u|v|vs|vb|vd|s|t|ut|x",
                    r#"1|-1\.50E9|true|null|"a"|"\\\\u00e9"|"\\\\ud800"|"YQ"|\[\]|\{"a" : \[1\]\}"#
                ),
                0..6,
            ),
        ) {
            let fields: Vec<_> = fields.iter().map(|(label, json)| format!("{label:?} : {json}")).collect();
            let json = format!("[{{{}}}]", fields.join(" , "));
            if let Ok(pack) = Pack::from_json(&json) {
                prop_assert_eq!(pack.records().count(), 1);
                let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
                prop_assert_eq!(value(pack.as_json()), value(&json));
            }
        }
    }
}
