//! A handled request and its response, as a request log shows them.

use crate::fault::Fault;
use crate::request::{Request, query_pairs};
use crate::route::Route;
use serde_json::Value;
use std::fmt;

/// A handled request and its response. See [`SimBuilder::on_exchange`](crate::SimBuilder::on_exchange).
///
/// It contains no header and no body. The key's secret and the access token of the request are masked. `Display` writes one line:
///
/// ```text
/// POST /api/actuator/downlinks 201 0059AC0000181EB6 port 1 0102 ref=valve-42 [fault latency:20ms]
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exchange {
    /// The tenant, if the simulator accepts any; see [`SimBuilder::any_tenant`](crate::SimBuilder::any_tenant).
    pub tenant: Option<String>,
    /// The route.
    pub route: Route,
    /// The method.
    pub method: String,
    /// The path, and the query of a request that lists devices. Both are percent-encoded as received.
    pub target: String,
    /// The status of the response; `None` if a fault ended the request before it was processed.
    pub status: Option<u16>,
    /// Whether the response was sent. A fault such as `drop-after` processes a request and sends no response.
    pub sent: bool,
    /// The length of the sent body in bytes.
    pub body_length: usize,
    /// The content of a downlink, whether it was accepted or not.
    pub downlink: Option<DownlinkSummary>,
    /// The faults that applied to the request.
    pub faults: Vec<Fault>,
}

/// The content of a downlink, for one line of a log. A field is `None` if the request lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownlinkSummary {
    /// The base name of the first record, without `urn:dev:DEVEUI:`.
    pub device: Option<String>,
    /// `port` in the query.
    pub port: Option<String>,
    /// The hexadecimal payload.
    pub payload: Option<String>,
    /// `externalReference` in the query.
    pub reference: Option<String>,
}

impl Exchange {
    /// Describes a request. `body_length` is `None` if no response was sent.
    pub(crate) fn new(
        route: Route,
        request: &Request<'_>,
        status: Option<u16>,
        body_length: Option<usize>,
        faults: Vec<Fault>,
        key_secret: &str,
    ) -> Self {
        let masked = |text: String| {
            let secrets = [key_secret, request.bearer_token().unwrap_or_default()];
            secrets
                .iter()
                .filter(|secret| !secret.is_empty())
                .fold(text, |text, secret| text.replace(secret, "***"))
        };
        let target = match (route, request.query()) {
            (Route::Devices, query) if !query.is_empty() => format!("{}?{query}", request.path()),
            _ => request.path().to_owned(),
        };
        Self {
            tenant: None,
            route,
            method: request.method.to_owned(),
            target: masked(target),
            status,
            sent: body_length.is_some(),
            body_length: body_length.unwrap_or_default(),
            downlink: (route == Route::Downlinks).then(|| DownlinkSummary::of(request, masked)),
            faults,
        }
    }
}

impl DownlinkSummary {
    fn of(request: &Request<'_>, masked: impl Fn(String) -> String) -> Self {
        let parameter = |wanted: &str| {
            let mut pairs = query_pairs(request.query()).flatten();
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| masked(value.into_owned()))
        };
        let records: Value = serde_json::from_slice(request.body).unwrap_or_default();
        let field = |name: &str| {
            let mut records = records.as_array().into_iter().flatten();
            records.find_map(|record| record.get(name)?.as_str())
        };
        let device = |name: &str| {
            let name = name.strip_prefix("urn:dev:DEVEUI:").unwrap_or(name);
            masked(name.strip_suffix(':').unwrap_or(name).to_owned())
        };
        Self {
            device: field("bn").map(device),
            port: parameter("port"),
            payload: field("vs").map(|payload| masked(payload.to_owned())),
            reference: parameter("externalReference"),
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, printable(&self.target))?;
        match self.status {
            Some(status) => write!(f, " {status}")?,
            None => f.write_str(" -")?,
        }
        if let Some(downlink) = &self.downlink {
            write!(f, "{downlink}")?;
        }
        if !self.sent {
            f.write_str(" no response")?;
        }
        if let Some(tenant) = &self.tenant {
            write!(f, " [tenant {}]", printable(tenant))?;
        }
        let faults: Vec<String> = self.faults.iter().map(|fault| printable(&fault.to_string())).collect();
        match faults.as_slice() {
            [] => Ok(()),
            [fault] => write!(f, " [fault {fault}]"),
            faults => write!(f, " [faults {}]", faults.join(" ")),
        }
    }
}

impl fmt::Display for DownlinkSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, value) in
            [("", &self.device), ("port ", &self.port), ("", &self.payload), ("ref=", &self.reference)]
        {
            if let Some(value) = value {
                write!(f, " {label}{}", printable(value))?;
            }
        }
        Ok(())
    }
}

/// Returns the text as one printable line: a client must not send control sequences to the terminal of the log.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut line = String::new();
    for letter in text.chars().take(LONGEST) {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}
