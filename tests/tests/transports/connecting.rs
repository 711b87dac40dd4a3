//! What is proven not to be sent: all that goes wrong before a connection is there, and nothing that goes wrong after.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use things_core::{ErrorKind, Outcome};
use tokio::net::TcpSocket;

use crate::client::{Client, SHORT, downlink, fails, settings};
use things_tests::server::{Server, read_request, wait_for_the_end};

#[test]
fn without_a_connection_nothing_was_sent() {
    let name = format!("https://{}.invalid", "a".repeat(64));
    let refused = "http://127.0.0.1:1";
    for (case, base_url) in [("a name that cannot be looked up", &*name), ("a closed port", refused)] {
        fails(case, &settings(base_url).build().unwrap(), ErrorKind::Connect, Outcome::NotSent);
    }
}

#[test]
fn an_address_that_no_library_can_use_is_refused_or_at_least_not_sent_to() {
    for address in ["https://10.0.0.256", "https://1.2", "https://0x7f.1"] {
        let error = settings(address).build().unwrap_err();
        assert!(error.message().contains("no IPv4 address"), "{error}");
    }
    // The core has no tables of Unicode: reqwest refuses this when the client is made, ureq looks it up and does not find it.
    let config = settings("https://xn--a").build().unwrap();
    let error = Client::try_new("reqwest", config.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let error = Client::new("ureq", config).call(&downlink()).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::NotSent)), "{error}");
}

#[test]
fn a_handshake_that_fails_comes_before_the_request() {
    let alert = |description: u8| {
        move |mut stream: TcpStream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, description]);
        }
    };
    let plain = |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    let closes = |mut stream: TcpStream| drop(stream.read(&mut [0; 4096]));
    for (case, server) in [
        ("closed at once", Server::start(drop)),
        ("closed after the first message", Server::start(closes)),
        ("no TLS there", Server::start(plain)),
        ("handshake_failure", Server::start(alert(40))),
        ("bad_certificate", Server::start(alert(42))),
        ("protocol_version", Server::start(alert(70))),
        ("internal_error", Server::start(alert(80))),
        ("unrecognized_name", Server::start(alert(112))),
    ] {
        fails(case, &settings(&server.https()).build().unwrap(), ErrorKind::Connect, Outcome::NotSent);
    }
}

#[test]
fn running_out_of_time_before_a_connection_is_no_doubt() {
    let silent = Server::start(|mut stream| wait_for_the_end(&mut stream)).https();
    let full = full();
    for (case, base_url) in [("a handshake that stalls", &silent), ("a port that does not answer", &full.0)] {
        let whole_call = settings(base_url).timeout(SHORT).build().unwrap();
        fails(case, &whole_call, ErrorKind::Connect, Outcome::NotSent);
        let attempt = settings(base_url).attempt_timeout(SHORT).build().unwrap();
        fails(case, &attempt, ErrorKind::Connect, Outcome::NotSent);
        let connection = settings(base_url).connect_timeout(SHORT).build().unwrap();
        fails(case, &connection, ErrorKind::Connect, Outcome::NotSent);
    }
}

/// The address of a port whose queue is full, so that it ignores whoever wants to connect, for as long as the rest is kept.
fn full() -> (String, impl Sized) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = runtime.block_on(async { socket.listen(0) }).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(stream);
    }
    (format!("http://{address}"), (runtime, listener, queue))
}

#[test]
fn after_a_connection_a_request_may_have_arrived() {
    let stalls = Server::start(|mut stream| {
        read_request(&mut stream);
        wait_for_the_end(&mut stream);
    });
    let slow = settings(&stalls.http()).attempt_timeout(SHORT).build().unwrap();
    fails("an answer that stalls", &slow, ErrorKind::Timeout, Outcome::Unknown);
    let closes = Server::start(|mut stream| drop(read_request(&mut stream)));
    let closed = settings(&closes.http()).build().unwrap();
    fails("a connection that is closed", &closed, ErrorKind::Interrupted, Outcome::Unknown);
    // What is left unread makes the close a reset.
    let resets = Server::start(|mut stream| drop(stream.read(&mut [0])));
    let reset = settings(&resets.http()).build().unwrap();
    fails("a connection that is reset", &reset, ErrorKind::Interrupted, Outcome::Unknown);
}
