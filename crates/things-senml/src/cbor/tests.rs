use proptest::prelude::*;

use crate::{Error, ErrorKind, Pack, Resolved, Resolver, Value};

/// Reads hex, whose blanks are for the reader.
fn hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|char| char.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn resolve(cbor: &str) -> Result<Resolved, Error> {
    Resolver::new(1.7e9).resolve_cbor(&hex(cbor))
}

/// The digits of the value of a pack with one record: its name `a`, and this item as the value.
fn number(item: &str) -> String {
    let resolved = resolve(&format!("81 a2 00 6161 02 {item}")).unwrap();
    let Some(Value::Number(number)) = resolved.measurements()[0].value() else { panic!("no number") };
    let json = Pack::from_cbor(&hex(&format!("81 a2 00 6161 02 {item}"))).unwrap();
    assert_eq!(json.as_json(), format!(r#"[{{"n":"a","v":{number}}}]"#));
    number.as_str().to_owned()
}

#[test]
fn numbers_of_all_encodings_are_read() {
    for (item, digits) in [
        ("17", "23"),
        ("1b ffffffffffffffff", "18446744073709551615"),
        ("20", "-1"),
        ("3b ffffffffffffffff", "-18446744073709551616"),
        ("f9 3e00", "1.5"),
        ("fa 41ac0000", "21.5"),
        ("fb 405e066666666666", "120.1"),
        ("c2 49 010000000000000000", "18446744073709551616"),
        ("c2 40", "0"),
        ("c3 40", "-1"),
        ("c3 41 ff", "-256"),
        ("c3 49 010000000000000000", "-18446744073709551617"),
        ("c2 5f 41 01 41 00 ff", "256"),
        ("c4 82 21 19 0866", "21.50"),
        ("c4 82 03 20", "-1000"),
        ("c4 82 00 05", "5"),
        ("c4 82 00 c2 49 04d77c813ae9160d15", "89314404000123456789"),
    ] {
        assert_eq!(number(item), digits, "{item}");
    }
}

#[test]
fn a_long_encoding_of_a_small_number_is_the_same_number() {
    for item in ["17", "18 17", "19 0017", "1a 00000017", "1b 0000000000000017", "f9 4dc0", "fa 41b80000"] {
        assert_eq!(number(item).parse::<f64>(), Ok(23.0), "{item}");
    }
    for item in ["36", "38 16", "39 0016"] {
        assert_eq!(number(item), "-23", "{item}");
    }
    for cbor in [
        "81 a2 00 6161 03 6178",
        "98 01 b8 02 18 00 78 01 61 18 03 78 01 78",
        "9a 00000001 b9 0002 00 6161 03 6178",
    ] {
        assert_eq!(Pack::from_cbor(&hex(cbor)).unwrap().as_json(), r#"[{"n":"a","vs":"x"}]"#);
    }
}

#[test]
fn arrays_maps_and_strings_of_unknown_length_are_read() {
    for cbor in [
        "9f a2 00 6161 03 6178 ff",
        "81 bf 00 6161 03 6178 ff",
        "81 a2 00 7f 6161 ff 03 7f 6178 60 ff",
        "d9d9f7 81 a2 00 6161 03 6178",
        "81 a2 616e 6161 627673 6178",
    ] {
        let resolved = resolve(cbor).unwrap();
        assert_eq!(resolved.measurements()[0].name(), "a", "{cbor}");
        assert_eq!(resolved.measurements()[0].value(), Some(&Value::from("x")), "{cbor}");
        assert_eq!(Pack::from_cbor(&hex(cbor)).unwrap().as_json(), r#"[{"n":"a","vs":"x"}]"#);
    }
}

#[test]
fn fields_that_no_rfc_defines_become_json() {
    // {"n": "a", "vb": true, "x": {"b": [1, null, h'0102', 1(2)], 7: -1.5}, 99: undefined}
    let cbor = "81 a4 00 6161 04 f5 6178 a2 6162 84 01 f6 42 0102 c1 02 07 f9 be00 18 63 f7";
    let expected = [("x", r#"{"b":[1,null,"AQI",2],"7":-1.5}"#), ("99", "null")];
    let resolved = resolve(cbor).unwrap();
    assert_eq!(resolved.measurements()[0].extra().collect::<Vec<_>>(), expected);
    let pack = Pack::from_cbor(&hex(cbor)).unwrap();
    assert_eq!(pack.records().next().unwrap().extra().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_wrong_is_refused_with_the_record() {
    for (cbor, kind, record) in [
        ("", ErrorKind::Syntax, None),
        ("81", ErrorKind::Syntax, None),
        ("80 00", ErrorKind::Syntax, None),
        ("81 a2 00 6161 02", ErrorKind::Syntax, None),
        ("81 a2 00 61ff 02 01", ErrorKind::Syntax, None),
        ("81 a2 00 7b ffffffffffffffff 6161", ErrorKind::Syntax, None),
        ("9b ffffffffffffffff", ErrorKind::Syntax, None),
        ("81 a2 00 6161 02 c2 ff", ErrorKind::FieldType, Some(0)),
        ("a0", ErrorKind::NotAnArray, None),
        ("80", ErrorKind::Empty, None),
        ("82 a2 00 6161 02 01 80", ErrorKind::NotAnObject, Some(1)),
        ("82 a2 00 6161 02 01 a1 f5 01", ErrorKind::FieldType, Some(1)),
        ("81 a2 00 6161 02 6131", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 02 f6", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 02 c1 01", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 03 01", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 04 01", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 08 644151493d", ErrorKind::FieldType, Some(0)),
        ("81 a2 00 6161 02 f9 7e00", ErrorKind::Number, Some(0)),
        ("81 a2 00 6161 02 f9 7c00", ErrorKind::Number, Some(0)),
        ("81 a2 00 6161 02 c4 82 19 03e7 01", ErrorKind::Number, Some(0)),
        ("81 a3 00 6161 02 01 03 6178", ErrorKind::SeveralValues, Some(0)),
        ("81 a3 00 6161 02 01 616e 6161", ErrorKind::DuplicateField, Some(0)),
        ("81 a3 00 6161 02 01 62695f 01", ErrorKind::MustUnderstand, Some(0)),
        ("81 a2 00 6120 02 01", ErrorKind::Name, Some(0)),
        ("81 a3 20 0b 00 6161 02 01", ErrorKind::Version, Some(0)),
        ("81 a1 00 6161", ErrorKind::NoValue, Some(0)),
    ] {
        let error = resolve(cbor).unwrap_err();
        assert_eq!((error.kind(), error.record()), (kind, record), "{cbor}: {error}");
    }
    let error = resolve("81 a2 00 6161 02 6131").unwrap_err();
    assert_eq!(
        error.to_string(),
        "SenML record 1 has a value of the wrong type in \"v\": expected an integer, a floating-point number, a big integer or \
         a decimal fraction"
    );
    for cbor in [
        "",
        "81",
        "80",
        "a0",
        "80 00",
        "81 a2 00 6161 02 6131",
        "81 a2 00 6161 02 f9 7e00",
        "81 a2 00 6120 02 01",
    ] {
        let (one, other) = (resolve(cbor).unwrap_err(), Pack::from_cbor(&hex(cbor)).unwrap_err());
        assert_eq!((one.kind(), one.record()), (other.kind(), other.record()), "{cbor}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize, open: &str| format!("81 a3 00 6161 02 01 6178 {} 01", open.repeat(levels));
    for open in ["81", "c1", "a1 6161"] {
        assert!(resolve(&nested(Pack::MAX_DEPTH - 2, open)).is_ok());
        for levels in [Pack::MAX_DEPTH - 1, 100_000] {
            let error = resolve(&nested(levels, open)).unwrap_err();
            assert_eq!((error.kind(), error.record()), (ErrorKind::TooDeep, Some(0)), "{open}");
            assert_eq!(Pack::from_cbor(&hex(&nested(levels, open))).unwrap_err().kind(), ErrorKind::TooDeep);
        }
    }
    let error = Resolver::new(0.0).resolve_cbor(&vec![0; Pack::MAX_BYTES + 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn every_digit_of_json_comes_back() {
    for (json, expected) in [
        (r#"[{"n":"a","v":89314404000123456789}]"#, None),
        (r#"[{"n":"a","v":-340282366920938463463374607431768211}]"#, None),
        (r#"[{"n":"a","v":0.1234567890123456789012345}]"#, None),
        (r#"[{"n":"a","v":21.5,"u":"Cel","t":-5}]"#, None),
        (r#"[{"n":"a","vd":"aGkgCg","ct":"60"}]"#, None),
        (r#"[{"bn":"a","x":{"b":[1,null,true,"c"]}},{"vb":false}]"#, None),
        (r#"[{"n":"a","v":-0}]"#, Some(r#"[{"n":"a","v":-0.0}]"#)),
        (r#"[{"n":"a","v":1.0E2}]"#, Some(r#"[{"n":"a","v":100.0}]"#)),
        (r#"[{"n":"a","v":21.50}]"#, Some(r#"[{"n":"a","v":21.5}]"#)),
        (r#"[{"n":"a","vd":"aGkgCg=="}]"#, Some(r#"[{"n":"a","vd":"aGkgCg"}]"#)),
    ] {
        let pack = Pack::from_json(json).unwrap();
        let again = Pack::from_cbor(&pack.to_cbor()).unwrap();
        assert_eq!(again.as_json(), expected.unwrap_or(json));
    }
}

proptest! {
    #[test]
    fn both_formats_resolve_alike(
        values in proptest::collection::vec(
            ("[a-z]{1,9}", proptest::num::f64::NORMAL, proptest::option::of(-1_000_i64..2_000_000_000), any::<i64>()),
            1..9,
        ),
    ) {
        let records: Vec<_> = values
            .iter()
            .map(|(name, double, time, integer)| {
                let time = time.map(|time| format!(r#","t":{time}"#)).unwrap_or_default();
                format!(r#"{{"n":"{name}","v":{},"s":{integer}{time}}}"#, crate::Number::try_from(*double).unwrap())
            })
            .collect();
        let pack = Pack::from_json(&format!(r#"[{{"bn":"x:","bt":1.7e9}},{}]"#, records.join(","))).unwrap();
        let resolver = Resolver::new(0.0);
        let (json, cbor) = (resolver.resolve_json(pack.as_json().as_bytes()), resolver.resolve_cbor(&pack.to_cbor()));
        for (one, other) in json.unwrap().measurements().iter().zip(cbor.unwrap().measurements()) {
            prop_assert_eq!(one.name(), other.name());
            prop_assert_eq!(one.time().as_f64(), other.time().as_f64());
            prop_assert_eq!(one.sum(), other.sum());
            let number = |value: Option<&Value>| match value {
                Some(Value::Number(number)) => number.to_f64().to_bits(),
                _ => 0,
            };
            prop_assert_eq!(number(one.value()), number(other.value()));
        }
    }

    #[test]
    fn any_bytes_are_a_pack_or_an_error(bytes: Vec<u8>, head in "81a20061610[2-8]|81a[1-3]|9fbf") {
        let mut cbor = hex(&head);
        cbor.extend(bytes);
        let resolved = Resolver::new(0.0).understood(["a_"]).resolve_cbor(&cbor);
        if resolved.is_ok() {
            prop_assert!(Pack::from_cbor(&cbor).is_ok());
        }
    }
}
