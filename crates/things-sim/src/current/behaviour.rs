//! The choices of the current API where the real one is unknown.

use super::DownlinkProgress;
use crate::refusal::{spring_error, write_json};
use crate::response::{Response, reason};
use serde_json::{Value, json};

/// The field with the link to the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NextField {
    /// `next`.
    #[default]
    Next,
    /// `nextPage`.
    NextPage,
    /// `links.next`.
    Links,
    /// `_links.next.href`.
    Hal,
}

pub(crate) const NEXT_FIELDS: &[(&str, NextField)] = &[
    ("next", NextField::Next),
    ("next-page", NextField::NextPage),
    ("links", NextField::Links),
    ("hal", NextField::Hal),
];

/// The form of the link to the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NextLink {
    /// `url`: a whole URL.
    #[default]
    Url,
    /// `path`: a path with a query.
    Path,
    /// `query`: a query alone, which is relative to the page.
    Query,
    /// `cursor`: a bare cursor.
    Cursor,
    /// `port-8080`: a URL on another port of the same host.
    Port(u16),
    /// `bare-port-8080`: a URL on another port, whose query does not have the parameter `cursor`.
    PortWithoutCursor(u16),
}

/// The form of an error of the current API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CurrentErrors {
    /// `problem`: `application/problem+json` (RFC 9457).
    #[default]
    Problem,
    /// `gateway`: `transactionId`, `status`, `name`, `message`, `info`, as KPN's gateway.
    Gateway,
    /// `camara`: `code`, `message`, as KPN's CAMARA APIs.
    Camara,
    /// `spring`: Spring Boot's default error.
    Spring,
}

pub(crate) const ERRORS: &[(&str, CurrentErrors)] = &[
    ("problem", CurrentErrors::Problem),
    ("gateway", CurrentErrors::Gateway),
    ("camara", CurrentErrors::Camara),
    ("spring", CurrentErrors::Spring),
];

impl CurrentErrors {
    pub(super) fn write(self, status: u16, why: &str, path: &str, response: &mut Response) {
        let error = reason(status);
        let name = || error.to_ascii_uppercase().replace(' ', "_");
        let body: Value = match self {
            Self::Problem => json!({
                "type": "about:blank", "title": error, "status": status, "detail": why, "instance": path,
            }),
            Self::Gateway => json!({
                "transactionId": "sim-1", "status": status, "name": name(), "message": why, "info": "",
            }),
            Self::Camara => json!({ "code": name(), "message": why }),
            Self::Spring => spring_error(status, why, path),
        };
        write_json(status, &body, response);
        if self == Self::Problem {
            response.set_content_type("application/problem+json");
        }
    }
}

/// The choices of one simulator.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentBehaviour {
    pub(crate) next_field: NextField,
    pub(crate) next_link: NextLink,
    /// Whether the last page links to the first one.
    pub(crate) next_loop: bool,
    /// The number of the page without items, from 0.
    pub(crate) empty_items: Option<usize>,
    pub(crate) errors: CurrentErrors,
    /// Whether a token is rejected with 401 instead of 302.
    pub(crate) rejects_with_401: bool,
    pub(crate) progress: DownlinkProgress,
}
