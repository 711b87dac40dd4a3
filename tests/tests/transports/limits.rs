//! Bounds that are no bounds.

use std::time::Duration;

use things_core::RawCall;

use crate::client::{Client, settings};
use things_tests::server::{Server, answer, read_request};

#[test]
fn times_without_end_are_taken() {
    let server = Server::start(|mut stream| {
        while read_request(&mut stream).is_some() {
            answer(&mut stream, "{}");
        }
    });
    let settings = settings(&server.http());
    let endless = Duration::MAX;
    let settings = settings.timeout(endless).attempt_timeout(endless).connect_timeout(endless);
    for client in Client::both(&settings.build().unwrap()) {
        client.call(&RawCall::get("/")).unwrap();
    }
}
