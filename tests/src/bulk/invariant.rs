//! What holds in every world of bulk runs, whatever goes wrong in it.

use std::fmt;

/// One rule that no world may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No downlink is done twice, unless a person put it back without care.
    NoDownlinkIsDoneTwice,
    /// No downlink is sent without a claim of its own that the ledger keeps.
    NoRequestWithoutDurableClaim,
    /// What a run reports and what the ledger keeps is what the service did.
    OutcomesAreTrue,
    /// In the end no item is pending or sending, and what was not sent has a reason.
    NothingIsLost,
    /// A process that is killed leaves at most `window + spare` items without an outcome.
    AKillLeavesFewUnknown,
    /// An item is unknown because something was sent for it, or because nobody can say: a crash, a pause, a ledger that
    /// failed.
    UnknownHasAReason,
    /// No request leaves after its claim was published as unknown, as long as clocks are honest.
    NoRequestAfterUnknown,
    /// The claim of a process that runs is not taken from it.
    ALiveClaimIsKept,
    /// No more downlinks to one device are claimed in 24 h than the limit says.
    TheLimitPerDeviceIsKept,
    /// No request leaves after the `not_after` of its item.
    NothingIsSentTooLate,
    /// A run begins no more downlinks per second than its rate, and has no more in flight than its window.
    RateAndWindowAreKept,
    /// Every run ends, after a bounded number of steps.
    RunsEnd,
    /// A run whose service accepts nothing sends one downlink at a time, at most one per second.
    AHeldRunSendsOneAtATime,
    /// A run that was stopped begins no more downlinks.
    AStoppedRunSendsNoMore,
    /// A run reports each item once, and its numbers are those of its reports. If it ends without an error, it has reported
    /// each item that it was the last to claim or to end.
    EachItemIsReportedOnce,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::NoDownlinkIsDoneTwice,
        Self::NoRequestWithoutDurableClaim,
        Self::OutcomesAreTrue,
        Self::NothingIsLost,
        Self::AKillLeavesFewUnknown,
        Self::UnknownHasAReason,
        Self::NoRequestAfterUnknown,
        Self::ALiveClaimIsKept,
        Self::TheLimitPerDeviceIsKept,
        Self::NothingIsSentTooLate,
        Self::RateAndWindowAreKept,
        Self::RunsEnd,
        Self::AHeldRunSendsOneAtATime,
        Self::AStoppedRunSendsNoMore,
        Self::EachItemIsReportedOnce,
    ];
}

/// A broken rule, and what broke it.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The rule.
    pub invariant: Invariant,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.text)
    }
}
