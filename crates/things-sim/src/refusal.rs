//! The shapes in which services, gateways and firewalls refuse a call.

use crate::response::{Response, reason};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The shape of a refusal. Each contains the reason `the simulator refuses this call`, and none has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `spring`: Spring Boot's default error, with the reason in `message`. Status 400.
    Spring,
    /// `spring-errors`: Spring's validation error, with the reason in `errors[].defaultMessage`. Status 400.
    SpringErrors,
    /// `problem`: `application/problem+json` (RFC 9457), with the reason in `detail`. Status 400.
    Problem,
    /// `oauth`: `error` and `error_description` (RFC 6749), and no token. Status 401.
    OAuth,
    /// `challenge`: an empty body, with the reason in `WWW-Authenticate` (RFC 6750). Status 403.
    Challenge,
    /// `html`: a firewall's page with a long head, and with the reason at its end. Status 403.
    Html,
}

pub(crate) const REFUSALS: &[(&str, Refusal)] = &[
    ("spring", Refusal::Spring),
    ("spring-errors", Refusal::SpringErrors),
    ("problem", Refusal::Problem),
    ("oauth", Refusal::OAuth),
    ("challenge", Refusal::Challenge),
    ("html", Refusal::Html),
];

const REASON: &str = "the simulator refuses this call";

impl Refusal {
    /// Writes the response, with its usual status or another.
    pub(crate) fn write(self, status: Option<u16>, path: &str, response: &mut Response) {
        let status = status.unwrap_or(match self {
            Self::Spring | Self::SpringErrors | Self::Problem => 400,
            Self::OAuth => 401,
            Self::Challenge | Self::Html => 403,
        });
        let error = reason(status);
        match self {
            Self::Spring => {
                write_json(status, &spring_error(status, REASON, path), response);
            }
            Self::SpringErrors => {
                let field = json!({ "field": "request", "defaultMessage": REASON });
                write_json(status, &json!({ "status": status, "error": error, "errors": [field] }), response);
            }
            Self::Problem => {
                response.begin(status, Some("application/problem+json"));
                let body =
                    json!({ "type": "about:blank", "title": error, "status": status, "detail": REASON });
                // Writing into memory does not fail.
                let _ = write!(response, "{body}");
            }
            Self::OAuth => {
                write_json(
                    status,
                    &json!({ "error": "invalid_client", "error_description": REASON }),
                    response,
                );
            }
            Self::Challenge => {
                response.begin(status, None);
                let challenge = format!(r#"Bearer error="insufficient_scope", error_description="{REASON}""#);
                response.header("WWW-Authenticate", challenge);
            }
            Self::Html => {
                response.begin(status, Some("text/html;charset=UTF-8"));
                let style = "body{font-family:Arial}".repeat(40);
                let _ = write!(
                    response,
                    "<!DOCTYPE html><html><head><title>Web filter</title><style>{style}</style></head>\
                     <body><h1>Blocked</h1><p>{REASON}</p></body></html>"
                );
            }
        }
    }
}

/// Returns the body of Spring Boot's default error.
pub(crate) fn spring_error(status: u16, message: &str, path: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let timestamp = u64::try_from(now.as_millis()).unwrap_or_default();
    json!({ "timestamp": timestamp, "status": status, "error": reason(status), "message": message, "path": path })
}

/// Writes a JSON response.
pub(crate) fn write_json(status: u16, body: &Value, response: &mut Response) {
    response.begin(status, Some("application/json"));
    // Writing into memory does not fail.
    let _ = write!(response, "{body}");
}
