//! The requests of a receiver: a message is verified, stored, and then confirmed.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{
    ALLOW, AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use things_store::inbox::{NewMessage, Source};
use things_uplink::{Refusal, Verifier};
use tokio::time::timeout;

use crate::body::{self, Unread};
use crate::connections::{Connection, Connections};
use crate::extract::{refuse, verify};
use crate::metrics::{CONTENT_TYPE as METRICS, Metrics};
use crate::{Limits, Unavailable, Writer};

/// What is stored instead of a credential.
const MASK: &[u8] = b"***";
/// Headers whose values are credentials of the connection, and no part of the message.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
/// Seconds after which a sender may try again.
const PAUSE: &str = "5";

/// What all requests share.
#[derive(Clone)]
pub(crate) struct Endpoint(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) verifier: Verifier,
    pub(crate) writer: Writer,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: Limits,
}

/// The routes. A `POST` to any path is a message.
pub(crate) fn router(endpoint: Endpoint) -> Router {
    let message = || post(receive).fallback(refuse_method);
    Router::new()
        .route("/health", message().get(health))
        .route("/metrics", message().get(metrics))
        .fallback_service(message().with_state(endpoint.clone()))
        .with_state(endpoint)
}

async fn receive(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let response = endpoint.receive(request).await;
    endpoint.count(response)
}

async fn refuse_method(State(endpoint): State<Endpoint>) -> Response {
    let reason = "messages are posted: use the method POST\n";
    let response = (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], reason).into_response();
    endpoint.refused("method");
    endpoint.count(response)
}

async fn health(State(endpoint): State<Endpoint>) -> Response {
    match endpoint.0.writer.check().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => error.into_response(),
    }
}

async fn metrics(State(endpoint): State<Endpoint>) -> Response {
    match endpoint.metrics().encode() {
        Ok(text) => ([(CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

impl Endpoint {
    async fn receive(&self, request: Request) -> Response {
        let Parts { verifier, writer, connections, limits } = &*self.0;
        let (parts, body) = request.into_parts();
        // A router in a server of somebody else has none.
        let connection = parts.extensions.get::<Arc<Connection>>().cloned().unwrap_or_default();
        let grow = |bytes| connections.grow(writer.memory(), &connection, bytes);
        let headers = parts.headers;
        let length = body::announced(&headers);
        let read = async {
            // They are stored with the message.
            if !grow(headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()) {
                return Err(Unread::NoMemory);
            }
            body::read(body, length, verifier.limit(), grow).await
        };
        let read = timeout(limits.body_timeout, read).await;
        let room = connection.arrived();
        let body = match read {
            Ok(Ok(body)) => body,
            Ok(Err(Unread::TooLarge)) => return self.refuse(&Refusal::TooLarge { limit: verifier.limit() }),
            Ok(Err(Unread::NoMemory)) => return self.unavailable(writer.full_memory()),
            Ok(Err(Unread::Broken(error))) => {
                self.refused("unreadable");
                return (StatusCode::BAD_REQUEST, format!("the body could not be read: {error}\n"))
                    .into_response();
            }
            Err(_) => return self.too_slow(),
        };
        self.metrics().body.inc_by(u64::try_from(body.len()).unwrap_or(u64::MAX));
        let label = match verify(verifier, &headers, &body) {
            Ok((label, _)) => label,
            Err(refusal) => return self.refuse(&refusal),
        };
        Metrics::count(&self.metrics().verified, "label", label);
        let message = NewMessage {
            received: SystemTime::now(),
            source: Source::Http,
            label: Some(label.to_owned()),
            headers: stored_headers(&headers),
            body: body.into(),
        };
        match writer.store_in(room, message).await {
            Ok(_) => StatusCode::NO_CONTENT.into_response(),
            Err(error) => self.unavailable(error),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.refused(refusal.reason());
        refuse(refusal)
    }

    fn unavailable(&self, error: Unavailable) -> Response {
        self.refused("unavailable");
        error.into_response()
    }

    /// The rest of the body is not read, so the connection has to end.
    fn too_slow(&self) -> Response {
        self.refused("slow");
        let seconds = self.0.limits.body_timeout.as_secs_f64();
        let reason = format!("the body has not arrived within {seconds} s\n");
        (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")], reason).into_response()
    }

    fn refused(&self, reason: &'static str) {
        Metrics::count(&self.metrics().refused, "reason", reason);
    }

    fn count(&self, response: Response) -> Response {
        Metrics::count(&self.metrics().requests, "status", response.status().as_str());
        response
    }

    fn metrics(&self) -> &Metrics {
        self.0.writer.metrics()
    }
}

/// 503 with `Retry-After`, and one line of plain text with the reason.
impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, PAUSE)], format!("{self}\n")).into_response()
    }
}

/// The headers as they were received. Names are lower-case, because hyper changes them.
fn stored_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let value = |name: &HeaderName, value: &HeaderValue| {
        if CREDENTIALS.contains(name) { MASK.to_vec() } else { value.as_bytes().to_vec() }
    };
    headers.iter().map(|(name, found)| (name.as_str().to_owned(), value(name, found))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_stored_in_order_and_without_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert("Things-Plug-UUID", HeaderValue::from_static("7e6c"));
        headers.insert("Authorization", HeaderValue::from_static("Bearer secret"));
        headers.append("X-Twice", HeaderValue::from_static("1"));
        headers.append("X-Twice", HeaderValue::from_bytes(b"\xFF").unwrap());
        headers.insert("Cookie", HeaderValue::from_static("session=secret"));
        let expected: [(&str, &[u8]); 5] = [
            ("things-plug-uuid", b"7e6c"),
            ("authorization", b"***"),
            ("x-twice", b"1"),
            ("x-twice", b"\xFF"),
            ("cookie", b"***"),
        ];
        assert_eq!(stored_headers(&headers), expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
    }
}
