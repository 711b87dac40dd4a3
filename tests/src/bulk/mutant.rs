//! Rules of the ledger and of its driver that can be removed, to see that the invariants notice.

/// A rule that a world does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A claim that outlived its lease becomes claimable again, as in a message queue.
    ExpiredIsClaimable,
    /// A claim is handed out before it is durable.
    SentBeforeCommit,
    /// A transaction without an acknowledgement is taken as done.
    UnclearIsDone,
    /// An outcome is recorded without comparing the token.
    OutcomeWithoutToken,
    /// A process that starts again puts its own `sending` items back.
    RestartPutsBack,
    /// A claim reads, and then writes.
    ClaimReadsThenWrites,
    /// A response that did not come in time counts as not sent.
    TimeoutIsNotSent,
    /// The driver ignores the limits of a call.
    ScopeIsIgnored,
    /// Claims whose acknowledgement was lost are kept until their leases end.
    LostIsKept,
    /// A claim that outlived its lease stays as it is.
    ExpiredStaysSending,
    /// Unknown items do not count for the limit per device.
    UnknownIsNotCounted,
    /// A lease is shorter than the run assumes.
    LeasesAreShort,
    /// The ledger hands out more claims than it was asked for.
    ClaimsAreGreedy,
}

impl Mutant {
    /// The rules without which the model checker sent an item twice.
    pub const SENDS_TWICE: [Self; 7] = [
        Self::ExpiredIsClaimable,
        Self::SentBeforeCommit,
        Self::UnclearIsDone,
        Self::OutcomeWithoutToken,
        Self::RestartPutsBack,
        Self::ClaimReadsThenWrites,
        Self::TimeoutIsNotSent,
    ];
}
