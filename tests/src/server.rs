//! Servers whose every byte a test decides.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A port of this machine. It is served to the end of the process.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Hands over each connection, on a thread of its own.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").unwrap(), serve)
    }

    /// The same with a port that is there already.
    pub fn start_on(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }

    /// The same behind TLS. The handshake is done when the first byte is read.
    pub fn start_tls(
        config: Arc<ServerConfig>,
        serve: impl Fn(Tls<TcpStream>) + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |stream| serve(tls(&config, stream)))
    }

    /// Its address as a base URL.
    pub fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same for TLS.
    pub fn https(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// A connection behind TLS.
pub type Tls<S> = StreamOwned<ServerConnection, S>;

/// TLS over a connection, from the server's side.
pub fn tls<S: Read + Write>(config: &Arc<ServerConfig>, stream: S) -> Tls<S> {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

/// What a client sent.
pub struct Request {
    /// Request line and headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The next request of a connection, if there is one. A body has to have a length.
pub fn read_request(stream: &mut impl Read) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    let mut request = Request { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// Answers 200. A client that is gone is not minded.
pub fn answer(stream: &mut impl Write, body: &str) {
    answer_with("", stream, body);
}

/// The same, and says that the connection will be closed.
pub fn answer_last(stream: &mut impl Write, body: &str) {
    answer_with("connection: close\r\n", stream, body);
}

fn answer_with(header: &str, stream: &mut impl Write, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\n{header}content-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Waits until the client closes.
pub fn wait_for_the_end(stream: &mut impl Read) {
    let _ = stream.read_to_end(&mut Vec::new());
}
