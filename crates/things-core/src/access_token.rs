//! An access token outside a session.

use std::time::SystemTime;

use crate::secret::Secret;

/// An access token that outlives its session, for example in a file that the next run of a program reads.
///
/// Its times are of the wall clock, because no other clock has the same meaning in another process. See
/// [`Session::access_token`](crate::Session::access_token) and [`Step::with_token`](crate::Step::with_token).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token itself.
    pub text: Secret,
    /// When it was fetched.
    pub fetched_at: SystemTime,
    /// When it expires.
    pub expires_at: SystemTime,
}
