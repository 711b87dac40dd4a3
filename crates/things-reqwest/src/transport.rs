//! One HTTP exchange with reqwest, and the meaning of its errors.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use reqwest::Url;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use things_core::{Config, Error, Proxy, TransportError, TransportErrorKind};
use tokio::time::{Instant, timeout_at};
use tower::util::MapFutureLayer;

/// Connecting is cut off this much earlier than the exchange, so that running out of time while connecting counts as
/// `Connect`.
const EARLIER: Duration = Duration::from_millis(5);

tokio::task_local! {
    /// The deadline of the exchange that the connection is made for.
    static DEADLINE: Instant;
}

#[derive(Clone)]
pub(crate) struct Transport {
    client: reqwest::Client,
    proxy: Option<Arc<Proxy>>,
}

impl Transport {
    /// Configures no redirects, no decompression, no retries, and roots of trust from the platform or the user.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        // A wrong address must fail here, because a later error would not show whether the request was sent.
        for address in [config.base_url(), config.token_url().to_string()] {
            Url::parse(&address)
                .map_err(|error| Error::config(format!("{address} is not a URL: {error}")))?;
        }
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .user_agent(config.user_agent().clone())
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .no_proxy()
            .connect_timeout(config.limits().connect_timeout)
            .connector_layer(MapFutureLayer::new(in_time))
            .tls_backend_preconfigured(tls(config)?);
        let proxy = config.proxy().cloned().map(Arc::new);
        if let Some(proxy) = proxy.clone() {
            let url = Url::parse(proxy.url())
                .map_err(|error| Error::config(format!("the address of the proxy is not a URL: {error}")))?;
            client = client.proxy(reqwest::Proxy::custom(move |target| {
                let served = target.as_str().parse().is_ok_and(|address| proxy.serves(&address));
                served.then(|| url.clone())
            }));
        }
        let client = client.build().map_err(|error| Error::config(format!("no HTTP client: {error}")))?;
        Ok(Self { client, proxy })
    }

    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        time: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let deadline = Instant::now() + time;
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.serves(request.uri()));
        let exchange = DEADLINE.scope(deadline, self.exchange(request, limit));
        let done = timeout_at(deadline + EARLIER, exchange).await;
        let done = done.unwrap_or(Err(TransportErrorKind::Timeout.into()));
        done.map_err(|error| match proxy {
            Some(proxy) => proxy.explain(error),
            None => error,
        })
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        // RFC 9110, section 8.6: if the method expects a body, a length of 0 is sent too.
        if request.body().is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(request.method())
        {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let request = reqwest::Request::try_from(request).map_err(classify)?;
        let (parts, mut body) =
            Response::from(self.client.execute(request).await.map_err(classify)?).into_parts();
        Ok(Response::from_parts(parts, read(&mut body, limit).await?))
    }
}

/// Reads a body into one buffer. Collecting it in pieces would need twice the memory at the end.
async fn read(body: &mut reqwest::Body, limit: usize) -> Result<Bytes, TransportError> {
    let announced = body.size_hint().exact().unwrap_or(0);
    if announced > limit as u64 {
        return Err(TransportErrorKind::TooLarge.into());
    }
    // The service can announce a length that never arrives. Unused capacity takes no memory.
    let promised = announced as usize;
    let (mut first, mut bytes) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(classify)?.into_data() else { continue };
        let length = first.len() + bytes.len() + data.len();
        if length > limit {
            return Err(TransportErrorKind::TooLarge.into());
        }
        if length == data.len() {
            // Most bodies arrive in one piece and need no copy.
            first = data;
            continue;
        }
        if length > bytes.capacity() {
            let room = (2 * bytes.capacity()).max(promised).clamp(length, limit);
            bytes.reserve_exact(room - bytes.len());
        }
        bytes.extend_from_slice(&std::mem::take(&mut first));
        bytes.extend_from_slice(&data);
    }
    Ok(if bytes.is_empty() { first } else { bytes.into() })
}

/// Connects within the time of the exchange, so that a timeout is an error of the connection.
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

/// Only failures before a request can be written count as `Connect`.
fn classify(error: reqwest::Error) -> TransportError {
    let causes = || successors(error.source(), |error| (*error).source());
    // The library has a private type for this error, so only its message identifies it.
    if error.is_connect() && causes().any(|cause| cause.to_string().ends_with("proxy authorization required"))
    {
        return TransportError::proxy_status(407, error.without_url());
    }
    let kind = if error.is_connect() || error.is_builder() {
        TransportErrorKind::Connect
    } else if causes().any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse_too_large)) {
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
