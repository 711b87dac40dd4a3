//! One HTTP exchange with ureq, and the meaning of its errors.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use things_core::{Config, Error, Proxy, TransportError, TransportErrorKind};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, AsSendBody, Body};

use crate::connector::MarkingConnector;
use crate::resolver::CachingResolver;

/// A page of 20 devices has 5 KB. The library's default of 128 KB each way would cost 2 MB for 8 connections.
const INPUT_BUFFER: usize = 32 << 10;

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    agent: Agent,
    proxy: Option<(Proxy, ureq::Proxy)>,
}

impl Transport {
    /// Configures no redirects, no decompression, every status as a response, and roots of trust from the platform or
    /// the user.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
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
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // This requests no compression, even if another crate enables the library's features.
            .accept_encoding("")
            .user_agent(config.user_agent().to_str().unwrap_or_default())
            .timeout_connect(Some(config.limits().connect_timeout))
            .input_buffer_size(INPUT_BUFFER)
            // A head that fills the buffer must count as too large, because the rest cannot be read.
            .max_response_header_size(INPUT_BUFFER - 1)
            .output_buffer_size(8 << 10)
            .max_idle_connections_per_host(64)
            .max_idle_connections(128)
            .tls_config(tls.build());
        let proxy =
            config.proxy().map(|proxy| Ok((proxy.clone(), ureq::Proxy::new(proxy.url())?))).transpose();
        let unfit =
            |error: ureq::Error| Error::config(format!("the address of the proxy cannot be read: {error}"));
        Ok(Self {
            agent: Agent::with_parts(agent.build(), MarkingConnector::default(), CachingResolver::default()),
            proxy: proxy.map_err(unfit)?,
        })
    }

    pub(crate) fn send(
        &self,
        request: Request<Bytes>,
        time: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let proxy = self.proxy.as_ref().filter(|(proxy, _)| proxy.serves(request.uri()));
        let (ours, theirs) = proxy.map(|(ours, theirs)| (ours, theirs.clone())).unzip();
        let (parts, body) = request.into_parts();
        // RFC 9110, section 8.6: if the method expects a body, a length of 0 is sent too.
        let meant = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        let response = if meant || !body.is_empty() {
            self.run(Request::from_parts(parts, &*body), time, theirs)
        } else {
            self.run(Request::from_parts(parts, ()), time, theirs)
        };
        let response = response.map_err(classify).map_err(|error| match ours {
            Some(proxy) => proxy.explain(error),
            None => error,
        });
        let (parts, mut body) = response?.into_parts();
        // Reserves enough for the whole body, within limits, because a buffer that grows leaves copies of a token
        // behind.
        let room = body.content_length().unwrap_or(8 << 10).min(1 << 20);
        let mut bytes = Vec::with_capacity(room as usize);
        let mut reader = body.with_config().limit(limit as u64).reader();
        reader.read_to_end(&mut bytes).map_err(|error| classify(error.into()))?;
        Ok(Response::from_parts(parts, Bytes::from(bytes)))
    }

    fn run(
        &self,
        request: Request<impl AsSendBody>,
        time: Duration,
        proxy: Option<ureq::Proxy>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request).timeout_global(Some(time));
        self.agent.run(request.proxy(proxy).build())
    }
}

/// Only errors that the connector and the resolver marked are from before a connection.
fn classify(error: ureq::Error) -> TransportError {
    use TransportErrorKind::{HeadTooLarge, Interrupted, Other, Timeout, TooLarge};
    if let ureq::Error::Other(error) = &error
        && let Some(marked) = error.downcast_ref::<TransportError>()
    {
        return marked.clone();
    }
    let kind = match &error {
        ureq::Error::Timeout(_) => Timeout,
        ureq::Error::BodyExceedsLimit(_) => TooLarge,
        ureq::Error::LargeResponseHeader(..) => HeadTooLarge,
        // This type is private, so only its message identifies it.
        ureq::Error::Protocol(error) if error.to_string().ends_with("too many headers") => HeadTooLarge,
        ureq::Error::Protocol(_) | ureq::Error::Rustls(_) | ureq::Error::Io(_) => Interrupted,
        _ => Other,
    };
    TransportError::new(kind, error)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::connector::not_connected;

    #[test]
    fn the_same_error_means_another_thing_once_there_is_a_connection() {
        for kind in
            [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable, io::ErrorKind::NetworkDown]
        {
            let error = || ureq::Error::Io(kind.into());
            assert_eq!(classify(error()).kind(), TransportErrorKind::Interrupted);
            assert_eq!(classify(not_connected(error())).kind(), TransportErrorKind::Connect);
        }
    }
}
