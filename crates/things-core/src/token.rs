//! `POST {gripBaseUrl}/v2/{tenantId}/oidc/idp/c1/token` returns an access token from GRIP, KPN's identity service.
//!
//! JSON both ways; grant type `client_credentials`, no scope, no refresh token (KPN's documentation; public
//! integrations show the path). Whether `expires_in` is a number is unknown: number, numeric string and absence are
//! accepted.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::access_token::AccessToken;
use crate::coding;
use crate::config::Credentials;
use crate::error::DecodeError;
use crate::json::{Flaw, Kind, Scanner, Token, Why};
use crate::moment::Moment;
use crate::secret::{Secret, secret_bytes};
use crate::slot::Life;

/// A token is valid for one hour (KPN's documentation), unless the response specifies another time.
const DOCUMENTED_LIFE: Duration = Duration::from_secs(3600);

/// A lifetime outside these limits counts as a mistake of the server: a shorter one would cost a token request per
/// call, and a longer one would never be refreshed.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// No server accepts a header of this size, and a larger text would only take memory.
const LONGEST_TOKEN: usize = 64 << 10;

/// The maximum number of fields that an error names, and of characters of each.
const MOST_NAMES: usize = 10;
const LONGEST_NAME: usize = 40;

/// Returns the body of the token request.
pub(crate) fn request_body(credentials: &Credentials) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        grant_type: &'static str,
        audience: &'a str,
        client_id: &'a str,
        client_secret: &'a str,
    }
    let body = Body {
        grant_type: "client_credentials",
        audience: credentials.audience(),
        client_id: &credentials.key_id,
        client_secret: credentials.key_secret.expose(),
    };
    // The buffer is large enough not to move and leave a copy of the secret behind.
    let mut bytes = Vec::with_capacity(most_bytes([body.audience, body.client_id, body.client_secret]));
    // Four strings always serialise, and a Vec accepts all of them.
    let _ = serde_json::to_writer(&mut bytes, &body);
    secret_bytes(bytes)
}

/// Returns more bytes than the body of a token request can take: JSON writes a byte as six at most.
fn most_bytes(texts: [&str; 3]) -> usize {
    128 + 6 * texts.map(str::len).iter().sum::<usize>()
}

/// Reads a token response. Returns the `Authorization` header for the token, and the token's lifetime.
///
/// The error contains no value of the response.
pub(crate) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<(HeaderValue, Duration), DecodeError> {
    let text = coding::text(headers, body).map_err(|no_text| no_token(no_text.why))?;
    let mut scanner = Scanner::new(text);
    let [mut access_token, mut expires_in] = [Token::NULL; 2];
    let mut names = Vec::new();
    let read: Result<(), Flaw> = scanner.object(|scanner, name| {
        let value = scanner.value()?;
        match name.text().as_deref() {
            Some("access_token") => access_token = value,
            Some("expires_in") => expires_in = value,
            _ => {}
        }
        if names.len() < MOST_NAMES {
            names.push(name);
        }
        Ok(())
    });
    read.and_then(|()| scanner.end()).map_err(|flaw| match flaw.why {
        Why::TooDeep => DecodeError::too_deep(format_args!("not a token: {}", flaw.why)),
        why => no_token(format_args!("{why} (byte {})", flaw.at + 1)),
    })?;
    if access_token.raw().len() > LONGEST_TOKEN {
        return Err(no_token("access_token is longer than 64 KiB"));
    }
    let token = access_token.text().map(|text| Zeroizing::new(text.into_owned()));
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(no_token(no_access_token(&names)));
    };
    let header = header(&token).ok_or_else(|| no_token("access_token cannot be a header value"))?;
    Ok((header, life(expires_in)))
}

const SCHEME: &str = "Bearer ";

/// Returns the `Authorization` header for a token, unless it cannot be one.
fn header(token: &str) -> Option<HeaderValue> {
    let mut header = Vec::with_capacity(SCHEME.len() + token.len());
    header.extend_from_slice(SCHEME.as_bytes());
    header.extend_from_slice(token.as_bytes());
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut header = HeaderValue::from_maybe_shared(secret_bytes(header)).ok().filter(|_| plain)?;
    header.set_sensitive(true);
    Some(header)
}

/// Returns the token of an `Authorization` header.
pub(crate) fn text(header: &HeaderValue) -> Option<Secret> {
    header.to_str().ok()?.strip_prefix(SCHEME).map(Secret::from)
}

/// Returns the `Authorization` header for a stored token, and its times by the monotonic clock.
///
/// A token that has expired is useless. The lifetime of one from the future is unknown: the clock was set back after
/// it was fetched.
pub(crate) fn stored(token: &AccessToken, now: Moment, jitter: f64) -> Option<(HeaderValue, Life)> {
    let age = now.wall().duration_since(token.fetched_at).ok()?;
    let left = token.expires_at.duration_since(now.wall()).ok().filter(|left| !left.is_zero())?;
    let life = (age + left).min(LONGEST_LIFE);
    let fetched = schedule(life, now, jitter);
    let earlier = |due: Moment| now + due.since(now).saturating_sub(age);
    let life = Life { refresh_at: earlier(fetched.refresh_at), expires_at: earlier(fetched.expires_at) };
    Some((header(token.text.expose())?, life)).filter(|_| life.expires_at > now)
}

fn no_token(why: impl fmt::Display) -> DecodeError {
    DecodeError::new(format_args!("not a token: {why}"))
}

/// Names the fields that the response has instead of the token.
fn no_access_token(names: &[Token<'_>]) -> String {
    if names.is_empty() {
        return "there is no field in it".to_owned();
    }
    let short = |name: &Token<'_>| {
        let name = name.text().unwrap_or_default();
        name.chars().filter(|char| !char.is_control()).take(LONGEST_NAME).collect::<String>()
    };
    let names: Vec<_> = names.iter().map(short).collect();
    format!("there is no text access_token in it; its fields are {}", names.join(", "))
}

/// Returns the lifetime of a token, whatever the shape of `expires_in`.
fn life(expires_in: Token<'_>) -> Duration {
    let text = expires_in.text();
    let number = match (&text, expires_in.kind()) {
        (Some(text), _) => text.trim(),
        (None, Kind::Number) => expires_in.raw(),
        _ => "",
    };
    life_of(number.parse().ok())
}

fn life_of(seconds: Option<f64>) -> Duration {
    match seconds {
        Some(seconds) if seconds.is_finite() => {
            Duration::from_secs_f64(seconds.clamp(SHORTEST_LIFE.as_secs_f64(), LONGEST_LIFE.as_secs_f64()))
        }
        _ => DOCUMENTED_LIFE,
    }
}

/// Returns when a token fetched now is due: at 70 to 80 % of its lifetime, by a jitter from 0 to 1.
pub(crate) fn schedule(life: Duration, now: Moment, jitter: f64) -> Life {
    Life { refresh_at: now + life.mul_f64(0.8 - 0.1 * jitter.clamp(0.0, 1.0)), expires_at: now + life }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn decode(body: &[u8]) -> Result<(HeaderValue, Duration), DecodeError> {
        super::decode(&HeaderMap::new(), body)
    }

    fn life_in(expires_in: Value) -> u64 {
        let body = json!({"access_token": "t", "expires_in": expires_in}).to_string();
        decode(body.as_bytes()).unwrap().1.as_secs()
    }

    #[test]
    fn the_request_is_the_documented_json() {
        let credentials = Credentials::new("rjsfm52t", "key", "a/s+e=c&r%\"t")
            .application_id("4dc82561-f65f-523g-dek9-6c79ec314f02");
        assert_eq!(
            request_body(&credentials),
            r#"{"grant_type":"client_credentials","audience":"4dc82561-f65f-523g-dek9-6c79ec314f02","client_id":"key","client_secret":"a/s+e=c&r%\"t"}"#
        );
    }

    #[test]
    fn the_request_fits_into_its_first_buffer() {
        let long = "\u{1}".repeat(200);
        for [audience, id, secret] in [["", "", ""], [&long, "", ""], ["", &long, ""], ["", "", &long]] {
            let credentials = Credentials::new("t", id, secret).application_id(audience);
            let length = request_body(&credentials).len();
            assert!(length <= most_bytes([audience, id, secret]), "{length}");
        }
    }

    #[test]
    fn expires_in_is_read_in_every_shape() {
        assert_eq!(life_in(json!(3600)), 3600);
        assert_eq!(life_in(json!("1800")), 1800);
        assert_eq!(life_in(json!(1799.5)), 1799);
        for strange in [json!(null), json!("soon"), json!({}), json!("NaN"), json!("inf")] {
            assert_eq!(life_in(strange), 3600);
        }
        assert_eq!(decode(br#"{"access_token":"t"}"#).unwrap().1, DOCUMENTED_LIFE);
    }

    #[test]
    fn a_senseless_life_is_bounded() {
        for short in [json!(0), json!(-5), json!("0"), json!(1)] {
            assert_eq!(life_in(short), 2);
        }
        assert_eq!(life_in(json!(1e12)), 86_400);
    }

    #[test]
    fn the_header_is_masked_in_debug() {
        let (header, _) = decode(br#"{"access_token":"abc.def","token_type":"Bearer"}"#).unwrap();
        assert_eq!(header, "Bearer abc.def");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }

    fn why(body: &str) -> String {
        decode(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_token_is_an_error_that_shows_no_value() {
        for (bad, expected) in [
            ("", "not a token: the JSON is cut short (byte 1)"),
            ("<html>", "not a token: not a JSON object (byte 1)"),
            ("{}", "not a token: there is no field in it"),
            (r#"["t",3600]"#, "not a token: not a JSON object (byte 1)"),
            (r#"{"access_token":"t" "#, "not a token: the JSON is cut short (byte 21)"),
            (
                r#"{"access_token":null,"x":"hush"}"#,
                "not a token: there is no text access_token in it; its fields are access_token, x",
            ),
            (
                r#"{"accessToken":"hush","expiresIn":3600}"#,
                "not a token: there is no text access_token in it; its fields are accessToken, expiresIn",
            ),
            (r#"{"access_token":"a\r\nb"}"#, "not a token: access_token cannot be a header value"),
            (
                r#"{"access_token":"","error":""}"#,
                "not a token: there is no text access_token in it; its fields are access_token, error",
            ),
        ] {
            assert_eq!(why(bad), expected);
        }
        let long = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(LONGEST_TOKEN));
        assert_eq!(why(&long), "not a token: access_token is longer than 64 KiB");
        let wide = format!("{{{}}}", vec![format!(r#""{}":0"#, "n\\n".repeat(1_000)); 1_000].join(","));
        assert!(why(&wide).len() < 600, "{}", why(&wide));
    }

    #[test]
    fn a_token_is_due_before_it_expires() {
        let now = Moment::new(Duration::ZERO, std::time::SystemTime::UNIX_EPOCH);
        let early = schedule(Duration::from_secs(100), now, 1.0);
        let late = schedule(Duration::from_secs(100), now, 0.0);
        assert_eq!(early.refresh_at.monotonic().as_secs_f64().round(), 70.0);
        assert_eq!(late.refresh_at.monotonic().as_secs_f64().round(), 80.0);
    }

    fn second(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    #[test]
    fn a_stored_token_has_what_is_left_of_its_life() {
        let token =
            AccessToken { text: "canary".into(), fetched_at: second(1_000), expires_at: second(4_600) };
        // The monotonic clock of another process.
        let at = |wall: u64| Moment::new(Duration::from_secs(7), second(wall));
        let (header, life) = stored(&token, at(2_800), 0.0).unwrap();
        assert_eq!(
            (header.clone(), header.is_sensitive()),
            (HeaderValue::from_static("Bearer canary"), true)
        );
        assert_eq!(text(&header), Some("canary".into()));
        let left = |due: Moment| due.monotonic().as_secs() - 7;
        assert_eq!((left(life.refresh_at), left(life.expires_at)), (1_080, 1_800));
        let (_, late) = stored(&token, at(4_500), 0.0).unwrap();
        assert_eq!((left(late.refresh_at), left(late.expires_at)), (0, 100));
        for wall in [999, 4_600, 4_601] {
            assert!(stored(&token, at(wall), 0.0).is_none(), "{wall}");
        }
        assert!(!format!("{token:?}").contains("canary"));
    }

    #[test]
    fn a_stored_token_that_cannot_be_one_is_not_used() {
        let now = Moment::new(Duration::ZERO, second(10));
        let of = |text: &str, expires: u64| {
            let token = AccessToken { text: text.into(), fetched_at: second(0), expires_at: second(expires) };
            stored(&token, now, 0.0)
        };
        for bad in ["", "a b", "a\r\nb", "\u{e9}"] {
            assert!(of(bad, 100).is_none(), "{bad:?}");
        }
        let (_, life) = of("t", 10_000_000).unwrap();
        assert_eq!(life.expires_at.since(now), LONGEST_LIFE - Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_token_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&body);
        }

        #[test]
        fn any_life_costs_at_most_one_token_a_second(seconds in any::<f64>(), jitter in 0.0..=1.0) {
            let now = Moment::new(Duration::ZERO, std::time::SystemTime::UNIX_EPOCH);
            let due = schedule(life_of(Some(seconds)), now, jitter);
            prop_assert!(due.refresh_at.since(now) >= Duration::from_secs(1));
            prop_assert!(due.expires_at > due.refresh_at);
        }
    }
}
