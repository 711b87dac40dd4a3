//! The uplinks that were posted, kept for tests to inspect.

use super::fault::UplinkFault;
use crate::exchange::printable;
use crate::waiting::Until;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// An uplink, and the posts that it took so far. `Debug` does not show the body.
///
/// `Display` writes one line about the newest post:
///
/// ```text
/// uplink 7 urn:dev:DEVEUI:0059AC0000181EB6: 503 pending [fault wrong-secret]
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PostedUplink {
    /// The number of the uplink. The first is 1.
    pub number: u64,
    /// The base name of its first record, if it has one.
    pub device: Option<String>,
    /// The body, before any fault.
    pub body: Vec<u8>,
    /// The posts, in order.
    pub attempts: Vec<UplinkAttempt>,
    /// The outcome.
    pub outcome: UplinkOutcome,
}

/// One post of an uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkAttempt {
    /// The status of the response.
    pub status: Option<u16>,
    /// Why there was no response.
    pub error: Option<String>,
    /// The faults that applied.
    pub faults: Vec<UplinkFault>,
    /// Whether this is the duplicate of a delivered message.
    pub duplicate: bool,
}

/// The outcome of an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UplinkOutcome {
    /// More posts may follow.
    Pending,
    /// The destination responded with a 2xx.
    Delivered,
    /// No post got a 2xx, and there will be no other.
    Discarded,
}

impl UplinkOutcome {
    /// The outcome's name, as in `delivered`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Debug for PostedUplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostedUplink")
            .field("number", &self.number)
            .field("device", &self.device)
            .field("attempts", &self.attempts)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for PostedUplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uplink {}", self.number)?;
        if let Some(device) = &self.device {
            write!(f, " {}", printable(device))?;
        }
        if let Some(attempt) = self.attempts.last() {
            match (attempt.status, &attempt.error) {
                (Some(status), _) => write!(f, " {status}")?,
                (None, error) => write!(f, " - ({})", printable(error.as_deref().unwrap_or("no response")))?,
            }
        }
        write!(f, " {}", self.outcome.name())?;
        let Some(attempt) = self.attempts.last() else {
            return Ok(());
        };
        if attempt.duplicate {
            f.write_str(" [duplicate]")?;
        }
        let faults: Vec<&str> = attempt.faults.iter().map(|fault| fault.name()).collect();
        match faults.as_slice() {
            [] => Ok(()),
            [fault] => write!(f, " [fault {fault}]"),
            faults => write!(f, " [faults {}]", faults.join(" ")),
        }
    }
}

/// The number of uplinks since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) created: u64,
    pub(crate) delivered: u64,
    pub(crate) discarded: u64,
}

impl Counts {
    pub(crate) fn settled(self) -> u64 {
        self.delivered + self.discarded
    }
}

/// The newest uplinks, and the number of all.
pub(super) struct Log {
    keep: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: VecDeque<PostedUplink>,
    counts: Counts,
    /// The number of the newest uplink. It goes on after the log was cleared.
    last: u64,
    /// The uplinks up to this number were cleared, and do not count any more.
    cleared: u64,
}

impl Log {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Returns the number of a new uplink.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state();
        state.last += 1;
        state.last
    }

    pub(super) fn add(&self, uplink: PostedUplink) {
        let mut state = self.state();
        state.counts.created += 1;
        state.newest.push_back(uplink);
        if state.newest.len() > self.keep {
            state.newest.pop_front();
        }
    }

    /// Adds a post to an uplink. Returns the uplink if it is still kept.
    pub(super) fn note(
        &self,
        number: u64,
        attempt: UplinkAttempt,
        outcome: UplinkOutcome,
    ) -> Option<PostedUplink> {
        let mut state = self.state();
        match outcome {
            _ if number <= state.cleared => {}
            UplinkOutcome::Pending => {}
            UplinkOutcome::Delivered => state.counts.delivered += 1,
            UplinkOutcome::Discarded => state.counts.discarded += 1,
        }
        let uplink = state.newest.iter_mut().rev().find(|uplink| uplink.number == number);
        let noted = uplink.map(|uplink| {
            uplink.attempts.push(attempt);
            uplink.outcome = outcome;
            uplink.clone()
        });
        drop(state);
        self.changed.notify_all();
        noted
    }

    pub(super) fn newest(&self) -> Vec<PostedUplink> {
        self.state().newest.iter().cloned().collect()
    }

    pub(super) fn find(&self, number: u64) -> Option<PostedUplink> {
        self.state().newest.iter().rev().find(|uplink| uplink.number == number).cloned()
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        let last = state.last;
        *state = State { last, cleared: last, ..State::default() };
    }

    /// Waits until this many uplinks were delivered or discarded. Returns false if they were not in time.
    pub(super) fn wait(&self, until: Until<'_>, count: u64) -> bool {
        until.wait(&self.changed, self.state(), |state| state.counts.settled() >= count)
    }

    /// Waits until an uplink was delivered or discarded, or is no longer kept. Returns false if it was not in time.
    pub(super) fn wait_for(&self, until: Until<'_>, number: u64) -> bool {
        until.wait(&self.changed, self.state(), |state| {
            let uplink = state.newest.iter().rev().find(|uplink| uplink.number == number);
            uplink.is_none_or(|uplink| uplink.outcome != UplinkOutcome::Pending)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_post_is_one_line() {
        let attempt = UplinkAttempt {
            status: Some(503),
            error: None,
            faults: vec![UplinkFault::WrongSecret, UplinkFault::AlteredBody],
            duplicate: false,
        };
        let mut uplink = PostedUplink {
            number: 7,
            device: Some("urn:dev:IMEI:1:\n".to_owned()),
            body: b"[]".to_vec(),
            attempts: vec![attempt],
            outcome: UplinkOutcome::Pending,
        };
        let line = r"uplink 7 urn:dev:IMEI:1:\n 503 pending [faults wrong-secret altered-body]";
        assert_eq!(uplink.to_string(), line);
        let refused = Some("refused".to_owned());
        uplink.attempts.push(UplinkAttempt {
            status: None,
            error: refused,
            faults: Vec::new(),
            duplicate: true,
        });
        uplink.outcome = UplinkOutcome::Delivered;
        assert_eq!(uplink.to_string(), r"uplink 7 urn:dev:IMEI:1:\n - (refused) delivered [duplicate]");
    }
}
