//! An axum extractor, for handlers of your own.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONNECTION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use things_uplink::{PLUG_HEADER, Refusal, TOKEN_HEADER, Verifier};

use crate::body::{self, Unread};

/// A message whose token is correct, in an axum handler.
///
/// The state of the router has to contain an `Arc<Verifier>`, as [`FromRef`] describes it. The extractor reads the whole body, at
/// most as many bytes as the verifier allows, so it has to be the last argument of the handler. It does not store the message, and
/// has no timeout: [`Receiver`](crate::Receiver) has both.
///
/// ```
/// use std::sync::Arc;
///
/// use axum::Router;
/// use axum::routing::post;
/// use things_receiver::extract::VerifiedUplink;
/// use things_uplink::{Secrets, Verifier};
///
/// async fn uplink(message: VerifiedUplink) {
///     println!("{} bytes, verified by the secret {}", message.body.len(), message.label);
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::new(Secrets::parse("active=MYKEY2")?);
/// let app: Router = Router::new().route("/uplinks", post(uplink)).with_state(Arc::new(verifier));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedUplink {
    /// The body, byte by byte as it was signed.
    pub body: Bytes,
    /// The label of the secret that verified it. It shows whether a retiring secret is still in use.
    pub label: String,
    /// SHA-256 of the body and the secret. A retry of the same message has the same digest.
    pub token_digest: [u8; 32],
}

/// Why a request is not a [`VerifiedUplink`]. Its response has one line of plain text with the reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The token is missing, malformed or wrong (401), or the body is too large (413).
    Refused(Refusal),
    /// The body could not be read to its end (400).
    Unreadable(axum::Error),
}

impl<S> FromRequest<S> for VerifiedUplink
where
    Arc<Verifier>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let verifier: Arc<Verifier> = FromRef::from_ref(state);
        let (parts, body) = request.into_parts();
        let limit = verifier.limit();
        let read = body::read(body, body::announced(&parts.headers), limit, |_| true).await;
        let body = read.map_err(|unread| match unread {
            Unread::Broken(error) => Rejection::Unreadable(error),
            Unread::TooLarge | Unread::NoMemory => Rejection::Refused(Refusal::TooLarge { limit }),
        })?;
        let (label, token_digest) = verify(&verifier, &parts.headers, &body).map_err(Rejection::Refused)?;
        Ok(Self { label: label.to_owned(), token_digest, body })
    }
}

/// Shows neither the body nor the digest, because a token is its digest.
impl std::fmt::Debug for VerifiedUplink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("VerifiedUplink");
        shown.field("bytes", &self.body.len()).field("label", &self.label).finish_non_exhaustive()
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refuse(&refusal),
            Self::Unreadable(error) => {
                (StatusCode::BAD_REQUEST, format!("the body could not be read: {error}\n")).into_response()
            }
        }
    }
}

/// Returns the label of the secret that verifies a message, and the digest of its token.
pub(crate) fn verify<'a>(
    verifier: &'a Verifier,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(&'a str, [u8; 32]), Refusal> {
    let tokens = headers.get_all(TOKEN_HEADER).into_iter().map(HeaderValue::as_bytes);
    let plugs = headers.get_all(PLUG_HEADER).into_iter().map(HeaderValue::as_bytes);
    let verified = verifier.verify(tokens, plugs, body)?;
    Ok((verified.label(), verified.token_digest()))
}

/// The response to a message that is refused: 401 or 413.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = (status, format!("{refusal}\n")).into_response();
    // A 401 names its scheme (RFC 9110, section 11.6.1). After a 413 the rest of the body is not read.
    let (name, value) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (CONNECTION, "close"),
        _ => (WWW_AUTHENTICATE, "Things-Message-Token"),
    };
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
