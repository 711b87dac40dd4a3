//! The transport of `examples/third_transport.rs` against the simulator.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use things_core::{Builder, Downlink, Error, ErrorKind, FPort, ListDevices, Outcome, RetryPolicy, Settings};
use things_sim::{Route, Sim, SimBuilder};
use third_transport::Client;

#[path = "../examples/third_transport.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program too")]
mod third_transport;

/// Nobody listens there.
const CLOSED: &str = "http://127.0.0.1:1";

fn simulator(faults: &[&str]) -> Sim {
    let faults = faults.iter().map(|fault| fault.parse().unwrap());
    faults.fold(Sim::builder().devices(45), SimBuilder::fault).start().unwrap()
}

/// A client from the simulator's environment that tries each call once.
fn builder(sim: &Sim) -> Builder<Client> {
    let environment = sim.environment();
    let lookup = |name: &str| {
        environment.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into())
    };
    let once = RetryPolicy { max_attempts: 1, ..Default::default() };
    let builder = Builder::new(Settings::default(), Client::new);
    builder.environment(lookup, |path| panic!("{path} is not to be read")).unwrap().retry(once)
}

fn client(sim: &Sim) -> Client {
    builder(sim).build().unwrap()
}

fn list(client: &Client) -> Result<Vec<String>, Error> {
    let fleet = client.devices(ListDevices::new().page_size(20))?;
    Ok(fleet.devices.into_iter().map(|device| device.uuid().to_owned()).collect())
}

fn downlink() -> Downlink {
    let downlink = Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [0x01, 0x02]);
    downlink.unwrap().external_reference("valve-42").unwrap()
}

#[test]
fn every_device_of_every_page_is_listed() {
    let sim = simulator(&[]);
    let mut expected = sim.device_uuids();
    expected.sort();
    assert_eq!(list(&client(&sim)).unwrap(), expected);
    assert_eq!((sim.calls(Route::Devices), sim.tokens_issued()), (3, 1));
}

#[test]
fn a_downlink_is_sent_as_it_is() {
    let sim = simulator(&[]);
    let receipt = client(&sim).call(&downlink()).unwrap();
    assert_eq!(receipt.status.as_u16(), 201);
    let received = &sim.downlinks()[0];
    assert_eq!(received.port.as_deref(), Some("1"));
    assert_eq!(received.external_reference.as_deref(), Some("valve-42"));
    assert_eq!(received.records[0]["vs"], "0102");
}

#[test]
fn a_redirect_is_not_followed() {
    let sim = Sim::builder().without_access().start().unwrap();
    let error = list(&client(&sim)).unwrap_err();
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (ErrorKind::Auth, Some(302)));
    assert_eq!(sim.calls(Route::Other), 0);
}

#[test]
fn a_refused_connection_is_connect() {
    let sim = simulator(&[]);
    let error = builder(&sim).base_url(CLOSED).build().unwrap().call(&downlink()).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::NotSent)));
}

#[test]
fn a_failed_tls_handshake_is_connect() {
    let sim = simulator(&[]);
    let https = sim.url().replace("http:", "https:");
    let error = builder(&sim).base_url(https).build().unwrap().call(&downlink()).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::NotSent)));
    assert!(error.message().contains("does not speak TLS"), "{error}");
}

#[test]
fn an_answer_over_the_bound_is_too_large() {
    let sim = simulator(&[]);
    let error = list(&builder(&sim).max_body(2_000).build().unwrap()).unwrap_err();
    assert_eq!((error.kind(), sim.calls(Route::Devices)), (ErrorKind::TooLarge, 1));
}

#[test]
fn a_dropped_connection_leaves_a_downlink_unknown_and_sent_once() {
    let sim = simulator(&["downlinks=drop-after"]);
    let error = client(&sim).call(&downlink()).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Interrupted, Some(Outcome::Unknown)));
    assert_eq!((sim.calls(Route::Downlinks), sim.downlinks_received()), (1, 1));
}

#[test]
fn a_downlink_on_a_connection_that_drops_later_is_sent_once() {
    let sim = simulator(&["downlinks=drop-after"]);
    let client = client(&sim);
    list(&client).unwrap();
    assert_eq!(client.call(&downlink()).unwrap_err().outcome(), Some(Outcome::Unknown));
    assert_eq!((sim.calls(Route::Downlinks), sim.downlinks_received()), (1, 1));
}

#[test]
fn a_cut_answer_is_interrupted() {
    let sim = simulator(&["devices=truncate:100"]);
    assert_eq!(list(&client(&sim)).unwrap_err().kind(), ErrorKind::Interrupted);
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout() {
    let sim = simulator(&["devices=stall"]);
    let client = builder(&sim).attempt_timeout(Duration::from_millis(200)).build().unwrap();
    assert_eq!(list(&client).unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn a_busy_service_is_asked_again() {
    let sim = simulator(&["devices@1=status:503,Retry-After:0"]);
    let client = builder(&sim).retry(RetryPolicy::default()).build().unwrap();
    assert_eq!(list(&client).unwrap().len(), 45);
    assert_eq!(sim.calls(Route::Devices), 4);
}

#[test]
fn threads_share_one_token() {
    let sim = simulator(&["token=latency:20ms"]);
    let (client, start) = (client(&sim), Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                client.call(&downlink()).unwrap()
            });
        }
    });
    assert_eq!((sim.downlinks_received(), sim.tokens_issued()), (8, 1));
}
