//! The parts of a call.

/// Which part of a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before anything was sent.
    Prepare,
    /// Taking an access token from GRIP.
    Token,
    /// The context switch to a sub-customer.
    ContextSwitch,
    /// The call itself.
    Call,
}
