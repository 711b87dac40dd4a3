//! What the bytes are read as: callers with something to do, and the replies that they get, one after the other.

use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use http::header::{DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use things_core::TransportErrorKind;

use crate::account::{SECRET, escaped};

#[derive(Arbitrary, Debug)]
pub(super) struct Plan {
    pub(super) attempts: u8,
    pub(super) base_delay: Span,
    pub(super) max_retry_after: Span,
    pub(super) attempt_timeout: Span,
    pub(super) seed: u8,
    fleet: u8,
    pub(super) callers: [Option<Caller>; 8],
    pub(super) replies: Vec<Reply>,
}

impl Plan {
    /// Pages that there are, where the server tells the truth: a few.
    pub(super) fn fleet(&self) -> u8 {
        self.fleet % 16
    }
}

#[derive(Arbitrary, Debug)]
pub(super) struct Caller {
    pub(super) what: What,
    pub(super) begins: Span,
    pub(super) timeout: Span,
    /// 0 is none.
    pub(super) customer: u8,
    pub(super) cancelled: Option<Span>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum What {
    Read,
    Downlink,
    /// A raw `POST`, which must not be made twice either.
    Post,
    Listing {
        window: u8,
        timeout: Option<Span>,
    },
}

/// A length of time.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Span {
    Usual,
    None,
    Ms(u8),
    Seconds(u8),
    Minutes(u16),
    Endless,
}

impl Span {
    pub(super) fn or(self, usual: Duration) -> Duration {
        match self {
            Self::Usual => usual,
            Self::None => Duration::ZERO,
            Self::Ms(ms) => Duration::from_millis(ms.into()),
            Self::Seconds(seconds) => Duration::from_secs(seconds.into()),
            Self::Minutes(minutes) => Duration::from_secs(60 * u64::from(minutes)),
            Self::Endless => Duration::MAX,
        }
    }
}

#[derive(Arbitrary, Debug)]
pub(super) struct Reply {
    /// How long it takes. One that takes longer than the exchange may is none.
    pub(super) after: Span,
    /// How much later than it could the driver goes on.
    pub(super) late: Span,
    /// So many seconds the wall clock is set forth or back meanwhile.
    pub(super) clock_set: i16,
    pub(super) end: End,
}

#[derive(Arbitrary, Debug)]
pub(super) enum End {
    /// What was asked for.
    Good,
    Token(Life),
    Page(Shape),
    Refused {
        status: Status,
        retry_after: RetryAfter,
        elsewhere: bool,
        content: Content,
    },
    Broken(Break),
}

/// What a token's answer says of its life.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Life {
    Seconds(i32),
    Text(i32),
    Fraction(f64),
    Nonsense,
    Absent,
}

impl Life {
    pub(super) fn json(self, token: &str) -> Bytes {
        let mut answer = json!({"access_token": token});
        match self {
            Self::Seconds(seconds) => answer["expires_in"] = seconds.into(),
            Self::Text(seconds) => answer["expires_in"] = seconds.to_string().into(),
            Self::Fraction(seconds) => answer["expires_in"] = seconds.into(),
            Self::Nonsense => answer["expires_in"] = json!(["soon"]),
            Self::Absent => {}
        }
        answer.to_string().into()
    }

    /// How long it is to live: an hour where the answer does not say, and nothing shorter than 2 s or longer than a day.
    pub(super) fn length(self) -> Duration {
        let seconds = match self {
            Self::Seconds(seconds) | Self::Text(seconds) => seconds.into(),
            Self::Fraction(seconds) if seconds.is_finite() => seconds,
            Self::Fraction(_) | Self::Nonsense | Self::Absent => 3600.0,
        };
        Duration::from_secs_f64(seconds.clamp(2.0, 86_400.0))
    }
}

/// A page, true or not.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Shape {
    devices: u8,
    /// The devices of all pages have the same names.
    same: bool,
    number: Option<u8>,
    size: Option<u8>,
    total_pages: Option<u64>,
    total_elements: Option<u64>,
    last: Option<bool>,
}

impl Shape {
    pub(super) fn json(self, asked: u64) -> Bytes {
        let name = if self.same { "same".to_owned() } else { asked.to_string() };
        let devices = (0..self.devices % 4).map(|nth| json!({"uuid": format!("{name}-{nth}")}));
        json!({"content": devices.collect::<Value>(), "number": self.number, "size": self.size, "last": self.last,
            "totalPages": self.total_pages, "totalElements": self.total_elements})
        .to_string()
        .into()
    }
}

/// The page that has no devices, though others come after it.
pub(super) const EMPTY_PAGE: u64 = 5;

/// One page of so many, of one device.
pub(super) fn true_page(number: u64, fleet: u64) -> Bytes {
    let empty = number >= fleet || number == EMPTY_PAGE;
    let content = if empty { json!([]) } else { json!([{"uuid": number.to_string()}]) };
    json!({"content": content, "number": number, "size": 1, "last": number + 1 >= fleet, "totalPages": fleet,
        "totalElements": fleet})
    .to_string()
    .into()
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Status {
    /// One that means something.
    Known(u8),
    Any(u16),
}

impl Status {
    pub(super) fn code(self) -> u16 {
        const KNOWN: &[u16] = &[
            200, 201, 204, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 407, 408, 409, 410, 429,
            500, 501, 502, 503, 504,
        ];
        match self {
            Self::Known(nth) => KNOWN[usize::from(nth) % KNOWN.len()],
            Self::Any(code) => 100 + code % 900,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum RetryAfter {
    Absent,
    Seconds(u32),
    Date { seconds: u16, dated: bool },
    Nonsense(u8),
}

impl RetryAfter {
    /// Whether the header is there and can be read (RFC 9110, section 10.2.3).
    pub(super) fn is_told(self) -> bool {
        matches!(self, Self::Seconds(_) | Self::Date { .. })
    }

    /// How long the server asks to wait at least, where it says so in seconds.
    pub(super) fn seconds(self) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds.into()),
            _ => Duration::ZERO,
        }
    }

    fn write(self, headers: &mut HeaderMap) {
        const NONSENSE: &[&str] =
            &["", "-5", "1.5", "1e9", "soon", "Thu", "120 s", "Thu, 01 Jan 2026 00:00:00"];
        let text = match self {
            Self::Absent => return,
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date { seconds, dated } => {
                if dated {
                    headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
                }
                let seconds = u32::from(seconds);
                format!(
                    "Thu, 01 Jan 2026 {:02}:{:02}:{:02} GMT",
                    seconds / 3600,
                    seconds / 60 % 60,
                    seconds % 60
                )
            }
            Self::Nonsense(nth) => NONSENSE[usize::from(nth) % NONSENSE.len()].to_owned(),
        };
        headers.insert(RETRY_AFTER, HeaderValue::from_str(&text).unwrap());
    }
}

pub(super) fn headers(retry_after: RetryAfter, elsewhere: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    retry_after.write(&mut headers);
    if elsewhere {
        headers.insert(LOCATION, HeaderValue::from_static("https://elsewhere.example/login"));
    }
    headers
}

#[derive(Arbitrary, Debug)]
pub(super) enum Content {
    Empty,
    /// The fields of RFC 6749.
    Error(Vec<Piece>, Vec<Piece>),
    Text(Vec<Piece>),
    Bytes(Vec<u8>),
}

/// A piece of what a server says. Some repeat what they were sent.
#[derive(Arbitrary, Debug)]
pub(super) enum Piece {
    Text(String),
    Secret,
    Token,
    SecretAsJson,
    TokenAsJson,
}

impl Content {
    /// `token` is what came with the request.
    pub(super) fn bytes(&self, token: &str) -> Bytes {
        let text = |pieces: &[Piece]| -> String { pieces.iter().map(|piece| piece.text(token)).collect() };
        match self {
            Self::Empty => Bytes::new(),
            Self::Error(error, description) => {
                json!({"error": text(error), "error_description": text(description)}).to_string().into()
            }
            Self::Text(pieces) => text(pieces).into(),
            Self::Bytes(bytes) => bytes.iter().copied().filter(|byte| *byte != b'~').collect(),
        }
    }
}

impl Piece {
    fn text(&self, token: &str) -> String {
        match self {
            // A server can only repeat the token that it was sent, and all tokens end in this.
            Self::Text(text) => text.replace('~', ""),
            Self::Secret => SECRET.to_owned(),
            Self::Token => token.to_owned(),
            Self::SecretAsJson => escaped(SECRET),
            Self::TokenAsJson => escaped(token),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Break {
    Connect,
    Timeout,
    Interrupted,
    TooLarge,
    Other,
}

impl From<Break> for TransportErrorKind {
    fn from(broken: Break) -> Self {
        match broken {
            Break::Connect => Self::Connect,
            Break::Timeout => Self::Timeout,
            Break::Interrupted => Self::Interrupted,
            Break::TooLarge => Self::TooLarge,
            Break::Other => Self::Other,
        }
    }
}
