//! The packs that devices of your own posted, kept for tests to inspect.

use crate::waiting::Until;
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A pack that a device of your own posted, and that was accepted. `Debug` shows no values.
#[derive(Clone, PartialEq)]
pub struct ReceivedPack {
    /// The number of the pack among all accepted ones. The first is 1.
    pub number: u64,
    /// The UUID of the device.
    pub device: String,
    /// The body as JSON: an array of SenML records.
    pub records: Value,
    /// The body as received.
    pub body: Vec<u8>,
    /// The downlink in the response.
    pub downlink: Option<Vec<u8>>,
}

impl fmt::Debug for ReceivedPack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedPack")
            .field("number", &self.number)
            .field("device", &self.device)
            .field("body_length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The newest packs, and the number of all packs.
pub(crate) struct PackLog {
    keep: usize,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    newest: VecDeque<ReceivedPack>,
    received: u64,
}

impl PackLog {
    pub(crate) fn new(keep: usize) -> Self {
        Self { keep, state: Mutex::default(), arrived: Condvar::new() }
    }

    /// Numbers and keeps a pack. Its records are parsed when they are read.
    pub(crate) fn keep(&self, device: &str, body: &[u8], downlink: Option<Vec<u8>>) {
        let mut state = self.state();
        state.received += 1;
        let pack = ReceivedPack {
            number: state.received,
            device: device.to_owned(),
            records: Value::Null,
            body: body.to_vec(),
            downlink,
        };
        state.newest.push_back(pack);
        if state.newest.len() > self.keep {
            state.newest.pop_front();
        }
        drop(state);
        self.arrived.notify_all();
    }

    pub(crate) fn clear(&self) {
        *self.state() = State::default();
    }

    /// Waits until this many packs were received. Returns false if they were not received in time.
    pub(crate) fn wait(&self, until: Until<'_>, count: u64) -> bool {
        until.wait(&self.arrived, self.state(), |state| state.received >= count)
    }

    pub(crate) fn received(&self) -> u64 {
        self.state().received
    }

    pub(crate) fn newest(&self) -> Vec<ReceivedPack> {
        let mut newest: Vec<ReceivedPack> = self.state().newest.iter().cloned().collect();
        for pack in &mut newest {
            pack.records = serde_json::from_slice(&pack.body).unwrap_or_default();
        }
        newest
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
