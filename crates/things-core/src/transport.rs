//! Failed exchanges, as a transport reports them.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What kept a transport from bringing an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// No connection: refused, DNS, TLS, proxy, or too slow to connect. **The request was not sent.**
    Connect,
    /// The time of the exchange ran out after a connection was made. The request may have reached the server.
    Timeout,
    /// The connection broke before the whole answer was there. The request may have reached the server.
    Interrupted,
    /// The answer's body is larger than [`Exchange::limit`](crate::Exchange::limit). The request reached the server.
    TooLarge,
    /// The answer's head is larger than the transport takes. The request reached the server.
    HeadTooLarge,
    /// Anything else. The request may have reached the server.
    Other,
}

/// A failed exchange, as a transport reports it.
#[derive(Debug, Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// A failure of this kind, with the HTTP library's own error as its source.
    pub fn new(kind: TransportErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Some(Arc::from(source.into())) }
    }

    /// What happened.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The HTTP library's own error.
    pub(crate) fn into_source(self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.source
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::Timeout => "no answer in time",
            TransportErrorKind::Interrupted => "the connection broke before the answer was complete",
            TransportErrorKind::TooLarge => "the answer is larger than allowed",
            TransportErrorKind::HeadTooLarge => "the answer's head is larger than allowed",
            TransportErrorKind::Other => "the exchange failed",
        })?;
        match &self.source {
            Some(source) => write!(f, ": {}", innermost(source.as_ref())),
            None => Ok(()),
        }
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<TransportErrorKind> for TransportError {
    fn from(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// The message of the innermost cause, where HTTP libraries keep what really happened.
fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a dyn StdError {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
