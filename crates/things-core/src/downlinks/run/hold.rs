//! A run whose service accepts nothing: it slows down, and in the end gives up.

use std::time::Duration;

use crate::error::Error;
use crate::moment::Moment;

/// The shortest streak of failures that slows a run down.
const LEAST_STREAK: usize = 8;

/// Failures in a row, and how long to wait because of them.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// How many tries in a row were neither accepted nor refused.
    streak: usize,
    /// The last failure, if it has not been looked at.
    last: Option<Error>,
    /// Whether any request may have reached the service.
    reached: bool,
    since: Option<Moment>,
    wait: Duration,
    until: Option<Moment>,
}

/// What a failure means for the run.
#[derive(Debug)]
pub(super) enum Slowdown {
    /// Nothing new.
    None,
    /// The run waits longer than before.
    Longer,
    /// The run ends.
    GiveUp(Error),
}

impl Hold {
    /// Counts a try that was neither accepted nor refused. `arrived`: it may have reached the service.
    pub(super) fn failed(&mut self, error: &Error, arrived: bool) {
        self.streak += 1;
        self.reached |= arrived || error.status().is_some();
        self.last = Some(error.clone());
    }

    /// Ends the hold, because the service works.
    pub(super) fn ended(&mut self) {
        *self = Self { reached: true, ..Self::default() };
    }

    /// Whether a run with this window sends one downlink at a time.
    pub(super) fn holds(&self, window: usize) -> bool {
        self.streak >= window.max(LEAST_STREAK)
    }

    /// The time before which nothing is sent, if there is one.
    pub(super) fn until(&self) -> Option<Moment> {
        self.until
    }

    /// Looks at the failures since the last call.
    pub(super) fn look(&mut self, window: usize, patience: Duration, now: Moment) -> Slowdown {
        let Some(error) = self.last.take().filter(|_| self.holds(window)) else { return Slowdown::None };
        let since = *self.since.get_or_insert(now);
        let asked = error.retry_after().unwrap_or_default();
        if !self.reached || now.since(since) > patience || asked > patience {
            return Slowdown::GiveUp(error);
        }
        let asked = now + asked;
        if let Some(until) = self.until.filter(|until| *until > now) {
            // The call began before the hold, so it says nothing about the service since.
            self.until = Some(until.max(asked));
            return Slowdown::None;
        }
        self.wait = (self.wait * 2).clamp(Duration::from_secs(1), Duration::from_secs(60));
        self.until = Some(asked.max(now + self.wait));
        Slowdown::Longer
    }
}
