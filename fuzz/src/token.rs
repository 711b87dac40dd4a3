//! `token`: the body of an answer to a token request. It becomes a header and a life within bounds, or an error that
//! does not repeat it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;
use things_core::{ErrorKind, Exchange, RawCall, Session, Stage, Step};

use crate::account::{self, assert_hidden, bearer, moment, response, sent, start};

/// Reads the bytes as the body of a token's answer.
pub fn token(data: &[u8]) {
    let session = account::session();
    let exchange = fetch(&session);
    let body = Bytes::copy_from_slice(data);
    let reply = response(200, HeaderMap::new(), body);
    match exchange.resume(Ok(reply), start()) {
        Step::Send(request, exchange) => {
            let token = bearer(&request).unwrap().to_owned();
            // What is skipped may be nested deeper than a value, or hold what is no text.
            assert!(is_plain(&token) && given(data).is_none_or(|given| given == token));
            assert!(request.headers()[AUTHORIZATION].is_sensitive());
            assert_eq!(request.uri(), "https://api.example/x");
            drop(exchange);
            lives_within_bounds(&session, &token);
        }
        Step::Done(Err(error)) => {
            assert!(
                matches!(error.kind(), ErrorKind::Decode | ErrorKind::TooDeep | ErrorKind::Auth),
                "{error}"
            );
            assert_eq!(error.stage(), Stage::Token);
            // What could pass for a token is not told, even if something else in the answer was wrong.
            let token = given(data).filter(|token| token.len() > 40);
            assert_hidden(&error, token.as_deref().as_slice());
        }
        other => panic!("neither a call nor an error: {other:?}"),
    }
    if let Ok(Value::Object(fields)) = serde_json::from_slice(data) {
        // The same fields, each once: nothing but the token itself decides.
        let body = Bytes::from(Value::from(fields).to_string());
        let accepted = given(&body).is_some();
        let step = fetch(&account::session()).resume(Ok(response(200, HeaderMap::new(), body)), start());
        assert_eq!(matches!(step, Step::Send(..)), accepted, "{step:?}");
    }
}

/// The token request of a session's first call.
fn fetch(session: &Session) -> Exchange {
    let (request, exchange) = sent(session.start(&RawCall::get("/x"), start()));
    assert_eq!(request.uri(), "https://grip.example/v2/rjsfm52t/oidc/idp/c1/token");
    exchange
}

/// The token in an answer, if it could stand in a header.
fn given(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let token = value.get("access_token")?.as_str()?;
    is_plain(token).then(|| token.to_owned())
}

fn is_plain(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
}

/// It is used for a second whatever the answer says, and not after a day.
fn lives_within_bounds(session: &Session, token: &str) {
    let after = |seconds| sent(session.start(&RawCall::get("/x"), moment(Duration::from_secs(seconds)))).0;
    assert_eq!(bearer(&after(1)), Some(token));
    assert_eq!(after(86_400).uri().host(), Some("grip.example"));
}
