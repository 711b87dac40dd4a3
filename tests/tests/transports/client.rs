//! Clients of servers whose every byte a test decides.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use things_core::{Builder, Config, Credentials, Downlink, ErrorKind, FPort, Outcome, RetryPolicy};
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
