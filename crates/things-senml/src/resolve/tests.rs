use super::*;
use crate::error::ErrorKind;
use crate::leniency::{Leniency, LeniencyKind};
use crate::value::{Data, Value};

fn resolve(json: &str) -> Result<Resolved, Error> {
    Resolver::new(1_700_000_000.0).resolve_json(json.as_bytes())
}

/// Name, time, and value of each measurement.
fn table(json: &str) -> Vec<String> {
    let resolved = resolve(json).unwrap();
    let row = |one: &Measurement| {
        let value = match one.value() {
            Some(Value::Number(number)) => number.as_str().to_owned(),
            Some(Value::String(text)) => format!("{text:?}"),
            Some(Value::Boolean(boolean)) => boolean.to_string(),
            Some(Value::Data(data)) => format!("{:?}", data.bytes()),
            None => "-".to_owned(),
        };
        let mut row = format!("{} {} {value}", one.name(), one.time());
        for more in [one.unit(), one.sum().map(Number::as_str), one.update_time().map(Number::as_str)] {
            row = format!("{row} {}", more.unwrap_or("-"));
        }
        row
    };
    resolved.measurements().iter().map(row).collect()
}

#[track_caller]
fn refused(json: &str, kind: ErrorKind, record: usize, message: &str) {
    let error = resolve(json).unwrap_err();
    assert_eq!((error.kind(), error.record()), (kind, Some(record)), "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn both_shapes_of_kpn_have_the_same_measurements() {
    let base_only = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.58565075E9},
        {"n":"temperature","u":"Cel","v":21.50},{"n":"port","v":1.0}]"#;
    let in_first = r#"[{"n":"temperature","v":21.50,"u":"Cel","bt":1.58565075E9,
        "bn":"urn:dev:DEVEUI:0059AC0000181EB6:"},{"n":"port","v":1.0}]"#;
    let expected = [
        "urn:dev:DEVEUI:0059AC0000181EB6:temperature 1.58565075E9 21.50 Cel - -",
        "urn:dev:DEVEUI:0059AC0000181EB6:port 1.58565075E9 1.0 - - -",
    ];
    assert_eq!(table(base_only), expected);
    assert_eq!(table(in_first), expected);
    let resolved = resolve(base_only).unwrap();
    let records: Vec<_> = resolved.measurements().iter().map(Measurement::record).collect();
    assert_eq!((records, resolved.records()), (vec![1, 2], 3));
    assert_eq!(resolved.base_name(), Some("urn:dev:DEVEUI:0059AC0000181EB6:"));
    assert_eq!(resolved.base_time().map(Number::as_str), Some("1.58565075E9"));
    let first = &resolved.measurements()[0];
    assert_eq!((first.base_name(), first.local_name()), ("urn:dev:DEVEUI:0059AC0000181EB6:", "temperature"));
    assert!(!first.time().is_relative());
}

#[test]
fn a_pack_of_base_fields_alone_has_no_measurements() {
    let resolved = resolve(r#"[{"bn":"urn:x:","bt":1.7e9,"x":1}]"#).unwrap();
    assert!(resolved.measurements().is_empty());
    assert_eq!((resolved.base_name(), resolved.version(), resolved.records()), (Some("urn:x:"), 10, 1));
}

#[test]
fn times_below_2_to_the_28_are_relative_to_now() {
    assert_eq!(
        table(
            r#"[{"n":"a","v":1},{"n":"a","v":1,"t":-5},{"n":"a","v":1,"t":0.5},{"n":"a","v":1,"t":268435455},
            {"n":"a","v":1,"t":268435456},{"n":"a","v":1,"t":1.7E9}]"#
        ),
        [
            "a 1700000000.0 1 - - -",
            "a 1699999995 1 - - -",
            "a 1700000000.5 1 - - -",
            "a 1968435455 1 - - -",
            "a 268435456 1 - - -",
            "a 1.7E9 1 - - -",
        ]
    );
    // It is the sum of base time and time that is relative or absolute.
    assert_eq!(
        table(r#"[{"n":"a","bt":268435450,"t":5,"v":1},{"n":"a","t":6,"v":1},{"n":"a","bt":-10,"v":1}]"#),
        ["a 1968435455 1 - - -", "a 268435456 1 - - -", "a 1699999990 1 - - -"]
    );
    let resolved = resolve(r#"[{"n":"a","v":1,"t":-5},{"n":"a","v":1,"t":1e9}]"#).unwrap();
    let relative: Vec<_> = resolved.measurements().iter().map(|one| one.time().is_relative()).collect();
    assert_eq!(relative, [true, false]);
}

#[test]
fn numbers_are_added_without_loss() {
    assert_eq!(
        table(r#"[{"n":"a","bv":0.1,"v":0.2},{"n":"b","v":89314404000123456789},{"n":"c","bv":0,"v":1.50}]"#),
        [
            "a 1700000000.0 0.3 - - -",
            "b 1700000000.0 89314404000123456789.1 - - -",
            "c 1700000000.0 1.5 - - -"
        ]
    );
    // Too many digits: doubles are added.
    assert_eq!(table(r#"[{"n":"a","bv":1e300,"v":1}]"#), ["a 1700000000.0 1e+300 - - -"]);
}

#[test]
fn base_values_hold_until_they_are_set_again() {
    assert_eq!(
        table(
            r#"[{"bn":"x:","bu":"A","bs":10,"bt":1e9,"n":"a","v":1,"s":1,"ut":60},
            {"n":"b","vs":"t","u":"V"},{"bn":"","n":"c","s":0.5,"bu":"W"},{"bn":"y","bt":2e9,"vd":"AQI"},{"n":"d","vb":false,"t":1}]"#
        ),
        [
            "x:a 1e9 1 A 11 60",
            "x:b 1e9 \"t\" V 10 -",
            "c 1e9 - W 10.5 -",
            "y 2e9 [1, 2] W 10 -",
            "yd 2000000001 false W 10 -",
        ]
    );
}

#[test]
fn a_base_value_is_added_to_numbers_alone() {
    assert_eq!(
        table(r#"[{"bv":5,"n":"a","vs":"1"},{"n":"b","vb":true},{"n":"c","s":2},{"n":"d","v":-5}]"#),
        [
            "a 1700000000.0 \"1\" - - -",
            "b 1700000000.0 true - - -",
            "c 1700000000.0 - - 2 -",
            "d 1700000000.0 0 - - -"
        ]
    );
}

#[test]
fn a_measurement_without_value_and_sum_is_refused() {
    for (json, record) in
        [(r#"[{"n":"a"}]"#, 0), (r#"[{"n":"a","v":1},{"n":"b","t":1}]"#, 1), (r#"[{"bn":"a","u":"V"}]"#, 0)]
    {
        let message = format!(
            r#"SenML record {} has neither a value nor a sum: add one of "v", "vs", "vb", "vd" and "s""#,
            record + 1
        );
        refused(json, ErrorKind::NoValue, record, &message);
    }
    // Base value and base sum are added to a field that the record has (section 4.2).
    assert_eq!(resolve(r#"[{"bn":"a","bv":1,"bs":2},{"n":"b"}]"#).unwrap_err().kind(), ErrorKind::NoValue);
    assert_eq!(resolve(r#"[{"n":"a","v":1},{}]"#).unwrap_err().kind(), ErrorKind::Name);
    assert_eq!(resolve(r#"[{"bn":"a","v":1},{}]"#).unwrap_err().kind(), ErrorKind::NoValue);
}

#[test]
fn several_values_and_fields_twice_are_refused() {
    refused(
        r#"[{"n":"a","v":1,"vs":"1"}]"#,
        ErrorKind::SeveralValues,
        0,
        r#"SenML record 1 has more than one value: keep one of "v", "vs", "vb" and "vd""#,
    );
    refused(
        r#"[{"n":"a","v":1,"v":1}]"#,
        ErrorKind::DuplicateField,
        0,
        r#"SenML record 1 has the field "v" twice: keep one"#,
    );
    refused(
        r#"[{"n":"a","x":1,"\u0078":1}]"#,
        ErrorKind::DuplicateField,
        0,
        r#"SenML record 1 has the field "x" twice: keep one"#,
    );
}

#[test]
fn names_have_the_characters_of_the_rfc() {
    refused(
        r#"[{"n":"a","v":1},{"n":"b c","v":1}]"#,
        ErrorKind::Name,
        1,
        "SenML record 2 has a name that has ' ', which RFC 8428 does not allow: use letters, digits and the characters - : . / _",
    );
    refused(
        r#"[{"n":"_a","v":1}]"#,
        ErrorKind::Name,
        0,
        "SenML record 1 has a name that does not start with a letter or digit (RFC 8428)",
    );
    refused(
        r#"[{"v":1}]"#,
        ErrorKind::Name,
        0,
        r#"SenML record 1 has a name that is empty: add "n", or a base name in "bn""#,
    );
    refused(
        r#"[{"bn":":a"}]"#,
        ErrorKind::Name,
        0,
        "SenML record 1 has a base name that does not start with a letter or digit (RFC 8428)",
    );
    assert_eq!(table(r#"[{"bn":"a","n":"_:./-","v":1}]"#), ["a_:./- 1700000000.0 1 - - -"]);
}

#[test]
fn fields_that_must_be_understood_are_refused_by_name() {
    let json = r#"[{"n":"a","v":1},{"n":"b","v":1,"i_":1.50}]"#;
    refused(
        json,
        ErrorKind::MustUnderstand,
        1,
        "SenML record 2 has the field \"i_\", which must be understood because it ends in _ (RFC 8428, section 4.4): \
         update the reader, or list the field as understood",
    );
    let resolved = Resolver::new(0.0).understood(["i_"]).resolve_json(json.as_bytes()).unwrap();
    assert_eq!(resolved.measurements()[1].extra().collect::<Vec<_>>(), [("i_", "1.50")]);
    assert_eq!(
        Resolver::new(0.0).understood(["j_"]).resolve_json(json.as_bytes()).unwrap_err().field(),
        Some("i_")
    );
}

#[test]
fn unknown_fields_stay_as_they_were_written() {
    let resolved = resolve(r#"[{"n":"a","v":1,"x-own":{ "a" : [1.50, "b c\u00e9"] },"_y":1e999}]"#).unwrap();
    let extra: Vec<_> = resolved.measurements()[0].extra().collect();
    assert_eq!(extra, [("x-own", r#"{"a":[1.50,"b c\u00e9"]}"#), ("_y", "1e999")]);
}

#[test]
fn a_pack_has_one_version_that_is_known() {
    for (json, version) in [
        (r#"[{"bver":10,"n":"a","v":1}]"#, 10),
        (r#"[{"bver":1.0E1,"n":"a","v":1},{"bver":10,"n":"a","v":1}]"#, 10),
        (r#"[{"n":"a","v":1},{"bver":10,"n":"a","v":1}]"#, 10),
        (r#"[{"bver":26,"n":"a","v":1,"u":"km/h"}]"#, 26),
        (r#"[{"bver":5,"n":"a","v":1}]"#, 5),
    ] {
        assert_eq!(resolve(json).unwrap().version(), version, "{json}");
    }
    let unknown = "SenML record 1 has in \"bver\" an unknown version: expected 10, or 26 with secondary units (RFC 9100)";
    for version in ["11", "27", "42", "0", "-1", "10.5", "1e300"] {
        refused(&format!(r#"[{{"bver":{version},"n":"a","v":1}}]"#), ErrorKind::Version, 0, unknown);
    }
    refused(
        r#"[{"n":"a","v":1},{"bver":26,"n":"a","v":1}]"#,
        ErrorKind::Version,
        1,
        "SenML record 2 has in \"bver\" a version other than 10, which holds for the records before it: write it in the first \
         record",
    );
    refused(
        r#"[{"bver":26,"n":"a","v":1},{"bver":10,"n":"a","v":1}]"#,
        ErrorKind::Version,
        1,
        "SenML record 2 has in \"bver\" a version other than a record before it: a pack has one version",
    );
}

#[test]
fn secondary_units_need_version_26() {
    refused(
        r#"[{"n":"a","v":1,"u":"km/h"}]"#,
        ErrorKind::Unit,
        0,
        "SenML record 1 has in \"u\" a secondary unit (RFC 8798): write \"bver\": 26 in the first record (RFC 9100), or use \
         the primary unit",
    );
    let base = r#"[{"bu":"mV"},{"n":"a","v":1,"u":"V"},{"n":"a","v":1}]"#;
    let error = resolve(base).unwrap_err();
    assert_eq!((error.record(), error.field()), (Some(2), Some("bu")));
    // A unit that no registry has is not ours to judge.
    assert_eq!(table(r#"[{"n":"a","v":1,"u":"furlong"}]"#), ["a 1700000000.0 1 furlong - -"]);
    let resolved = Resolver::new(0.0).lenient(true).resolve_json(base.as_bytes()).unwrap();
    assert_eq!(resolved.measurements()[1].unit(), Some("mV"));
    let leniencies: Vec<_> = resolved.leniencies().iter().map(ToString::to_string).collect();
    assert_eq!(
        leniencies,
        [r#"SenML record 3 has in "bu" a secondary unit, which needs "bver": 26 and was kept"#]
    );
}

#[test]
fn a_lenient_resolver_reads_numbers_in_strings_and_reports_them() {
    let json = r#"[{"n":"a","vs":"33.0"},{"n":"b","vs":"0102"},{"n":"c","vs":"1E5"},{"n":"d","vs":"1e999"},
        {"n":"e","vs":" 1"},{"n":"f","vs":"-0"}]"#;
    let lenient = Resolver::new(0.0).lenient(true).resolve_json(json.as_bytes()).unwrap();
    let values: Vec<_> = lenient.measurements().iter().map(|one| one.value().cloned().unwrap()).collect();
    let number = |text: &str| Value::Number(text.parse().unwrap());
    assert_eq!(
        values,
        [
            number("33.0"),
            Value::from("0102"),
            number("1E5"),
            Value::from("1e999"),
            Value::from(" 1"),
            number("-0")
        ]
    );
    let leniencies: Vec<_> =
        lenient.leniencies().iter().map(|one| (one.record(), one.field(), one.kind())).collect();
    let kind = LeniencyKind::NumberInString;
    assert_eq!(leniencies, [(0, "vs", kind), (2, "vs", kind), (5, "vs", kind)]);
    assert_eq!(
        lenient.leniencies()[0].to_string(),
        r#"SenML record 1 has in "vs" a number as a string, which was read as a number"#
    );
    let strict = Resolver::new(0.0).resolve_json(json.as_bytes()).unwrap();
    assert_eq!(strict.measurements()[0].value(), Some(&Value::from("33.0")));
    assert!(strict.leniencies().is_empty());
}

#[test]
fn a_string_stays_a_string_while_a_base_value_is_in_force() {
    // The base value holds for its own record too, wherever in the record it is written.
    let json = r#"[{"n":"a","vs":"1234"},{"n":"b","vs":"1234","bv":5},{"n":"c","vs":"1234"},{"n":"d","v":1},
        {"n":"e","bv":0,"vs":"1234"}]"#;
    let resolved = Resolver::new(0.0).lenient(true).resolve_json(json.as_bytes()).unwrap();
    let values: Vec<_> = resolved.measurements().iter().map(|one| one.value().cloned().unwrap()).collect();
    let number = |text: &str| Value::Number(text.parse().unwrap());
    let string = Value::from("1234");
    assert_eq!(values, [number("1234"), string.clone(), string.clone(), number("6"), string]);
    let leniencies: Vec<_> = resolved.leniencies().iter().map(Leniency::record).collect();
    assert_eq!(leniencies, [0]);
}

#[test]
fn content_formats_that_are_wrong_are_refused() {
    refused(
        r#"[{"n":"a","vd":"AQI","ct":"060"}]"#,
        ErrorKind::ContentFormat,
        0,
        r#"SenML record 1 has a Content-Format in "ct" that begins with 0: write the number without leading zeros"#,
    );
    refused(
        r#"[{"n":"a","v":1},{"bct":"cbor"}]"#,
        ErrorKind::ContentFormat,
        1,
        r#"SenML record 2 has a Content-Format in "bct" that is neither a number nor a media type: expected for example 60 or text/csv@gzip"#,
    );
    for value in [r#""v":1"#, r#""vs":"AQI""#, r#""vb":true"#, r#""s":1"#] {
        refused(
            &format!(r#"[{{"n":"a","ct":"60",{value}}}]"#),
            ErrorKind::ContentFormat,
            0,
            r#"SenML record 1 has a Content-Format in "ct" that is not that of data: remove it, or write the value in "vd""#,
        );
    }
}

#[test]
fn content_formats_are_those_of_data() {
    let json =
        r#"[{"bct":"60","n":"a","vd":"AQI"},{"n":"b","vd":"AQI","ct":"text/csv@gzip"},{"n":"c","v":1}]"#;
    let resolved = resolve(json).unwrap();
    let formats: Vec<_> = resolved.measurements().iter().map(Measurement::content_format).collect();
    assert_eq!(formats, [Some("60"), Some("text/csv@gzip"), None]);
    assert_eq!(resolved.measurements()[0].value(), Some(&Value::Data(Data::new([1, 2]))));
}

#[test]
fn types_are_checked() {
    for label in ["bver", "bt", "bv", "bs", "v", "s", "t", "ut"] {
        for value in [r#""1""#, "true", "null", "[1]", "{}"] {
            refused(
                &format!(r#"[{{"n":"a","v":1}},{{{label:?}:{value}}}]"#),
                ErrorKind::FieldType,
                1,
                &format!(
                    "SenML record 2 has a value of the wrong type in {label:?}: expected a number without quotes"
                ),
            );
        }
    }
    for label in ["bn", "bu", "bct", "n", "u", "vs", "vd", "ct"] {
        for value in ["1", "1e999", "true", "null", "[\"\\ud800\"]", "{}"] {
            let error = resolve(&format!(r#"[{{"n":"a","v":1}},{{{label:?}:{value}}}]"#)).unwrap_err();
            assert_eq!(
                (error.kind(), error.record(), error.field()),
                (ErrorKind::FieldType, Some(1), Some(label))
            );
        }
    }
    for value in [r#""true""#, "1", "null"] {
        refused(
            &format!(r#"[{{"n":"a","vb":{value}}}]"#),
            ErrorKind::FieldType,
            0,
            r#"SenML record 1 has a value of the wrong type in "vb": expected true or false without quotes"#,
        );
    }
    refused(
        r#"[{"n":"a","v":1e999}]"#,
        ErrorKind::Number,
        0,
        r#"SenML record 1 has a number in "v" that is beyond the range of a double: expected a number between -1.7e308 and 1.7e308"#,
    );
    refused(
        r#"[{"n":"a","bv":1.7e308,"v":1.7e308}]"#,
        ErrorKind::Number,
        0,
        r#"SenML record 1 has a number in "v" that with its base is beyond the range of a double: expected a number between -1.7e308 and 1.7e308"#,
    );
    refused(
        r#"[{"n":"a","vd":"+/8="}]"#,
        ErrorKind::Data,
        0,
        r#"SenML record 1 has data in "vd" that is not base64url: write - in place of + and _ in place of /"#,
    );
}

#[test]
fn what_is_no_pack_is_refused() {
    let kind = |json: &str| {
        let error = resolve(json).unwrap_err();
        (error.kind(), error.record())
    };
    for json in
        ["", "[", r#"[{"n":"a","v":1}"#, r#"[{"n":"a","v":01}]"#, "[] []", r#"[{"n":"a","v":NaN}]"#, "[{}],"]
    {
        assert_eq!(kind(json).0, if json == "[{}]," { ErrorKind::Name } else { ErrorKind::Syntax }, "{json}");
    }
    for json in ["{}", "1", " \n\"a\"", "null"] {
        assert_eq!(kind(json), (ErrorKind::NotAnArray, None), "{json}");
    }
    assert_eq!(kind("[]"), (ErrorKind::Empty, None));
    for json in [
        r#"[{"n":"a","v":1},1]"#,
        r#"[{"n":"a","v":1},[]]"#,
        r#"[{"n":"a","v":1},"1"]"#,
        r#"[{"n":"a","v":1},null]"#,
    ] {
        assert_eq!(kind(json), (ErrorKind::NotAnObject, Some(1)), "{json}");
    }
    for json in [
        r#"[{"n":"\ud800","v":1}]"#,
        r#"[{"\udc00":1}]"#,
        r#"[{"x":"\ud800"}]"#,
        r#"[{"n":"a","vs":"\ud800x"}]"#,
    ] {
        assert_eq!(kind(json), (ErrorKind::HalfSurrogate, Some(0)), "{json}");
    }
    let error = Resolver::new(0.0).resolve_json(b"[{\"n\":\"a\xff\"}]").unwrap_err();
    assert_eq!(
        (error.kind(), &*error.to_string()),
        (ErrorKind::NotUtf8, "SenML pack is not UTF-8 at byte 8: JSON is UTF-8")
    );
    assert_eq!(table("\u{feff}[{\"n\":\"a\",\"v\":1}]"), ["a 1700000000.0 1 - - -"]);
}

#[test]
fn sizes_are_bounded() {
    use crate::{Pack, Record};

    let nested =
        |levels: usize| format!(r#"[{{"n":"b","v":1,"x":{}1{}}}]"#, "[".repeat(levels), "]".repeat(levels));
    assert!(resolve(&nested(Pack::MAX_DEPTH - 2)).is_ok());
    for levels in [Pack::MAX_DEPTH - 1, 100_000] {
        assert_eq!(resolve(&nested(levels)).unwrap_err().kind(), ErrorKind::TooDeep);
    }
    let wide = |fields: usize| {
        let extra: Vec<_> = (2..fields).map(|field| format!(r#""x{field}":{field}"#)).collect();
        format!(r#"[{{"n":"b","v":1,{}}}]"#, extra.join(","))
    };
    assert_eq!(resolve(&wide(Record::MAX_FIELDS)).unwrap().measurements()[0].extra().len(), 254);
    assert_eq!(resolve(&wide(Record::MAX_FIELDS + 1)).unwrap_err().kind(), ErrorKind::TooManyFields);
    let long = |length: usize| format!(r#"[{{"n":"b","vs":"{}"}}]"#, "x".repeat(length - 19));
    assert!(resolve(&long(Pack::MAX_BYTES)).is_ok());
    assert_eq!(resolve(&long(Pack::MAX_BYTES + 1)).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn debug_shows_no_values() {
    let resolved = resolve(r#"[{"n":"a","vs":"hunter2"}]"#).unwrap();
    let shown = format!("{resolved:?}");
    assert!(shown.contains("Measurement(a at 1700000000.0)") && !shown.contains("hunter2"), "{shown}");
}
