use std::time::Duration;

use things_receiver::{Limits, Receiver};
use tokio::net::TcpStream;

use crate::gate::Gate;
use crate::running::{Running, bodies, inbox, read_to_end, request, verifier};

#[tokio::test]
async fn a_shutdown_stores_and_confirms_what_has_arrived() {
    let (gate, folder) = (Gate::default(), tempfile::tempdir().unwrap());
    let running = Running::start(Receiver::builder(verifier(), gate.inbox(folder.path()))).await;
    let address = running.address;
    gate.close();
    // One of them waits at the gate, and the others in the queue.
    let mut streams = vec![running.connect(request("[0]")).await];
    gate.has_begun().await;
    for number in 1..10 {
        streams.push(running.connect(request(&format!("[{number}]"))).await);
    }
    running.until("things_receiver_queue", 9.0).await;
    // A client that has sent nothing does not hold the shutdown up.
    let _idle = TcpStream::connect(address).await.unwrap();
    let ending = running.stop();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!ending.is_finished(), "requests are open");
    gate.open();
    for stream in &mut streams {
        let response = read_to_end(stream).await;
        assert!(response.starts_with("HTTP/1.1 204 No Content\r\n"), "{response}");
    }
    ending.await.unwrap().unwrap();
    assert_eq!(bodies(folder.path()).len(), 10);
    // The inbox is free for the next process.
    drop(inbox(folder.path()));
}

#[tokio::test]
async fn a_request_that_does_not_end_delays_a_shutdown_no_longer_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.shutdown_timeout = Duration::from_millis(50);
    let builder = Receiver::builder(verifier(), inbox(folder.path())).limits(limits);
    let running = Running::start(builder).await;
    let unfinished = request("[1]");
    let mut stream = running.connect(&unfinished[..unfinished.len() - 1]).await;
    running.until("things_receiver_connections", 2.0).await;
    running.end().await;
    drop(inbox(folder.path()));
    assert_eq!(bodies(folder.path()), [""; 0]);
    // What arrives now is not confirmed.
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"]").await.unwrap();
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
}
