//! A response, written in one piece.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

/// Larger buffers are freed after the call that needed them.
const KEEP_BUFFER: usize = 1024 * 1024;

/// Space before the body. The head is written there once the length is known, so that a response is sent in one write
/// and its body is not moved.
const HEAD_ROOM: usize = 512;

/// A response. The buffer is reused for the next one.
pub(crate) struct Response {
    status: u16,
    content_type: Option<Cow<'static, str>>,
    headers: Vec<(Cow<'static, str>, String)>,
    head: Vec<u8>,
    /// The space for the head, followed by the body.
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

    /// Begins a new response.
    pub(crate) fn begin(&mut self, status: u16, content_type: Option<&'static str>) {
        self.status = status;
        self.content_type = content_type.map(Cow::Borrowed);
        self.headers.clear();
        if self.buffer.capacity() > KEEP_BUFFER {
            self.buffer = Vec::new();
        }
        self.buffer.resize(HEAD_ROOM, 0);
    }

    pub(crate) fn header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.headers.push((name.into(), value.into()));
    }

    pub(crate) fn set_content_type(&mut self, content_type: &str) {
        self.content_type = Some(Cow::Owned(content_type.to_owned()));
    }

    /// Adds the parameter `charset` to the content type, if there is one.
    pub(crate) fn add_charset(&mut self, charset: &str) {
        if let Some(content_type) = &mut self.content_type {
            content_type.to_mut().push_str(&format!(";charset={charset}"));
        }
    }

    /// The status; `None` if nothing was written since the last [`begin`](Self::begin) with status 0.
    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.status).filter(|status| *status != 0)
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.buffer.get(HEAD_ROOM..).unwrap_or_default()
    }

    /// Replaces the body.
    pub(crate) fn set_body(&mut self, body: &[u8]) {
        self.buffer.truncate(HEAD_ROOM);
        self.push(body);
    }

    /// Appends to the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the bytes of the response. The head declares the whole body, of which at most `body_limit` bytes follow.
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
        if let Some(content_type) = &self.content_type {
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

/// Returns the reason phrase of a status.
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
