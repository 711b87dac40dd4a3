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
    /// The headers. If the service sends back a secret or the access token, it is redacted.
    pub headers: HeaderMap,
    /// The body, unchanged and within the size limit. To print it, use [`redacted_body`](Self::redacted_body).
    pub body: Bytes,
    /// The number of requests that were sent for the call, without token requests.
    pub attempts: u32,
    /// The time that the whole call took, including token and pauses.
    pub elapsed: Duration,
    /// The request. The error of an unreadable body needs it, and redaction needs its secrets.
    pub(crate) asked: Option<Arc<Asked>>,
}

impl Answer {
    /// Creates a response without a call, to test an operation's [`decode`](crate::Operation::decode).
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self { status, headers, body: body.into(), attempts: 1, elapsed: Duration::ZERO, asked: None }
    }

    /// Returns the body to print or log. If the service sent back the client's secrets or its access token, they are
    /// redacted.
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
