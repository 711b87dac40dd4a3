//! Sub-customers whose context switch fails: their items wait, and those of others are sent meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use super::BulkItem;
use crate::customers::CustomerId;
use crate::error::Error;
use crate::moment::Moment;
use crate::stage::Stage;

/// The context switches that fail for now, by sub-customer.
#[derive(Debug, Default)]
pub(super) struct Switches {
    failing: HashMap<CustomerId, Failing>,
}

#[derive(Debug, Default)]
struct Failing {
    /// The last failure, if it has not been looked at.
    last: Option<Error>,
    since: Option<Moment>,
    wait: Duration,
    until: Option<Moment>,
    /// What the items end with, once the switch has failed for too long.
    given_up: Option<Error>,
}

/// What an item of a sub-customer does now.
#[derive(Debug)]
pub(super) enum Turn {
    Send,
    Wait(Duration),
    GiveUp(Error),
}

impl Switches {
    /// Takes note of a call that failed and will be tried again. Returns whether the failure concerns this sub-customer alone.
    pub(super) fn failed(&mut self, item: &BulkItem, error: &Error) -> bool {
        // Without a status, nothing may be reachable.
        let answered = error.stage() == Stage::ContextSwitch && error.status().is_some();
        let Some(customer) = item.customer.as_ref().filter(|_| answered) else { return false };
        self.failing.entry(customer.clone()).or_default().last = Some(error.clone());
        true
    }

    /// Takes note of a call that was sent, or whose context switch was refused for good: there is nothing to wait for.
    pub(super) fn ended(&mut self, item: &BulkItem) {
        if let Some(customer) = &item.customer {
            self.failing.remove(customer);
        }
    }

    /// Looks at the failures since the last call.
    pub(super) fn look(&mut self, patience: Duration, now: Moment) {
        for failing in self.failing.values_mut() {
            let Some(error) = failing.last.take() else { continue };
            let since = *failing.since.get_or_insert(now);
            let asked = error.retry_after().unwrap_or_default();
            if now.since(since) > patience || asked > patience {
                failing.given_up = Some(error);
                continue;
            }
            let asked = now + asked;
            failing.until = match failing.until.filter(|until| *until > now) {
                // The call began before the wait, so it says nothing about the switch since.
                Some(until) => Some(until.max(asked)),
                None => {
                    failing.wait = (failing.wait * 2).clamp(Duration::from_secs(1), Duration::from_secs(60));
                    Some(asked.max(now + failing.wait))
                }
            };
        }
    }

    /// Returns what to do with an item. `in_flight`: a call of the same sub-customer is.
    pub(super) fn turn(
        &self,
        item: &BulkItem,
        now: Moment,
        in_flight: impl FnOnce(&CustomerId) -> bool,
    ) -> Turn {
        let Some(customer) = &item.customer else { return Turn::Send };
        let Some(failing) = self.failing.get(customer) else { return Turn::Send };
        if let Some(error) = &failing.given_up {
            return Turn::GiveUp(error.not_sent(item));
        }
        match failing.until.filter(|until| *until > now) {
            Some(until) => Turn::Wait(until.since(now)),
            // One call tries the switch for all.
            None if in_flight(customer) => Turn::Wait(failing.wait),
            None => Turn::Send,
        }
    }
}
