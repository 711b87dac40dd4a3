//! A receiver: an endpoint that confirms a message after it is durable.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use things_store::inbox::Inbox;
use things_uplink::Verifier;
use tokio::net::TcpListener;

use crate::connections::Connections;
use crate::endpoint::{self, Endpoint, Parts};
use crate::server::Server;
use crate::tls;
use crate::{Limits, ReceiverError, Writer};

/// An endpoint for the messages that KPN Things posts to an HTTPS destination.
///
/// A `POST` to any path is a message. Its token is verified over the raw body, the message is stored, and after the transaction is
/// durable the response is 204. A message is not parsed before it is stored, because KPN drops it after three attempts.
///
/// | response | reason |
/// |---|---|
/// | 204 | the message is stored, now or before |
/// | 401 | the token is missing, doubled, malformed or wrong |
/// | 405 | the method is not `POST` |
/// | 408 | the body took longer than [`Limits::body_timeout`] |
/// | 413 | the body is larger than the verifier allows |
/// | 503 | the store is not available, or too much waits for it; `Retry-After` is set |
///
/// `GET /health` is 200 if the store can commit, and else 503 with the reason. `GET /metrics` is in the text format of OpenMetrics,
/// which Prometheus reads. A proxy should not pass these two to the internet.
///
/// All headers are stored, except that the values of `Authorization`, `Proxy-Authorization` and `Cookie` are replaced by `***`.
pub struct Receiver {
    endpoint: Endpoint,
    tls: Option<tokio_rustls::TlsAcceptor>,
    is_behind_proxy: bool,
}

/// The settings of a [`Receiver`].
pub struct ReceiverBuilder {
    verifier: Verifier,
    store: Store,
    limits: Limits,
    tls: Option<(PathBuf, PathBuf)>,
    is_behind_proxy: bool,
}

enum Store {
    Inbox(Box<dyn Inbox>),
    Writer(Writer),
}

impl Receiver {
    /// Returns the settings of a receiver that verifies messages with `verifier` and stores them in `inbox`.
    pub fn builder(verifier: Verifier, inbox: Box<dyn Inbox>) -> ReceiverBuilder {
        ReceiverBuilder::new(verifier, Store::Inbox(inbox))
    }

    /// Returns the settings of a receiver that shares a writer, for example with a subscriber of an MQTT broker.
    pub fn with_writer(verifier: Verifier, writer: Writer) -> ReceiverBuilder {
        ReceiverBuilder::new(verifier, Store::Writer(writer))
    }

    /// The writer of the inbox.
    pub fn writer(&self) -> &Writer {
        &self.endpoint.0.writer
    }

    /// Returns the routes, for a server of your own. The limits of connections and headers are then those of that server.
    pub fn router(&self) -> Router {
        endpoint::router(self.endpoint.clone())
    }

    /// Serves requests until `shutdown` is ready. Then it accepts no more connections, ends the open requests, stores what waits
    /// and closes the inbox.
    ///
    /// # Errors
    ///
    /// Returns an error if the listener is not on loopback, and there is neither a certificate nor
    /// [`behind_proxy`](ReceiverBuilder::behind_proxy).
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ReceiverError> {
        let address = listener.local_addr().map_err(|error| ReceiverError::new(error.to_string()))?;
        if self.tls.is_none() && !self.is_behind_proxy && !address.ip().is_loopback() {
            let message = format!("plain http on {address} can be read by others");
            return Err(ReceiverError::new(message).with_hint(
                "set a certificate, listen on 127.0.0.1, or declare that the receiver is behind a proxy with TLS",
            ));
        }
        let Parts { connections, limits, .. } = &*self.endpoint.0;
        let server = Server {
            router: self.router(),
            connections: Arc::clone(connections),
            limits: limits.clone(),
            tls: self.tls.clone(),
        };
        server.run(listener, shutdown).await;
        self.writer().stop().await;
        Ok(())
    }
}

impl ReceiverBuilder {
    fn new(verifier: Verifier, store: Store) -> Self {
        Self { verifier, store, limits: Limits::default(), tls: None, is_behind_proxy: false }
    }

    /// Sets all limits. The size of a body is a limit of the [`Verifier`], because it refuses larger ones. Those of the queue are the
    /// writer's, if the receiver shares one.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`Limits::connections`].
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections;
        self
    }

    /// Sets [`Limits::header_timeout`].
    #[must_use]
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.limits.header_timeout = time;
        self
    }

    /// Sets [`Limits::queue`].
    #[must_use]
    pub fn queue(mut self, messages: usize) -> Self {
        self.limits.queue = messages;
        self
    }

    /// Sets [`Limits::commit_timeout`].
    #[must_use]
    pub fn commit_timeout(mut self, time: Duration) -> Self {
        self.limits.commit_timeout = time;
        self
    }

    /// Serves https with a certificate and its key, both PEM files. The file of the certificate can also contain those that signed
    /// it. They are read once, so a new certificate needs a restart.
    #[must_use]
    pub fn tls(mut self, certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.tls = Some((certificate.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }

    /// Allows plain http on an address that is not loopback, because a proxy in front of it serves https.
    #[must_use]
    pub fn behind_proxy(mut self, yes: bool) -> Self {
        self.is_behind_proxy = yes;
        self
    }

    /// Reads the certificate and starts the writer.
    ///
    /// # Errors
    ///
    /// Returns why the certificate cannot be used, or why the system cannot start a thread.
    pub fn build(self) -> Result<Receiver, ReceiverError> {
        let Self { verifier, store, limits, tls, is_behind_proxy } = self;
        let tls = tls.map(|(certificate, key)| tls::acceptor(&certificate, &key)).transpose()?;
        let writer = match store {
            Store::Inbox(inbox) => Writer::start(inbox, &limits)?,
            Store::Writer(writer) => writer,
        };
        let connections = Arc::new(Connections::new(limits.connections, Arc::clone(writer.metrics())));
        let endpoint = Endpoint(Arc::new(Parts { verifier, writer, connections, limits }));
        Ok(Receiver { endpoint, tls, is_behind_proxy })
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Receiver");
        shown.field("limits", &self.endpoint.0.limits).field("tls", &self.tls.is_some());
        shown.field("behind_proxy", &self.is_behind_proxy).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ReceiverBuilder");
        shown.field("limits", &self.limits).field("tls", &self.tls);
        shown.field("behind_proxy", &self.is_behind_proxy).finish_non_exhaustive()
    }
}
