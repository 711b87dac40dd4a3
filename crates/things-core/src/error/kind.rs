//! The kinds of errors, and the outcome of a failed downlink.

use crate::status::Meaning;

/// The reason why a call failed: one flat list, the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, malformed or contradicts another. Nothing was sent.
    Config,
    /// An argument is invalid. Nothing was sent.
    Input,
    /// No connection could be made: refused, DNS, TLS, proxy. The request was not sent.
    Connect,
    /// No response arrived within the time limit of the attempt.
    Timeout,
    /// The time limit of the whole call ran out (token, context switch, attempts and pauses), or that of a whole
    /// listing.
    Deadline,
    /// The connection broke before the response was complete.
    Interrupted,
    /// The program cancelled the call or the listing.
    Cancelled,
    /// The body of the response exceeds the limit (16 MiB by default).
    TooLarge,
    /// The head of the response is larger than the transport accepts.
    HeadTooLarge,
    /// Another failure below HTTP.
    Transport,
    /// The access token was rejected (302 or 401), or GRIP refused to issue one.
    Auth,
    /// 400: the body, `Accept` or a query parameter is malformed.
    BadRequest,
    /// 403: the token is valid but not authorised for this resource.
    Forbidden,
    /// 404.
    NotFound,
    /// 429.
    RateLimited,
    /// 5xx.
    Server,
    /// A status outside 2xx without a specific kind.
    UnexpectedStatus,
    /// A 2xx response whose body does not match the documentation.
    Decode,
    /// A 2xx response whose JSON is nested more than 127 levels deep.
    TooDeep,
    /// The pages of a listing contradict each other.
    Listing,
    /// A listing has more pages than the limit (100,000 by default), or does not end.
    TooManyPages,
    /// A listing by `verified` could not be proven complete.
    Incomplete,
    /// The ledger of a run cannot be used. No downlink is sent without its record.
    Ledger,
}

impl ErrorKind {
    /// All kinds, for code that maps each kind to a class or a code.
    pub const ALL: &[Self] = &[
        Self::Config,
        Self::Input,
        Self::Connect,
        Self::Timeout,
        Self::Deadline,
        Self::Interrupted,
        Self::Cancelled,
        Self::TooLarge,
        Self::HeadTooLarge,
        Self::Transport,
        Self::Auth,
        Self::BadRequest,
        Self::Forbidden,
        Self::NotFound,
        Self::RateLimited,
        Self::Server,
        Self::UnexpectedStatus,
        Self::Decode,
        Self::TooDeep,
        Self::Listing,
        Self::TooManyPages,
        Self::Incomplete,
        Self::Ledger,
    ];

    /// Returns the kind of error for a response with this meaning.
    pub(crate) fn of(meaning: Meaning) -> Self {
        match meaning {
            Meaning::TokenRejected | Meaning::KeyRefused => Self::Auth,
            Meaning::BadRequest => Self::BadRequest,
            Meaning::Forbidden => Self::Forbidden,
            Meaning::NotFound => Self::NotFound,
            Meaning::RateLimited => Self::RateLimited,
            Meaning::Busy | Meaning::Failed | Meaning::ServerError => Self::Server,
            Meaning::Success | Meaning::Refused | Meaning::TimedOut | Meaning::Unexpected => {
                Self::UnexpectedStatus
            }
        }
    }
}

/// The outcome of a call that must not be made twice, such as a downlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The service accepted the call (2xx). No error has this outcome.
    Accepted,
    /// The service provably did not act on the call. It is safe to send it again.
    NotSent,
    /// The request may have arrived. The library never retries it. Check before you send it again.
    Unknown,
}

impl Outcome {
    /// The name in reports, JSON, CSV and ledgers: `accepted`, `not_sent` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kinds_is_complete() {
        assert_eq!(
            ErrorKind::ALL.len(),
            ErrorKind::Ledger as usize + 1,
            "the last kind has the highest number"
        );
        assert!(ErrorKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }
}
