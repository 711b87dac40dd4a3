//! What a driver reports of the calls that it makes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{Exchange, Pause, Retirement};
use crate::fate::Fate;
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

    /// Called with a response that announces the end of its endpoint, once per session and path.
    fn announced(&self, _retirement: &Retirement) {}

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

    fn announced(&self, retirement: &Retirement) {
        self.0.announced(retirement);
        self.1.announced(retirement);
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

    fn announced(&self, retirement: &Retirement) {
        (**self).announced(retirement);
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        (**self).pausing(pause, wait);
    }
}

/// Observes the call if there is somebody to do so.
impl<W: Watch> Watch for Option<W> {
    fn is_wanted(&self) -> bool {
        self.as_ref().is_none_or(W::is_wanted)
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        self.as_ref().is_none_or(|watch| watch.sending(exchange))
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        if let Some(watch) = self {
            watch.replied(exchange, reply, took);
        }
    }

    fn announced(&self, retirement: &Retirement) {
        if let Some(watch) = self {
            watch.announced(retirement);
        }
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        if let Some(watch) = self {
            watch.pausing(pause, wait);
        }
    }
}

impl Watch for Fate {
    fn is_wanted(&self) -> bool {
        !self.is_stopped()
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        // Another request after an attempt proves that the service did not act on the first one.
        if exchange.acts() { self.in_flight() } else { self.unsent() }
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, _took: Duration) {
        if exchange.acts() && reply.as_ref().is_ok_and(|response| response.status().is_success()) {
            self.accepted();
        }
    }

    fn pausing(&self, _pause: &Pause, _wait: Duration) {
        self.unsent();
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::StatusCode;

    use super::*;
    use crate::client::Builder;
    use crate::config::Credentials;
    use crate::downlinks::{Downlink, FPort};
    use crate::fate::Stopped;
    use crate::flow::Step;
    use crate::moment::Moment;
    use crate::operation::{Operation, finish};
    use crate::raw::RawCall;
    use crate::session::Session;

    /// When a call is stopped.
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        TokenInFlight,
        CallInFlight,
        Refused,
        Accepted,
        Delivered,
    }

    /// Makes a call, stops it at this point, and returns how far it was.
    fn stopped(operation: &impl Operation, at: At) -> Option<Stopped> {
        let config = Builder::new(Credentials::new("t", "k", "hunter2"), Ok).build().unwrap();
        let session = Session::new(config, 0);
        let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
        let fate = Fate::default();
        let Step::Send(_, token) = session.start(operation, now) else { panic!("the token comes first") };
        assert!(fate.sending(&token));
        if at == At::TokenInFlight {
            return fate.stop();
        }
        let granted = Response::new(Bytes::from_static(br#"{"access_token":"canary"}"#));
        let Step::Send(_, call) = token.resume(Ok(granted), now) else { panic!("the call follows") };
        assert!(fate.sending(&call));
        if at == At::CallInFlight {
            return fate.stop();
        }
        let mut reply = Response::new(Bytes::from_static(b"{}"));
        if at == At::Refused {
            *reply.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        }
        let reply = Ok(reply);
        fate.replied(&call, &reply, Duration::ZERO);
        match call.resume(reply, now) {
            Step::Sleep(pause) => fate.pausing(&pause, Duration::ZERO),
            Step::Done(result) if at == At::Delivered => {
                fate.ended(&finish(operation, result));
                fate.delivered();
            }
            _ => {}
        }
        fate.stop()
    }

    #[test]
    fn a_stopped_downlink_is_unknown_only_while_its_request_is_in_flight() {
        let port = FPort::new(1).unwrap();
        let downlink = Downlink::raw("0059AC0000181EB6".parse().unwrap(), port, [1]).unwrap();
        for (at, expected) in [
            (At::TokenInFlight, Some(Stopped::Unsent)),
            (At::CallInFlight, Some(Stopped::InFlight)),
            (At::Refused, Some(Stopped::Unsent)),
            (At::Accepted, Some(Stopped::Accepted)),
            (At::Delivered, None),
        ] {
            assert_eq!(stopped(&downlink, at), expected);
        }
    }

    #[test]
    fn a_stopped_read_is_never_unknown() {
        let read = RawCall::new(http::Method::GET, "/devices");
        for at in [At::TokenInFlight, At::CallInFlight, At::Refused] {
            assert_eq!(stopped(&read, at), Some(Stopped::Unsent));
        }
    }
}
