//! Clients of servers whose every byte a test decides.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};
use std::{iter, thread};

use things_core::{Builder, Config, Credentials, Downlink, ErrorKind, FPort, Moment, Outcome, RetryPolicy};
pub(crate) use things_tests::client::Client;
use things_tests::server::{Server, answer, read_request};

/// The API at this address, tokens from a server that always has one, and one attempt at everything.
pub(crate) fn settings(base_url: &str) -> Builder<Config> {
    static TOKENS: LazyLock<Server> = LazyLock::new(|| {
        Server::start(|mut stream| {
            while read_request(&mut stream).is_some() {
                answer(&mut stream, r#"{"access_token":"token","expires_in":3600}"#);
            }
        })
    });
    let once = RetryPolicy { max_attempts: 1, ..Default::default() };
    Builder::new(Credentials::new("rjsfm52t", "key", "hush"), Ok)
        .base_url(base_url)
        .token_url(format!("http://{}/token", TOKENS.address))
        .retry(once)
}

/// Little time, for cases that use all of it.
pub(crate) const SHORT: Duration = Duration::from_millis(500);

pub(crate) fn downlink() -> Downlink {
    Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]).unwrap()
}

/// Returns a downlink as a transport sends it.
fn referenced(client: &Client, downlink: &Downlink) -> Downlink {
    match client {
        Client::Ureq(client) => client.referenced(downlink),
        Client::Reqwest(client, _) => client.referenced(downlink),
    }
    .into_owned()
}

#[test]
fn generated_references_have_the_time_of_the_clock_and_differ() {
    let millis = 0x017F_22E2_79B0;
    let now = Moment::new(Duration::ZERO, SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
    for client in Client::both(&settings("http://127.0.0.1:1").build().unwrap()) {
        let client = client.with_clock(Arc::new(move || now));
        let generated = || referenced(&client, &downlink()).reference().unwrap().to_string();
        let references: HashSet<String> = iter::repeat_with(generated).take(10_000).collect();
        assert_eq!(references.len(), 10_000, "{client:?}");
        let rest: HashSet<&str> =
            references.iter().map(|uuid| uuid.strip_prefix("017f22e2-79b0-7").unwrap()).collect();
        // The last digits come from one half of the randomness, the first from the other.
        assert!(rest.iter().map(|rest| &rest[..3]).collect::<HashSet<_>>().len() > 3_000, "{client:?}");
        let given = downlink().external_reference("valve-42").unwrap();
        assert_eq!(referenced(&client, &given).reference().unwrap().as_str(), "valve-42");
    }
}

#[test]
fn a_client_can_have_another_retry_policy() {
    let thrice = RetryPolicy { max_attempts: 3, base_delay: Duration::ZERO, ..Default::default() };
    for client in Client::both(&settings("http://127.0.0.1:1").build().unwrap()) {
        let attempts = |client: &Client| client.call(&downlink()).unwrap_err().attempts();
        let patient = match &client {
            Client::Ureq(client) => Client::Ureq(client.with_retry(thrice).unwrap()),
            Client::Reqwest(client, runtime) => {
                Client::Reqwest(client.with_retry(thrice).unwrap(), Arc::clone(runtime))
            }
        };
        assert_eq!((attempts(&patient), attempts(&client)), (3, 1), "{client:?}");
    }
}

/// Sends a downlink with both transports, which both have to fail with this kind and this outcome.
pub(crate) fn fails(case: &str, config: &Config, kind: ErrorKind, outcome: Outcome) {
    thread::scope(|scope| {
        for client in Client::both(config) {
            scope.spawn(move || {
                let error = client.call(&downlink()).unwrap_err();
                let found = (error.kind(), error.outcome());
                assert_eq!(found, (kind, Some(outcome)), "{case}: {client:?}: {error}");
            });
        }
    });
}
