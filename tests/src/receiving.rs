//! The process of a receiver, and clients that post to it as KPN Things does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a receiver that does not start fails the test")]

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use things_store::inbox::read_inbox;
use things_uplink::{TOKEN_HEADER, sign};

/// The secret of all receivers of the tests.
pub const SECRET: &str = "a-secret-for-tests-of-30-characters";

/// A running receiver, which is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts the program `receiver` of the tests, and waits until it accepts connections.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().parse();
        Self { child, address: address.unwrap_or_else(|error| panic!("{line:?} is no address: {error}")) }
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Shuts it down in order.
    pub fn stop(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the receiver ended with {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is not minded.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client with one connection, which is opened when it is needed.
#[derive(Debug)]
pub struct Poster {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Poster {
    /// A client of a receiver.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Posts a message, and returns the status of the response. After an error, the message may be stored or not.
    pub fn post(&mut self, body: &str) -> io::Result<u16> {
        let result = self.exchange(body);
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    fn exchange(&mut self, body: &str) -> io::Result<u16> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                none.insert(stream)
            }
        };
        stream.write_all(request(body).as_bytes())?;
        let mut response = Vec::new();
        let head = loop {
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            response.extend_from_slice(buffer.get(..length).unwrap_or_default());
            if let Some(end) = response.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(&response).into_owned();
        let status =
            text.get(9..12).and_then(|digits| digits.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        // The reason of a refusal is a short line. What is left of it is read before the next response.
        let announced = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let left = announced.unwrap_or(0_usize).saturating_sub(response.len() - head);
        stream.read_exact(&mut vec![0; left])?;
        Ok(status)
    }
}

/// A request with its token, as its bytes are on the wire.
pub fn request(body: &str) -> String {
    let (token, length) = (sign(SECRET, body.as_bytes()), body.len());
    format!(
        "POST /uplinks HTTP/1.1\r\nhost: receiver\r\ncontent-type: application/json\r\n\
         {TOKEN_HEADER}: {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// How often each body is in an inbox.
pub fn stored(store: &str) -> HashMap<String, u64> {
    let mut inbox = read_inbox(store).unwrap();
    let (mut bodies, mut after) = (HashMap::new(), 0);
    loop {
        let page = inbox.read(after, 10_000).unwrap();
        let Some(last) = page.last() else { return bodies };
        after = last.id;
        for message in page {
            *bodies.entry(String::from_utf8(message.body).unwrap()).or_default() += 1;
        }
    }
}
