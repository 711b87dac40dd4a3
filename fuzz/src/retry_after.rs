//! `retry_after`: the headers of an answer, one a line, as `Retry-After: 120`. They are read as RFC 9110 says, nothing is
//! asked of the server before the time it named, and policies of any numbers decide.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use things_core::{
    Decision, Failure, ListDevices, Replay, RetryPolicy, Step, Stop, TransportErrorKind, retry_after as read,
};

use crate::account::{TOKEN, answer, response, sent, session, start, token_body};

/// Reads the bytes as headers, and as the numbers of a policy.
pub fn retry_after(data: &[u8]) {
    let headers = headers(data);
    let asked = read(&headers, start());
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    match seconds.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(digits) => assert_eq!(asked, Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))),
        // A date names its day or its month; nothing without a letter is one.
        None => assert!(asked.is_none() || seconds.is_some_and(|text| text.contains(char::is_alphabetic))),
    }
    is_waited_for(headers, asked);
    if let Ok(numbers) = Numbers::arbitrary_take_rest(Unstructured::new(data)) {
        decides(&numbers);
    }
}

fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// By a read with an hour of time, and otherwise the documented policy: up to 120 s.
fn is_waited_for(headers: HeaderMap, asked: Option<Duration>) {
    let session = session().with_timeout(Duration::from_secs(3600));
    let step = answer(session.start(&ListDevices::new(), start()), 200, token_body(TOKEN));
    let reply = response(429, headers, Bytes::new());
    match sent(step).1.resume(Ok(reply), start()) {
        Step::Sleep(pause) => {
            let wait = pause.until().since(start());
            assert!(
                wait >= asked.unwrap_or_default() && asked.unwrap_or_default() <= Duration::from_secs(120)
            );
            assert!(wait <= asked.unwrap_or_default().max(Duration::from_secs(10)));
        }
        Step::Done(Err(error)) => {
            assert!(asked.is_some_and(|asked| asked > Duration::from_secs(120)));
            assert_eq!((error.stop(), error.retry_after()), (Some(Stop::RetryAfterTooLong), asked));
        }
        other => panic!("neither a pause nor an error: {other:?}"),
    }
}

#[derive(Arbitrary, Debug)]
struct Numbers {
    attempt: u32,
    max_attempts: u32,
    delays: [Time; 4],
    jitter: f64,
    status: u16,
    replay: u8,
    transport: u8,
}

/// A time, often an extreme one.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Time {
    Zero,
    Short(u16),
    Any(u64),
    Endless,
}

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        match time {
            Time::Zero => Self::ZERO,
            Time::Short(ms) => Self::from_millis(ms.into()),
            Time::Any(nanos) => Self::from_nanos(nanos).saturating_mul(1 << 20),
            Time::Endless => Self::MAX,
        }
    }
}

fn decides(numbers: &Numbers) {
    let [base_delay, max_delay, max_retry_after, asked] = numbers.delays.map(Duration::from);
    let mut policy = RetryPolicy::default();
    (policy.max_attempts, policy.base_delay) = (numbers.max_attempts, base_delay);
    (policy.max_delay, policy.max_retry_after) = (max_delay, max_retry_after);
    let replay = [Replay::Safe, Replay::Idempotent, Replay::Never][usize::from(numbers.replay % 3)];
    use TransportErrorKind::{Connect, Interrupted, Other, Timeout, TooLarge};
    let failure = match StatusCode::from_u16(numbers.status) {
        Ok(status) => Failure::Status(status, Some(asked).filter(|_| numbers.transport.is_multiple_of(2))),
        Err(_) => {
            let kinds = [Connect, Timeout, Interrupted, TooLarge, Other];
            Failure::Transport(kinds[usize::from(numbers.transport % 5)])
        }
    };
    let decision = policy.decide(replay, numbers.attempt, failure, numbers.jitter);
    if let Decision::After(wait) = decision {
        assert!(numbers.attempt < numbers.max_attempts);
        let asked = match failure {
            Failure::Status(_, Some(asked)) => asked,
            _ => Duration::ZERO,
        };
        assert!(wait >= asked && asked <= max_retry_after && wait <= asked.max(max_delay));
    }
}
