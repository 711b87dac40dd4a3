//! Uplinks that KPN Things did not send as they are: forged, altered, or sent again.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use things_uplink::{MemoryReplays, Refusal, ReplayStore, Secrets, Verifier, sign};

use crate::trial::{Trial, share};

const SECRET: &str = "MYKEY2";

/// Both shapes of KPN, an old spelling of numbers, and the example of the documentation.
const BODIES: [&str; 3] = [
    r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"payload","vs":"0102"},{"n":"port","v":1.0}]"#,
    r#"[{"bn":"urn:dev:DVNUUID:a-1:","bt":1.58565075E9,"n":"temperature","u":"Cel","vs":"33.0"}]"#,
    r#"[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]"#,
];

fn verifier() -> Verifier {
    Verifier::new(Secrets::parse(format!("active={SECRET}\nretiring=MYKEY1")).unwrap())
}

fn refusal(verifier: &Verifier, tokens: &[&str], body: &[u8]) -> Option<Refusal> {
    verifier.verify(tokens.iter().map(|token| token.as_bytes()), [], body).err()
}

#[test]
fn r26_uplink_that_was_altered_is_refused() {
    let mut trial = Trial::new("R26", "verifier");
    let verifier = verifier();
    for body in BODIES {
        let token = sign(SECRET, body);
        let exact = refusal(&verifier, &[&token], body.as_bytes());
        trial.holds(exact.is_none(), || format!("{exact:?} for the exact bytes of {body}"));
        let mut refuses = |tokens: &[&str], body: &str, expected: Refusal| {
            let found = refusal(&verifier, tokens, body.as_bytes());
            trial.holds(found == Some(expected), || format!("{found:?} for {tokens:?} and {body}"));
        };
        for secret in ["MYKEY", "MYKEY3", "mykey2", "MYKEY2\n", " MYKEY2", ""] {
            refuses(&[&sign(secret, body)], body, Refusal::Wrong);
        }
        let json: Value = serde_json::from_str(body).unwrap();
        let minified = json.to_string();
        let rewritten = [minified.as_str(), &serde_json::to_string_pretty(&json).unwrap()];
        for written in rewritten.into_iter().filter(|written| *written != body) {
            refuses(&[&token], written, Refusal::Wrong);
        }
        for written in [format!("{body}\n"), format!("\u{feff}{body}"), body.repeat(2), String::new()] {
            refuses(&[&token], &written, Refusal::Wrong);
        }
        refuses(&[], body, Refusal::Missing);
        refuses(&[&token, &token], body, Refusal::Twice);
        refuses(&[&token, &sign("x", body)], body, Refusal::Twice);
        refuses(&[&format!("{token}, {token}")], body, Refusal::Twice);
        refuses(&[&token.repeat(2)], body, Refusal::WrongLength(128));
        for length in 0..token.len() {
            refuses(&[&token[..length]], body, Refusal::WrongLength(length));
        }
        let letter = token.find(|digit: char| digit.is_ascii_alphabetic()).unwrap();
        refuses(&[&token.to_ascii_uppercase()], body, Refusal::NotHex { at: letter + 1 });
        refuses(&[&format!(" {token}")], body, Refusal::NotHex { at: 1 });
        refuses(&[&format!("{token}\0")], body, Refusal::NotHex { at: 65 });
    }
    trial.end();
}

#[test]
fn r26_random_changes_of_an_uplink_are_refused() {
    let mut trial = Trial::new("R26", "verifier");
    let mut random = trial.random();
    let verifier = verifier();
    let tokens = BODIES.map(|body| sign(SECRET, body).into_bytes());
    for _ in 0..share(20_000, 10_000_000) {
        let index = random.usize(..BODIES.len());
        let (mut token, mut body) = (tokens[index].clone(), BODIES[index].as_bytes().to_vec());
        // One to three changed bits, so that no change undoes the one before: each is at another place.
        let mut places: Vec<_> = (0..token.len() + body.len()).collect();
        random.shuffle(&mut places);
        for place in &places[..random.usize(1..=3)] {
            let byte =
                if *place < token.len() { &mut token[*place] } else { &mut body[*place - tokens[0].len()] };
            *byte ^= 1 << random.u8(..8);
        }
        if random.u8(..4) == 0 {
            body.truncate(random.usize(..body.len()));
        }
        let accepted = verifier.verify([token.as_slice()], [], &body).is_ok();
        trial.holds(!accepted, || format!("accepted: {token:?} {body:?}"));
    }
    trial.end();
}

#[test]
fn r26_uplink_that_is_sent_again_is_noticed() {
    let mut trial = Trial::new("R26", "verifier");
    let verifier = verifier();
    let window = Duration::from_secs(3_600);
    let mut replays = MemoryReplays::new(10_000, window);
    let digests: Vec<_> = (0..1_000)
        .map(|number| {
            let body = format!("[{{\"n\":\"a\",\"v\":{number}}}]");
            let token = sign(SECRET, &body);
            verifier.verify([token.as_bytes()], [], body.as_bytes()).unwrap().token_digest()
        })
        .collect();
    for (delivery, is_first) in [(0, true), (1, false), (3_599, false)] {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(delivery);
        for digest in &digests {
            let Ok(is_new) = replays.is_new(digest, now);
            trial.holds(is_new == is_first, || format!("new after {delivery} s: {is_new}"));
        }
    }
    trial.end();
}
