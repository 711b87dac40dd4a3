//! What a driver reports of the calls that it makes.

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
