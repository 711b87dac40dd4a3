//! `things senml check` and `resolve`.

use serde_json::json;

use crate::tool::{Ran, bare, command, file, folder, run_with_input};

const PACK: &str = r#"[
  {"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "bt": 1765739960.26},
  {"n": "temperature", "u": "Cel", "v": 21.50},
  {"n": "open", "vb": true, "t": -5},
  {"n": "port", "vs": "12"},
  {"n": "count", "v": 12345678901234567890}
]
"#;

fn senml(args: &[&str], input: &str) -> Ran {
    run_with_input(command(&[&["senml"], args].concat()), input)
}

#[test]
fn a_pack_is_resolved_to_json_ndjson_csv_and_a_table() {
    let pack = file("senml-pack.json", PACK);
    let records = bare(&["senml", "resolve", &pack, "--json"]).exits(0).json();
    assert_eq!(
        records[0],
        json!({"n": "urn:dev:DEVEUI:0059AC0000181EB6:open", "vb": true, "t": 1765739955.26})
    );
    let ran = senml(&["resolve", "-", "--ndjson"], PACK).exits(0);
    assert_eq!(ran.out.lines().count(), 4);
    assert!(ran.out.contains(r#""v":21.50"#) && ran.out.contains(r#""v":12345678901234567890"#), "{ran:?}");
    let ran = senml(&["resolve", "-", "--csv"], PACK).exits(0);
    assert!(ran.out.starts_with("name,time,unit,value,sum,update_time\n"), "{ran:?}");
    assert!(
        ran.out.contains("urn:dev:DEVEUI:0059AC0000181EB6:temperature,1765739960.26,Cel,21.50,,\n"),
        "{ran:?}"
    );
    let ran = senml(&["resolve", "-"], PACK).exits(0);
    let expected = "\
NAME                                          TIME                      VALUE                 UNIT
urn:dev:DEVEUI:0059AC0000181EB6:temperature   2025-12-14T19:19:20.26Z  21.50                 Cel
urn:dev:DEVEUI:0059AC0000181EB6:open          2025-12-14T19:19:15.26Z  true
urn:dev:DEVEUI:0059AC0000181EB6:port          2025-12-14T19:19:20.26Z  12
urn:dev:DEVEUI:0059AC0000181EB6:count         2025-12-14T19:19:20.26Z  12345678901234567890
";
    let cells = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(&ran.out), cells(expected), "{ran:?}");
}

#[test]
fn relative_times_count_from_now() {
    let pack = r#"[{"n":"a:level","v":1,"t":-10}]"#;
    for (now, time) in [("1700000000", 1_699_999_990.0), ("2023-11-14T22:13:20Z", 1_699_999_990.0)] {
        let records = senml(&["resolve", "-", "--json", "--now", now], pack).exits(0).json();
        assert_eq!(records[0]["t"].as_f64(), Some(time), "{now}");
    }
    senml(&["resolve", "-", "--now", "noon"], pack)
        .exits(2)
        .complains("expected seconds since 1970, or a time in UTC");
}

#[test]
fn what_is_tolerated_is_reported() {
    let pack = r#"[{"n":"a:port","vs":"12"}]"#;
    let ran = senml(&["resolve", "-", "--json", "--lenient", "--now", "0"], pack).exits(0);
    let ran = ran.complains("SenML record 1 has in \"vs\" a number as a string");
    assert_eq!(ran.json()[0]["v"], 12);
    let ran = senml(&["resolve", "-", "--json", "--now", "0"], pack).exits(0);
    assert_eq!(ran.json()[0]["vs"], "12");
    senml(&["check", "-", "--lenient"], pack).exits(0).complains("a number as a string");
}

#[test]
fn a_pack_that_is_senml_passes_the_check() {
    let ran = senml(&["check", "-"], PACK).exits(0);
    assert_eq!((&*ran.out, &*ran.err), ("", "stdin is SenML: 5 records, 4 measurements\n"));
    let pack = file("senml-mark.json", &format!("\u{feff}{PACK}"));
    bare(&["senml", "check", &pack]).exits(0);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let pack = file(
        "senml-mistakes.json",
        r#"[
  {"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "bt": 1765739960, "n": "a b", "v": 1},
  {"n": "ok", "v": 1},
  {"n": "temperature", "v": "21.5"}, {"n": "x", "v": 1, "vs": "1"},
  {"n": "twice", "v": 1,
   "v": 2},
  {"n": "must", "v": 1, "later_": 1}
]"#,
    );
    let ran = bare(&["senml", "check", &pack]).exits(1);
    let places: Vec<_> = ran.err.lines().filter_map(|line| line.strip_prefix(&*pack)).collect();
    let mut places = places.iter().map(|line| line.split(' ').next().unwrap());
    assert!(ran.err.starts_with(&format!("error: {pack} has 5 mistakes\n")), "{ran:?}");
    assert!(places.by_ref().any(|place| place.starts_with(":2:")), "{ran:?}");
    assert_eq!(places.collect::<Vec<_>>(), [":4:24:", ":4:57:", ":6:4:", ":7:25:"], "{ran:?}");
    bare(&["senml", "resolve", &pack, "--understood", "later_"]).exits(1).complains("has 4 mistakes");
}

#[test]
fn what_is_no_pack_is_said_to_be_none() {
    for (text, reason) in [
        ("", "is not JSON at line 1, column 0"),
        ("[{\"n\":\"a\",\n \"v\":}]", "is not JSON at line 2, column 6"),
        ("{\"n\":\"a:b\",\"v\":1}", "is not a JSON array"),
        ("[]", "is empty"),
        ("[1]", "SenML record 1 is not an object"),
    ] {
        senml(&["check", "-"], text).exits(1).complains(reason).complains("error: stdin");
    }
    bare(&["senml", "check", "no-such-file"]).exits(2).complains("no-such-file");
}

#[test]
fn cbor_is_read_too() {
    let pack = things_senml::Pack::from_json(PACK).unwrap();
    let path = folder("senml-cbor").join("pack.cbor");
    std::fs::write(&path, pack.to_cbor()).unwrap();
    let path = path.to_str().unwrap();
    bare(&["senml", "check", path, "--cbor"]).exits(0).complains("5 records, 4 measurements");
    let records = bare(&["senml", "resolve", path, "--cbor", "--json"]).exits(0).json();
    assert_eq!(records.as_array().unwrap().len(), 4);
    std::fs::write(path, [0x81, 0x01]).unwrap();
    bare(&["senml", "check", path, "--cbor"]).exits(1).complains("SenML record 1 is not a CBOR map");
}
