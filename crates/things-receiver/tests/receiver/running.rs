//! A receiver on loopback, and its clients.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder, Response};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use things_receiver::{Receiver, ReceiverBuilder, ReceiverError};
use things_store::inbox::{Inbox, InboxOptions, Message, open_inbox, read_inbox};
use things_uplink::{Secrets, TOKEN_HEADER, Verifier, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const SECRET: &str = "a-secret-of-thirty-characters-1";
pub(crate) const RETIRING: &str = "a-secret-of-thirty-characters-2";

/// A receiver that accepts connections.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ReceiverError>>,
}

impl Running {
    pub(crate) async fn start(builder: ReceiverBuilder) -> Self {
        let receiver = builder.build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(receiver.serve(listener, async { drop(stopped.await) }));
        Self { address, stop, task }
    }

    /// A receiver with the default limits and an inbox in a folder of its own.
    pub(crate) async fn with_defaults() -> (Self, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Self::start(Receiver::builder(verifier(), inbox(folder.path()))).await, folder)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Posts a body with its correct token.
    pub(crate) async fn post(&self, body: impl Into<String>) -> Response {
        post(&client(), &self.url("/"), body.into()).await
    }

    pub(crate) async fn text(&self, path: &str) -> (u16, String) {
        let response = client().get(self.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.text("/metrics").await;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Asks for a metric until it has this value.
    pub(crate) async fn until(&self, metric: &str, value: f64) {
        while self.metric(metric).await != Some(value) {
            tokio::task::yield_now().await;
        }
    }

    /// Writes bytes to a new connection.
    pub(crate) async fn connect(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_ref()).await.unwrap();
        stream
    }

    /// Begins the shutdown.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), ReceiverError>> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn end(self) {
        self.stop().await.unwrap().unwrap();
    }
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(Secrets::parse(format!("active={SECRET}\nretiring={RETIRING}\n")).unwrap())
}

pub(crate) fn inbox(folder: &Path) -> Box<dyn Inbox> {
    open_inbox(folder.join("uplinks.db").to_str().unwrap(), &InboxOptions::default()).unwrap()
}

/// All messages of an inbox.
pub(crate) fn stored(folder: &Path) -> Vec<Message> {
    let mut inbox = read_inbox(folder.join("uplinks.db").to_str().unwrap()).unwrap();
    let (mut messages, mut after) = (Vec::new(), 0);
    loop {
        let page = inbox.read(after, 1_000).unwrap();
        let Some(last) = page.last() else { return messages };
        after = last.id;
        messages.extend(page);
    }
}

/// The bodies of an inbox as text, in order.
pub(crate) fn bodies(folder: &Path) -> Vec<String> {
    stored(folder).into_iter().map(|message| String::from_utf8(message.body).unwrap()).collect()
}

pub(crate) async fn post(client: &Client, url: &str, body: String) -> Response {
    let token = sign(SECRET, body.as_bytes());
    client.post(url).header(TOKEN_HEADER, token).body(body).send().await.unwrap()
}

/// A client that trusts nobody, for plain http.
pub(crate) fn client() -> Client {
    client_of(RootCertStore::empty(), |builder| builder)
}

/// A client that trusts these authorities.
pub(crate) fn client_of(roots: RootCertStore, change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    change(Client::builder().tls_backend_preconfigured(config).no_proxy()).build().unwrap()
}

/// The head of a request with these further headers.
pub(crate) fn head(headers: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: receiver\r\n{headers}\r\n")
}

/// A request with a correct token.
pub(crate) fn request(body: &str) -> String {
    let token = sign(SECRET, body.as_bytes());
    head(&format!("{TOKEN_HEADER}: {token}\r\ncontent-length: {}\r\n", body.len())) + body
}

/// Reads until the peer closes the connection.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    String::from_utf8(read_bytes(stream).await).unwrap()
}

/// Reads until the peer closes the connection. An error is like the end.
pub(crate) async fn read_bytes(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}
