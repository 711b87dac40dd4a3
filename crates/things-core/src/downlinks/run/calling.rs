//! Which claim is sent next, and what happens to claims that are not sent.

use std::mem;
use std::time::Duration;

use super::claiming::Held;
use super::options::LEASE_MARGIN;
use super::record::Ended;
use super::switches::Turn;
use super::{Claim, Ledger, LedgerCommit, Record, Run, Sent};
use crate::downlinks::Downlink;
use crate::error::{Error, Outcome};
use crate::fate::{Fate, Stopped};
use crate::feed::{Scope, Ticket, Want};
use crate::moment::Moment;

impl<L: Ledger> Run<L> {
    /// Returns claims that were not sent to the ledger.
    pub(super) fn give_back(&mut self) {
        for held in mem::take(&mut self.waiting) {
            self.unsent(held.claim, Duration::ZERO);
        }
    }

    pub(super) fn unsent(&mut self, claim: Claim, again: Duration) {
        let record = Record {
            again: Some(again),
            resumable: true,
            ..Record::of(&claim, Outcome::NotSent, "was claimed, and not sent")
        };
        self.unrecorded.push(Ended { record, sent: None });
    }

    /// Returns the next call, if a claim may be sent now. Otherwise the time at which one may be.
    pub(super) fn call(&mut self, now: Moment) -> Result<Want<Downlink, LedgerCommit<L>>, Option<Moment>> {
        while let Some(held) = self.waiting.front() {
            let end = held.begun + (self.options.lease() - LEASE_MARGIN);
            // A clock that stands still while the machine sleeps shows too little, so the wall clock counts as well.
            let expired = now >= end || now.wall() >= end.wall();
            let too_late = held.claim.item().not_after.is_some_and(|not_after| not_after <= now.wall());
            let turn = self.switches.turn(held.claim.item(), now, |customer| {
                self.flying.values().any(|(claim, _)| claim.item().customer.as_ref() == Some(customer))
            });
            if expired || too_late || !matches!(turn, Turn::Send) {
                if let Some(Held { claim, .. }) = self.waiting.pop_front() {
                    match turn {
                        _ if too_late => self.too_late(claim),
                        _ if expired => self.unsent(claim, Duration::ZERO),
                        Turn::Send => {}
                        Turn::Wait(wait) => self.unsent(claim, wait),
                        Turn::GiveUp(error) => self.give_up(claim, error),
                    }
                }
                continue;
            }
            if self.flying.len() >= self.window() {
                return Err(None);
            }
            if let Some(until) = self.hold.until().filter(|until| *until > now) {
                if until < end {
                    return Err(Some(until));
                }
                // It was granted after the hold had begun, and would outlive its lease.
                if let Some(held) = self.waiting.pop_front() {
                    self.unsent(held.claim, Duration::ZERO);
                }
                continue;
            }
            if let Some(rate) = &mut self.rate {
                rate.take(now).map_err(Some)?;
            }
            let Some(held) = self.waiting.pop_front() else { break };
            self.calls += 1;
            let item = held.claim.item();
            let fate = Fate::default();
            let scope = Scope {
                fate: Some(fate.clone()),
                customer: item.customer.clone(),
                deadline: Some(end.min(now + self.options.timeout)),
                not_after: Some(item.not_after.map_or(end.wall(), |not_after| not_after.min(end.wall()))),
            };
            let operation = item.downlink.clone();
            self.flying.insert(self.calls, (held.claim, fate));
            return Ok(Want::Call { ticket: Ticket::new(self.calls), operation, scope });
        }
        Err(None)
    }

    fn too_late(&mut self, claim: Claim) {
        let error = Error::too_late(claim.item());
        let record = Record::of(&claim, Outcome::NotSent, error.message());
        let sent = Some(Sent::of(claim, Err(error)));
        self.unrecorded.push(Ended { record, sent });
    }

    /// Ends an item that the run does not try again, and the next run may.
    fn give_up(&mut self, claim: Claim, error: Error) {
        let result = Err(error);
        let record = Record { resumable: true, ..Record::of_result(&claim, &result) };
        self.unrecorded.push(Ended { record, sent: Some(Sent::of(claim, result)) });
    }

    /// Ends the calls in flight with what is known of them.
    pub(super) fn leave(&mut self) {
        self.stopping = true;
        self.trouble.hurry();
        for (claim, fate) in mem::take(&mut self.flying).into_values() {
            // A call that is stopped sends nothing any more.
            if let Some(Stopped::Unsent) = fate.stop() {
                self.unsent(claim, Duration::ZERO);
            } else {
                let result = Err(Error::left(claim.item()));
                let record = Record::of_result(&claim, &result);
                self.unrecorded.push(Ended { record, sent: Some(Sent::of(claim, result)) });
            }
        }
    }
}
