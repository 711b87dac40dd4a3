//! What a driver reports of the calls that it makes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{Exchange, Pause};
use crate::transport::TransportError;

/// Observes the calls of a client, request by request, and can end them.
///
/// A client calls it on the thread or task that makes the call. A listing makes several calls at a time.
pub trait Watch: Send + Sync {
    /// Called before each step. Once it returns `false`, the call sends nothing more and ends as
    /// [`Cancelled`](crate::ErrorKind::Cancelled).
    fn is_wanted(&self) -> bool {
        true
    }

    /// Called immediately before a request is sent. `false` ends the call instead.
    fn sending(&self, _exchange: &Exchange) -> bool {
        self.is_wanted()
    }

    /// Called with the response or the error of a request, `took` after it was sent.
    fn replied(
        &self,
        _exchange: &Exchange,
        _reply: &Result<Response<Bytes>, TransportError>,
        _took: Duration,
    ) {
    }

    /// Called before the call waits, until `pause` is over in `wait`.
    fn pausing(&self, _pause: &Pause, _wait: Duration) {}
}

/// Observes nothing.
impl Watch for () {}

/// Both observe the call. Either can end it.
impl<A: Watch, B: Watch> Watch for (A, B) {
    fn is_wanted(&self) -> bool {
        self.0.is_wanted() && self.1.is_wanted()
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        self.0.sending(exchange) && self.1.sending(exchange)
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        self.0.replied(exchange, reply, took);
        self.1.replied(exchange, reply, took);
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        self.0.pausing(pause, wait);
        self.1.pausing(pause, wait);
    }
}

impl<W: Watch + ?Sized> Watch for Arc<W> {
    fn is_wanted(&self) -> bool {
        (**self).is_wanted()
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        (**self).sending(exchange)
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        (**self).replied(exchange, reply, took);
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        (**self).pausing(pause, wait);
    }
}
