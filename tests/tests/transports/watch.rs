//! What a watch sees of a call, and how it ends one; and the limit on connections.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use things_core::{
    Error, ErrorKind, Exchange, Outcome, Pause, RawCall, Receipt, RetryPolicy, Stage, Stop, TransportError,
    Watch,
};
use things_tests::server::{Server, answer, read_request, wait_for_the_end};

use crate::client::{Client, downlink, settings};

/// What was observed, in order, and the request before which the call is ended.
#[derive(Default)]
struct Observed {
    events: Mutex<Vec<String>>,
    end_before: Option<Stage>,
    end_at_pause: bool,
}

impl Observed {
    fn note(&self, event: String) {
        self.events.lock().unwrap().push(event);
    }
}

impl Watch for Observed {
    fn is_wanted(&self) -> bool {
        !(self.end_at_pause && self.events.lock().unwrap().len() == 4)
    }

    fn sending(&self, exchange: &Exchange) -> bool {
        let url = exchange.url();
        let acts = if exchange.acts() { ", acts" } else { "" };
        let name = url.rsplit('/').next().unwrap();
        self.note(format!("{} {name}, attempt {}{acts}", exchange.method(), exchange.attempt()));
        self.end_before != Some(exchange.stage())
    }

    fn replied(&self, _: &Exchange, reply: &Result<Response<Bytes>, TransportError>, took: Duration) {
        assert!(took > Duration::ZERO);
        self.note(
            reply.as_ref().map_or_else(ToString::to_string, |reply| reply.status().as_u16().to_string()),
        );
    }

    fn pausing(&self, pause: &Pause, wait: Duration) {
        assert!(wait > Duration::ZERO && pause.url().ends_with("/downlinks"));
        self.note(format!("pause after {} of {} {:?}", pause.attempts(), pause.method(), pause.stage()));
    }
}

/// A service that is busy at first, and the number of requests that it gets.
fn busy_once() -> (Server, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = Server::start(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                stream
                    .write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")
                    .unwrap();
            } else {
                answer(&mut stream, "{}");
            }
        }
    });
    (server, requests)
}

fn watched(client: &Client, watch: &Arc<Observed>) -> Client {
    let watch = Arc::clone(watch) as Arc<dyn Watch>;
    match client {
        Client::Ureq(client) => Client::Ureq(client.with_watch(watch)),
        Client::Reqwest(client, runtime) => Client::Reqwest(client.with_watch(watch), Arc::clone(runtime)),
    }
}

/// What came of a downlink that was sent to a service that is busy at first.
struct Sent {
    result: Result<Receipt, Error>,
    requests: usize,
    events: Vec<String>,
}

/// Sends a downlink by each client, with a watch of its own.
fn each(make: impl Fn() -> Observed) -> [Sent; 2] {
    let retry = RetryPolicy { base_delay: Duration::from_millis(1), ..Default::default() };
    [0, 1].map(|number| {
        let (server, requests) = busy_once();
        let config = settings(&server.http()).retry(retry).build().unwrap();
        let watch = Arc::new(make());
        let result = watched(&Client::both(&config)[number], &watch).call(&downlink());
        let events = watch.events.lock().unwrap().clone();
        Sent { result, requests: requests.load(Ordering::SeqCst), events }
    })
}

const TOKEN: [&str; 2] = ["POST token, attempt 1", "200"];
const BUSY: [&str; 2] = ["POST downlinks, attempt 1, acts", "503"];
const DONE: [&str; 3] = ["pause after 1 of POST Call", "POST downlinks, attempt 2, acts", "200"];

#[test]
fn a_watch_sees_every_request_every_response_and_every_pause() {
    for sent in each(Observed::default) {
        sent.result.unwrap();
        assert_eq!(sent.requests, 2);
        assert_eq!(sent.events, [&TOKEN[..], &BUSY, &DONE].concat());
    }
}

#[test]
fn a_watch_ends_a_call_before_its_request_is_sent() {
    for sent in each(|| Observed { end_before: Some(Stage::Call), ..Observed::default() }) {
        let error = sent.result.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Cancelled, Some(Outcome::NotSent)));
        assert_eq!((error.attempts(), sent.requests, sent.events.len()), (0, 0, 3));
    }
}

#[test]
fn a_watch_ends_a_call_instead_of_a_pause() {
    for sent in each(|| Observed { end_at_pause: true, ..Observed::default() }) {
        let error = sent.result.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Cancelled, Some(Outcome::NotSent)));
        assert_eq!((error.attempts(), sent.requests), (1, 1));
        assert_eq!(sent.events, [TOKEN, BUSY].concat());
    }
}

#[test]
fn connections_are_limited_and_who_waits_too_long_for_one_sends_nothing() {
    let server = Server::start(|mut stream| {
        read_request(&mut stream);
        wait_for_the_end(&mut stream);
    });
    let client = things_reqwest::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let client = client.with_max_connections(2).with_pool_timeout(Duration::from_millis(50));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let slow = [0, 1].map(|_| {
            let client = client.with_timeout(Duration::from_secs(60));
            tokio::spawn(async move { client.request(&RawCall::get("/slow")).await })
        });
        tokio::task::yield_now().await;
        let error = client.send_downlink(&downlink()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::NotSent)));
        assert_eq!((error.attempts(), error.gave_up_because()), (0, None::<Stop>));
        assert!(error.external_reference().is_some() && error.is_retryable());
        assert!(error.to_string().contains("all 2 connections of the client are in use"), "{error}");
        assert!(error.hint().unwrap().contains("allow more connections"), "{error}");
        slow.iter().for_each(|call| call.abort());
    });
}
