//! The parts of a call.

/// The part of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before anything was sent.
    Prepare,
    /// Requesting an access token from GRIP.
    Token,
    /// The context switch to a sub-customer.
    ContextSwitch,
    /// The call itself.
    Call,
}
