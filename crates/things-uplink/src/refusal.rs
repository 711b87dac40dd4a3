//! Why a message is refused.

use std::fmt;

/// Why a message is refused. The message of it contains neither the token nor the body.
///
/// A body that is not UTF-8 is not among them. If its token is correct, KPN sent it, and a refusal would lose it after three
/// attempts. It is an error of reading the message instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no header with a token.
    Missing,
    /// There are several tokens.
    Twice,
    /// The token has a character that is not a lower-case hex digit.
    NotHex {
        /// The position of the character, from 1.
        at: usize,
    },
    /// The token does not have 64 hex digits, but this many.
    WrongLength(usize),
    /// The body is too large.
    TooLarge {
        /// Most bytes of a body.
        limit: usize,
    },
    /// The token does not belong to the body and any of the secrets.
    Wrong,
}

impl Refusal {
    /// The status code of the response: 413 if the body is too large, and 401 otherwise.
    pub fn status(&self) -> u16 {
        if matches!(self, Self::TooLarge { .. }) { 413 } else { 401 }
    }

    /// The reason as one word, for metrics: `missing`, `twice`, `not_hex`, `wrong_length`, `too_large` or `wrong`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Twice => "twice",
            Self::NotHex { .. } => "not_hex",
            Self::WrongLength(_) => "wrong_length",
            Self::TooLarge { .. } => "too_large",
            Self::Wrong => "wrong",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "the request has no header Things-Message-Token: set a shared secret for the destination in KPN Things",
            ),
            Self::Twice => f.write_str(
                "the request has the header Things-Message-Token more than once: check the proxies in front of the receiver",
            ),
            Self::NotHex { at } => write!(
                f,
                "the token in Things-Message-Token has a character that is not 0-9 or a-f at position {at}: KPN Things sends \
                 64 lower-case hex digits"
            ),
            Self::WrongLength(digits) => {
                write!(f, "the token in Things-Message-Token has {digits} hex digits: expected 64")
            }
            Self::TooLarge { limit } => write!(f, "the body has more than {limit} bytes"),
            Self::Wrong => f.write_str(
                "the token in Things-Message-Token does not match the body and any secret: compare the shared secret of the \
                 destination, and verify the body as it was received",
            ),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_too_large_is_413_and_all_else_401() {
        let refusals = [
            Refusal::Missing,
            Refusal::Twice,
            Refusal::NotHex { at: 3 },
            Refusal::WrongLength(63),
            Refusal::TooLarge { limit: 9 },
            Refusal::Wrong,
        ];
        assert_eq!(refusals.map(|refusal| refusal.status()), [401, 401, 401, 401, 413, 401]);
        let reasons = refusals.map(|refusal| refusal.reason());
        assert_eq!(reasons, ["missing", "twice", "not_hex", "wrong_length", "too_large", "wrong"]);
        for refusal in refusals {
            assert!(refusal.to_string().starts_with("the "), "{refusal}");
        }
    }
}
