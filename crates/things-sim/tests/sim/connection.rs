//! Connections: how requests are framed, what is bounded, and how everything ends.

use crate::client::*;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use things_sim::{Route, Sim};

#[test]
fn many_requests_go_over_one_connection_pipelined_or_in_pieces() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let headers = [("Authorization", bearer.as_str()), ("Accept", DEVICES)];
    let get = request("GET", "/api/devices?pageSize=1", &headers, "");
    let post = request("POST", SEND, &send_headers(&bearer), DOWNLINK);
    let mut wire = Wire::to(&sim);
    wire.write([get.as_str(), &post, &get].concat());
    for status in [200, 201, 200] {
        assert_eq!(wire.read().unwrap().status, status);
    }
    for byte in post.bytes() {
        wire.write([byte]);
    }
    assert_eq!(wire.read().unwrap().status, 201);
    assert!(sim.downlinks().iter().all(|downlink| downlink.body == DOWNLINK.as_bytes()));
}

#[test]
fn a_connection_is_closed_when_the_client_says_so() {
    let sim = Sim::builder().start().unwrap();
    for head in ["GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"] {
        let mut wire = Wire::to(&sim);
        wire.write(head);
        let answer = wire.read().unwrap();
        assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
        assert!(wire.rest().is_empty());
    }
    let mut wire = Wire::to(&sim);
    wire.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(wire.read().unwrap().status, 404);
    wire.write("GET http://elsewhere/login?x HTTP/1.1\r\n\r\n");
    assert_eq!(wire.read().unwrap().status, 200);
    wire.write("HEAD /login HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(wire.rest().ends_with(b"\r\n\r\n"));
}

#[test]
fn chunked_bodies_are_put_together() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let mut head = request("POST", SEND, &send_headers(&bearer), "");
    head.truncate(head.len() - 2);
    head += "Transfer-Encoding: chunked\r\n\r\n";
    let (start, end) = DOWNLINK.split_at(10);
    let body = format!(
        "{:x};extension=1\r\n{start}\r\n{:X}\r\n{end}\r\n0\r\nTrailer: yes\r\n\r\n",
        start.len(),
        end.len()
    );
    let mut wire = Wire::to(&sim);
    wire.write(format!("{head}{body}{head}"));
    assert_eq!(wire.read().unwrap().status, 201);
    for byte in body.bytes() {
        wire.write([byte]);
    }
    assert_eq!(wire.read().unwrap().status, 201);
    assert!(sim.downlinks().iter().all(|downlink| downlink.body == DOWNLINK.as_bytes()));
    assert_eq!(sim.requests().last().unwrap().body_length, DOWNLINK.len());

    for (body, status) in
        [("zz\r\n", 400), ("3\r\nabcd\r\n", 400), ("FFFFFFFF\r\n", 413), ("FFFFFFFFFFFFFFFFF\r\n", 400)]
    {
        let mut wire = Wire::to(&sim);
        wire.write(format!("{head}{body}"));
        assert_eq!(wire.read().unwrap().status, status, "{body}");
    }
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let headers: Vec<_> = [("Expect", "100-continue")].into_iter().chain(send_headers(&bearer)).collect();
    let whole = request("POST", SEND, &headers, DOWNLINK);
    let (head, body) = whole.split_at(whole.len() - DOWNLINK.len());
    let mut wire = Wire::to(&sim);
    wire.write(head);
    assert_eq!(wire.read_head().unwrap().status, 100);
    wire.write(body);
    assert_eq!(wire.read().unwrap().status, 201);
    // Who sends the body at once needs no permission.
    wire.write(&whole);
    assert_eq!(wire.read().unwrap().status, 201);
}

#[test]
fn what_is_no_request_or_too_large_is_refused_and_the_connection_closed() {
    let sim = Sim::builder().start().unwrap();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(101));
    let length = |value: &str| format!("POST / HTTP/1.1\r\nContent-Length: {value}\r\n\r\n");
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        (long, 431),
        (many, 431),
        (length("x"), 400),
        (length("1\r\nContent-Length: 2"), 400),
        (length("1\r\nTransfer-Encoding: chunked"), 400),
        (length("1048577"), 413),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), 501),
    ] {
        let mut wire = Wire::to(&sim);
        wire.write(&bytes);
        let answer = wire.read().unwrap();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{bytes:.60}");
        assert!(wire.rest().is_empty());
    }
    assert_eq!(sim.calls_total(), 0);
    let mut wire = Wire::to(&sim);
    wire.write(format!("{}{}", length("1048576"), "x".repeat(1_048_576)));
    assert_eq!(wire.read().unwrap().status, 404);
}

#[test]
fn stopping_ends_stalled_slow_and_idle_connections_at_once() {
    let sim = Arc::new(
        Sim::builder()
            .fault("devices=stall".parse().unwrap())
            .fault("other=latency:1000s".parse().unwrap())
            .start()
            .unwrap(),
    );
    let waiting = std::thread::spawn({
        let sim = Arc::clone(&sim);
        move || sim.wait()
    });
    let mut wires: Vec<Wire> = (0..20).map(|_| Wire::to(&sim)).collect();
    for wire in &mut wires[..10] {
        wire.write("GET /api/devices HTTP/1.1\r\n\r\n");
    }
    wires[10].write("GET /slow HTTP/1.1\r\n\r\n");
    wires[11].write("POST /half HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
    while sim.calls(Route::Devices) < 10 || sim.calls(Route::Other) < 1 {
        std::thread::yield_now();
    }
    let start = Instant::now();
    sim.stop();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    waiting.join().unwrap();
    for wire in &mut wires {
        assert!(wire.read().is_none());
    }
    assert!(TcpListener::bind(sim.addr()).is_ok());
    sim.stop();
    sim.wait();
}

#[test]
fn dropping_it_frees_its_port() {
    let sim = Sim::builder().start().unwrap();
    let addr = sim.addr();
    assert_eq!(sim.url(), format!("http://{addr}"));
    let mut wire = Wire::to(&sim);
    drop(sim);
    assert!(wire.read().is_none());
    let again = Sim::builder().port(addr.port()).start().unwrap();
    assert_eq!(again.addr(), addr);
    assert!(Sim::builder().port(addr.port()).start().is_err());
}

#[test]
fn a_thousand_connections_leave_nothing_behind() {
    let sim = Sim::builder().fault("any@every-2=drop-before".parse().unwrap()).start().unwrap();
    let answered = (0..1000).filter(|_| try_call(&sim, "GET", "/x", &[], "").is_some()).count();
    assert_eq!(answered, 500);
    assert_eq!(sim.calls(Route::Other), 1000);
}
