//! Failed exchanges, as a transport reports them.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The reason why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: refused, DNS, TLS, proxy, too slow to connect, or a request that could not be built. **The
    /// request was not sent.**
    Connect,
    /// The proxy refused to make a connection. The request was not sent, and a retry would be refused as well.
    ProxyRefused,
    /// The exchange timed out after a connection was made. The request may have reached the server.
    Timeout,
    /// The connection broke before the response was complete. The request may have reached the server.
    Interrupted,
    /// The body of the response is larger than [`Exchange::limit`](crate::Exchange::limit). The request reached the
    /// server.
    TooLarge,
    /// The head of the response is larger than the transport accepts. The request reached the server.
    HeadTooLarge,
    /// Any other failure. The request may have reached the server.
    Other,
}

impl TransportErrorKind {
    /// Whether the request provably was not sent.
    pub fn is_unsent(self) -> bool {
        matches!(self, Self::Connect | Self::ProxyRefused)
    }
}

/// A failed exchange, as a transport reports it.
#[derive(Debug, Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    proxy: Option<Arc<str>>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// Creates a failure of this kind, caused by the HTTP library's own error.
    pub fn new(kind: TransportErrorKind, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, proxy: None, cause: Some(Arc::from(cause.into())) }
    }

    /// Creates the failure of a proxy that responded to the request for a tunnel with this status. 403 and 407 are
    /// final, because retrying a wrong password can lock an account.
    pub fn proxy_status(status: u16, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let kind = match status {
            403 | 407 => TransportErrorKind::ProxyRefused,
            _ => TransportErrorKind::Connect,
        };
        Self::new(kind, cause)
    }

    /// Adds the address of the proxy that was used. The address holds no password.
    #[must_use]
    pub fn through(self, proxy: impl Into<Arc<str>>) -> Self {
        Self { proxy: Some(proxy.into()), ..self }
    }

    /// The kind of failure.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The address of the proxy that the request was meant to go through, without user and password.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// The HTTP library's own error. `Display` shows its innermost cause, so it is not the `source()`.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    pub(crate) fn into_cause(self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.cause
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::ProxyRefused => "no connection, refused by the proxy",
            TransportErrorKind::Timeout => "no response in time",
            TransportErrorKind::Interrupted => "the connection broke before the response was complete",
            TransportErrorKind::TooLarge => "the response is larger than allowed",
            TransportErrorKind::HeadTooLarge => "the head of the response is larger than allowed",
            TransportErrorKind::Other => "the exchange failed",
        })?;
        match (self.kind, &self.proxy) {
            (TransportErrorKind::ProxyRefused, Some(proxy)) => write!(f, " {proxy}")?,
            (_, Some(proxy)) => write!(f, " through the proxy {proxy}")?,
            (_, None) => {}
        }
        match &self.cause {
            Some(cause) => write!(f, ": {}", reason(cause.as_ref())),
            None => Ok(()),
        }
    }
}

impl StdError for TransportError {}

impl From<TransportErrorKind> for TransportError {
    fn from(kind: TransportErrorKind) -> Self {
        Self { kind, proxy: None, cause: None }
    }
}

/// Returns the reason for a failure in words that a user can look up.
fn reason(cause: &(dyn StdError + 'static)) -> String {
    let text = innermost(cause).to_string();
    // rustls received something other than a TLS record, such as a response in plain http.
    if text.contains("InvalidContentType") {
        return NO_TLS.to_owned();
    }
    // ureq names the kind of its error first.
    text.strip_prefix("io: ").unwrap_or(&text).to_owned()
}

/// The reason if an https address is that of a server for plain http.
pub(crate) const NO_TLS: &str = "the server does not speak TLS";

/// Returns the innermost cause. HTTP libraries keep the message of the actual failure there.
fn innermost<'a>(mut error: &'a (dyn StdError + 'static)) -> &'a dyn StdError {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_403_and_407_are_the_last_word_of_a_proxy() {
        for (status, kind) in [
            (403, TransportErrorKind::ProxyRefused),
            (407, TransportErrorKind::ProxyRefused),
            (400, TransportErrorKind::Connect),
            (502, TransportErrorKind::Connect),
        ] {
            let error = TransportError::proxy_status(status, "no tunnel");
            assert_eq!((error.kind(), error.kind().is_unsent()), (kind, true), "{status}");
        }
    }

    #[test]
    fn the_reason_is_in_words_that_a_user_can_look_up() {
        for (cause, told) in [
            ("io: Connection refused (os error 111)", "no connection: Connection refused (os error 111)"),
            (
                "io: received corrupt message of type InvalidContentType",
                "no connection: the server does not speak TLS",
            ),
            ("radio: off", "no connection: radio: off"),
        ] {
            assert_eq!(TransportError::new(TransportErrorKind::Connect, cause).to_string(), told);
        }
    }

    #[test]
    fn a_failure_on_the_way_through_a_proxy_names_it() {
        let refused = TransportError::proxy_status(407, "no tunnel").through("http://proxy.example:3128");
        assert_eq!(
            refused.to_string(),
            "no connection, refused by the proxy http://proxy.example:3128: no tunnel"
        );
        let unreachable =
            TransportError::new(TransportErrorKind::Connect, "port is closed").through("http://p");
        assert_eq!(unreachable.to_string(), "no connection through the proxy http://p: port is closed");
        assert_eq!(unreachable.proxy(), Some("http://p"));
    }
}
