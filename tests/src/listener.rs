//! A small HTTP/1.1 server over raw TCP that plays a script. Its faults are acts on the socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io, thread};

use crate::outcome::ms;
use crate::scenario::{Fault, Reply};
use crate::script::{Script, Seen};
use crate::socket::TestClock;

/// A port that is bound, and does not serve yet.
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// A free port of this machine.
    pub(crate) fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until the server is dropped. Requests are noted with `prefix` before their target.
    pub(crate) fn serve(self, script: &Arc<Script>, clock: &Arc<TestClock>, prefix: &str) -> Server {
        let stopped = Arc::new(AtomicBool::new(false));
        let connection =
            Connection { script: Arc::clone(script), clock: Arc::clone(clock), prefix: prefix.into() };
        let (listener, until) = (self.listener, Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                let connection = connection.clone();
                // A connection ends when its client closes it, however that goes.
                thread::spawn(move || stream.and_then(|stream| connection.serve(&stream)));
            }
        });
        Server { address: self.address, stopped }
    }
}

/// A port that serves.
pub(crate) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

#[derive(Clone)]
struct Connection {
    script: Arc<Script>,
    clock: Arc<TestClock>,
    prefix: String,
}

impl Connection {
    /// One request after the other, until either side closes.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(mut request) = read_request(&mut reader)? {
            request.target.insert_str(0, &self.prefix);
            let reply = self.script.receive(request).unwrap_or_else(not_scripted);
            if !self.script.wait_for(reply.hold) {
                break;
            }
            self.clock.advance(ms(reply.advance_ms));
            match reply.fault {
                None => write_reply(stream, &reply, reply.body().len())?,
                Some(Fault::Stall) => {
                    // Silent until the client gives up.
                    reader.fill_buf()?;
                    break;
                }
                Some(Fault::Drop) => break,
                Some(Fault::Close) => {
                    write_reply(stream, &reply, reply.body().len())?;
                    stream.shutdown(Shutdown::Both)?;
                    self.script.closed();
                    return Ok(());
                }
                Some(Fault::Truncate) => {
                    write_reply(stream, &reply, reply.body().len() / 2)?;
                    break;
                }
            }
        }
        stream.shutdown(Shutdown::Both)
    }
}

fn not_scripted() -> Reply {
    Reply { status: Some(421), ..Reply::default() }
}

/// The next request of a connection, or `None` at its end.
fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Seen { method, target, headers, body: Vec::new(), scripted: false };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Writes head and body, of which only the first bytes if the reply is to be cut.
fn write_reply(mut stream: &TcpStream, reply: &Reply, cut: usize) -> io::Result<()> {
    let status = reply.status.unwrap_or(200);
    let body = reply.body();
    let mut bytes = Vec::new();
    write!(bytes, "HTTP/1.1 {status} Scripted\r\n")?;
    if status != 204 && status != 304 {
        write!(bytes, "content-length: {}\r\n", body.len())?;
    }
    for (name, value) in &reply.headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend(body.iter().take(cut));
    stream.write_all(&bytes)
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.address)
    }
}
