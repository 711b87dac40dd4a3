//! GRIP and KPN Things in a mood: what a request comes to.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use things_core::{Stage, TransportErrorKind};

use super::plan::Mood;
use crate::dice::Dice;

/// What the service does with a request, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Treatment {
    /// Whether it did what was asked.
    pub(super) done: bool,
    /// `None`: nothing, ever.
    pub(super) reply: Option<Reply>,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status, and the seconds of `Retry-After`.
    Status(u16, Option<u64>),
    Broken(TransportErrorKind),
}

/// Whether nobody takes a request, so that it is never sent.
pub(super) fn is_refused(mood: Mood, dice: &Dice) -> bool {
    match mood {
        Mood::Down => true,
        Mood::Flaky(percent) => dice.percent(percent / 6),
        _ => false,
    }
}

/// What comes of a request that arrived.
pub(super) fn treat(mood: Mood, stage: Stage, dice: &Dice) -> Treatment {
    match (mood, stage) {
        (Mood::KeyRefused, Stage::Token) => refused(dice.pick([401, 403, 400]), None),
        // Other moods are about downlinks, and seldom about tokens.
        (Mood::Flaky(percent), _) if dice.percent(percent) => trouble(dice),
        (Mood::Flaky(_), _) => served(dice),
        (Mood::Good, _) => served(dice),
        (_, Stage::Token) => {
            if dice.percent(98) {
                served(dice)
            } else {
                trouble(dice)
            }
        }
        (Mood::Busy(status, wait), _) => busy(status, wait, dice),
        (Mood::Broken, _) => Treatment { done: dice.percent(50), reply: Some(Reply::Status(500, None)) },
        (Mood::Silent, _) => Treatment { done: dice.percent(50), reply: None },
        (Mood::Refusing(status), _) => refused(status, None),
        (Mood::Down | Mood::KeyRefused, _) => served(dice),
    }
}

fn served(dice: &Dice) -> Treatment {
    Treatment { done: true, reply: Some(Reply::Status(dice.pick([200, 201, 201, 204]), None)) }
}

fn refused(status: u16, wait: Option<u64>) -> Treatment {
    Treatment { done: false, reply: Some(Reply::Status(status, wait)) }
}

/// 429 is a refusal, and so is 503 if it says when to come back. Otherwise it may have been done.
fn busy(status: u16, wait: Option<u64>, dice: &Dice) -> Treatment {
    let refusal = status == 429 || wait.is_some();
    Treatment { done: !refusal && dice.percent(50), reply: Some(Reply::Status(status, wait)) }
}

fn trouble(dice: &Dice) -> Treatment {
    let wait = dice.pick([None, None, Some(0), Some(1), Some(5), Some(200)]);
    match dice.below(12) {
        10.. => busy(429, None, dice),
        0..2 => busy(429, wait, dice),
        2..4 => busy(503, wait, dice),
        4 => refused(dice.pick([302, 401, 403, 400, 404]), None),
        5 => Treatment {
            done: dice.percent(50),
            reply: Some(Reply::Status(dice.pick([500, 502, 504, 408]), None)),
        },
        6..8 => {
            let kind = dice.pick([TransportErrorKind::Interrupted, TransportErrorKind::Other]);
            Treatment { done: dice.percent(50), reply: Some(Reply::Broken(kind)) }
        }
        _ => Treatment { done: dice.percent(50), reply: None },
    }
}

/// The response to a request of this stage.
pub(super) fn response(status: u16, wait: Option<u64>, stage: Stage) -> Response<Bytes> {
    const TOKEN: &[u8] = br#"{"access_token":"token-1","expires_in":3600}"#;
    let is_token = stage == Stage::Token && (200..300).contains(&status);
    let mut response = Response::new(Bytes::from_static(if is_token { TOKEN } else { b"" }));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    if is_token {
        *response.status_mut() = StatusCode::OK;
    }
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    if matches!(status, 300..=399) {
        response
            .headers_mut()
            .insert(header::LOCATION, HeaderValue::from_static("https://elsewhere.example/"));
    }
    response
}
