//! A transport of your own: a blocking client that drives `things-core` over hyper.
//!
//! The core does no IO. It knows what to send, what an answer means, and when to try again; a transport brings the
//! HTTP stack. It has three parts, and none of them knows the service:
//!
//! - **Build** the HTTP client. It must follow no redirect, for KPN answers a rejected token with a 302; give every
//!   status as an answer; and repeat no request that it has begun to write. hyper does so unasked. In other libraries
//!   these are the settings to look for.
//! - **Send** one request, within a time from now to the last byte of the answer, and with a bound on the answer's
//!   body. A connection that breaks, or a body that ends early, must come out as an error.
//! - **Classify** what goes wrong, see [`TransportErrorKind`]. `Connect` is only for what is proven to have failed
//!   before a byte of the request was written: after it, the core sends even a downlink again. Where you do not know,
//!   do not say `Connect`.
//!
//! With that, [`Client::call`] makes any call there is. It begins with [`Session::start`], does what each step asks, and
//! resumes it with the result and with the time, for the core has no clock either:
//!
//! - [`Step::Send`]: send this request, and resume with the answer or with why there is none.
//! - [`Step::Sleep`]: let the time come that the step names. A retry comes after it.
//! - [`Step::Wait`]: another call is fetching the token, or the context switch: there is nothing to send. await
//!   [`Turn::poll`], up to [`Turn::deadline`].
//! - [`Step::Done`]: the call is over, and [`finish`] reads what came.
//!
//! hyper is async, so this client has a runtime of its own and blocks on it, as `reqwest::blocking` does. Call it from
//! threads, not from async code. `tests/third_transport.rs` tries all of this against the simulator: let it try yours.
//!
//! [`Turn::poll`]: things_core::Turn::poll
//! [`Turn::deadline`]: things_core::Turn::deadline

#![allow(clippy::missing_errors_doc, reason = "the types say enough in an example")]

use std::error::Error as StdError;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;
use things_core::{
    Builder, Config, DeviceFeed, Error, Feed, Fleet, ListDevices, Moment, Operation, Session, Settings, Step,
    TransportError, TransportErrorKind, Want, finish,
};
use tokio::runtime::{self, Runtime};
use tokio::time::{error::Elapsed, timeout};

/// The whole client. Threads may share it.
pub struct Client {
    session: Session,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Runtime,
    start: Instant,
}

impl Client {
    /// A client from the `KPN_THINGS_*` variables, and from the Postman environment file they may name.
    pub fn from_env() -> Result<Self, Error> {
        Builder::new(Settings::default(), Self::new)
            .environment(|name| env::var_os(name), |path| fs::read(path))?
            .build()
    }

    /// Builds the HTTP client. [`Builder`] calls this with settings that it has checked.
    pub fn new(config: Config) -> Result<Self, Error> {
        let trouble = |error| Error::config(format!("no runtime: {error}"));
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(config.limits().connect_timeout));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls(&config)?);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self {
            session: Session::new(config, RandomState::new().hash_one(())),
            http: legacy::Client::builder(TokioExecutor::new()).build(connector),
            runtime: runtime.map_err(trouble)?,
            start: Instant::now(),
        })
    }

    /// Makes a call: does what each step says until it is done.
    pub fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, Error> {
        let mut step = self.session.start(operation, self.now());
        loop {
            step = match step {
                Step::Send(request, exchange) => {
                    let reply = self.send(request, exchange.timeout(), exchange.limit());
                    exchange.resume(reply, self.now())
                }
                Step::Sleep(pause) => {
                    thread::sleep(pause.until().since(self.now()));
                    pause.resume(self.now())
                }
                Step::Wait(turn) => {
                    let left = turn.deadline().since(self.now());
                    let settled = poll_fn(|context| turn.poll(context.waker()));
                    let _ = self.runtime.block_on(async { timeout(left, settled).await });
                    turn.resume(self.now())
                }
                Step::Done(result) => return finish(operation, result),
            };
        }
    }

    /// All devices of a listing, one call after the other. The [`Feed`] knows which call comes next, and when it ends.
    pub fn devices(&self, query: ListDevices) -> Result<Fleet, Error> {
        let (mut feed, mut devices) = (self.session.pages(query, 1), Vec::new());
        while let Want::Call { ticket, operation, .. } = feed.want(self.now()) {
            feed.accept(ticket, self.call(&operation));
            while let Some(item) = feed.take() {
                devices.extend(item?);
            }
        }
        Ok(feed.fleet(devices))
    }

    fn now(&self) -> Moment {
        Moment::new(self.start.elapsed(), SystemTime::now())
    }

    /// One exchange. Time runs out for connecting, sending and reading together.
    fn send(
        &self,
        request: Request<Bytes>,
        time: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let exchange = async {
            let (head, body) = self.http.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, limit).collect().await?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        self.runtime.block_on(async { timeout(time, exchange).await? }).map_err(classify)
    }
}

/// Once hyper has a connection, the request may be on its way.
fn classify(error: Box<dyn StdError + Send + Sync>) -> TransportError {
    let kind = match error.downcast_ref::<legacy::Error>() {
        Some(error) if error.is_connect() => TransportErrorKind::Connect,
        Some(_) => TransportErrorKind::Interrupted,
        None if error.is::<Elapsed>() => TransportErrorKind::Timeout,
        None if error.is::<LengthLimitError>() => TransportErrorKind::TooLarge,
        None if error.is::<hyper::Error>() => TransportErrorKind::Interrupted,
        None => TransportErrorKind::Other,
    };
    TransportError::new(kind, error)
}

/// Roots of trust from the platform, or from the user's CA bundle.
fn tls(config: &Config) -> Result<ClientConfig, Error> {
    let trouble = |error: rustls::Error| Error::config(format!("no TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(trouble)?;
    let builder = match config.ca_bundle() {
        Some(bundle) => {
            let mut roots = RootCertStore::empty();
            bundle.iter().try_for_each(|der| roots.add(der.clone())).map_err(trouble)?;
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(trouble)?,
    };
    Ok(builder.with_no_client_auth())
}

fn main() -> Result<(), Error> {
    let client = Client::from_env()?;
    for device in client.devices(ListDevices::new())?.devices {
        println!("{}", device.name());
    }
    Ok(())
}
