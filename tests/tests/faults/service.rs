//! Services that no simulator is: servers whose every byte a test decides, their clients, and the calls of these.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Method;
use things_core::{Builder, Config, Credentials, Error, ListDevices, RawCall};
use things_tests::server::{Request, Server, answer, read_request};
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::downlinks::downlink;

pub(crate) const SECRET: &str = "canary/s\"cret";
pub(crate) const TOKEN: &str = "canary.t0ken";

/// What GRIP answers.
pub(crate) fn token() -> String {
    format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#)
}

/// A page that is the whole fleet.
pub(crate) const PAGE: &str = r#"{"content":[{"uuid":"u-1","name":"one"}],"number":0,"size":20,"totalPages":1,"totalElements":1,"last":true}"#;

/// Settings for the API at this address, with tokens from a server that always has one.
pub(crate) fn settings(base_url: &str) -> Builder<Config> {
    static TOKENS: LazyLock<Server> = LazyLock::new(|| serve(|_, stream| answer(stream, &token())));
    Builder::new(Credentials::new("rjsfm52t", "key", SECRET), Ok)
        .base_url(base_url)
        .token_url(format!("{}/token", TOKENS.http()))
}

/// A server that does something for each request of a connection.
pub(crate) fn serve(respond: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Server {
    Server::start(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(request) = read_request(&mut reader) {
            respond(&request, &mut stream);
        }
    })
}

/// Answers with this status and these lines of headers.
pub(crate) fn respond(stream: &mut impl Write, status: &str, headers: &str, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    // A client that is gone is not minded.
    let _ = stream.write_all(&bytes);
}

/// The path and the query that were asked for.
pub(crate) fn target(request: &Request) -> &str {
    request.head.split(' ').nth(1).unwrap_or_default()
}

/// A number that stands first in a path: one server is for many cases.
pub(crate) fn case(request: &Request) -> usize {
    target(request).split('/').nth(1).and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
}

/// A client on a runtime that all share: one of its own for each case would be many threads.
pub(crate) fn client(name: &str, config: Config) -> Client {
    static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new().unwrap()));
    if name == "ureq" {
        return Client::Ureq(things_ureq::Client::new(config).unwrap());
    }
    Client::Reqwest(things_reqwest::Client::new(config).unwrap(), Arc::clone(&RUNTIME))
}

/// The calls that a client offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    Page,
    Listing,
    Downlink,
    Raw,
    Post,
    Customer,
}

impl Ask {
    pub(crate) const ALL: [Self; 6] =
        [Self::Page, Self::Listing, Self::Downlink, Self::Raw, Self::Post, Self::Customer];

    pub(crate) fn of(self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Page => client.call(&ListDevices::new()).map(drop),
            Self::Listing => client.collect(2, None).map(drop),
            Self::Downlink => client.call(&downlink(1)).map(drop),
            Self::Raw => client.call(&RawCall::get("/devices")).map(drop),
            Self::Post => client.call(&RawCall::new(Method::POST, "/devices").json("{}")).map(drop),
            Self::Customer => client.for_customer("c-1")?.call(&ListDevices::new()).map(drop),
        }
    }

    /// The same, and all of it in this time.
    pub(crate) fn within(self, timeout: Duration, client: &Client) -> Result<(), Error> {
        match self {
            Self::Listing => client.collect(2, Some(timeout)).map(drop),
            ask => ask.of(&client.with_timeout(timeout)),
        }
    }
}
