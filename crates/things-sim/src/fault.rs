//! The faults of a call.

use crate::coding::Coding;
use crate::rate::RateLimit;
use crate::refusal::{REFUSALS, Refusal};
use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, escape, name_of, write_duration};
use crate::uplink::UplinkFault;
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
    /// A fault of an uplink that the simulator posts. It has no effect on a request that the simulator receives.
    Uplink(UplinkFault),
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
        Self::read(Part::of(text))
    }
}

/// An example of each fault.
const FORMS: &[&str] = &[
    "latency:20ms",
    "status:503[,Name:value]*",
    "status-after:500[,Name:value]*",
    "drop-before",
    "drop-after",
    "truncate:100",
    "stall",
    "stall-after",
    "revoke",
    "refuse:spring",
    "rate-limit:5/s",
    "gzip",
    "gzip-unless-identity",
    "bom",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "charset:utf-8",
    "echo:header",
    "echo:body",
];

const ECHOES: &[(&str, bool)] = &[("header", true), ("body", false)];

impl Fault {
    pub(crate) fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        let (name, value) = part.name_and_value();
        Ok(match (name.text(), value) {
            ("latency", Some(duration)) => Self::Latency(duration.duration()?),
            ("status", Some(response)) => read_status(response, false)?,
            ("status-after", Some(response)) => read_status(response, true)?,
            ("drop-before", None) => Self::DropBefore,
            ("drop-after", None) => Self::DropAfter,
            ("truncate", Some(bytes)) => {
                Self::Truncate(bytes.number("use a number of bytes, as in truncate:100")?)
            }
            ("stall", None) => Self::Stall,
            ("stall-after", None) => Self::StallAfter,
            ("revoke", None) => Self::RevokeToken,
            ("refuse", Some(refusal)) => read_refusal(refusal)?,
            ("rate-limit", Some(rate)) => Self::RateLimit(RateLimit::read(rate)?),
            ("echo", Some(place)) => match place.choice("echo", ECHOES)? {
                true => Self::EchoHeader,
                false => Self::EchoBody,
            },
            ("charset", Some(charset)) => Self::Coding(read_charset(charset)?),
            _ => match (Coding::named(part.text()), UplinkFault::named(part.text())) {
                (Some(coding), _) => Self::Coding(coding),
                (None, Some(fault)) => Self::Uplink(fault),
                (None, None) => return Err(unknown_fault(part)),
            },
        })
    }
}

/// The error for a text that is no fault. A status or a duration alone shows which fault is meant.
fn unknown_fault(part: Part<'_>) -> ParseRuleError {
    let error = part.no_form("fault", FORMS);
    if read_status(part, false).is_ok() {
        error.suggest(format!("status:{}", part.text()))
    } else if part.duration().is_ok() {
        error.suggest(format!("latency:{}", part.text()))
    } else {
        error
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
            Self::Uplink(fault) => f.write_str(fault.name()),
        }
    }
}

fn read_status(part: Part<'_>, processed: bool) -> Result<Fault, ParseRuleError> {
    const EXPECTED: &str =
        "use Name:value, as in Retry-After:2, or body:TEXT; a comma inside a value is written \\,";
    let (status, parts) = match part.split_commas().split_first() {
        Some((status, parts)) => (status_code(*status)?, parts.to_vec()),
        None => (status_code(part)?, Vec::new()),
    };
    let mut headers = Vec::new();
    let mut body = None;
    for part in parts {
        let (name, value) = part.name_and_value();
        match value.map(Part::unescaped) {
            Some(text) if name.text() == "body" => body = Some(text),
            Some(value) if is_header_name(name.text()) && !value.contains(char::is_control) => {
                headers.push((name.text().to_owned(), value));
            }
            _ => {
                return Err(part.error(format!("`{}` is not a header", part.text().escape_debug()), EXPECTED));
            }
        }
    }
    Ok(Fault::Status { status, headers, body, processed })
}

fn read_refusal(part: Part<'_>) -> Result<Fault, ParseRuleError> {
    let (shape, status) = match part.split_once(',') {
        Some((shape, status)) => (shape, Some(status_code(status)?)),
        None => (part, None),
    };
    Ok(Fault::Refuse { shape: shape.choice("refusal", REFUSALS)?, status })
}

fn read_charset(part: Part<'_>) -> Result<Coding, ParseRuleError> {
    Coding::charset(part.text()).ok_or_else(|| {
        part.error(format!("`{}` is not a charset", part.text()), "use a name, as in charset:utf-8")
    })
}

fn status_code(part: Part<'_>) -> Result<u16, ParseRuleError> {
    const EXPECTED: &str = "use 200 to 599, as in status:503";
    match part.text().parse().ok().filter(|status| (200..=599).contains(status)) {
        Some(status) => Ok(status),
        None if part.is_empty() => Err(part.missing("the status", EXPECTED)),
        None => Err(part.error(format!("`{}` is not a status", part.text()), EXPECTED)),
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
