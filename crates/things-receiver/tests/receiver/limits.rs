use std::time::Duration;

use things_receiver::{Limits, Receiver, ReceiverBuilder};
use things_uplink::TOKEN_HEADER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gate::Gate;
use crate::running::{Running, bodies, head, inbox, read_to_end, request, verifier};

/// A short time that only requests reach that wait for it.
const SHORT: Duration = Duration::from_millis(50);

fn builder(folder: &tempfile::TempDir, change: impl FnOnce(&mut Limits)) -> ReceiverBuilder {
    let mut limits = Limits::default();
    change(&mut limits);
    Receiver::builder(verifier(), inbox(folder.path())).limits(limits)
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(Receiver::builder(verifier().body_limit(1_000), inbox(folder.path()))).await;
    // It waits for permission to send its body, and gets a response instead.
    let head = head("content-length: 1001\r\nexpect: 100-continue\r\n");
    let response = read_to_end(&mut running.connect(head).await).await;
    assert!(response.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{response}");
    assert!(response.contains("connection: close"), "{response}");
    assert!(response.contains("1000"), "the limit is named: {response}");
    running.end().await;
}

#[tokio::test]
async fn a_body_without_end_is_refused_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(Receiver::builder(verifier().body_limit(1_000), inbox(folder.path()))).await;
    let mut stream = running.connect(head("transfer-encoding: chunked\r\n")).await;
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    for _ in 0..11 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    // The largest one that is allowed.
    assert_eq!(running.post("x".repeat(1_000)).await.status(), 204);
    running.end().await;
}

#[tokio::test]
async fn a_large_body_is_refused_with_a_response_that_a_client_can_read() {
    let (running, folder) = Running::with_defaults().await;
    let response = running.post("x".repeat(4 << 20)).await;
    assert_eq!(response.status(), 413);
    assert_eq!(bodies(folder.path()), [""; 0]);
    running.end().await;
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(builder(&folder, |limits| limits.header_timeout = SHORT)).await;
    for begun in ["", "P", "POST / HTTP/1.1\r\nhost: receiver\r\nthings-mess"] {
        let response = read_to_end(&mut running.connect(begun).await).await;
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
    }
    running.end().await;
}

#[tokio::test]
async fn a_request_that_arrives_byte_by_byte_is_stored() {
    let (running, folder) = Running::with_defaults().await;
    let mut stream = running.connect("").await;
    stream.set_nodelay(true).unwrap();
    for byte in request("[17.5]").bytes() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut response = [0; 12];
    stream.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 204");
    assert_eq!(bodies(folder.path()), ["[17.5]"]);
    running.end().await;
}

#[tokio::test]
async fn a_slow_body_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(builder(&folder, |limits| limits.body_timeout = SHORT)).await;
    let mut stream = running.connect(head("content-length: 100\r\n") + "half").await;
    let response = read_to_end(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{response}");
    assert!(response.contains("the body has not arrived within 0.05 s"), "{response}");
    running.end().await;
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_stored() {
    let (running, folder) = Running::with_defaults().await;
    let complete = request("[1, 2, 3]");
    drop(running.connect(&complete[..complete.len() - 1]).await);
    running.until("things_receiver_requests_total{status=\"400\"}", 1.0).await;
    assert_eq!(bodies(folder.path()), [""; 0]);
    running.end().await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let (running, _folder) = Running::with_defaults().await;
    let head = head(&format!("large: {}\r\n", "x".repeat(17 << 10)));
    let response = read_to_end(&mut running.connect(head).await).await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 431 "), "{response}");
    running.end().await;
}

#[tokio::test]
async fn slow_clients_give_their_connections_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(builder(&folder, |limits| limits.connections = 5)).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(running.connect("POST / HTT").await);
    }
    for number in 0..10 {
        assert_eq!(running.post(format!("[{number}]")).await.status(), 204);
    }
    assert_eq!(bodies(folder.path()).len(), 10);
    for stream in &mut slow[..15] {
        assert_eq!(read_to_end(stream).await, "");
    }
    running.end().await;
}

#[tokio::test]
async fn unfinished_bodies_give_their_memory_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(builder(&folder, |limits| limits.memory = 4_000)).await;
    let half = head("content-length: 2000\r\n") + &"x".repeat(1_000);
    let mut slow = Vec::new();
    for _ in 0..6 {
        slow.push(running.connect(&half).await);
    }
    assert_eq!(running.post("y".repeat(3_000)).await.status(), 204);
    assert_eq!(bodies(folder.path()), ["y".repeat(3_000)]);
    running.end().await;
}

#[tokio::test]
async fn a_full_queue_gets_503_and_is_emptied_afterwards() {
    let (gate, folder) = (Gate::default(), tempfile::tempdir().unwrap());
    let builder = Receiver::builder(verifier(), gate.inbox(folder.path()));
    let running = Running::start(builder.queue(2).commit_timeout(Duration::from_secs(600))).await;
    gate.close();
    let mut streams = vec![running.connect(request("[0]")).await];
    // It is taken out of the queue before the others come.
    gate.has_begun().await;
    for number in 1..=2 {
        streams.push(running.connect(request(&format!("[{number}]"))).await);
        running.until("things_receiver_queue", f64::from(number)).await;
    }
    let response = running.post("[3]").await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.text().await.unwrap(), "2 messages wait for the store\n");
    assert_eq!(running.text("/health").await, (503, "2 messages wait for the store\n".to_owned()));
    gate.open();
    for stream in &mut streams {
        let mut response = [0; 12];
        stream.read_exact(&mut response).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 204");
    }
    assert_eq!(running.post("[3]").await.status(), 204);
    assert_eq!(bodies(folder.path()), ["[0]", "[1]", "[2]", "[3]"]);
    running.end().await;
}

#[tokio::test]
async fn a_connection_serves_several_messages() {
    let (running, folder) = Running::with_defaults().await;
    let mut stream = running.connect(request("[1]") + &request("[2]")).await;
    stream.write_all(request("[3]").as_bytes()).await.unwrap();
    let mut response = String::new();
    while response.matches("HTTP/1.1 204 No Content\r\n").count() < 3 {
        let mut buffer = [0; 1024];
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{response}");
        response.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    assert_eq!(bodies(folder.path()), ["[1]", "[2]", "[3]"]);
    running.end().await;
}

#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let (running, folder) = Running::with_defaults().await;
    let wrong = head(&format!("{TOKEN_HEADER}: 00\r\ncontent-length: 2\r\n")) + "[]";
    let mut stream = running.connect(wrong + &request("[1]")).await;
    let mut response = String::new();
    while !response.contains("HTTP/1.1 204 No Content\r\n") {
        let mut buffer = [0; 1024];
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{response}");
        response.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    assert!(response.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{response}");
    assert_eq!(bodies(folder.path()), ["[1]"]);
    running.end().await;
}
