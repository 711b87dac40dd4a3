//! Looks at what happens in a world, and keeps what breaks an invariant.

use std::collections::BTreeSet;
use std::time::SystemTime;

use things_core::{ClaimToken, Outcome};

use super::call::Flight;
use super::invariant::{Invariant, Violation};
use super::news::News;
use super::plan::{DAY, Mode, Plan};
use super::process::Process;
use super::table::{Fate, Row, State};

pub(super) struct Judge {
    mode: Mode,
    violations: Vec<Violation>,
    seen: BTreeSet<&'static str>,
    items: Vec<Truth>,
    /// The claims, by the clock of the ledger.
    claims: Vec<(usize, ClaimToken, SystemTime)>,
    per_device: Option<usize>,
    /// Whether the clock of the database is set.
    is_failover: bool,
}

/// What really happened to an item.
#[derive(Default, Clone)]
struct Truth {
    /// The calls for which the service did it.
    done: Vec<usize>,
    /// Whether a person put it back without care, so that it may be done twice.
    is_careless: bool,
    is_resolved: bool,
}

impl Judge {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            mode: plan.mode,
            violations: Vec::new(),
            seen: BTreeSet::new(),
            items: vec![Truth::default(); plan.items.len()],
            claims: Vec::new(),
            is_failover: plan.failover.is_some(),
            per_device: plan.options.per_device.map(|most| most.get() as usize),
        }
    }

    pub(super) fn breaks(&mut self, invariant: Invariant, text: String) {
        self.violations.push(Violation { invariant, text });
    }

    pub(super) fn sees(&mut self, what: &'static str) {
        self.seen.insert(what);
    }

    /// The service did an item. Returns why it should not have.
    pub(super) fn done(&mut self, row: usize, flight: usize) -> Option<String> {
        let truth = self.items.get_mut(row)?;
        truth.done.push(flight);
        let twice = truth.done.len() > 1 && !truth.is_careless;
        twice.then(|| format!("item {row} was done for the calls {:?}", truth.done))
    }

    pub(super) fn was_done(&self, row: usize) -> bool {
        self.items.get(row).is_some_and(|truth| !truth.done.is_empty())
    }

    /// A person resolved an item.
    pub(super) fn resolved(&mut self, row: usize, with_care: bool) {
        if let Some(truth) = self.items.get_mut(row) {
            truth.is_careless |= !with_care;
            truth.is_resolved = true;
        }
        self.sees(if with_care { "resolved with care" } else { "resolved without care" });
    }

    /// Something happened in the ledger.
    pub(super) fn hear(&mut self, news: News, processes: &[Process]) {
        match news {
            News::Claims { row, token, claimed, .. } => self.claims.push((row, token, claimed)),
            News::Records { again, is_late, .. } => {
                self.sees(if again.is_some() { "put back" } else { "recorded" });
                if is_late {
                    self.sees("recorded late");
                }
            }
            News::Ignores { .. } => self.sees("ignored outcome"),
            News::Sweeps { row, owner } => {
                self.sees("swept");
                if !self.is_failover
                    && processes.get(owner).is_some_and(|owner| owner.is_there() && owner.is_healthy)
                {
                    let text = format!("process {owner} runs, and the ledger gave up its claim of {row}");
                    self.breaks(Invariant::ALiveClaimIsKept, text);
                }
            }
            News::GivesUp { .. } => self.sees("given up at start"),
            News::Expires { .. } => self.sees("expired"),
            News::Undoes { .. } => self.sees("undone"),
            News::Fails { fate, .. } => self.sees(match fate {
                Fate::LostBefore => "lost before",
                Fate::LostAfter => "lost after",
                Fate::Ghost => "done after a kill",
                _ => "refused transaction",
            }),
        }
    }

    /// Looks at how everything ended.
    pub(super) fn end(
        mut self,
        rows: &[Row],
        flights: &[Flight],
    ) -> (Vec<Violation>, BTreeSet<&'static str>) {
        for flight in flights {
            let is_true = match flight.outcome {
                Some(Outcome::Accepted) => flight.done == 1,
                Some(Outcome::NotSent) => flight.done == 0,
                Some(Outcome::Unknown) | None => flight.done <= 1,
            };
            if !is_true {
                let text = format!(
                    "a call for {} was {:?}, and done {} times",
                    flight.row, flight.outcome, flight.done
                );
                self.breaks(Invariant::OutcomesAreTrue, text);
            }
        }
        for (row, entry) in rows.iter().enumerate() {
            self.look_at_end(row, entry);
        }
        self.look_at_limits(rows, flights);
        (self.violations, self.seen)
    }

    fn look_at_end(&mut self, row: usize, entry: &Row) {
        let Some(truth) = self.items.get(row) else { return };
        let done = truth.done.len();
        let is_true = match entry.state {
            State::Accepted => done == 1,
            State::NotSent { .. } => done == 0,
            State::Pending | State::Sending | State::Unknown => true,
        };
        let is_lost = match entry.state {
            State::Pending | State::Sending => true,
            State::NotSent { resumable, .. } => resumable,
            State::Accepted | State::Unknown => false,
        };
        let is_resolved = truth.is_resolved;
        if !is_true && !is_resolved {
            let text = format!("item {row} ends as {:?}, and was done {done} times", entry.state);
            self.breaks(Invariant::OutcomesAreTrue, text);
        }
        if is_lost && self.mode != Mode::Memory {
            self.breaks(Invariant::NothingIsLost, format!("item {row} ends as {:?}", entry.state));
        }
    }

    /// Counts the downlinks to each device that were done, by the times of their claims.
    fn look_at_limits(&mut self, rows: &[Row], flights: &[Flight]) {
        let Some(most) = self.per_device else { return };
        // The ledger counts by its own clock.
        if self.is_failover || self.seen.contains("wall clock set") {
            return;
        }
        let done =
            |token: ClaimToken| flights.iter().any(|flight| flight.token == Some(token) && flight.done > 0);
        // What a person says did not arrive does not count, even if it did.
        let is_careless = |row: usize| self.items.get(row).is_some_and(|truth| truth.is_careless);
        let counts = |(row, token, _): &&(usize, ClaimToken, SystemTime)| done(*token) && !is_careless(*row);
        let claims: Vec<_> = self.claims.iter().filter(counts).collect();
        let device = |row: usize| rows.get(row).map(|row| row.device);
        let mut worst = None;
        for (first, _, from) in &claims {
            let within = |(row, _, at): &&&(usize, ClaimToken, SystemTime)| {
                device(*row) == device(*first) && *at >= *from && *at < *from + DAY
            };
            let number = claims.iter().filter(within).count();
            if number > most {
                worst =
                    Some(format!("{number} downlinks to the device of item {first} in a day, not {most}"));
            }
        }
        if let Some(text) = worst {
            self.breaks(Invariant::TheLimitPerDeviceIsKept, text);
        }
    }
}
