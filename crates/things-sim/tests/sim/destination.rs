//! An HTTPS destination of a few lines, which answers with the statuses that a test chose.

use httparse::{EMPTY_HEADER, Status};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;
use things_sim::Destination;

pub(crate) const SECRET: &str = "MYKEY2";

/// A post that arrived.
pub(crate) struct Arrived {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether the one token is that of the body.
    pub(crate) fn is_signed(&self) -> bool {
        self.values("things-message-token") == [token(SECRET, &self.body)]
    }
}

/// The token of a body, computed here a second time.
pub(crate) fn token(secret: &str, body: &[u8]) -> String {
    let bytes = Sha256::digest([body, secret.as_bytes()].concat());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server of one connection after the other.
pub(crate) struct Server {
    url: String,
    posts: Receiver<Arrived>,
}

impl Server {
    /// Answers the posts with these statuses in turn, and with 204 after that. 0 closes the connection.
    pub(crate) fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/uplinks?from=kpn", listener.local_addr().unwrap());
        let (sender, posts) = mpsc::channel();
        let mut statuses = statuses.iter().copied();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut statuses, &sender);
            }
        });
        Self { url, posts }
    }

    pub(crate) fn destination(&self) -> Destination {
        Destination::new(&self.url, SECRET).retry_pause(Duration::ZERO)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next post.
    pub(crate) fn next(&self) -> Arrived {
        // Only so that a failing test does not hang.
        self.posts.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    /// The posts that arrived and were not read yet.
    pub(crate) fn rest(&self) -> Vec<Arrived> {
        self.posts.try_iter().collect()
    }
}

/// Answers one post, and closes the connection, so that posts of other threads are not kept waiting.
fn serve(mut stream: TcpStream, statuses: &mut impl Iterator<Item = u16>, posts: &Sender<Arrived>) {
    let Some(arrived) = read(&mut stream) else {
        return;
    };
    let status = statuses.next().unwrap_or(204);
    // The test may have ended.
    let _ = posts.send(arrived);
    if status != 0 {
        let response = format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(response.as_bytes());
    }
}

fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    loop {
        let count = stream.read(&mut room).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&room[..count]);
        let mut headers = [EMPTY_HEADER; 50];
        let mut parsed = httparse::Request::new(&mut headers);
        let Status::Complete(head) = parsed.parse(&bytes).unwrap() else {
            continue;
        };
        let header = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), String::from_utf8(header.value.to_vec()).unwrap())
        };
        let headers: Vec<(String, String)> = parsed.headers.iter().map(header).collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
        if bytes.len() >= head + length {
            assert_eq!(parsed.method, Some("POST"));
            let target = parsed.path.unwrap().to_owned();
            return Some(Arrived { target, headers, body: bytes[head..head + length].to_vec() });
        }
    }
}
