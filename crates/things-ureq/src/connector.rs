//! Makes connections, and marks errors before there is a connection, because until then nothing of a request is sent.

use things_core::{TransportError, TransportErrorKind};
use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, Transport};

#[derive(Debug, Default)]
pub(crate) struct MarkingConnector(DefaultConnector);

impl Connector for MarkingConnector {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, Error> {
        // If no time is left at all, ureq would wait a second for a connection.
        if details.timeout.after.is_zero() {
            return Err(not_connected(Error::Timeout(details.timeout.reason)));
        }
        let details = ConnectionDetails {
            // Per-request configuration changes only the timeout and the proxy. This flag lets ureq reuse one TLS
            // configuration and resume sessions.
            request_level: false,
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.0.connect(&details, None).map_err(not_connected)
    }
}

/// Marks an error as one from before there is a connection.
pub(crate) fn not_connected(error: Error) -> Error {
    const CERTIFICATES: &str = "install the CA certificates of your system, or set a CA bundle";
    let error = match error {
        // The connection to a proxy has already marked it.
        Error::Other(_) => return error,
        Error::ConnectProxyFailed(told) => {
            // "proxy server responded 502/502".
            let status = told.split([' ', '/']).find_map(|word| word.parse().ok()).unwrap_or_default();
            let reason = match status {
                0 => told,
                407 => "it responded 407, and it wants a user name and a password that it accepts (only Basic is supported)".into(),
                status => format!("it responded {status}"),
            };
            TransportError::proxy_status(status, reason)
        }
        Error::Rustls(error) => {
            TransportError::new(TransportErrorKind::Connect, format!("{error}: {CERTIFICATES}"))
        }
        error => TransportError::new(TransportErrorKind::Connect, error),
    };
    Error::Other(Box::new(error))
}
