//! `error_body`: the body of a refusal, at every stage of a call. `{secret}` and `{token}` in it stand for those that were
//! sent, as a server may repeat them, and `{secret-escaped}` and `{token-escaped}` for the same in other escapes of JSON.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use things_core::{
    Answer, Config, Downlink, Error, FPort, ListDevices, RawCall, RetryPolicy, Session, Stage, Step, finish,
};

use crate::account::{SECRET, TOKEN, answer, assert_hidden, config, escaped, start, token_body};

/// All that a body is treated differently for.
const STATUSES: &[u16] = &[302, 400, 403, 503];

/// Refuses with the bytes as a body.
pub fn error_body(data: &[u8]) {
    let body = filled_in(data);
    for status in STATUSES {
        refused(Stage::Token, *status, done(answer(first(&once()), *status, body.clone())), &body);
        let customer = once().for_customer("customer-1").unwrap();
        let step = answer(first(&customer), 200, token_body(TOKEN));
        refused(
            Stage::ContextSwitch,
            *status,
            rejected(answer(step, *status, body.clone()), *status, &body),
            &body,
        );
        let step = answer(once().start(&downlink(), start()), 200, token_body(TOKEN));
        refused(Stage::Call, *status, rejected(answer(step, *status, body.clone()), *status, &body), &body);
    }
    accepted(&body);
}

/// A session that tries everything once.
fn once() -> Session {
    static CONFIG: LazyLock<Config> = LazyLock::new(|| {
        let policy = RetryPolicy { max_attempts: 1, ..Default::default() };
        config(policy, Duration::from_secs(15))
    });
    Session::new(CONFIG.clone(), 0)
}

fn first(session: &Session) -> Step {
    session.start(&RawCall::get("/x"), start())
}

fn downlink() -> Downlink {
    Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]).unwrap()
}

/// A rejected token is fetched anew, once, and rejected again.
fn rejected(step: Step, status: u16, body: &Bytes) -> Result<Answer, Error> {
    if !matches!(status, 302 | 401) {
        return done(step);
    }
    let step = answer(step, 200, token_body(TOKEN));
    done(answer(step, status, body.clone()))
}

fn done(step: Step) -> Result<Answer, Error> {
    match step {
        Step::Done(result) => result,
        other => panic!("not done: {other:?}"),
    }
}

fn refused(stage: Stage, status: u16, result: Result<Answer, Error>, body: &Bytes) {
    let error = result.unwrap_err();
    assert_eq!((error.stage(), error.status().map(|status| status.as_u16())), (stage, Some(status)));
    // There is no token yet while one is asked for.
    reads_well(&error, if stage == Stage::Token { &[SECRET] } else { &[SECRET, TOKEN] });
    let kept = error.body().bytes();
    assert!(kept.len() <= body.len() + body.len() / 4 * 6);
    // What is no text cannot be searched for secrets, and is not kept.
    assert!(!kept.is_empty() || body.is_empty() || std::str::from_utf8(body).is_err() || body.contains(&0));
    if !String::from_utf8_lossy(kept).contains("[redacted]") {
        assert_eq!(kept.len(), if kept.is_empty() { 0 } else { body.len() });
    }
}

/// A success that cannot be read is an error too, or nothing at all.
fn accepted(body: &Bytes) {
    let devices = ListDevices::new();
    let step = answer(once().start(&devices, start()), 200, token_body(TOKEN));
    let result = finish(&devices, done(answer(step, 200, body.clone())));
    if let Err(error) = result {
        reads_well(&error, &[SECRET, TOKEN]);
    }
    let step = answer(once().start(&downlink(), start()), 200, token_body(TOKEN));
    let receipt = finish(&downlink(), done(answer(step, 201, body.clone()))).unwrap();
    assert_eq!(receipt.body.is_empty(), body.is_empty());
}

/// Shows no secret, and is one line of a decent length whatever the server says.
fn reads_well(error: &Error, hidden: &[&str]) {
    assert_hidden(error, hidden);
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(text.chars().count() < 800, "{text}");
}

/// The body with its placeholders replaced.
fn filled_in(data: &[u8]) -> Bytes {
    let Ok(text) = std::str::from_utf8(data) else { return Bytes::copy_from_slice(data) };
    let text = text
        .replace("{secret}", &escaped(SECRET))
        .replace("{token}", &escaped(TOKEN))
        .replace("{secret-escaped}", &escaped_otherwise(SECRET))
        .replace("{token-escaped}", &escaped_otherwise(TOKEN))
        .replace("{secret-plain}", SECRET)
        .replace("{token-plain}", TOKEN);
    Bytes::from(text)
}

/// As some writers of JSON do: every character that may be escaped is.
fn escaped_otherwise(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}
