//! One HTTP exchange with reqwest, and what its errors mean.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use things_core::{Clock, Config, Error, Moment, TransportError, TransportErrorKind};

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
        let mut response = self.0.execute(request).await.map_err(classify)?;
        let mut body = Body::default();
        while let Some(chunk) = response.chunk().await.map_err(classify)? {
            if body.len() + chunk.len() > limit {
                return Err(TransportErrorKind::TooLarge.into());
            }
            body.push(chunk);
        }
        let mut reply = Response::new(body.into_bytes());
        *reply.status_mut() = response.status();
        std::mem::swap(reply.headers_mut(), response.headers_mut());
        Ok(reply)
    }
}

/// A body in pieces; the usual single piece is not copied.
#[derive(Default)]
struct Body {
    first: Bytes,
    rest: BytesMut,
}

impl Body {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
            return;
        }
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.rest.extend_from_slice(&chunk);
    }

    fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

fn tls(config: &Config) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trouble = |error: rustls::Error| Error::config(format!("no TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(trouble)?;
    let verified = match config.ca_bundle() {
        Some(pem) => builder.with_root_certificates(certificates(pem)?),
        None => builder.with_platform_verifier().map_err(trouble)?,
    };
    Ok(verified.with_no_client_auth())
}

fn certificates(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|error| Error::config(format!("the CA bundle is not PEM: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| Error::config(format!("the CA bundle has a bad certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(Error::config("the CA bundle holds no certificate"));
    }
    Ok(roots)
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

/// The system's clocks; the monotonic one counts from the client's start.
pub(crate) struct SystemClock(Instant);

impl SystemClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// A number that differs from client to client.
    pub(crate) fn seed(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::new(self.0.elapsed(), SystemTime::now())
    }
}
