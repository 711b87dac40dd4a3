use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use things_receiver::{Limits, Stored, Unavailable, Writer};
use things_store::inbox::{NewMessage, Source};

use crate::gate::{Gate, Next};
use crate::running::bodies;

/// A writer of an inbox behind a gate, whose first transaction waits.
struct Held {
    writer: Writer,
    gate: Gate,
    folder: TempDir,
}

type Storing = Pin<Box<dyn Future<Output = Result<Stored, Unavailable>>>>;

impl Held {
    fn new(limits: &Limits) -> Self {
        let (gate, folder) = (Gate::default(), tempfile::tempdir().unwrap());
        let writer = Writer::start(gate.inbox(folder.path()), limits).unwrap();
        gate.close();
        Self { writer, gate, folder }
    }

    /// Puts a message into the queue.
    fn store(&self, body: &str) -> Storing {
        let writer = self.writer.clone();
        let message = message(body);
        let mut storing: Storing = Box::pin(async move { writer.store(message).await });
        assert!(poll(&mut storing).is_none(), "{body} is stored while the gate is closed");
        storing
    }

    /// A first transaction that waits at the gate, and messages that wait in the queue meanwhile.
    fn with_waiting<const N: usize>(&self, bodies: [&str; N]) -> (Storing, [Storing; N]) {
        let first = self.store("first");
        self.gate.begun(1);
        (first, bodies.map(|body| self.store(body)))
    }
}

fn message(body: &str) -> NewMessage {
    NewMessage {
        received: SystemTime::now(),
        source: Source::Http,
        label: None,
        headers: vec![("name".to_owned(), b"value".to_vec())],
        body: body.as_bytes().to_vec(),
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.commit_timeout = Duration::from_secs(600);
    limits
}

fn poll(storing: &mut Storing) -> Option<Result<Stored, Unavailable>> {
    match storing.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn what_waits_is_one_transaction() {
    let held = Held::new(&limits());
    let (first, waiting) = held.with_waiting(["a", "b", "c"]);
    held.gate.open();
    assert_eq!(first.await, Ok(Stored::New(1)));
    for (stored, id) in waiting.into_iter().zip(2..) {
        assert_eq!(stored.await, Ok(Stored::New(id)));
    }
    assert_eq!(held.writer.store(message("b")).await, Ok(Stored::Duplicate));
    assert_eq!(held.gate.begun(0), [1, 3, 1]);
    assert_eq!(bodies(held.folder.path()), ["first", "a", "b", "c"]);
}

#[tokio::test]
async fn the_queue_is_bounded_in_messages() {
    let mut limits = limits();
    limits.queue = 2;
    let held = Held::new(&limits);
    let (_first, _waiting) = held.with_waiting(["a", "b"]);
    let error = held.writer.store(message("c")).await.unwrap_err();
    assert_eq!(error.to_string(), "2 messages wait for the store");
    held.gate.open();
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes_and_free_again_afterwards() {
    let mut limits = limits();
    limits.memory = 40;
    let held = Held::new(&limits);
    // Each has a header of 9 bytes.
    let (first, [waiting]) = held.with_waiting(["eleven byte"]);
    let error = held.writer.store(message("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "messages that wait take all of 40 bytes");
    held.gate.open();
    first.await.unwrap();
    waiting.await.unwrap();
    held.writer.store(message("thirty-one bytes, no less of it")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_limit_and_the_message_is_stored_once() {
    let mut limits = limits();
    limits.commit_timeout = Duration::from_secs(10);
    let held = Held::new(&limits);
    let (first, []) = held.with_waiting([]);
    assert_eq!(first.await.unwrap_err().to_string(), "the store has not responded within 10 s");
    assert_eq!(held.writer.check().await.unwrap_err().to_string(), "the store has not responded within 10 s");
    held.gate.open();
    held.writer.stop().await;
    assert_eq!(bodies(held.folder.path()), ["first"]);
}

#[tokio::test]
async fn a_failed_transaction_is_everybody_s_error_and_the_writer_goes_on() {
    let held = Held::new(&limits());
    let (first, waiting) = held.with_waiting(["a", "b", "c"]);
    // The transaction of three, then "a" and "b" alone.
    held.gate.next([Next::Fail; 4]);
    held.gate.open();
    assert_eq!(first.await.unwrap_err().to_string(), "the disk is full");
    for stored in waiting {
        assert_eq!(stored.await.unwrap_err().to_string(), "the disk is full");
    }
    assert_eq!(held.gate.begun(0), [1, 3, 1, 1]);
    assert_eq!(held.writer.store(message("d")).await, Ok(Stored::New(1)));
    assert_eq!(bodies(held.folder.path()), ["d"]);
}

#[tokio::test]
async fn nothing_is_tried_alone_after_a_temporary_error() {
    let held = Held::new(&limits());
    let (first, waiting) = held.with_waiting(["a", "b", "c"]);
    held.gate.next([Next::FailForNow; 2]);
    held.gate.open();
    first.await.unwrap_err();
    for stored in waiting {
        assert_eq!(stored.await.unwrap_err().to_string(), "the connection was lost");
    }
    assert_eq!(held.gate.begun(0), [1, 3]);
}

#[tokio::test]
async fn a_message_that_the_inbox_refuses_harms_no_other() {
    let held = Held::new(&limits());
    held.gate.refuse(Some(b"poison"));
    let (first, waiting) = held.with_waiting(["a", "poison", "b", "c"]);
    held.gate.open();
    first.await.unwrap();
    let [a, poison, b, c] = waiting;
    a.await.unwrap();
    b.await.unwrap();
    c.await.unwrap();
    assert_eq!(poison.await.unwrap_err().to_string(), "this message cannot be stored");
    assert_eq!(bodies(held.folder.path()), ["first", "a", "b", "c"]);
    held.writer.check().await.unwrap();
}

#[tokio::test]
async fn a_check_tries_what_could_not_be_stored() {
    let held = Held::new(&limits());
    held.gate.open();
    held.writer.check().await.unwrap();
    held.gate.refuse(Some(b"later"));
    held.writer.store(message("later")).await.unwrap_err();
    let error = held.writer.check().await.unwrap_err();
    assert_eq!(error.to_string(), "this message cannot be stored");
    held.gate.refuse(None);
    held.writer.check().await.unwrap();
    assert_eq!(bodies(held.folder.path()), ["later"]);
    // Its sender tries again.
    assert_eq!(held.writer.store(message("later")).await, Ok(Stored::Duplicate));
}

#[tokio::test]
async fn a_panic_of_the_inbox_is_an_error_for_all() {
    let held = Held::new(&limits());
    let (first, [waiting]) = held.with_waiting(["a"]);
    held.gate.next([Next::Panic]);
    held.gate.open();
    for error in [
        first.await.unwrap_err(),
        waiting.await.unwrap_err(),
        held.writer.store(message("b")).await.unwrap_err(),
        held.writer.check().await.unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "the writer has ended");
    }
    held.writer.stop().await;
}

#[tokio::test]
async fn a_stop_stores_what_waits_and_releases_the_inbox() {
    let held = Held::new(&limits());
    let (first, [a, b]) = held.with_waiting(["a", "b"]);
    let writer = held.writer.clone();
    let mut stop = pin!(writer.stop());
    assert!(stop.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    held.gate.open();
    stop.await;
    first.await.unwrap();
    a.await.unwrap();
    b.await.unwrap();
    assert_eq!(held.writer.store(message("c")).await.unwrap_err().to_string(), "the writer has ended");
    // Nobody else could open it otherwise.
    drop(Gate::default().inbox(held.folder.path()));
    assert_eq!(bodies(held.folder.path()), ["first", "a", "b"]);
}
