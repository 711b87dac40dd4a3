//! Where a receiver listens, and how it serves https.

use std::net::TcpListener;
use std::path::PathBuf;

use clap::Args;
use things_receiver::{ReceiverBuilder, ReceiverError};

use crate::failure::Failure;

/// The options of every command that receives messages.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ReceiverOptions {
    /// Where to listen
    ///
    /// Port 0 is any free one. Plain http is served on this machine alone, as on 127.0.0.1. Other addresses need --tls-cert and --tls-key, or
    /// --behind-proxy.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Serve https with the certificate in this PEM file
    ///
    /// The certificate comes first, and then those that signed it. The file is read once, so a new certificate needs a restart.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve http, because a proxy in front serves https
    ///
    /// The proxy must pass the body unchanged, because the token signs its bytes.
    #[arg(long, conflicts_with = "tls_cert")]
    behind_proxy: bool,
}

/// A socket that listens, and what it is for.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    /// The URL without a slash at its end.
    pub(super) url: String,
}

impl ReceiverOptions {
    /// Starts to listen. Nothing is accepted yet.
    pub(super) fn listen(&self) -> Result<Listening, Failure> {
        let failed = |error| {
            Failure::Usage(format!(
                "could not listen on {}: {error}\nhint: use --listen HOST:PORT, as in --listen 127.0.0.1:8080",
                self.listen
            ))
        };
        let listener = TcpListener::bind(&self.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let is_safe = self.tls_cert.is_some() || self.behind_proxy || address.ip().is_loopback();
        if !is_safe {
            return Err(Failure::Usage(format!(
                "plain http on {address} can be read by others\nhint: use --tls-cert and --tls-key, listen on 127.0.0.1, or use \
                 --behind-proxy if a proxy in front serves https"
            )));
        }
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        Ok(Listening { listener, url: format!("{scheme}://{address}") })
    }

    /// Passes the options to a receiver.
    pub(super) fn apply(&self, receiver: ReceiverBuilder) -> ReceiverBuilder {
        let receiver = receiver.behind_proxy(self.behind_proxy);
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
