//! HTTP/1.1 as far as a simulator needs it: requests read from a socket, answers written in one piece.

use httparse::{EMPTY_HEADER, Header, Status};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// What a body may take on the wire: chunks of one byte are six bytes there.
const MAX_INPUT: usize = MAX_HEAD + 8 * MAX_BODY;
const MAX_HEADERS: usize = 100;
/// Larger buffers are given back after the call that needed them.
const KEEP_BUFFER: usize = 1024 * 1024;

/// A request, borrowed from the connection's buffers.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [Header<'a>],
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    }

    /// The path as received, without the query; of a target in absolute form too.
    pub(crate) fn path(&self) -> &'a str {
        self.split_target().0
    }

    pub(crate) fn query(&self) -> &'a str {
        self.split_target().1
    }

    fn split_target(&self) -> (&'a str, &'a str) {
        let target = match self.target.strip_prefix("http://") {
            Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"),
            None => self.target,
        };
        target.split_once('?').unwrap_or((target, ""))
    }
}

/// The pairs of a query, decoded, `+` being a space. A pair that is not percent-encoded UTF-8 is an error.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = Option<(Cow<'_, str>, Cow<'_, str>)>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name, true)?, decode(value, true)?))
    })
}

/// Percent-decodes a text; `None` when it is not percent-encoded UTF-8.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a header's value names this media type, among others or with parameters.
pub(crate) fn names_media_type(value: Option<&str>, wanted: &str) -> bool {
    let mut types = value.unwrap_or_default().split(',');
    types.any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

/// Why no further request comes out of a connection.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The peer went away, or the socket was closed.
    Gone,
    /// What came is not a request to be served; answer this status, then close.
    Refused(u16, &'static str),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Where a request lies in the connection's buffers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    head: usize,
    /// Bytes of the body on the wire.
    body: usize,
    chunked: bool,
    expects_continue: bool,
    /// The client keeps the connection open.
    pub(crate) keep_alive: bool,
}

/// The receiving side of a connection.
pub(crate) struct Inbox<'a> {
    stream: &'a TcpStream,
    input: Vec<u8>,
    filled: usize,
    /// The body of a chunked request, put together.
    dechunked: Vec<u8>,
}

impl<'a> Inbox<'a> {
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self { stream, input: vec![0; 8 * 1024], filled: 0, dechunked: Vec::new() }
    }

    /// Reads until a whole request is there.
    pub(crate) fn receive(&mut self) -> Result<Frame, Broken> {
        let mut frame = loop {
            match read_frame(self.received())? {
                Some(frame) if frame.head <= MAX_HEAD => break frame,
                None if self.filled < MAX_HEAD => self.fill()?,
                _ => return Err(Broken::Refused(431, "the head is larger than 64 KiB")),
            }
        };
        let body_is_missing = frame.chunked || self.filled < frame.head + frame.body;
        if frame.expects_continue && body_is_missing {
            (&mut &*self.stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if frame.chunked {
            frame.body = self.dechunk(frame.head)?;
        } else {
            self.fill_to(frame.head + frame.body)?;
        }
        Ok(frame)
    }

    /// The request of a frame that was received.
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

    /// Forgets a request that was served.
    pub(crate) fn consume(&mut self, frame: &Frame) {
        let end = frame.head + frame.body;
        self.input.copy_within(end..self.filled, 0);
        self.filled -= end;
        if self.filled == 0 && self.input.len() > KEEP_BUFFER {
            *self = Self::new(self.stream);
        }
    }

    /// Reads on and forgets it, until the other side closes.
    pub(crate) fn discard(&mut self) {
        let mut reader = self.stream;
        while matches!(reader.read(&mut self.input), Ok(count) if count > 0) {}
    }

    fn received(&self) -> &[u8] {
        self.input.get(..self.filled).unwrap_or_default()
    }

    fn fill_to(&mut self, length: usize) -> Result<(), Broken> {
        while self.filled < length {
            self.fill()?;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Broken> {
        if self.filled >= MAX_INPUT {
            return Err(Broken::Refused(413, "the body takes too much on the wire"));
        }
        if self.filled == self.input.len() {
            self.input.resize(self.filled * 2, 0);
        }
        let mut reader = self.stream;
        match reader.read(self.input.get_mut(self.filled..).unwrap_or_default()) {
            Ok(0) => Err(Broken::Gone),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(_) => Err(Broken::Gone),
        }
    }

    /// Puts a chunked body together, and answers its length on the wire.
    fn dechunk(&mut self, start: usize) -> Result<usize, Broken> {
        self.dechunked.clear();
        let mut at = start;
        loop {
            let rest = self.received().get(at..).unwrap_or_default();
            let Ok(status) = httparse::parse_chunk_size(rest) else {
                return Err(Broken::Refused(400, "not a chunk size"));
            };
            let Status::Complete((line, size)) = status else {
                self.fill()?;
                continue;
            };
            at += line;
            if size == 0 {
                return Ok(self.skip_trailers(at)? - start);
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if size > MAX_BODY - self.dechunked.len() {
                return Err(Broken::Refused(413, "the body is larger than 1 MiB"));
            }
            self.fill_to(at + size + 2)?;
            self.dechunked.extend_from_slice(self.input.get(at..at + size).unwrap_or_default());
            at += size;
            if self.input.get(at..at + 2) != Some(b"\r\n") {
                return Err(Broken::Refused(400, "a chunk does not end where it says"));
            }
            at += 2;
        }
    }

    fn skip_trailers(&mut self, mut at: usize) -> Result<usize, Broken> {
        loop {
            let rest = self.received().get(at..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == b'\n') {
                None => self.fill()?,
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

/// Room before the body, for the head to be written there once the length is known: an answer leaves in one
/// write, and its body is not moved.
const HEAD_ROOM: usize = 512;

/// An answer, made over and over in the same buffer.
pub(crate) struct Response {
    status: u16,
    content_type: Option<&'static str>,
    headers: Vec<(Cow<'static, str>, String)>,
    head: Vec<u8>,
    /// The room for the head, then the body.
    buffer: Vec<u8>,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self {
            status: 200,
            content_type: None,
            headers: Vec::new(),
            head: Vec::with_capacity(HEAD_ROOM),
            buffer: vec![0; HEAD_ROOM],
        }
    }

    /// Begins another answer.
    pub(crate) fn begin(&mut self, status: u16, content_type: Option<&'static str>) {
        self.status = status;
        self.content_type = content_type;
        self.headers.clear();
        if self.buffer.capacity() > KEEP_BUFFER {
            self.buffer = Vec::new();
        }
        self.buffer.resize(HEAD_ROOM, 0);
    }

    pub(crate) fn header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    /// Appends to the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The answer's bytes: its head, which declares the whole body, and as much of the body as is wanted.
    pub(crate) fn bytes(&mut self, declare_close: bool, body_limit: usize) -> &[u8] {
        let body = self.buffer.len() - HEAD_ROOM;
        let has_body = self.status != 204 && self.status != 304;
        self.write_head(declare_close, has_body.then_some(body));
        self.buffer.truncate(HEAD_ROOM + if has_body { body.min(body_limit) } else { 0 });
        let start = match HEAD_ROOM.checked_sub(self.head.len()) {
            Some(start) => {
                if let Some(room) = self.buffer.get_mut(start..HEAD_ROOM) {
                    room.copy_from_slice(&self.head);
                }
                start
            }
            None => {
                self.buffer.splice(..HEAD_ROOM, self.head.iter().copied());
                0
            }
        };
        self.buffer.get(start..).unwrap_or_default()
    }

    fn write_head(&mut self, declare_close: bool, body: Option<usize>) {
        let head = &mut self.head;
        head.clear();
        // Writing into memory does not fail.
        let _ = write!(head, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        if let Some(content_type) = self.content_type {
            let _ = write!(head, "Content-Type: {content_type}\r\n");
        }
        if let Some(body) = body {
            let _ = write!(head, "Content-Length: {body}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.extend_from_slice(if declare_close { b"Connection: close\r\n\r\n" } else { b"\r\n" });
    }
}

impl fmt::Write for Response {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// The reason phrase of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_decoding() {
        assert_eq!(decode("plain", true).as_deref(), Some("plain"));
        assert_eq!(decode("Caf%C3%A9+%26+50%25%2B", true).as_deref(), Some("Café & 50%+"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
        for wrong in ["%", "%4", "%zz", "%+1", "%FF"] {
            assert_eq!(decode(wrong, true), None, "{wrong}");
        }
    }

    #[test]
    fn query_pairs_may_lack_a_value() {
        let pairs: Vec<_> = query_pairs("a=1&&b&c=x=y").map(Option::unwrap).collect();
        assert_eq!(pairs, [("a".into(), "1".into()), ("b".into(), "".into()), ("c".into(), "x=y".into())]);
    }

    #[test]
    fn media_types_are_compared_without_parameters() {
        assert!(names_media_type(Some("text/html, Application/JSON; charset=utf-8"), "application/json"));
        assert!(!names_media_type(Some("application/jsonp"), "application/json"));
        assert!(!names_media_type(Some("*/*"), "application/json"));
        assert!(!names_media_type(None, "application/json"));
    }

    #[test]
    fn a_head_larger_than_its_room_goes_out_whole() {
        let mut response = Response::new();
        for length in [10, 2000, 10] {
            response.begin(503, None);
            response.header("X-Long", "v".repeat(length));
            response.push(b"body");
            let text = String::from_utf8(response.bytes(false, usize::MAX).to_vec()).unwrap();
            let expected = format!(
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nX-Long: {}\r\n\r\nbody",
                "v".repeat(length)
            );
            assert_eq!(text, expected);
        }
    }
}
