//! The receiving side of a connection: reads HTTP/1.1 requests from a socket.

use crate::request::Request;
use crate::wire::Wire;
use httparse::{EMPTY_HEADER, Header, Status};
use std::io::{self, Read, Write};

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// The maximum size of one request on the wire in bytes. A chunk of one byte takes six bytes there.
const MAX_INPUT: usize = MAX_HEAD + 8 * MAX_BODY;
const MAX_HEADERS: usize = 100;
/// Larger buffers are freed after the call that needed them.
const KEEP_BUFFER: usize = 1024 * 1024;

/// The reason why a connection yields no further request.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The peer is gone, or the socket was closed.
    Gone,
    /// The input cannot be served. Respond with this status and reason, then close.
    Refused(u16, &'static str),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The place of a request in the connection's buffers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    head: usize,
    /// The length of the body on the wire, in bytes.
    body: usize,
    chunked: bool,
    expects_continue: bool,
    /// Whether the client keeps the connection open.
    pub(crate) keep_alive: bool,
}

/// The receiving side of a connection.
pub(crate) struct Inbox {
    input: Vec<u8>,
    filled: usize,
    /// The joined chunks of a chunked body.
    dechunked: Vec<u8>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { input: vec![0; 8 * 1024], filled: 0, dechunked: Vec::new() }
    }

    /// Reads until a whole request has arrived.
    pub(crate) fn receive(&mut self, wire: &mut Wire<'_>) -> Result<Frame, Broken> {
        let mut frame = loop {
            match read_frame(self.received())? {
                Some(frame) if frame.head <= MAX_HEAD => break frame,
                None if self.filled < MAX_HEAD => self.fill(wire)?,
                _ => return Err(Broken::Refused(431, "the head is larger than 64 KiB")),
            }
        };
        let body_is_missing = frame.chunked || self.filled < frame.head + frame.body;
        if frame.expects_continue && body_is_missing {
            wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            wire.flush()?;
        }
        if frame.chunked {
            frame.body = self.dechunk(wire, frame.head)?;
        } else {
            self.fill_to(wire, frame.head + frame.body)?;
        }
        Ok(frame)
    }

    /// The request in a received frame.
    pub(crate) fn request<'s>(
        &'s self,
        frame: &Frame,
        headers: &'s mut [Header<'s>; MAX_HEADERS],
    ) -> Option<Request<'s>> {
        let head = self.input.get(..frame.head)?;
        let mut parsed = httparse::Request::new(headers);
        parsed.parse(head).ok()?;
        let body = if frame.chunked {
            self.dechunked.as_slice()
        } else {
            self.input.get(frame.head..frame.head + frame.body)?
        };
        Some(Request { method: parsed.method?, target: parsed.path?, headers: parsed.headers, head, body })
    }

    /// Removes a served request from the buffer.
    pub(crate) fn consume(&mut self, frame: &Frame) {
        let end = frame.head + frame.body;
        self.input.copy_within(end..self.filled, 0);
        self.filled -= end;
        if self.filled == 0 && self.input.len() > KEEP_BUFFER {
            *self = Self::new();
        }
    }

    /// Reads and ignores everything until the peer closes.
    pub(crate) fn discard(&mut self, wire: &mut Wire<'_>) {
        while matches!(wire.read(&mut self.input), Ok(count) if count > 0) {}
    }

    fn received(&self) -> &[u8] {
        self.input.get(..self.filled).unwrap_or_default()
    }

    fn fill_to(&mut self, wire: &mut Wire<'_>, length: usize) -> Result<(), Broken> {
        while self.filled < length {
            self.fill(wire)?;
        }
        Ok(())
    }

    fn fill(&mut self, wire: &mut Wire<'_>) -> Result<(), Broken> {
        if self.filled >= MAX_INPUT {
            return Err(Broken::Refused(413, "the body takes too much on the wire"));
        }
        if self.filled == self.input.len() {
            self.input.resize(self.filled * 2, 0);
        }
        match wire.read(self.input.get_mut(self.filled..).unwrap_or_default()) {
            Ok(0) => Err(Broken::Gone),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(_) => Err(Broken::Gone),
        }
    }

    /// Joins a chunked body, and returns its length on the wire.
    fn dechunk(&mut self, wire: &mut Wire<'_>, start: usize) -> Result<usize, Broken> {
        self.dechunked.clear();
        let mut at = start;
        loop {
            let rest = self.received().get(at..).unwrap_or_default();
            let Ok(status) = httparse::parse_chunk_size(rest) else {
                return Err(Broken::Refused(400, "not a chunk size"));
            };
            let Status::Complete((line, size)) = status else {
                self.fill(wire)?;
                continue;
            };
            at += line;
            if size == 0 {
                return Ok(self.skip_trailers(wire, at)? - start);
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > MAX_BODY - self.dechunked.len() {
                return Err(Broken::Refused(413, "the body is larger than 1 MiB"));
            }
            self.fill_to(wire, at + size + 2)?;
            self.dechunked.extend_from_slice(self.input.get(at..at + size).unwrap_or_default());
            at += size;
            if self.input.get(at..at + 2) != Some(b"\r\n") {
                return Err(Broken::Refused(400, "a chunk does not end where it says"));
            }
            at += 2;
        }
    }

    fn skip_trailers(&mut self, wire: &mut Wire<'_>, mut at: usize) -> Result<usize, Broken> {
        loop {
            let rest = self.received().get(at..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == b'\n') {
                None => self.fill(wire)?,
                Some(end) if rest.get(..end).unwrap_or_default().trim_ascii().is_empty() => {
                    return Ok(at + end + 1);
                }
                Some(end) => at += end + 1,
            }
        }
    }
}

fn read_frame(input: &[u8]) -> Result<Option<Frame>, Broken> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(input) {
        Ok(Status::Complete(head)) => head,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Broken::Refused(431, "more than 100 headers")),
        Err(_) => return Err(Broken::Refused(400, "not an HTTP request")),
    };
    let mut frame = Frame {
        head,
        body: 0,
        chunked: false,
        expects_continue: false,
        keep_alive: parsed.version == Some(1),
    };
    let mut length = None;
    for header in parsed.headers {
        let value = std::str::from_utf8(header.value).unwrap_or_default();
        if header.name.eq_ignore_ascii_case("content-length") {
            let Ok(bytes) = value.parse::<usize>() else {
                return Err(Broken::Refused(400, "Content-Length is not a number"));
            };
            if length.is_some_and(|earlier| earlier != bytes) {
                return Err(Broken::Refused(400, "two values of Content-Length"));
            }
            length = Some(bytes);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(Broken::Refused(501, "no transfer encoding but chunked"));
            }
            frame.chunked = true;
        } else if header.name.eq_ignore_ascii_case("expect") {
            frame.expects_continue = value.eq_ignore_ascii_case("100-continue");
        } else if header.name.eq_ignore_ascii_case("connection") {
            for option in value.split(',').map(str::trim) {
                if option.eq_ignore_ascii_case("close") {
                    frame.keep_alive = false;
                } else if option.eq_ignore_ascii_case("keep-alive") {
                    frame.keep_alive = true;
                }
            }
        }
    }
    match length {
        Some(_) if frame.chunked => Err(Broken::Refused(400, "both Content-Length and a chunked body")),
        Some(bytes) if bytes > MAX_BODY => Err(Broken::Refused(413, "the body is larger than 1 MiB")),
        _ => {
            frame.body = length.unwrap_or_default();
            Ok(Some(frame))
        }
    }
}
