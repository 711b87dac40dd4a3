//! Everything that happened in a world, in order.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use things_core::{Error, ErrorKind, Outcome, Stage, Step, Stop, TransportErrorKind};

/// A call: its caller, and of a listing which page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) caller: u64,
    pub(super) page: Option<u64>,
}

/// A sub-customer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Customer(pub(super) u64);

/// An access token, by the order in which they were issued.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(pub(super) u64);

/// What happened, when, and to which call.
pub(super) struct Entry {
    pub(super) at: Duration,
    pub(super) call: Call,
    pub(super) event: Event,
}

pub(super) enum Event {
    /// The call begins, and is to end by then.
    Begins {
        what: What,
        customer: Option<Customer>,
        deadline: Duration,
    },
    /// Waits for what another call fetches.
    Waits,
    /// Waits before a repeat.
    Pauses {
        until: Duration,
        stage: Stage,
    },
    Sends(Request),
    /// The server does what the request asks.
    Acts,
    Receives(Reply),
    /// Gives the request in flight up: its time is over, or the call was dropped.
    LetsGo,
    Ends(Ending),
    /// The caller was cancelled, or the listing ended without this page.
    Dropped,
    /// The devices that a listing brought, up to its end or to an error.
    Lists {
        devices: Vec<u64>,
        error: Option<ErrorKind>,
    },
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Read,
    Downlink,
    Page,
}

/// A request as it left.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) endpoint: Endpoint,
    pub(super) token: Option<Token>,
    pub(super) customer: Option<Customer>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Token,
    Switch(Customer),
    Read,
    Downlink,
    Devices {
        page: u64,
        size: Option<u64>,
    },
    /// Where nothing should ever be sent.
    Elsewhere,
}

/// What came back.
#[derive(Clone, Copy)]
pub(super) struct Reply {
    /// The status, or what went wrong on the way.
    pub(super) status: Result<u16, TransportErrorKind>,
    /// Not to be asked again before.
    pub(super) not_before: Option<Duration>,
    /// A token, and how long it may be used.
    pub(super) token: Option<(Token, Duration)>,
}

/// What a call came to.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) attempts: u32,
    /// The status of a success.
    pub(super) result: Result<u16, Failure>,
}

/// What a call tells of its failure.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) stage: Stage,
    pub(super) outcome: Option<Outcome>,
    pub(super) stop: Option<Stop>,
}

impl Event {
    /// What a step tells of the call, if that is not seen in the network.
    pub(super) fn of(step: &Step) -> Option<Self> {
        match step {
            Step::Send(..) => None,
            Step::Wait(_) => Some(Self::Waits),
            Step::Sleep(pause) => {
                Some(Self::Pauses { until: pause.until().monotonic(), stage: pause.stage() })
            }
            Step::Done(Ok(answer)) => {
                let result = Ok(answer.status.as_u16());
                Some(Self::Ends(Ending { attempts: answer.attempts, result }))
            }
            Step::Done(Err(error)) => {
                Some(Self::Ends(Ending { attempts: error.attempts(), result: Err(Failure::of(error)) }))
            }
        }
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            stage: error.stage(),
            outcome: error.outcome(),
            stop: error.gave_up_because(),
        }
    }
}

impl Request {
    pub(super) fn read(request: &http::Request<Bytes>) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let numbered = |text: &str, prefix: &str| text.strip_prefix(prefix).and_then(|id| id.parse().ok());
        Self {
            endpoint: Endpoint::read(request).unwrap_or(Endpoint::Elsewhere),
            token: header("authorization").and_then(|value| numbered(value, "Bearer token-")).map(Token),
            customer: header("x-client-id").and_then(|id| numbered(id, "customer-")).map(Customer),
        }
    }
}

impl Endpoint {
    fn read(request: &http::Request<Bytes>) -> Option<Self> {
        let uri = request.uri();
        let target = (uri.host()?, request.method(), uri.path());
        let parameter = |name: &str| {
            let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(known, _)| *known == name)?.1.parse().ok()
        };
        match target {
            ("grip.example", &Method::POST, "/v2/rjsfm52t/oidc/idp/c1/token") => Some(Self::Token),
            ("api.example", &Method::GET, "/api/things") => Some(Self::Read),
            ("api.example", &Method::POST, "/api/actuator/downlinks") => Some(Self::Downlink),
            ("api.example", &Method::GET, "/api/devices") => {
                Some(Self::Devices { page: parameter("currentPage")?, size: parameter("pageSize") })
            }
            ("api.example", &Method::GET, path) => {
                let id = path.strip_prefix("/api/v1/lifecycle/clients/customer-")?;
                Some(Self::Switch(Customer(id.strip_suffix("/context-switch")?.parse().ok()?)))
            }
            _ => None,
        }
    }
}

impl Reply {
    pub(super) fn broken(kind: TransportErrorKind) -> Self {
        Self { status: Err(kind), not_before: None, token: None }
    }

    pub(super) fn succeeds(&self) -> bool {
        matches!(self.status, Ok(200..=299))
    }

    /// Whether it proves that nothing was done.
    pub(super) fn refuses(&self) -> bool {
        match self.status {
            Err(kind) => kind == TransportErrorKind::Connect,
            Ok(503) => self.not_before.is_some(),
            Ok(status) => status != 408 && matches!(status, 302 | 400..=499),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.4} s  call {:<6} {}", self.at.as_secs_f64(), self.call.to_string(), self.event)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.caller)?;
        self.page.map_or(Ok(()), |page| write!(f, ".{page}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins { what, customer, deadline } => {
                write!(f, "begins a {what}")?;
                if let Some(customer) = customer {
                    write!(f, " for {customer}")?;
                }
                write!(f, ", to end by {:.4} s", deadline.as_secs_f64())
            }
            Self::Waits => f.write_str("waits for another"),
            Self::Pauses { until, .. } => write!(f, "pauses until {:.4} s", until.as_secs_f64()),
            Self::Sends(request) => write!(f, "──► {request}"),
            Self::Acts => f.write_str("  ■ the server does it"),
            Self::Receives(reply) => write!(f, "◄── {reply}"),
            Self::LetsGo => f.write_str("◄── nothing: given up"),
            Self::Ends(ending) => write!(f, "ends: {ending}"),
            Self::Dropped => f.write_str("is dropped"),
            Self::Lists { devices, error: None } => write!(f, "lists {} devices", devices.len()),
            Self::Lists { devices, error: Some(kind) } => {
                write!(f, "lists {} devices, then {kind:?}", devices.len())
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Downlink => "downlink",
            Self::Page => "page of a listing",
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        self.token.map_or(Ok(()), |token| write!(f, ", {token}"))?;
        self.customer.map_or(Ok(()), |customer| write!(f, ", {customer}"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::Switch(customer) => write!(f, "context switch to {customer}"),
            Self::Read => f.write_str("read"),
            Self::Downlink => f.write_str("downlink"),
            Self::Devices { page, .. } => write!(f, "page {page}"),
            Self::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Ok(status) => write!(f, "{status}")?,
            Err(kind) => write!(f, "{kind:?}")?,
        }
        if let Some(until) = self.not_before {
            write!(f, ", not again before {:.4} s", until.as_secs_f64())?;
        }
        match &self.token {
            Some((token, life)) => write!(f, ", {token} for {} s", life.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.result {
            Ok(status) => write!(f, "{status}")?,
            Err(Failure { kind, stage, outcome, stop }) => {
                write!(f, "{kind:?} of {stage:?}")?;
                stop.map_or(Ok(()), |stop| write!(f, ", {stop:?}"))?;
                outcome.map_or(Ok(()), |outcome| write!(f, ", {outcome:?}"))?;
            }
        }
        write!(f, " after {} attempts", self.attempts)
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "customer-{}", self.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token-{}", self.0)
    }
}
