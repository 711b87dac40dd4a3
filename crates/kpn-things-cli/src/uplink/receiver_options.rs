//! Where a receiver listens, and how it serves https.

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use things_receiver::{ReceiverBuilder, ReceiverError};

use crate::failure::Failure;

/// Where a command receives messages as plain http.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ListenOptions {
    /// Where to listen
    ///
    /// Port 0 is any free one. Plain http is served on this machine alone, as on 127.0.0.1. Other addresses need a proxy in front
    /// that serves https, or a certificate.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Serve http, because a proxy in front serves https
    ///
    /// The proxy must pass the body unchanged, because the token signs its bytes.
    #[arg(long)]
    behind_proxy: bool,
}

/// The options of a receiver that can also serve https.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ReceiverOptions {
    #[command(flatten)]
    listen: ListenOptions,
    /// Serve https with the certificate in this PEM file
    ///
    /// The certificate comes first, and then those that signed it. The file is read once, so a new certificate needs a restart.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "behind_proxy")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// A socket that listens, and what it is for.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    /// The URL without a slash at its end.
    pub(super) url: String,
}

impl ListenOptions {
    /// Starts to listen for plain http. Nothing is accepted yet.
    pub(super) fn listen(&self) -> Result<Listening, Failure> {
        self.listen_as("http", "use --behind-proxy")
    }

    /// `advice` is what to do on an address that others can reach.
    fn listen_as(&self, scheme: &str, advice: &str) -> Result<Listening, Failure> {
        let failed = |error| {
            Failure::Usage(format!(
                "could not listen on {}: {error}\nhint: use --listen HOST:PORT, as in --listen 127.0.0.1:8080",
                self.listen
            ))
        };
        let listener = TcpListener::bind(&self.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        if scheme == "http" && !self.behind_proxy && !address.ip().is_loopback() {
            return Err(Failure::Usage(format!(
                "plain http on {address} can be read by others\nhint: listen on 127.0.0.1, or {advice} if a proxy in front serves \
                 https"
            )));
        }
        Ok(Listening { listener, url: format!("{scheme}://{address}") })
    }
}

impl ReceiverOptions {
    /// Starts to listen. Nothing is accepted yet.
    pub(super) fn listen(&self) -> Result<Listening, Failure> {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        self.listen.listen_as(scheme, "use --tls-cert and --tls-key, or --behind-proxy")
    }

    /// Passes the options to a receiver.
    pub(super) fn apply(&self, receiver: ReceiverBuilder) -> ReceiverBuilder {
        let receiver = receiver.behind_proxy(self.listen.behind_proxy);
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => receiver.tls(certificate, key),
            _ => receiver,
        }
    }
}

impl From<ReceiverError> for Failure {
    fn from(error: ReceiverError) -> Self {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Self::Local(format!("{}{hint}", error.message()))
    }
}

#[cfg(feature = "mqtt")]
impl Failure {
    /// The failure of options that a receiver cannot use.
    pub(super) fn usage(error: ReceiverError) -> Self {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Self::Usage(format!("{}{hint}", error.message()))
    }
}
