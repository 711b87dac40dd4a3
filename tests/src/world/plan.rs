//! What a caller in a world is going to do.

use std::time::Duration;

use things_core::{Downlink, Error, FPort, Moment, Session};

use super::trace::{Call, Customer, What};
use crate::dice::Dice;
use crate::outcome::ms;

pub(super) struct Plan {
    caller: u64,
    pub(super) begins: Duration,
    pub(super) cancelled: Option<Duration>,
    pub(super) customer: Option<Customer>,
    pub(super) session: Session,
    pub(super) action: Action,
    timeout: Duration,
    /// The end of a listing that has one.
    until: Option<Moment>,
}

pub(super) enum Action {
    Read,
    Downlink(Downlink),
    List { page_size: u32, window: usize, timeout: Option<Duration> },
}

impl Plan {
    /// Something to do in the first `over` milliseconds of a world, perhaps for one of its sub-customers.
    pub(super) fn new(
        caller: u64,
        session: &Session,
        over: u64,
        customers: u64,
        dice: &Dice,
    ) -> Result<Self, Error> {
        let begins = dice.ms(over);
        let cancelled = dice.percent(20).then(|| begins + dice.ms(dice.pick([5, 200, 20_000])));
        let timeout = ms(dice.pick([500, 5_000, 30_000, 30_000, 300_000]));
        let mut session = session.with_timeout(timeout);
        let customer = Some(Customer(dice.below(customers + 1))).filter(|customer| customer.0 > 0);
        if let Some(customer) = customer {
            session = session.for_customer(customer.to_string())?;
        }
        let action = match dice.below(5) {
            0 | 1 => Action::Read,
            2 | 3 => {
                let downlink = Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, [1, 2])?;
                Action::Downlink(downlink.external_reference(format!("downlink-{caller}"))?)
            }
            _ => Action::List {
                page_size: dice.pick([1, 5, 20]),
                window: dice.pick([1, 3, 8]),
                timeout: dice.percent(30).then(|| dice.ms(20_000)),
            },
        };
        Ok(Self { caller, begins, cancelled, customer, session, action, timeout, until: None })
    }

    /// Sets the end of a listing that has one.
    pub(super) fn start(&mut self, now: Moment) {
        if let Action::List { timeout: Some(timeout), .. } = self.action {
            self.until = Some(now + timeout);
            self.session = self.session.with_deadline(now + timeout);
        }
    }

    /// When a call that begins now is to end.
    pub(super) fn deadline(&self, now: Moment) -> Moment {
        let deadline = now + self.timeout;
        self.until.map_or(deadline, |until| until.min(deadline))
    }

    /// What its calls are for.
    pub(super) fn what(&self) -> What {
        match self.action {
            Action::Read => What::Read,
            Action::Downlink(_) => What::Downlink,
            Action::List { .. } => What::Page,
        }
    }

    pub(super) fn call(&self, page: Option<u64>) -> Call {
        Call { caller: self.caller, page }
    }
}
