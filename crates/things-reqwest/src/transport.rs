//! One HTTP exchange with reqwest, and what its errors mean.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use things_core::{Config, Error, TransportError, TransportErrorKind};

#[derive(Clone)]
pub(crate) struct Transport(reqwest::Client);

impl Transport {
    /// No redirects, no decompression, no retries; roots of trust from the platform or the user.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(config.limits().connect_timeout)
            .tls_backend_preconfigured(tls(config)?)
            .build();
        client.map(Self).map_err(|error| Error::config(format!("no HTTP client: {error}")))
    }

    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let mut request = reqwest::Request::try_from(request).map_err(classify)?;
        *request.timeout_mut() = Some(timeout);
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

fn tls(config: &Config) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trouble = |error: rustls::Error| Error::config(format!("no TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(trouble)?;
    let verified = match config.ca_bundle() {
        Some(bundle) => {
            let mut roots = RootCertStore::empty();
            bundle.iter().try_for_each(|der| roots.add(der.clone())).map_err(trouble)?;
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(trouble)?,
    };
    Ok(verified.with_no_client_auth())
}

/// Only what happens before a request can be written counts as `Connect`.
fn classify(error: reqwest::Error) -> TransportError {
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_request() || error.is_body() || error.is_decode() {
        TransportErrorKind::Interrupted
    } else {
        TransportErrorKind::Other
    };
    TransportError::new(kind, error.without_url())
}
