//! The examples of the RFCs.

// A test that cannot go on should stop and say where.
#![allow(clippy::unwrap_used)]

use things_senml::{Pack, Resolved, Resolver, Value};

const NOW: f64 = 1_320_078_429.0;

fn resolve(json: &str) -> Resolved {
    Resolver::new(NOW).resolve_json(json.as_bytes()).unwrap()
}

/// Name, unit, seconds, and the value of each measurement as a text.
fn table(resolved: &Resolved) -> Vec<(String, Option<&str>, f64, String)> {
    let value = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Boolean(boolean)) => boolean.to_string(),
        Some(Value::Data(data)) => data.as_str().to_owned(),
        None => String::new(),
    };
    let row =
        |one: &things_senml::Measurement| (one.name().to_owned(), one.time().as_f64(), value(one.value()));
    let rows = resolved.measurements().iter().map(|one| (row(one), one.unit()));
    rows.map(|((name, time, value), unit)| (name, unit, time, value)).collect()
}

fn row<'a>(name: &str, unit: &'a str, time: f64, value: &str) -> (String, Option<&'a str>, f64, String) {
    (name.to_owned(), (!unit.is_empty()).then_some(unit), time, value.to_owned())
}

/// RFC 8428, section 5.1.1.
#[test]
fn single_data_point() {
    let resolved = resolve(r#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#);
    assert_eq!(table(&resolved), [row("urn:dev:ow:10e2073a01080063", "Cel", NOW, "23.1")]);
    assert!(resolved.measurements()[0].time().is_relative());
}

/// RFC 8428, section 5.1.2.
#[test]
fn multiple_data_points() {
    let resolved = resolve(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]"#,
    );
    assert_eq!(
        table(&resolved),
        [
            row("urn:dev:ow:10e2073a01080063:voltage", "V", NOW, "120.1"),
            row("urn:dev:ow:10e2073a01080063:current", "A", NOW, "1.2"),
        ]
    );
}

/// The last pack of RFC 8428, section 5.1.2. The last record of its CBOR has a time of 0 as well.
const CURRENTS: &str = r#"[
    {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
    {"n":"current","t":-5,"v":1.2},
    {"n":"current","t":-4,"v":1.3},
    {"n":"current","t":-3,"v":1.4},
    {"n":"current","t":-2,"v":1.5},
    {"n":"current","t":-1,"v":1.6},
    {"n":"current","v":1.7}
]"#;

#[test]
fn multiple_data_points_with_times() {
    let resolved = resolve(CURRENTS);
    let name = "urn:dev:ow:10e2073a0108006:current";
    assert_eq!(
        table(&resolved),
        [
            row("urn:dev:ow:10e2073a0108006:voltage", "V", 1_276_020_076.001, "120.1"),
            row(name, "A", 1_276_020_071.001, "1.2"),
            row(name, "A", 1_276_020_072.001, "1.3"),
            row(name, "A", 1_276_020_073.001, "1.4"),
            row(name, "A", 1_276_020_074.001, "1.5"),
            row(name, "A", 1_276_020_075.001, "1.6"),
            row(name, "A", 1_276_020_076.001, "1.7"),
        ]
    );
    assert_eq!(resolved.version(), 5);
    assert_eq!(resolved.measurements()[1].time().as_str(), "1276020071.001");
    // Resolved records are in chronological order, and have the version if it is not 10 (section 4.6).
    let pack = resolved.to_pack().unwrap();
    let first = r#"[{"bver":5,"n":"urn:dev:ow:10e2073a0108006:current","u":"A","v":1.2,"t":1276020071.001},"#;
    assert!(pack.as_json().starts_with(first), "{}", pack.as_json());
    assert_eq!(pack.len(), 7);
}

/// RFC 8428, sections 5.1.3 and 5.1.4.
#[test]
fn multiple_measurements_and_their_resolved_form() {
    let resolved = resolve(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
            {"u":"lon","v":24.30621},{"u":"lat","v":60.07965},
            {"t":60,"v":20.3},{"u":"lon","t":60,"v":24.30622},{"u":"lat","t":60,"v":60.07965},
            {"t":120,"v":20.7},{"u":"lon","t":120,"v":24.30623},{"u":"lat","t":120,"v":60.07966},
            {"u":"%EL","t":150,"v":98},
            {"t":180,"v":21.2},{"u":"lon","t":180,"v":24.30628},{"u":"lat","t":180,"v":60.07967}]"#,
    );
    let expected: Vec<_> = [
        ("%RH", 464.0, "20"),
        ("lon", 464.0, "24.30621"),
        ("lat", 464.0, "60.07965"),
        ("%RH", 524.0, "20.3"),
        ("lon", 524.0, "24.30622"),
        ("lat", 524.0, "60.07965"),
        ("%RH", 584.0, "20.7"),
        ("lon", 584.0, "24.30623"),
        ("lat", 584.0, "60.07966"),
        ("%EL", 614.0, "98"),
        ("%RH", 644.0, "21.2"),
        ("lon", 644.0, "24.30628"),
        ("lat", 644.0, "60.07967"),
    ]
    .map(|(unit, seconds, value)| row("urn:dev:ow:10e2073a01080063", unit, 1_320_067_000.0 + seconds, value))
    .into();
    assert_eq!(table(&resolved), expected);
    // A resolved pack resolves to itself.
    let again = resolve(resolved.to_pack().unwrap().as_json());
    assert_eq!(table(&again), expected);
    assert_eq!(again.to_pack(), resolved.to_pack());
}

/// RFC 8428, section 5.1.5.
#[test]
fn multiple_data_types() {
    let resolved = resolve(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},
            {"n":"open","vb":false},{"n":"nfc-reader","vd":"aGkgCg"}]"#,
    );
    let name = |name: &str| format!("urn:dev:ow:10e2073a01080063:{name}");
    assert_eq!(
        table(&resolved),
        [
            row(&name("temp"), "Cel", NOW, "23.1"),
            row(&name("label"), "", NOW, "Machine Room"),
            row(&name("open"), "", NOW, "false"),
            row(&name("nfc-reader"), "", NOW, "aGkgCg"),
        ]
    );
    let Some(Value::Data(data)) = resolved.measurements()[3].value() else { panic!("no data") };
    assert_eq!(data.bytes(), b"hi \n");
}

/// RFC 8428, section 5.1.6.
#[test]
fn collection_of_resources() {
    let resolved = resolve(
        r#"[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},{"n":"humidity","u":"%RH","v":30},
            {"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},{"n":"humidity","u":"%RH","v":67}]"#,
    );
    assert_eq!(
        table(&resolved),
        [
            row("2001:db8::2/temperature", "Cel", 1_320_078_429.0, "25.2"),
            row("2001:db8::2/humidity", "%RH", 1_320_078_429.0, "30"),
            row("2001:db8::1/temperature", "Cel", 1_320_078_429.0, "12.3"),
            row("2001:db8::1/humidity", "%RH", 1_320_078_429.0, "67"),
        ]
    );
}

/// RFC 8428, section 5.1.7. The first record of the first pack has its base name alone, as in packs of KPN.
#[test]
fn setting_an_actuator() {
    let thermostat = resolve(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:"},{"n":"temp","u":"Cel","v":23.1},{"n":"heat","u":"/","v":1},
            {"n":"fan","u":"/","v":0}]"#,
    );
    let name = |name: &str| format!("urn:dev:ow:10e2073a01080063:{name}");
    assert_eq!(
        table(&thermostat),
        [
            row(&name("temp"), "Cel", NOW, "23.1"),
            row(&name("heat"), "/", NOW, "1"),
            row(&name("fan"), "/", NOW, "0")
        ]
    );
    let lights = resolve(
        r#"[{"bt":1.320078429e+09,"bu":"/","n":"2001:db8::3","v":0.5},{"n":"2001:db8::4","v":0.5},
            {"n":"2001:db8::3","t":0.1,"v":0},{"n":"2001:db8::4","t":0.1,"v":0}]"#,
    );
    let times: Vec<_> = lights.measurements().iter().map(|one| one.time().as_str()).collect();
    assert_eq!(times, ["1.320078429e+09", "1.320078429e+09", "1320078429.1", "1320078429.1"]);
    assert_eq!(lights.measurements()[3].unit(), Some("/"));
}

/// RFC 9193: a data value whose Content-Format is CBOR, by number.
#[test]
fn content_format_of_data() {
    let resolved = resolve(r#"[{"n":"nfc-reader","vd":"gmNmb28YKg","ct":"60"}]"#);
    assert_eq!(resolved.measurements()[0].content_format(), Some("60"));
    let pack = resolved.to_pack().unwrap();
    assert_eq!(pack.as_json(), r#"[{"n":"nfc-reader","vd":"gmNmb28YKg","t":1320078429.0,"ct":"60"}]"#);
    assert_eq!(resolve(pack.as_json()).measurements()[0].content_format(), Some("60"));
}

/// RFC 9100, sections 2 and 4: version 26 is version 10 with secondary units.
#[test]
fn secondary_units() {
    let resolved = resolve(r#"[{"bver":26,"n":"speed","u":"km/h","v":36}]"#);
    assert_eq!((resolved.version(), resolved.measurements()[0].unit()), (26, Some("km/h")));
    let pack: Pack = resolved.to_pack().unwrap();
    assert_eq!(pack.as_json(), r#"[{"bver":26,"n":"speed","u":"km/h","v":36,"t":1320078429.0}]"#);
}

/// RFC 8428, section 6.
#[cfg(feature = "cbor")]
#[test]
fn cbor() {
    const CBOR: &[u8] = &[
        0x87, 0xa7, 0x21, 0x78, 0x1b, 0x75, 0x72, 0x6e, 0x3a, 0x64, 0x65, 0x76, 0x3a, 0x6f, 0x77,
        0x3a, //
        0x31, 0x30, 0x65, 0x32, 0x30, 0x37, 0x33, 0x61, 0x30, 0x31, 0x30, 0x38, 0x30, 0x30, 0x36,
        0x3a, //
        0x22, 0xfb, 0x41, 0xd3, 0x03, 0xa1, 0x5b, 0x00, 0x10, 0x62, 0x23, 0x61, 0x41, 0x20, 0x05,
        0x00, //
        0x67, 0x76, 0x6f, 0x6c, 0x74, 0x61, 0x67, 0x65, 0x01, 0x61, 0x56, 0x02, 0xfb, 0x40, 0x5e,
        0x06, //
        0x66, 0x66, 0x66, 0x66, 0x66, 0xa3, 0x00, 0x67, 0x63, 0x75, 0x72, 0x72, 0x65, 0x6e, 0x74,
        0x06, //
        0x24, 0x02, 0xfb, 0x3f, 0xf3, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0xa3, 0x00, 0x67, 0x63,
        0x75, //
        0x72, 0x72, 0x65, 0x6e, 0x74, 0x06, 0x23, 0x02, 0xfb, 0x3f, 0xf4, 0xcc, 0xcc, 0xcc, 0xcc,
        0xcc, //
        0xcd, 0xa3, 0x00, 0x67, 0x63, 0x75, 0x72, 0x72, 0x65, 0x6e, 0x74, 0x06, 0x22, 0x02, 0xfb,
        0x3f, //
        0xf6, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0xa3, 0x00, 0x67, 0x63, 0x75, 0x72, 0x72, 0x65,
        0x6e, //
        0x74, 0x06, 0x21, 0x02, 0xf9, 0x3e, 0x00, 0xa3, 0x00, 0x67, 0x63, 0x75, 0x72, 0x72, 0x65,
        0x6e, //
        0x74, 0x06, 0x20, 0x02, 0xfb, 0x3f, 0xf9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a, 0xa3, 0x00,
        0x67, //
        0x63, 0x75, 0x72, 0x72, 0x65, 0x6e, 0x74, 0x06, 0x00, 0x02, 0xfb, 0x3f, 0xfb, 0x33, 0x33,
        0x33, //
        0x33, 0x33, 0x33,
    ];
    let resolved = Resolver::new(NOW).resolve_cbor(CBOR).unwrap();
    assert_eq!(table(&resolved), table(&resolve(CURRENTS)));
    let pack = Pack::from_cbor(CBOR).unwrap();
    let json = CURRENTS
        .replace("1.276020076001e+09", "1276020076.001")
        .replace(r#""current","v":1.7"#, r#""current","t":0,"v":1.7"#);
    assert_eq!(Ok(&pack), Pack::from_json(&json).as_ref());
    assert_eq!(pack.to_cbor(), CBOR);
}
