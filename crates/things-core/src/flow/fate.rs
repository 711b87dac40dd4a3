//! The fate of a call that must not be made twice, for a program that stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{Exchange, Pause, Watch};
use crate::error::{Error, Outcome};
use crate::transport::TransportError;

/// The progress of one call, such as a downlink. Clones follow the same call.
///
/// As a [`Watch`] it follows the requests of the call on the thread that makes it. Another thread, such as the one that
/// handles Ctrl-C, can [stop](Self::stop) the call and learns whether the request may have arrived. Both agree: a
/// request is either sent before the call is stopped, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Fate(Arc<AtomicU8>);

/// How far a call was when it was [stopped](Fate::stop).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stopped {
    /// Nothing was sent, or the service provably did not act on it. A call that can be made twice is never in flight.
    Unsent,
    /// The request was in flight, so it may have arrived: the outcome is [`Outcome::Unknown`].
    InFlight,
    /// The service accepted the call.
    Accepted,
}

const UNSENT: u8 = 0;
const IN_FLIGHT: u8 = 1;
const ACCEPTED: u8 = 2;
const STOPPED: u8 = 3;
const DELIVERED: u8 = 4;

impl Fate {
    /// Stops the call: it sends no other request. Returns `None` if its caller [has the result](Self::delivered).
    pub fn stop(&self) -> Option<Stopped> {
        match self.0.swap(STOPPED, Ordering::SeqCst) {
            DELIVERED => None,
            IN_FLIGHT => Some(Stopped::InFlight),
            ACCEPTED => Some(Stopped::Accepted),
            _ => Some(Stopped::Unsent),
        }
    }

    /// Records the result of the call, before it is handed to the caller.
    pub fn ended<T>(&self, result: &Result<T, Error>) {
        self.reach(match result {
            Ok(_) => ACCEPTED,
            Err(error) if error.outcome() == Some(Outcome::Unknown) => IN_FLIGHT,
            Err(_) => UNSENT,
        });
    }

    /// Records that the caller has the result, so that stopping the call changes nothing.
    pub fn delivered(&self) {
        self.0.store(DELIVERED, Ordering::SeqCst);
    }

    /// Records the progress of the call. Returns false if it was stopped.
    fn reach(&self, state: u8) -> bool {
        let reached = |before| (before != STOPPED).then_some(state);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, reached).is_ok()
    }
}

impl Watch for Fate {
    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::SeqCst) != STOPPED
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        // Another request after an attempt proves that the service did not act on the first one.
        self.reach(if exchange.acts() { IN_FLIGHT } else { UNSENT })
    }

    fn replied(&self, exchange: &Exchange, reply: &Result<Response<Bytes>, TransportError>, _took: Duration) {
        if exchange.acts() && reply.as_ref().is_ok_and(|response| response.status().is_success()) {
            self.reach(ACCEPTED);
        }
    }

    fn pausing(&self, _pause: &Pause, _wait: Duration) {
        self.reach(UNSENT);
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
