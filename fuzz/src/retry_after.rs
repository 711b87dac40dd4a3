//! `retry_after`: the headers of an answer, one a line, as `Retry-After: 120`. They are read as RFC 9110 says, nothing is
//! asked of the server before the time it named, and policies of any numbers decide.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use things_core::{ListDevices, RawCall, RetryPolicy, Step, Stop, TransportErrorKind};

use crate::account::{TOKEN, answer, response, sent, session, session_with, start, token_body};

/// Reads the bytes as headers, and as the numbers of a policy.
pub fn retry_after(data: &[u8]) {
    is_waited_for(headers(data));
    if let Ok(numbers) = Numbers::arbitrary_take_rest(Unstructured::new(data)) {
        decides(&numbers);
    }
}

/// What a call was asked to wait: seconds exactly, a date only if there is one.
fn reads(headers: &HeaderMap, asked: Option<Duration>) {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    match seconds.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(digits) => assert_eq!(asked, Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))),
        // A date names its day or its month; nothing without a letter is one.
        None => assert!(asked.is_none() || seconds.is_some_and(|text| text.contains(char::is_alphabetic))),
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

/// By a read with an hour of time and one attempt, which ends at once and reports what was asked, and by one with the
/// documented policy, which waits up to 120 s.
fn is_waited_for(headers: HeaderMap) {
    let once = RetryPolicy { max_attempts: 1, ..Default::default() };
    let step = answer(session_with(once).start(&ListDevices::new(), start()), 200, token_body(TOKEN));
    let reply = response(429, headers.clone(), Bytes::new());
    let Step::Done(Err(error)) = sent(step).1.resume(Ok(reply), start()) else { panic!("one attempt") };
    let asked = error.retry_after();
    reads(&headers, asked);
    let session = session().with_timeout(Duration::from_secs(3600));
    let step = answer(session.start(&ListDevices::new(), start()), 200, token_body(TOKEN));
    let reply = response(429, headers, Bytes::new());
    match sent(step).1.resume(Ok(reply), start()) {
        Step::Sleep(pause) => {
            let wait = pause.until().since(start());
            let asked = asked.unwrap_or_default();
            assert!(wait >= asked && asked <= Duration::from_secs(120));
            assert!(wait <= asked.max(Duration::from_secs(10)));
        }
        Step::Done(Err(error)) => {
            assert!(asked.is_some_and(|asked| asked > Duration::from_secs(120)));
            assert_eq!(
                (error.gave_up_because(), error.retry_after()),
                (Some(Stop::RetryAfterTooLong), asked)
            );
        }
        other => panic!("neither a pause nor an error: {other:?}"),
    }
}

#[derive(Arbitrary, Debug)]
struct Numbers {
    max_attempts: u32,
    delays: [Time; 4],
    status: u16,
    post: bool,
    asks_to_wait: bool,
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

/// A policy of any numbers waits as long as the service asks, and no longer than its own limits allow.
fn decides(numbers: &Numbers) {
    let [base_delay, max_delay, max_retry_after, asked] = numbers.delays.map(Duration::from);
    let mut policy = RetryPolicy::default();
    (policy.max_attempts, policy.base_delay) = (numbers.max_attempts.max(1), base_delay);
    (policy.max_delay, policy.max_retry_after) = (max_delay, max_retry_after);
    let session = session_with(policy).with_timeout(Duration::MAX);
    let call = RawCall::new(if numbers.post { Method::POST } else { Method::GET }, "/x");
    let step = answer(session.start(&call, start()), 200, token_body(TOKEN));
    use TransportErrorKind::{Connect, Interrupted, Other, Timeout, TooLarge};
    let asked = Some(Duration::from_secs(asked.as_secs())).filter(|_| numbers.asks_to_wait);
    let (reply, asked) = match StatusCode::from_u16(numbers.status) {
        Ok(status) if !status.is_success() && !matches!(numbers.status, 302 | 401) => {
            let headers = asked.map(|asked| (RETRY_AFTER, asked.as_secs().into())).into_iter().collect();
            (Ok(response(numbers.status, headers, Bytes::new())), asked)
        }
        _ => {
            let kinds = [Connect, Timeout, Interrupted, TooLarge, Other];
            (Err(kinds[usize::from(numbers.transport % 5)].into()), None)
        }
    };
    if let Step::Sleep(pause) = sent(step).1.resume(reply, start()) {
        assert!(numbers.max_attempts > 1);
        let (wait, asked) = (pause.until().since(start()), asked.unwrap_or_default());
        assert!(wait >= asked && asked <= max_retry_after && wait <= asked.max(max_delay));
    }
}
