//! The response to a successful call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::asked::Asked;

/// A response with a 2xx status.
#[derive(Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers. Where the service repeats a secret or the access token, it is cut out.
    pub headers: HeaderMap,
    /// The body as it came, within the size bound. To print it, use [`redacted_body`](Self::redacted_body).
    pub body: Bytes,
    /// The number of requests that were sent for it, without token requests.
    pub attempts: u32,
    /// The time that the whole call took, token and pauses included.
    pub elapsed: Duration,
    /// The request, for the error of a body that cannot be read, and for its secrets.
    pub(crate) asked: Option<Arc<Asked>>,
}

impl Answer {
    /// A response that belongs to no call, to test an operation's [`decode`](crate::Operation::decode).
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self { status, headers, body: body.into(), attempts: 1, elapsed: Duration::ZERO, asked: None }
    }

    /// The body to print or log: where the service repeats the client's own secrets or its access token, they are cut out.
    ///
    /// Everything else is returned byte for byte.
    pub fn redacted_body(&self) -> Bytes {
        self.asked.as_ref().map_or_else(|| self.body.clone(), |asked| asked.redactor.bytes(&self.body))
    }
}

/// Shows the status and the size of the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status.as_u16(), self.body.len())
    }
}
