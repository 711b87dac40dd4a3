//! What is going to happen, in the order of time. What happens at the same time is in the order of chance.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use things_core::Stage;

use super::service::Reply;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A process of a job starts, perhaps in the place of another.
    Start { job: usize, replaces: Option<usize> },
    /// A person looks at unknown items.
    Person,
    /// A transaction reaches the ledger.
    Transact { process: usize },
    /// What the ledger did becomes durable, if it is not yet.
    Flush { process: usize },
    /// The result of a transaction reaches the process.
    Acknowledge { process: usize },
    /// A timer of the driver is due.
    Wake { process: usize, alarm: u64 },
    /// A process goes on after a pause.
    Resume { process: usize },
    /// A call begins.
    Begin { process: usize, flight: usize },
    /// A request leaves.
    Depart { process: usize, flight: usize, exchange: u32 },
    /// A request arrives at the service.
    Arrive { flight: usize, exchange: u32, stage: Stage },
    /// A response arrives.
    Reply { process: usize, flight: usize, exchange: u32, reply: Reply },
    /// An exchange has had its time.
    TimeOut { process: usize, flight: usize, exchange: u32 },
    /// A pause of a call, or its wait for another, is over.
    Continue { process: usize, flight: usize, exchange: u32 },
}

#[derive(Default)]
pub(super) struct Queue(BinaryHeap<Entry>);

struct Entry {
    at: Duration,
    tie: u64,
    event: Event,
}

impl Queue {
    pub(super) fn push(&mut self, at: Duration, tie: u64, event: Event) {
        self.0.push(Entry { at, tie, event });
    }

    pub(super) fn next(&mut self) -> Option<(Duration, Event)> {
        self.0.pop().map(|entry| (entry.at, entry.event))
    }
}

/// The earliest is the greatest.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.tie).cmp(&(self.at, self.tie))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
