//! How a call waits: for its turn at a service, for the fetch of another call, and before a retry.

use std::time::Duration;

use super::{Flow, Pause, Step, Turn};
use crate::error::{Error, ErrorKind};
use crate::moment::Moment;
use crate::pace::{self, Pace};
use crate::retry::{Decision, Failure, Replay, RetryPolicy, Stop};
use crate::slot::{Lease, PAUSE, Ticket};
use crate::stage::Stage;

/// A transport that counts in whole milliseconds can end this much before its time limit.
const ROUNDING: Duration = Duration::from_millis(2);

impl Flow {
    /// Waits until the session may send another request to the service of this stage.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the next step, and a step is handed on by value anyway"
    )]
    pub(super) fn take_turn(mut self: Box<Self>, now: Moment) -> Result<Box<Self>, Step> {
        let longest = self.policy().max_retry_after;
        let mut place = self.place.take();
        let turn = self.pace().take_turn(&mut place, now, self.deadline.min(now + longest));
        self.place = place;
        match turn {
            pace::Turn::Now => Ok(self),
            pace::Turn::At(look) => Err(self.sleep(look)),
            pace::Turn::TooLate(earliest, error) => {
                let wait = earliest.since(now);
                let stop = if earliest < self.deadline { Stop::RetryAfterTooLong } else { Stop::Deadline };
                let error = self.asked().held_back(error, wait, stop, now);
                let lease = match self.stage {
                    Stage::Token => self.token_lease.take(),
                    _ => self.switch_lease.take(),
                };
                if let Some(lease) = lease {
                    lease.release(&error, wait, now);
                }
                Err(Step::Done(Err(error)))
            }
        }
    }

    pub(super) fn pace(&self) -> &Pace {
        if self.stage == Stage::Token { &self.shared().grip_pace } else { &self.shared().api_pace }
    }

    /// The retry policy of this stage. Scopes with other policies share the token and the context switches, so these
    /// have the policy of the configuration.
    fn policy(&self) -> &RetryPolicy {
        match self.stage {
            Stage::Token | Stage::ContextSwitch => &self.shared().config.limits.retry,
            Stage::Prepare | Stage::Call => &self.session.retry,
        }
    }

    pub(super) fn sleep(mut self: Box<Self>, until: Moment) -> Step {
        // The token may expire or be rejected while the call waits.
        self.grant = None;
        self.renew_leases(until);
        Step::Sleep(Pause { flow: self, until })
    }

    pub(super) fn wait(self: Box<Self>, ticket: Ticket) -> Step {
        self.renew_leases(ticket.until());
        Step::Wait(Turn { flow: self, ticket })
    }

    /// Keeps the leases of this call until the current step must have ended.
    pub(super) fn renew_leases(&self, until: Moment) {
        for lease in [&self.token_lease, &self.switch_lease].into_iter().flatten() {
            lease.renew(until);
        }
    }

    /// Returns when the current exchange may be retried; or why it may not, and how long the wait would be.
    pub(super) fn pause(
        &self,
        replay: Replay,
        failure: Failure,
        now: Moment,
    ) -> Result<Moment, (Stop, Duration)> {
        let shared = self.shared();
        // Retries that the service requested a wait for go one by one with all other calls of the session. So they
        // cannot become the storm that the budget prevents.
        let is_paced = failure.asked_wait().is_some_and(|wait| !wait.is_zero());
        match self.policy().decide(replay, self.attempts.of(self.stage), failure, shared.jitter()) {
            Decision::Stop(stop) => Err((stop, Duration::ZERO)),
            Decision::After(wait) if now + wait >= self.deadline => Err((Stop::Deadline, wait)),
            Decision::After(wait) if !is_paced && !shared.budget.withdraw(now) => {
                Err((Stop::BudgetExhausted, wait))
            }
            Decision::After(wait) => Ok(now + wait),
        }
    }

    /// Ends a failed fetch by the time rules of the slot. `stop` is the reason why there is no further attempt.
    pub(super) fn fail_lease(
        &self,
        lease: Lease,
        error: &Error,
        stop: Option<(Stop, Duration)>,
        now: Moment,
    ) {
        let limits = &self.shared().config.limits;
        let had = lease.age(now);
        let ran_out = error.kind() == ErrorKind::Deadline
            || (error.kind() == ErrorKind::Connect && now + ROUNDING >= self.deadline);
        let refresh = lease.fallback(now).is_some();
        match stop {
            _ if !refresh && ran_out && had < limits.attempt_timeout => lease.hand_over(error, had, now),
            Some((Stop::Deadline, wait)) if !refresh && !ran_out => lease.release(error, wait, now),
            _ => {
                let asked = error.retry_after().unwrap_or_default().min(limits.retry.max_retry_after);
                lease.fail(error, asked.max(PAUSE), now);
            }
        }
    }
}
