//! Heads and lengths, as they go out and as they come.

use std::io::Write;
use std::sync::mpsc;

use things_core::{ErrorKind, RawCall};

use crate::client::{Client, settings};
use things_tests::server::{Server, answer, read_request};

#[test]
fn a_head_beyond_all_bounds_is_too_large_at_once() {
    let (requests, seen) = mpsc::channel();
    for (case, line, lines, fits) in [
        ("a head of 20 KB", 1_000, 20, true),
        ("one header of 20 KB", 20_000, 1, true),
        ("a head of 10 MB", 100_000, 100, false),
        ("one header of 10 MB", 10_000_000, 1, false),
        ("200 headers", 1, 200, false),
    ] {
        let requests = requests.clone();
        let server = Server::start(move |mut stream| {
            while read_request(&mut stream).is_some() {
                requests.send(()).unwrap();
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n");
                (0..lines).for_each(|_| drop(write!(stream, "x-pad: {}\r\n", "a".repeat(line))));
                let _ = stream.write_all(b"\r\n{}");
            }
        });
        let config = settings(&server.http()).retry(Default::default()).build().unwrap();
        for client in Client::both(&config) {
            let kind = client.call(&RawCall::get("/")).err().map(|error| error.kind());
            assert_eq!(kind, (!fits).then_some(ErrorKind::HeadTooLarge), "{case}: {client:?}");
            assert_eq!(seen.try_iter().count(), 1, "{case}: {client:?}");
        }
    }
}

#[test]
fn any_method_goes_out_with_the_length_that_it_means() {
    let (requests, seen) = mpsc::channel();
    let server = Server::start(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            requests.send(request).unwrap();
            answer(&mut stream, "");
        }
    });
    let empty = |method: &str| RawCall::new(method.parse().unwrap(), "/x");
    let json = |method| empty(method).json("[1]");
    for client in Client::both(&settings(&server.http()).build().unwrap()) {
        for (method, call, length) in [
            ("GET", empty("GET"), None),
            ("DELETE", empty("DELETE"), None),
            ("OPTIONS", empty("OPTIONS"), None),
            ("PROPFIND", empty("PROPFIND"), None),
            ("POST", empty("POST"), Some("0")),
            ("PUT", empty("PUT"), Some("0")),
            ("PATCH", empty("PATCH"), Some("0")),
            ("POST", json("POST"), Some("3")),
            ("DELETE", json("DELETE"), Some("3")),
            ("PROPFIND", json("PROPFIND"), Some("3")),
        ] {
            client.call(&call).unwrap();
            let request = seen.recv().unwrap();
            assert!(request.head.starts_with(&format!("{method} /x HTTP/1.1\r\n")), "{client:?}");
            assert_eq!(request.header("content-length"), length, "{method}: {client:?}");
            assert_eq!(request.header("transfer-encoding"), None, "{method}: {client:?}");
            assert_eq!(request.body.len().to_string(), length.unwrap_or("0"), "{method}: {client:?}");
            assert_eq!(request.header("accept-encoding"), Some("identity"), "{method}: {client:?}");
        }
    }
}
