//! The meaning of each response code of KPN Things and GRIP.
//!
//! This is the only table of them. The kind of an error, whether a retry can help, and the outcome of a downlink all
//! follow from [`Meaning`]. The API documents 200, 201, 204, 302, 400 and 403 (KPN's beta API documentation). All other
//! codes have the meaning that HTTP defines (RFC 9110, RFC 6585).
//!
//! | status | from | meaning | retry | the service acted |
//! |---|---|---|---|---|
//! | 2xx | both | `Success` | - | yes |
//! | 302, 401 | API | `TokenRejected`: a new token, once | no | no |
//! | 403 | API | `Forbidden`; for a sub-customer, the context switch may be gone: a new one, once | no | no |
//! | 3xx, 4xx | GRIP | `KeyRefused` (408 and 429 as below) | no | no |
//! | 400, 404, other 4xx | API | `BadRequest`, `NotFound`, `Refused` | no | no |
//! | 429 | both | `RateLimited` | yes | no |
//! | 503 with `Retry-After` | both | `Busy` | yes | no |
//! | 408 | both | `TimedOut`: a gateway sends it after it forwarded the request | yes | unclear |
//! | 500, 502, 503, 504 | both | `Failed` | yes | unclear |
//! | other 5xx | both | `ServerError` | no | unclear |
//! | other 1xx, 3xx | both | `Unexpected`: a redirect is never followed, because its target would get the token | no | unclear |

use http::StatusCode;

use crate::stage::Stage;

/// The meaning of a status, by the table of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Success,
    TokenRejected,
    KeyRefused,
    BadRequest,
    Forbidden,
    NotFound,
    Refused,
    RateLimited,
    Busy,
    TimedOut,
    Failed,
    ServerError,
    Unexpected,
}

/// Whether a retry of a call can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The same request gets the same response.
    Useless,
    /// A later request can succeed.
    Useful,
}

impl Meaning {
    /// Returns the meaning of a status. `asked_to_wait` is whether the response has a `Retry-After`.
    pub(crate) fn of(status: StatusCode, stage: Stage, asked_to_wait: bool) -> Self {
        match status.as_u16() {
            200..=299 => Self::Success,
            408 => Self::TimedOut,
            429 => Self::RateLimited,
            300..=499 if stage == Stage::Token => Self::KeyRefused,
            302 | 401 => Self::TokenRejected,
            400 => Self::BadRequest,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            402..=499 => Self::Refused,
            503 if asked_to_wait => Self::Busy,
            500 | 502..=504 => Self::Failed,
            500..=599 => Self::ServerError,
            _ => Self::Unexpected,
        }
    }

    /// Whether a retry can succeed.
    pub(crate) fn retry(self) -> Retry {
        match self {
            Self::RateLimited | Self::Busy | Self::TimedOut | Self::Failed => Retry::Useful,
            _ => Retry::Useless,
        }
    }

    /// Whether the service temporarily had no room for the request.
    pub(crate) fn is_throttled(self) -> bool {
        matches!(self, Self::RateLimited | Self::Busy)
    }

    /// Whether the service may have acted on the request.
    ///
    /// In HTTP, a client error means that the request was refused, and a 302 is the documented rejection of a token.
    /// 408 is the exception, because gateways send it after they forwarded the request.
    pub(crate) fn may_have_acted(self) -> bool {
        match self {
            Self::TokenRejected
            | Self::KeyRefused
            | Self::BadRequest
            | Self::Forbidden
            | Self::NotFound
            | Self::Refused
            | Self::RateLimited
            | Self::Busy => false,
            Self::Success | Self::TimedOut | Self::Failed | Self::ServerError | Self::Unexpected => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: u16, stage: Stage, asked_to_wait: bool) -> Meaning {
        Meaning::of(StatusCode::from_u16(code).unwrap(), stage, asked_to_wait)
    }

    #[test]
    fn the_table_is_the_documented_one() {
        use Meaning::*;
        for (code, expected) in [
            (200, Success),
            (204, Success),
            (100, Unexpected),
            (300, Unexpected),
            (301, Unexpected),
            (302, TokenRejected),
            (307, Unexpected),
            (400, BadRequest),
            (401, TokenRejected),
            (402, Refused),
            (403, Forbidden),
            (404, NotFound),
            (408, TimedOut),
            (409, Refused),
            (418, Refused),
            (429, RateLimited),
            (500, Failed),
            (501, ServerError),
            (502, Failed),
            (503, Failed),
            (504, Failed),
            (505, ServerError),
            (599, ServerError),
            (600, Unexpected),
        ] {
            assert_eq!(meaning(code, Stage::Call, false), expected, "{code}");
            assert_eq!(meaning(code, Stage::ContextSwitch, false), expected, "{code}");
        }
        assert_eq!(meaning(503, Stage::Call, true), Busy);
        assert_eq!(meaning(502, Stage::Call, true), Failed);
    }

    #[test]
    fn only_a_service_that_asks_to_wait_has_no_room() {
        for (code, asks, expected) in
            [(429, false, true), (503, true, true), (503, false, false), (200, true, false)]
        {
            assert_eq!(meaning(code, Stage::Call, asks).is_throttled(), expected, "{code}");
        }
    }

    #[test]
    fn grip_refuses_a_key_with_any_status_that_is_not_for_later() {
        for code in [300, 302, 307, 400, 401, 403, 404, 410] {
            assert_eq!(meaning(code, Stage::Token, false), Meaning::KeyRefused, "{code}");
        }
        assert_eq!(meaning(408, Stage::Token, false), Meaning::TimedOut);
        assert_eq!(meaning(429, Stage::Token, false), Meaning::RateLimited);
        assert_eq!(meaning(500, Stage::Token, false), Meaning::Failed);
    }

    #[test]
    fn only_a_refused_request_was_not_acted_on() {
        for code in [302, 400, 401, 403, 404, 409, 429] {
            assert!(!meaning(code, Stage::Call, false).may_have_acted(), "{code}");
        }
        for code in [200, 202, 301, 303, 307, 408, 500, 502, 503, 504, 599] {
            assert!(meaning(code, Stage::Call, false).may_have_acted(), "{code}");
        }
        assert!(!meaning(503, Stage::Call, true).may_have_acted());
    }

    #[test]
    fn a_retry_can_help_where_the_service_was_busy_or_broken() {
        for code in [408, 429, 500, 502, 503, 504] {
            assert_eq!(meaning(code, Stage::Call, false).retry(), Retry::Useful, "{code}");
        }
        assert_eq!(meaning(503, Stage::Call, true).retry(), Retry::Useful);
        for code in [301, 302, 400, 401, 403, 404, 409, 501, 505] {
            assert_eq!(meaning(code, Stage::Call, false).retry(), Retry::Useless, "{code}");
        }
    }
}
