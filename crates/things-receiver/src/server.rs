//! Accepting connections, and ending them.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::Limits;
use crate::connections::{Connection, Connections};

/// The most bytes of the headers of a request.
const HEADERS: usize = 8 << 10;
/// How long a closed connection is still read, so that the client gets the response before it notices.
const LINGER: Duration = Duration::from_secs(1);

/// What the connections of a server need.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) connections: Arc<Connections>,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Server {
    /// Accepts connections until `shutdown` is ready, and then waits for the requests that are open.
    pub(crate) async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(());
        let mut shutdown = pin!(shutdown);
        loop {
            let next = async {
                match listener.accept().await {
                    Ok((stream, _)) => Some((stream, self.connections.admit().await)),
                    Err(error) => {
                        pause_after(&error).await;
                        None
                    }
                }
            };
            let next = select! {
                biased;
                () = &mut shutdown => break,
                next = next => next,
            };
            let Some((stream, place)) = next else { continue };
            let (server, stopped) = (self.clone(), stopped.clone());
            tokio::spawn(async move {
                select! {
                    () = place.connection().replaced() => {}
                    () = server.converse(stream, place.connection(), stopped) => {}
                }
            });
        }
        drop((listener, stopped));
        // No connection is left if nobody listens to the request to stop.
        if stop.send(()).is_ok() && timeout(self.limits.shutdown_timeout, stop.closed()).await.is_err() {
            log::warn!(
                "requests were still open {:?} after the shutdown began",
                self.limits.shutdown_timeout
            );
        }
    }

    async fn converse(
        &self,
        stream: TcpStream,
        connection: &Arc<Connection>,
        mut stopped: watch::Receiver<()>,
    ) {
        // Responses are small, and each is written at once.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.tls else { return self.serve(stream, connection, stopped).await };
        let handshake = select! {
            handshake = timeout(self.limits.header_timeout, acceptor.accept(stream)) => handshake,
            _ = stopped.changed() => return,
        };
        match handshake {
            Ok(Ok(stream)) => self.serve(stream, connection, stopped).await,
            Ok(Err(error)) => log::debug!("a TLS handshake failed: {error}"),
            Err(_) => log::debug!("a TLS handshake took too long"),
        }
    }

    /// Serves the requests of a connection.
    async fn serve<I>(&self, io: I, connection: &Arc<Connection>, mut stopped: watch::Receiver<()>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let has_begun = AtomicBool::new(false);
        let service = service_fn(|request: Request<Incoming>| {
            has_begun.store(true, Ordering::Relaxed);
            let (mut router, connection) = (self.router.clone(), Arc::clone(connection));
            self.connections.wait_for(&connection);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Arc::clone(&connection));
            Box::pin(async move {
                let response = router.call(request).await;
                self.connections.wait_for(&connection);
                response
            })
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.limits.header_timeout);
        http.max_buf_size(HEADERS).max_header_size(HEADERS);
        let mut exchange = http.serve_connection(TokioIo::new(io), service);
        let mut stops = false;
        let ended = loop {
            select! {
                ended = std::future::poll_fn(|cx| exchange.poll_without_shutdown(cx)) => break ended,
                _ = stopped.changed(), if !stops => stops = true,
            }
            // hyper would wait for the first request.
            if !has_begun.load(Ordering::Relaxed) {
                return;
            }
            Pin::new(&mut exchange).graceful_shutdown();
        };
        match ended {
            Ok(()) => linger(exchange.into_parts().io.into_inner()).await,
            Err(error) => log::debug!("a connection ended: {error}"),
        }
    }
}

/// Closes a connection in a way that the client can read the response, although it may still be sending.
async fn linger<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) {
    let discard = async {
        if io.shutdown().await.is_ok() {
            let mut buffer = [0; 1024];
            while io.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        }
    };
    // A client that goes on sending has had the time to read.
    let _ = timeout(LINGER, discard).await;
}

/// Waits if the system has no descriptors or memory left, because the next `accept` would fail at once.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};

    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        log::warn!("could not accept a connection: {error}");
        sleep(Duration::from_millis(100)).await;
    }
}
