//! The faults of a call.

use crate::coding::Coding;
use crate::rate::RateLimit;
use crate::refusal::{REFUSALS, Refusal};
use crate::syntax::{
    ParseRuleError, choice, error, escape, name_of, parse_duration, split_unescaped, write_duration,
};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A fault of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Delays the response.
    Latency(Duration),
    /// Replaces the response.
    Status {
        /// The status, 200 to 599.
        status: u16,
        /// Additional headers, sent unchanged.
        headers: Vec<(String, String)>,
        /// The body; JSON unless the headers name another type. `None` is an empty body.
        body: Option<String>,
        /// Whether the call takes effect nevertheless: the downlink is queued, the token issued.
        processed: bool,
    },
    /// Closes the connection. The call has no effect.
    DropBefore,
    /// Closes the connection without a response, after the call took effect.
    DropAfter,
    /// Cuts the response off after this many bytes of its body, and closes the connection. The head declares the full
    /// length, and the call takes effect.
    Truncate(usize),
    /// Never responds. The call has no effect, and the connection stays open.
    Stall,
    /// Never responds. The call takes effect, and the connection stays open.
    StallAfter,
    /// Revokes every token before the call is processed.
    RevokeToken,
    /// Responds in the shape of a refusal. The call has no effect.
    Refuse {
        /// The shape.
        shape: Refusal,
        /// The status, 200 to 599; `None` is the usual status of the shape.
        status: Option<u16>,
    },
    /// Responds with 429 and `Retry-After` to calls beyond the rate. They have no effect.
    RateLimit(RateLimit),
    /// Encodes the body of the response in another way.
    Coding(Coding),
    /// Adds secrets to the headers of the response: `Authorization` and `KPN-Things-Security-Context` of the request,
    /// and the secret of the API key.
    EchoHeader,
    /// Responds with 400 and a message that contains the same secrets. The call has no effect.
    EchoBody,
}

impl Fault {
    /// Whether the call takes effect nevertheless.
    pub(crate) fn takes_effect(&self) -> bool {
        match self {
            Self::DropBefore | Self::Stall | Self::Refuse { .. } | Self::EchoBody => false,
            Self::Status { processed, .. } => *processed,
            _ => true,
        }
    }
}

impl FromStr for Fault {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        Ok(match (name, value) {
            ("latency", Some(duration)) => Self::Latency(parse_duration(duration)?),
            ("status", Some(answer)) => parse_status(answer, false)?,
            ("status-after", Some(answer)) => parse_status(answer, true)?,
            ("drop-before", None) => Self::DropBefore,
            ("drop-after", None) => Self::DropAfter,
            ("truncate", Some(bytes)) => match bytes.parse() {
                Ok(bytes) => Self::Truncate(bytes),
                Err(_) => return error(format!("`{bytes}` is not a number of bytes, as in truncate:100")),
            },
            ("stall", None) => Self::Stall,
            ("stall-after", None) => Self::StallAfter,
            ("revoke", None) => Self::RevokeToken,
            ("refuse", Some(refusal)) => parse_refusal(refusal)?,
            ("rate-limit", Some(rate)) => Self::RateLimit(rate.parse()?),
            ("echo", Some("header")) => Self::EchoHeader,
            ("echo", Some("body")) => Self::EchoBody,
            _ => {
                if let Some(coding) = Coding::read(text) {
                    return Ok(Self::Coding(coding));
                }
                return error(format!(
                    "unknown fault `{text}`: use latency:20ms, status:503[,Name:value]*, \
                     status-after:500[,Name:value]*, drop-before, drop-after, truncate:100, stall, stall-after, revoke, \
                     refuse:spring, rate-limit:5/s, gzip, gzip-unless-identity, bom, utf-16, utf-16le, utf-16be, \
                     charset:utf-8, echo:header or echo:body"
                ));
            }
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(latency) => {
                f.write_str("latency:")?;
                write_duration(*latency, f)
            }
            Self::Status { status, headers, body, processed } => {
                write!(f, "status{}:{status}", if *processed { "-after" } else { "" })?;
                for (name, value) in headers {
                    write!(f, ",{name}:{}", escape(value))?;
                }
                match body {
                    Some(body) => write!(f, ",body:{}", escape(body)),
                    None => Ok(()),
                }
            }
            Self::DropBefore => f.write_str("drop-before"),
            Self::DropAfter => f.write_str("drop-after"),
            Self::Truncate(bytes) => write!(f, "truncate:{bytes}"),
            Self::Stall => f.write_str("stall"),
            Self::StallAfter => f.write_str("stall-after"),
            Self::RevokeToken => f.write_str("revoke"),
            Self::Refuse { shape, status } => {
                write!(f, "refuse:{}", name_of(*shape, REFUSALS))?;
                status.map_or(Ok(()), |status| write!(f, ",{status}"))
            }
            Self::RateLimit(limit) => write!(f, "rate-limit:{limit}"),
            Self::Coding(coding) => write!(f, "{coding}"),
            Self::EchoHeader => f.write_str("echo:header"),
            Self::EchoBody => f.write_str("echo:body"),
        }
    }
}

fn parse_status(text: &str, processed: bool) -> Result<Fault, ParseRuleError> {
    let mut parts = split_unescaped(text).into_iter();
    let status = status_code(&parts.next().unwrap_or_default())?;
    let mut headers = Vec::new();
    let mut body = None;
    for part in parts {
        match part.split_once(':') {
            Some(("body", text)) => body = Some(text.to_owned()),
            Some((name, value)) if is_header_name(name) && !value.contains(char::is_control) => {
                headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return error(format!(
                    "`{part}` is not a header: use Name:value, as in Retry-After:2, or body:TEXT; a comma inside a value is written \\,"
                ));
            }
        }
    }
    Ok(Fault::Status { status, headers, body, processed })
}

fn parse_refusal(text: &str) -> Result<Fault, ParseRuleError> {
    let (shape, status) = match text.split_once(',') {
        Some((shape, status)) => (shape, Some(status_code(status)?)),
        None => (text, None),
    };
    Ok(Fault::Refuse { shape: choice("refusal", shape, REFUSALS)?, status })
}

fn status_code(text: &str) -> Result<u16, ParseRuleError> {
    match text.parse().ok().filter(|status| (200..=599).contains(status)) {
        Some(status) => Ok(status),
        None => error(format!("`{text}` is not a status: use 200 to 599, as in status:503")),
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
