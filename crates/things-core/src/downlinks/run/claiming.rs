//! When a run asks its ledger, for how many items, and with which outcomes.

use std::mem;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Claim, Ledger, LedgerCommit, Run, Transaction};
use crate::error::ErrorKind;
use crate::moment::Moment;

/// When to ask for more claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Now,
    /// After this wait from the commit, whose moment is not known before the next `want`.
    After(Duration),
    At(Moment),
    Never,
}

/// A claim that has not been sent.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) claim: Claim,
    pub(super) begun: Moment,
}

impl<L: Ledger> Run<L> {
    /// Returns how many items to claim now.
    fn wanted(&self, now: Moment) -> usize {
        let due = match self.next {
            Next::Now => true,
            Next::At(moment) => moment <= now,
            Next::After(_) | Next::Never => false,
        };
        // Outcomes are recorded anyway, and items may have become free with them.
        let due = due || (!self.unrecorded.is_empty() && self.next != Next::Now);
        if self.is_ending() || !due {
            return 0;
        }
        if self.is_held() {
            let open = self.hold.until().is_none_or(|until| until <= now);
            return usize::from(open && self.waiting.is_empty() && self.flying.is_empty());
        }
        let places = self.options.window + self.options.spare;
        // A reader that is slower than the service holds the run back.
        if self.ready.len() >= places {
            return 0;
        }
        let free = places.saturating_sub(self.flying.len() + self.waiting.len());
        match &self.rate {
            Some(rate) => free.min(rate.waiting().saturating_sub(self.waiting.len())),
            None => free,
        }
    }

    /// Returns a transaction, if there is something to record or to claim.
    pub(super) fn commit(&mut self, now: Moment) -> Option<LedgerCommit<L>> {
        if self.ledger.is_none() || self.trouble.until().is_some_and(|until| until > now) {
            return None;
        }
        let claim = self.wanted(now);
        let last = self.is_ending() && self.flying.is_empty() && !self.closing;
        // A ledger that failed gets one more try, with everything.
        let pointless = self.failure.as_ref().is_some_and(|error| error.kind() == ErrorKind::Ledger) && !last;
        if (claim == 0 && self.unrecorded.is_empty() && !last) || pointless || self.closing {
            return None;
        }
        let ledger = self.ledger.take()?;
        self.closing = last;
        self.committing = mem::take(&mut self.unrecorded);
        self.asked = Some((now, claim));
        let transaction = Transaction {
            outcomes: self.committing.iter().map(|ended| ended.record.clone()).collect(),
            claim,
            now: Some(now.wall()),
            lease: self.options.lease(),
            per_device: self.options.per_device.map(NonZeroU32::get),
        };
        Some(LedgerCommit { ledger, transaction, last })
    }
}
