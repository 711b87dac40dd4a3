//! One HTTP exchange with reqwest, and what its errors mean.

use std::env;
use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use things_core::{Config, Error, TransportError, TransportErrorKind};
use tokio::time::{Instant, timeout_at};
use tower::util::MapFutureLayer;

/// Times beyond this are as good as none, and cannot be added to points in time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// By so much a connection fails before the exchange that it takes all the time of: then nothing was sent.
const EARLIER: Duration = Duration::from_millis(5);

tokio::task_local! {
    /// When the exchange that a connection is made for is out of time.
    static DEADLINE: Instant;
}

#[derive(Clone)]
pub(crate) struct Transport(reqwest::Client);

impl Transport {
    /// No redirects, no decompression, no retries; roots of trust from the platform or the user.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_proxy()
            .connect_timeout(config.limits().connect_timeout)
            .connector_layer(MapFutureLayer::new(in_time))
            .tls_backend_preconfigured(tls(config)?);
        if let Some(proxy) = config.proxy(|name| env::var_os(name))? {
            client = client.proxy(reqwest::Proxy::custom(move |url| {
                let served = url.as_str().parse().is_ok_and(|address| proxy.serves(&address));
                served.then(|| proxy.url().to_owned())
            }));
        }
        client.build().map(Self).map_err(|error| Error::config(format!("no HTTP client: {error}")))
    }

    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        time: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let deadline = Instant::now() + time.min(LONGEST);
        let exchange = DEADLINE.scope(deadline, self.exchange(request, limit));
        timeout_at(deadline + EARLIER, exchange).await.unwrap_or(Err(TransportErrorKind::Timeout.into()))
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        // RFC 9110, section 8.6: where the method means a body, a length of 0 is sent too.
        if request.body().is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(request.method())
        {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let request = reqwest::Request::try_from(request).map_err(classify)?;
        let (parts, body) = Response::from(self.0.execute(request).await.map_err(classify)?).into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            match error.downcast::<reqwest::Error>() {
                Ok(error) => classify(*error),
                Err(_) => TransportErrorKind::TooLarge.into(),
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// A connection within the time of its exchange, so that running out of it is an error of the connection.
async fn in_time<C>(
    connecting: BoxFuture<'static, Result<C, Box<dyn StdError + Send + Sync>>>,
) -> Result<C, Box<dyn StdError + Send + Sync>> {
    match DEADLINE.try_with(|deadline| *deadline) {
        Ok(deadline) => timeout_at(deadline, connecting).await?,
        Err(_) => connecting.await,
    }
}

fn tls(config: &Config) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trouble = |error: rustls::Error| Error::config(format!("no TLS: {error}"));
    let no_roots = |error: rustls::Error| {
        let way_out = "install the CA certificates of your system, or set a CA bundle";
        Error::config(format!("no TLS: {error}: {way_out}"))
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(trouble)?;
    let verified = match config.ca_bundle() {
        None if config.has_https() => builder.with_platform_verifier().map_err(no_roots)?,
        bundle => {
            let mut roots = RootCertStore::empty();
            bundle.unwrap_or_default().iter().try_for_each(|der| roots.add(der.clone())).map_err(trouble)?;
            builder.with_root_certificates(roots)
        }
    };
    Ok(verified.with_no_client_auth())
}

/// Only what happens before a request can be written counts as `Connect`.
fn classify(error: reqwest::Error) -> TransportError {
    let mut causes = successors(error.source(), |error| (*error).source());
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if causes.any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse_too_large)) {
        TransportErrorKind::HeadTooLarge
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_request() || error.is_body() || error.is_decode() {
        TransportErrorKind::Interrupted
    } else {
        TransportErrorKind::Other
    };
    TransportError::new(kind, error.without_url())
}
