//! The fate of a call that must not be made twice, for a program that stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Outcome};

/// The progress of one call, such as a downlink. Clones follow the same call.
///
/// As a [`Watch`](crate::Watch) it follows the requests of the call on the thread that makes it. Another thread, such as the one that
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

    /// Records that nothing was sent, or that the service provably did not act on what was. Returns false if the call was
    /// stopped.
    pub(crate) fn unsent(&self) -> bool {
        self.reach(UNSENT)
    }

    /// Records that the request is sent now. Returns false if the call was stopped.
    pub(crate) fn in_flight(&self) -> bool {
        self.reach(IN_FLIGHT)
    }

    /// Records that the service accepted the call. Returns false if the call was stopped.
    pub(crate) fn accepted(&self) -> bool {
        self.reach(ACCEPTED)
    }

    /// Whether the call was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst) == STOPPED
    }

    /// Records the progress of the call. Returns false if it was stopped.
    fn reach(&self, state: u8) -> bool {
        let reached = |before| (before != STOPPED).then_some(state);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, reached).is_ok()
    }
}
