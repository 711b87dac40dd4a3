//! Responses whose bodies are written in another way.

use crate::client::*;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use things_sim::{FaultRule, Sim};

fn sim(rules: &[&str]) -> Sim {
    let rules = rules.iter().map(|rule| rule.parse().unwrap());
    rules.fold(Sim::builder(), |builder, rule: FaultRule| builder.fault(rule)).start().unwrap()
}

fn unzipped(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-encoding"), Some("gzip"), "{answer:?}");
    let mut body = String::new();
    GzDecoder::new(answer.body.as_slice()).read_to_string(&mut body).unwrap();
    serde_json::from_str(&body).unwrap()
}

#[test]
fn every_response_can_be_compressed_although_nobody_accepts_it() {
    let sim = sim(&["any=gzip", "downlinks@3=status:503,body:{}"]);
    let token = unzipped(&ask_token(&sim));
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(unzipped(&list(&sim, &bearer, ""))["totalElements"], 100);
    assert_eq!(unzipped(&list(&sim, &bearer, "?pageSize=0"))["status"], 400);
    assert_eq!(unzipped(&send(&sim, &bearer, SEND, DOWNLINK))["state"], "Pending");
    assert_eq!(unzipped(&send(&sim, &bearer, SEND, "[]"))["status"], 400);
    assert_eq!(unzipped(&send(&sim, &bearer, SEND, DOWNLINK)), serde_json::json!({}));
    let redirect = list(&sim, "Bearer none", "");
    assert_eq!((redirect.status, redirect.header("content-encoding")), (302, None));
}

#[test]
fn compression_can_depend_on_the_request() {
    let sim = sim(&["devices=gzip-unless-identity"]);
    let bearer = bearer(&sim);
    let coding = |accepted: Option<&str>| {
        let mut headers = vec![("Authorization", bearer.as_str()), ("Accept", DEVICES)];
        headers.extend(accepted.map(|accepted| ("Accept-Encoding", accepted)));
        let answer = call(&sim, "GET", "/api/devices", &headers, "");
        answer.header("content-encoding").map(str::to_owned)
    };
    assert_eq!(coding(None).as_deref(), Some("gzip"));
    assert_eq!(coding(Some("br")).as_deref(), Some("gzip"));
    assert_eq!(coding(Some("identity")), None);
    assert_eq!(coding(Some("gzip;q=0, Identity;q=1")), None);
}

#[test]
fn text_comes_in_other_encodings() {
    let plain = Sim::builder().start().unwrap();
    let expected = list(&plain, &bearer(&plain), "").body;
    let expected = std::str::from_utf8(&expected).unwrap();
    let body = |rules: &[&str]| {
        let sim = sim(rules);
        list(&sim, &bearer(&sim), "").body
    };
    let utf_16 = |body: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).unwrap()
    };
    assert_eq!(body(&["devices=bom"]), [b"\xEF\xBB\xBF", expected.as_bytes()].concat());
    assert_eq!(utf_16(&body(&["devices=utf-16"]), u16::from_le_bytes), format!("\u{FEFF}{expected}"));
    assert_eq!(utf_16(&body(&["devices=utf-16le"]), u16::from_le_bytes), expected);
    assert_eq!(utf_16(&body(&["devices=utf-16be"]), u16::from_be_bytes), expected);
    let both = sim(&["devices=gzip", "devices=bom"]);
    let mut unzipped = Vec::new();
    GzDecoder::new(list(&both, &bearer(&both), "").body.as_slice()).read_to_end(&mut unzipped).unwrap();
    assert!(unzipped.starts_with(b"\xEF\xBB\xBF{"));
}

#[test]
fn the_content_type_can_have_a_charset() {
    let sim = sim(&["any=charset:ISO-8859-1", "token@2=status:500,Content-Type:text/plain,body:no"]);
    let bearer = bearer(&sim);
    let content_type = list(&sim, &bearer, "").header("content-type").map(str::to_owned);
    assert_eq!(content_type, Some(format!("{DEVICES};charset=ISO-8859-1")));
    assert_eq!(ask_token(&sim).header("content-type"), Some("text/plain;charset=ISO-8859-1"));
}
