//! The kinds of errors, and what an error says about a downlink.

use crate::status::Meaning;

/// Why a call failed: one flat list, the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, malformed or contradicts another. Nothing was sent.
    Config,
    /// An argument cannot be right. Nothing was sent.
    Input,
    /// No connection could be made: refused, DNS, TLS, proxy. The request was not sent.
    Connect,
    /// No answer within the time of the attempt.
    Timeout,
    /// The time of the whole call ran out: token, context switch, attempts and pauses, or all pages of a listing that
    /// has a time of its own.
    Deadline,
    /// The connection broke before the whole response was there.
    Interrupted,
    /// The program itself stopped the call, or the listing.
    Cancelled,
    /// The answer's body is larger than the bound (16 MiB by default).
    TooLarge,
    /// The answer's head is larger than the transport takes.
    HeadTooLarge,
    /// Another failure below HTTP.
    Transport,
    /// The access token was rejected (302 or 401), or GRIP refused to give one.
    Auth,
    /// 400: body, `Accept` or a query parameter is badly formed.
    BadRequest,
    /// 403: the token is right and has no authorisation for this resource.
    Forbidden,
    /// 404.
    NotFound,
    /// 429.
    RateLimited,
    /// 5xx.
    Server,
    /// A status outside 2xx that has no kind of its own.
    UnexpectedStatus,
    /// A 2xx answer whose body is not what the documentation shows.
    Decode,
    /// A 2xx answer whose JSON is nested more than 127 levels deep.
    TooDeep,
    /// The pages of a listing contradict each other.
    Listing,
    /// A listing has more pages than the bound (100,000 by default), or does not end.
    TooManyPages,
    /// A listing by `verified` could not be proven complete.
    Incomplete,
}

impl ErrorKind {
    /// All kinds, for who gives each a class or a code of their own.
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
    ];

    /// The kind of an error for a response with this meaning.
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

/// What a failure leaves of a call that must not be made twice, such as a downlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is proven that the service did not act on it: sending it again is safe.
    NotSent,
    /// It may have arrived. The library never repeats it; look before you do.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_kinds_is_complete() {
        assert_eq!(
            ErrorKind::ALL.len(),
            ErrorKind::Incomplete as usize + 1,
            "the last kind has the highest number"
        );
        assert!(ErrorKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }
}
