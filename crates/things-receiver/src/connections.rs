//! The open connections: how many, which of them keep the receiver waiting, and what is closed if there are too many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::metrics::Metrics;
use crate::room::{Memory, Room};

/// The request of a connection has arrived, so the client waits for the receiver.
const BUSY: u64 = u64::MAX;

/// All connections of a receiver.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    start: Instant,
    open: Mutex<Open>,
    ended: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Arc<Connection>>,
    next: u64,
}

/// One connection, as its requests see it.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// Since when the receiver waits for the client, in microseconds, or [`BUSY`].
    waits_since: AtomicU64,
    /// The memory of the message that is being received.
    room: Mutex<Room>,
    replaced: Notify,
}

/// The place of a connection, until it is dropped.
pub(crate) struct Place {
    id: u64,
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

impl Connections {
    pub(crate) fn new(most: usize, metrics: Arc<Metrics>) -> Self {
        let open = Mutex::default();
        Self { most: most.max(1), start: Instant::now(), open, ended: Notify::new(), metrics }
    }

    /// Returns a place for a further connection. If all are taken, the one that has kept the receiver waiting for the longest time
    /// is closed. If there is none, this waits.
    pub(crate) async fn admit(self: &Arc<Self>) -> Place {
        loop {
            // A place that becomes free from here on is noticed.
            let ended = self.ended.notified();
            if self.lock().connections.len() < self.most || self.replace(|_| true) {
                break;
            }
            ended.await;
        }
        let connection = Arc::new(Connection::default());
        connection.waits_since.store(self.now(), Ordering::Relaxed);
        let mut open = self.lock();
        let id = open.next;
        open.next = id.wrapping_add(1);
        open.connections.insert(id, Arc::clone(&connection));
        self.metrics.connections.set(i64::try_from(open.connections.len()).unwrap_or(i64::MAX));
        drop(open);
        Place { id, connections: Arc::clone(self), connection }
    }

    /// Adds memory to the message that a connection receives. `false`: there is not as much, or the connection has to close.
    ///
    /// If memory is missing, connections that have sent a part of a message are closed, the slowest one first.
    pub(crate) fn grow(&self, memory: &Memory, connection: &Arc<Connection>, bytes: usize) -> bool {
        loop {
            if memory.grow(&mut connection.room(), bytes) {
                return true;
            }
            if !self.replace(|other| !Arc::ptr_eq(other, connection) && !other.room().is_empty()) {
                return false;
            }
        }
    }

    /// The client begins a request or a further one. From now on the receiver waits for it.
    pub(crate) fn wait_for(&self, connection: &Connection) {
        connection.waits_since.store(self.now(), Ordering::Relaxed);
    }

    /// Closes the connection that has waited the longest among those that match. `false`: there is none.
    fn replace(&self, matches: impl Fn(&Arc<Connection>) -> bool) -> bool {
        let mut open = self.lock();
        let since = |connection: &Connection| connection.waits_since.load(Ordering::Relaxed);
        let waiting = open.connections.iter().filter(|(_, one)| since(one) != BUSY && matches(one));
        let Some(id) = waiting.min_by_key(|(_, one)| since(one)).map(|(id, _)| *id) else { return false };
        if let Some(connection) = open.connections.remove(&id) {
            *connection.room() = Room::default();
            connection.replaced.notify_one();
        }
        self.metrics.replaced.inc();
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(BUSY - 1)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// The message has arrived: takes its memory. From now on the client waits for the receiver.
    pub(crate) fn arrived(&self) -> Room {
        self.waits_since.store(BUSY, Ordering::Relaxed);
        std::mem::take(&mut self.room())
    }

    /// Returns once the connection has to close in favor of another one.
    pub(crate) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.connection.room() = Room::default();
        let mut open = self.connections.lock();
        open.connections.remove(&self.id);
        self.connections.metrics.connections.set(i64::try_from(open.connections.len()).unwrap_or(i64::MAX));
        drop(open);
        self.connections.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn connections(most: usize) -> Arc<Connections> {
        Arc::new(Connections::new(most, Arc::new(Metrics::new())))
    }

    fn admit(connections: &Arc<Connections>, since: u64) -> Place {
        let place = poll(connections.admit()).expect("a place");
        place.connection().waits_since.store(since, Ordering::Relaxed);
        place
    }

    #[test]
    fn the_connection_that_waits_the_longest_makes_room() {
        let connections = connections(3);
        let places = [admit(&connections, 30), admit(&connections, 10), admit(&connections, 20)];
        let _further = admit(&connections, 40);
        let replaced = places.each_ref().map(|place| poll(place.connection().replaced()).is_some());
        assert_eq!(replaced, [false, true, false]);
        assert_eq!(connections.lock().connections.len(), 3);
        assert_eq!(connections.metrics.replaced.get(), 1);
    }

    #[test]
    fn busy_connections_stay_and_a_further_one_waits() {
        let connections = connections(2);
        let (first, second) = (admit(&connections, 1), admit(&connections, 2));
        first.connection().arrived();
        second.connection().arrived();
        assert!(poll(connections.admit()).is_none());
        let mut waiting = pin!(connections.admit());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(first);
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(poll(second.connection().replaced()).is_none());
    }

    #[test]
    fn unfinished_messages_make_room_for_others_and_finished_ones_do_not() {
        let (connections, memory) = (connections(10), Memory::new(100));
        let places = [admit(&connections, 1), admit(&connections, 2), admit(&connections, 3)];
        let [idle, slow, quick] = places.each_ref().map(Place::connection);
        assert!(connections.grow(&memory, slow, 80));
        assert!(connections.grow(&memory, quick, 60), "the slow one is closed");
        assert_eq!(memory.taken(), 60);
        assert!(poll(slow.replaced()).is_some());
        assert!(poll(idle.replaced()).is_none(), "it takes no memory");
        let room = quick.arrived();
        assert!(!connections.grow(&memory, idle, 60), "the message waits for the store");
        drop(room);
        assert!(connections.grow(&memory, idle, 60));
        drop(places);
        assert_eq!(memory.taken(), 0);
    }
}
