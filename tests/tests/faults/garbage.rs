//! Answers that are not what they should be: read only if they can be, and else an error that is short and keeps secrets.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use things_core::{Error, ErrorKind, ListDevices, Outcome, RawCall, RetryPolicy, Stage};
use things_tests::server::Server;

use crate::client::{Client, each};
use crate::downlinks::downlink;
use crate::service::{PAGE, SECRET, TOKEN, case, client, respond, serve, settings, target};
use crate::trial::{Trial, share};

/// An answer of the API that repeats token and secret.
fn page() -> String {
    let content = json!([
        {"uuid": "u-1", "name": TOKEN, "description": SECRET, "metadata": {"a": [1, 2.5, null]}, "barcode": null},
        {"uuid": "u-2", "name": "zwei \u{e9}"},
    ]);
    format!(
        r#"{{"content":{content},"number":0,"size":20,"totalPages":1,"totalElements":2,"first":true,"last":true}}"#
    )
}

/// An answer of GRIP that repeats the secret.
fn token() -> String {
    json!({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer", "note": SECRET}).to_string()
}

/// What is no JSON, or not for everybody.
fn broken(valid: &str) -> Vec<Vec<u8>> {
    let html = format!("<html><head><title>Log in</title></head><body>{TOKEN} {SECRET}</body></html>");
    let utf16 = valid.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![
        b"".to_vec(),
        b"\xEF\xBB\xBF".to_vec(),
        [b"\xEF\xBB\xBF", valid.as_bytes()].concat(),
        [b"\xFF\xFE", valid.as_bytes()].concat(),
        utf16,
        html.into_bytes(),
        format!("{valid}{valid}").into_bytes(),
        format!("{valid}garbage").into_bytes(),
        format!("/* {TOKEN} */{valid}").into_bytes(),
        valid.replace('"', "'").into_bytes(),
        [b"\x1f\x8b\x08", valid.as_bytes()].concat(),
        vec![0; 1_000],
        vec![0xFF; 1_000],
        "[".repeat(100_000).into_bytes(),
    ];
    all.extend((0..valid.len()).map(|end| valid.as_bytes()[..end].to_vec()));
    let scalars = [
        r#"["text",3600]"#,
        r#"[{"uuid":"u"}]"#,
        "null",
        "true",
        "0",
        "NaN",
        "-Infinity",
        "[]",
        "{}",
        "\"text\"",
        "\"recursion limit exceeded\"",
    ];
    all.extend(scalars.map(|text| text.as_bytes().to_vec()));
    all
}

/// The same answer with each of its fields missing, doubled, or of another type.
fn misshapen(valid: &str) -> Vec<Vec<u8>> {
    let long = format!("\"{}\"", format!("{TOKEN} ").repeat(20_000));
    let values = [
        "null",
        "true",
        "\"1\"",
        "1",
        "-1",
        "1.5",
        "1e999",
        "18446744073709551616",
        "[]",
        "[1]",
        "{}",
        "NaN",
        "01",
        r#""\ud800""#,
        r#""\u0000""#,
        "\"\u{0}\"",
        &long,
        r#""recursion limit exceeded""#,
    ];
    let whole: Value = serde_json::from_str(valid).unwrap();
    let mut all = Vec::new();
    let mut shapes = vec![(whole.clone(), String::new(), String::new())];
    if let Some(device) = whole.get("content").map(|content| content[0].clone()) {
        shapes.push((device, r#"{"content":["#.to_owned(), "]}".to_owned()));
    }
    for (object, before, after) in shapes {
        let fields = object.as_object().unwrap();
        for name in fields.keys() {
            let others: Vec<_> = fields.iter().filter(|(other, _)| *other != name).collect();
            let others: String = others.iter().map(|(name, value)| format!("\"{name}\":{value},")).collect();
            let others = others.trim_end_matches(',');
            all.push(format!("{before}{{{others}}}{after}"));
            all.push(format!("{before}{{{others},\"{name}\":{},\"{name}\":null}}{after}", fields[name]));
            all.push(format!("{before}{{{others},\"{name}\":null,\"{name}\":{}}}{after}", fields[name]));
            all.extend(values.iter().map(|value| format!("{before}{{{others},\"{name}\":{value}}}{after}")));
        }
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// The same answer after some accidents.
fn mutated(random: &mut Rng, valid: &str) -> Vec<u8> {
    const PIECES: [&[u8]; 18] = [
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"NaN",
        b"-",
        b"1e999",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"\xFF",
        b"\xEF\xBB\xBF",
        b"\"uuid\":",
        b"\0",
    ];
    let mut bytes = valid.as_bytes().to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len().max(1)).min(bytes.len());
        let end = (at + random.usize(1..20)).min(bytes.len());
        match random.u32(..6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            3 => drop(bytes.splice(at..at, PIECES[random.usize(..PIECES.len())].to_vec())),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.u8(..)),
        }
    }
    bytes
}

/// All of these answers, and so many with accidents.
fn answers(random: &mut Rng, valid: &str, accidents: u64) -> Vec<Vec<u8>> {
    let mut all = broken(valid);
    all.extend(misshapen(valid));
    all.extend((0..accidents).map(|_| mutated(random, valid)));
    all
}

/// The devices of a page, as another reader sees them: their ids and names. What else the page holds is a hint.
fn devices(body: &[u8]) -> Option<Vec<(String, String)>> {
    type Members<'a> = BTreeMap<String, &'a RawValue>;
    let text = mended(std::str::from_utf8(body.strip_prefix(BOM).unwrap_or(body)).ok()?);
    let page: Members<'_> = serde_json::from_str(&text).ok()?;
    let content: Vec<Members<'_>> = serde_json::from_str(page.get("content")?.get()).ok()?;
    // A number or any other value in place of a text is read as it is written.
    let read = |device: &Members<'_>, name| match device.get(name)?.get() {
        "null" => None,
        raw => Some(serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())),
    };
    let device = |device: Members<'_>| {
        let nested = device.get("uuid")?.get().starts_with(['[', '{']);
        let uuid = read(&device, "uuid").filter(|_| !nested)?;
        Some((uuid, read(&device, "name").unwrap_or_default()))
    };
    content.into_iter().map(device).collect()
}

/// The token of an answer, as another reader sees it.
fn access_token(body: &[u8]) -> Option<String> {
    let text = mended(&String::from_utf8_lossy(body.strip_prefix(BOM).unwrap_or(body)));
    let answer: Value = serde_json::from_str(&text).ok()?;
    let token = answer["access_token"].as_str()?;
    (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then(|| token.to_owned())
}

/// A byte order mark, which may stand before any JSON.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Without what not every reader takes for a number or a text: where nobody looks, it does no harm.
fn mended(text: &str) -> String {
    text.replace("1e999", "1").replace(r"\ud800", "\u{FFFD}")
}

/// Whether an error is of these kinds, at this stage, short, and keeps what is secret.
fn judge(error: &Error, stage: Stage, kinds: &[ErrorKind]) -> Result<(), String> {
    let shown = format!("{error} {error:?} {}", error.message());
    let secret = [SECRET.to_owned(), format!("{SECRET:?}").trim_matches('"').to_owned(), TOKEN.to_owned()];
    let found = |what: &str| {
        let shown: String = shown.chars().take(400).collect();
        Err(format!("{what}: {:?} at {:?}: {shown}", error.kind(), error.stage()))
    };
    if secret.iter().any(|secret| shown.contains(secret.as_str())) {
        return found("shows a secret");
    }
    if error.to_string().len() > 1_500 {
        return found(&format!("is {} bytes long", error.to_string().len()));
    }
    if error.stage() != stage || !kinds.contains(&error.kind()) {
        return found("is another error");
    }
    Ok(())
}

/// What an answer is that cannot be read.
fn unreadable(body: &[u8]) -> &'static [ErrorKind] {
    let deep = body.starts_with(b"[[[[");
    if deep { &[ErrorKind::Decode, ErrorKind::TooDeep] } else { &[ErrorKind::Decode] }
}

/// What a call comes to, a panic included.
fn quietly<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<Result<T, Error>, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| "panicked".to_owned())
}

fn shown(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
    format!("{text:?} ({} bytes)", body.len())
}

/// A server that answers the API's requests, each for one case, with these bodies.
fn api(bodies: &Arc<Vec<Vec<u8>>>, status: &'static str) -> Server {
    let bodies = Arc::clone(bodies);
    serve(move |request, stream| respond(stream, status, "", &bodies[case(request)]))
}

#[test]
fn r17_page_is_read_only_if_it_is_one() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R17", name);
        let bodies = Arc::new(answers(&mut trial.random(), &page(), share(3_000, 300_000)));
        let known = Arc::clone(&bodies);
        let server = serve(move |request, stream| {
            let case: usize = target(request).split("search=").nth(1).unwrap().parse().unwrap();
            respond(stream, "200 OK", "", &known[case]);
        });
        let client = client(name, settings(&server.http()).build().unwrap());
        let results = each(bodies.len() as u64, 8, |case| {
            quietly(|| client.call(&ListDevices::new().search(case.to_string())))
        });
        for (body, result) in bodies.iter().zip(results) {
            let judged = result.and_then(|result| match result {
                Ok(page) => {
                    let read = page
                        .devices
                        .iter()
                        .map(|device| (device.uuid().to_owned(), device.name().to_owned()));
                    let read: Vec<_> = read.collect();
                    let mended: Vec<_> =
                        read.iter().map(|(uuid, name)| (mended(uuid), mended(name))).collect();
                    if devices(body).as_ref() == Some(&mended) {
                        Ok(())
                    } else {
                        Err(format!("was read as {read:?}"))
                    }
                }
                Err(error) => judge(&error, Stage::Call, unreadable(body)),
            });
            trial.case(judged.map_err(|what| format!("{what}: {}", shown(body))));
        }
        trial.end();
    }
}

#[test]
fn r17_token_is_taken_only_if_it_is_one() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R17", name);
        let bodies = Arc::new(answers(&mut trial.random(), &token(), share(1_000, 100_000)));
        let (known, used) = (Arc::clone(&bodies), Arc::new(Mutex::new(vec![None; bodies.len()])));
        let seen = Arc::clone(&used);
        let server = serve(move |request, stream| {
            if target(request).ends_with("/token") {
                return respond(stream, "200 OK", "", &known[case(request)]);
            }
            seen.lock().unwrap()[case(request)] = request.header("authorization").map(str::to_owned);
            respond(stream, "200 OK", "", PAGE);
        });
        let results = each(bodies.len() as u64, 8, |case| {
            let here = format!("{}/{case}", server.http());
            let config = settings(&here).token_url(format!("{here}/token")).build().unwrap();
            quietly(|| client(name, config).call(&ListDevices::new()))
        });
        let used = used.lock().unwrap();
        for ((body, result), used) in bodies.iter().zip(results).zip(used.iter()) {
            let judged = result.and_then(|result| match result {
                Ok(_) => {
                    let right = access_token(body).map(|token| format!("Bearer {token}"));
                    if right.is_some() && right == used.as_deref().map(mended) {
                        Ok(())
                    } else {
                        Err(format!("was used as {used:?}"))
                    }
                }
                Err(error) => judge(&error, Stage::Token, unreadable(body)),
            });
            trial.case(judged.map_err(|what| format!("{what}: {}", shown(body))));
        }
        trial.end();
    }
}

#[test]
fn r17_refusal_shows_no_secret_whatever_it_holds() {
    let refused = [
        ("400 Bad Request", ErrorKind::BadRequest),
        ("403 Forbidden", ErrorKind::Forbidden),
        ("404 Not Found", ErrorKind::NotFound),
        ("501 Not Implemented", ErrorKind::Server),
    ];
    let problem = json!({"error": SECRET, "error_description": format!("{TOKEN} and {SECRET}"), "path": "/"});
    for name in Client::NAMES {
        let mut trial = Trial::new("R17", name);
        for (status, kind) in refused {
            let bodies = answers(&mut trial.random(), &problem.to_string(), share(500, 50_000));
            let bodies = Arc::new(bodies);
            let server = api(&bodies, status);
            let client = client(name, settings(&server.http()).build().unwrap());
            let results = each(bodies.len() as u64, 8, |case| {
                quietly(|| client.call(&RawCall::new(Method::POST, &format!("/{case}/devices")).json("{}")))
            });
            for (body, result) in bodies.iter().zip(results) {
                let judged = result.and_then(|result| match result {
                    Ok(_) => Err("was no error".to_owned()),
                    Err(error) => judge(&error, Stage::Call, &[kind]),
                });
                trial.case(judged.map_err(|what| format!("{what}: {status}: {}", shown(body))));
            }
        }
        trial.end();
    }
}

/// The service took the downlink, whatever it says then.
#[test]
fn r17_receipt_may_hold_anything() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R17", name);
        let bodies = Arc::new(answers(&mut trial.random(), &page(), share(100, 10_000)));
        let known = Arc::clone(&bodies);
        let server = serve(move |request, stream| {
            let case: usize = target(request).split("externalReference=").nth(1).unwrap().parse().unwrap();
            respond(stream, "201 Created", "", &known[case]);
        });
        let client = client(name, settings(&server.http()).build().unwrap());
        let results = each(bodies.len() as u64, 8, |case| quietly(|| client.call(&downlink(case))));
        for (body, result) in bodies.iter().zip(results) {
            let judged = result.and_then(|result| result.map(drop).map_err(|error| error.to_string()));
            trial.case(judged.map_err(|what| format!("{what}: {}", shown(body))));
        }
        trial.end();
    }
}

/// What is no HTTP, or no answer that can be right.
const NO_ANSWERS: [&[u8]; 24] = [
    b"",
    b"\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 -200 OK\r\n\r\n",
    b"HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 0x10\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n\xff\xfe: x\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 100 Continue\r\n\r\n",
];

#[test]
fn r17_bytes_that_are_no_answer_leave_a_downlink_unknown() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R17", name);
        let mut random = trial.random();
        let valid = format!("HTTP/1.1 200 OK\r\nx-one: 1\r\ncontent-length: {}\r\n\r\n{PAGE}", PAGE.len());
        let accidents = (0..share(500, 50_000)).map(|_| mutated(&mut random, &valid));
        let bytes = Arc::new(NO_ANSWERS.map(<[u8]>::to_vec).into_iter().chain(accidents).collect::<Vec<_>>());
        let (known, seen) = (Arc::clone(&bytes), Arc::new(Mutex::new(vec![0; bytes.len()])));
        let met = Arc::clone(&seen);
        let server = serve(move |request, stream| {
            let case: usize = target(request).split("externalReference=").nth(1).unwrap().parse().unwrap();
            met.lock().unwrap()[case] += 1;
            let _ = stream.write_all(&known[case]);
            let _ = stream.shutdown(Shutdown::Both);
        });
        // A status may come of an accident that allows a retry.
        let retry = RetryPolicy { base_delay: Duration::from_millis(1), ..RetryPolicy::default() };
        let client = client(name, settings(&server.http()).retry(retry).build().unwrap());
        let results = each(bytes.len() as u64, 8, |case| quietly(|| client.call(&downlink(case))));
        let seen = seen.lock().unwrap();
        for (case, (bytes, result)) in bytes.iter().zip(results).enumerate() {
            let judged = result.and_then(|result| match result {
                Ok(_) if case < NO_ANSWERS.len() => Err("was taken for an answer".to_owned()),
                Ok(_) => Ok(()),
                Err(error) if error.outcome() == Some(Outcome::NotSent) && error.status().is_none() => {
                    Err(format!("was told to be not sent: {error}"))
                }
                Err(error) if error.outcome() == Some(Outcome::Unknown) && seen[case] > 1 => {
                    Err(format!("was sent {} times: {error}", seen[case]))
                }
                Err(error) => judge(&error, Stage::Call, ErrorKind::ALL),
            });
            trial.case(judged.map_err(|what| format!("{what}: {}", shown(bytes))));
        }
        trial.end();
    }
}
