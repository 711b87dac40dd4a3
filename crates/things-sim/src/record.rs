//! The requests and downlinks that the simulator received, kept for tests to inspect.

use crate::waiting::Until;
use httparse::{EMPTY_HEADER, Header};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A downlink that was accepted. `Debug` shows no payload.
#[derive(Clone, PartialEq)]
pub struct ReceivedDownlink {
    /// The sub-customer in `x-client-id`.
    pub customer: Option<String>,
    /// `port` in the query, as sent.
    pub port: Option<String>,
    /// `externalReference` in the query, decoded.
    pub external_reference: Option<String>,
    /// The body as JSON: an array of SenML records.
    pub records: Value,
    /// The body as received.
    pub body: Vec<u8>,
    /// The number of the downlink among all accepted ones. The first is 1.
    pub number: u64,
}

impl fmt::Debug for ReceivedDownlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedDownlink")
            .field("number", &self.number)
            .field("customer", &self.customer)
            .field("port", &self.port)
            .field("external_reference", &self.external_reference)
            .field("body_length", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A received request, whether it got a response or not. Tokens and the key's secret are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The method.
    pub method: String,
    /// The target as received: path and query, still percent-encoded.
    pub target: String,
    /// The headers as received, in order. The credentials in `Authorization` are `***`.
    pub headers: Vec<(String, String)>,
    /// The length of the body in bytes, without chunk framing.
    pub body_length: usize,
}

impl ReceivedRequest {
    /// Returns the value of the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The newest downlinks, and the number of all downlinks.
pub(crate) struct Downlinks {
    keep: usize,
    log: Mutex<DownlinkLog>,
    arrived: Condvar,
}

/// A downlink as the current API lists it.
pub(crate) struct ListedDownlink {
    pub(crate) downlink: ReceivedDownlink,
    pub(crate) received_at: SystemTime,
    /// How many times it was listed.
    reads: AtomicU64,
}

impl ListedDownlink {
    /// Counts a reading. Returns the state, which may depend on the number of readings before.
    pub(crate) fn read<S>(&self, state: impl FnOnce(u64) -> S) -> S {
        state(self.reads.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Default)]
struct DownlinkLog {
    newest: VecDeque<Arc<ListedDownlink>>,
    received: u64,
}

impl Downlinks {
    pub(crate) fn new(keep: usize) -> Self {
        Self { keep, log: Mutex::default(), arrived: Condvar::new() }
    }

    /// Numbers and keeps a downlink. Its records are parsed when they are read.
    pub(crate) fn keep(&self, mut downlink: ReceivedDownlink) {
        let mut log = self.log();
        log.received += 1;
        downlink.number = log.received;
        let (received_at, reads) = (SystemTime::now(), AtomicU64::new(0));
        log.newest.push_back(Arc::new(ListedDownlink { downlink, received_at, reads }));
        if log.newest.len() > self.keep {
            log.newest.pop_front();
        }
        drop(log);
        self.arrived.notify_all();
    }

    pub(crate) fn clear(&self) {
        *self.log() = DownlinkLog::default();
    }

    /// Waits until this many downlinks were received. Returns false if they were not received in time.
    pub(crate) fn wait(&self, until: Until<'_>, count: u64) -> bool {
        until.wait(&self.arrived, self.log(), |log| log.received >= count)
    }

    pub(crate) fn received(&self) -> u64 {
        self.log().received
    }

    pub(crate) fn newest(&self) -> Vec<ReceivedDownlink> {
        let newest = self.listed();
        let mut newest: Vec<_> = newest.into_iter().map(|listed| listed.downlink.clone()).collect();
        for downlink in &mut newest {
            downlink.records = serde_json::from_slice(&downlink.body).unwrap_or_default();
        }
        newest
    }

    pub(crate) fn listed(&self) -> Vec<Arc<ListedDownlink>> {
        self.log().newest.iter().map(Arc::clone).collect()
    }

    fn log(&self) -> MutexGuard<'_, DownlinkLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest requests. Their heads are kept as bytes, and parsed when they are read.
pub(crate) struct Requests {
    keep: usize,
    newest: Mutex<VecDeque<(Vec<u8>, usize)>>,
    arrived: Condvar,
}

impl Requests {
    pub(crate) fn new(keep: usize) -> Self {
        Self { keep, newest: Mutex::default(), arrived: Condvar::new() }
    }

    pub(crate) fn keep(&self, head: &[u8], body_length: usize) {
        let mut newest = self.lock();
        if self.keep > 0 {
            let mut room = Vec::new();
            if newest.len() >= self.keep {
                room = newest.pop_front().map(|(oldest, _)| oldest).unwrap_or_default();
                room.clear();
            }
            room.extend_from_slice(head);
            newest.push_back((room, body_length));
        }
        drop(newest);
        self.arrived.notify_all();
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Waits until enough requests were counted. Returns false if they were not counted in time.
    ///
    /// A request is counted before it is kept, so that the waiting thread cannot miss it.
    pub(crate) fn wait(&self, until: Until<'_>, enough: impl Fn() -> bool) -> bool {
        until.wait(&self.arrived, self.lock(), |_| enough())
    }

    pub(crate) fn newest(&self, secret: &str) -> Vec<ReceivedRequest> {
        let newest = self.lock();
        newest.iter().filter_map(|(head, body_length)| read(head, *body_length, secret)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Vec<u8>, usize)>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MASK: &str = "***";

fn read(head: &[u8], body_length: usize, secret: &str) -> Option<ReceivedRequest> {
    let mut headers = [EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(head).ok()?;
    let masked = |text: &str| match secret {
        "" => text.to_owned(),
        secret => text.replace(secret, MASK),
    };
    let header = |header: &Header<'_>| {
        let value = String::from_utf8_lossy(header.value);
        let value = if header.name.eq_ignore_ascii_case("authorization") {
            value.split_once(' ').map_or_else(|| MASK.to_owned(), |(scheme, _)| format!("{scheme} {MASK}"))
        } else {
            masked(&value)
        };
        (header.name.to_owned(), value)
    };
    Some(ReceivedRequest {
        method: parsed.method?.to_owned(),
        target: masked(parsed.path?),
        headers: parsed.headers.iter().map(header).collect(),
        body_length,
    })
}
