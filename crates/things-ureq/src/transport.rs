//! One HTTP exchange with ureq, and what its errors mean.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use things_core::{Config, TransportError, TransportErrorKind};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Timeout};

use crate::resolver::CachingResolver;

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    agent: Agent,
}

impl Transport {
    /// No redirects, no decompression, every status as an answer; roots of trust from the platform or the user.
    pub(crate) fn new(config: &Config) -> Self {
        let roots = match config.ca_bundle() {
            Some(bundle) => bundle.iter().map(|der| Certificate::from_der(der).to_owned()).into(),
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(roots);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(config.limits().connect_timeout))
            // A page of 20 devices has 5 KB; the library's 128 KB each way would cost 2 MB for 8 connections.
            .input_buffer_size(32 << 10)
            .output_buffer_size(8 << 10)
            .max_idle_connections_per_host(64)
            .max_idle_connections(128)
            .tls_config(tls.build());
        Self {
            agent: Agent::with_parts(agent.build(), DefaultConnector::default(), CachingResolver::default()),
        }
    }

    pub(crate) fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let run = |timeout| {
            if body.is_empty() {
                let request = Request::from_parts(parts, ());
                self.agent.run(self.agent.configure_request(request).timeout_global(timeout).build())
            } else {
                let request = Request::from_parts(parts, &*body);
                self.agent.run(self.agent.configure_request(request).timeout_global(timeout).build())
            }
        };
        let (parts, mut body) = run(Some(timeout)).map_err(classify)?.into_parts();
        let body = body.with_config().limit(limit as u64).read_to_vec().map_err(classify)?;
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }
}

/// Only what happens before a request can be written counts as `Connect`.
fn classify(error: ureq::Error) -> TransportError {
    use TransportErrorKind::{Connect, Interrupted, Other, TooLarge};
    let kind = match &error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Connect,
        ureq::Error::Timeout(_) => TransportErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => {
            Connect
        }
        ureq::Error::Rustls(error) => tls_kind(error),
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => TooLarge,
        ureq::Error::Protocol(_) => Interrupted,
        ureq::Error::Io(error) => io_kind(error),
        _ => Other,
    };
    TransportError::new(kind, error)
}

fn io_kind(error: &io::Error) -> TransportErrorKind {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_kind(tls);
    }
    TransportErrorKind::of_io(error.kind())
}

/// A certificate is refused during the handshake, before the request goes out; another alert can come at any time.
fn tls_kind(error: &rustls::Error) -> TransportErrorKind {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::PeerIncompatible(_) => TransportErrorKind::Connect,
        _ => TransportErrorKind::Interrupted,
    }
}
