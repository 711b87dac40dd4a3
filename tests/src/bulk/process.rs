//! A process that sends the items of a job: the driver of its run, step by step.

use std::collections::VecDeque;
use std::time::Duration;

use things_core::{
    Commit, Downlink, Error, ErrorKind, Feed, LedgerCommit, LedgerCommitted, MemoryLedger, Moment, Outcome,
    Receipt, Run, Scope, Sent, Session, Ticket, Want,
};

use super::call::Flight;
use super::invariant::Invariant;
use super::mutant::Mutant;
use super::plan::{Mishap, Mode, wall};
use super::queue::Event;
use super::table::{Fate, Handle, Row, State};
use super::{World, moment_later, shifted};

pub(super) struct Process {
    pub(super) job: usize,
    pub(super) life: Life,
    pub(super) run: Option<Run<Handle>>,
    pub(super) session: Session,
    /// The transaction in progress, and its result.
    pub(super) commit: Option<LedgerCommit<Handle>>,
    committed: Option<LedgerCommitted<Handle>>,
    /// Results that the run has not got yet.
    pub(super) arrivals: VecDeque<(Ticket, Result<Receipt, Error>)>,
    /// The calls that wait for another.
    pub(super) turning: Vec<usize>,
    /// The number of the timer that counts.
    alarm: u64,
    started: Duration,
    /// For how long the monotonic clock stood still.
    pub(super) slept: Duration,
    /// How many seconds the wall clock is ahead.
    pub(super) ahead: i64,
    /// What happened while it was asleep.
    pub(super) missed: Vec<Event>,
    steps: u32,
    pub(super) mishaps: Vec<(u32, Mishap)>,
    pub(super) is_stopping: bool,
    /// Whether it always ran, and its transactions were done.
    pub(super) is_healthy: bool,
    /// The last call of each row.
    flights: Vec<(usize, usize)>,
    /// Whether another process has opened the job since. What was not sent is open again then, for both.
    is_joined: bool,
    /// The items that it has reported, and whether as not sent.
    reported: Vec<(u64, bool)>,
    counts: [u64; 3],
    last_call: Option<Moment>,
    last_probe: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Awake,
    /// It does nothing until it is resumed. Whether its monotonic clock stands still, and since when.
    Asleep {
        is_suspend: bool,
        since: Duration,
    },
    /// Its run was dropped, and its threads finish what they do.
    Leaving,
    Over,
}

impl Process {
    /// Whether it has not ended.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.life, Life::Awake | Life::Asleep { .. })
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "processes and calls are never removed, so that their places are names"
)]
impl World {
    /// Starts a process for a job.
    pub(super) fn start(&mut self, job: usize, replaces: Option<usize>) {
        let process = self.processes.len();
        if !self.table().open(process, job, replaces) {
            self.judge.sees("refused ledger");
            self.tell(|| format!("process {process}  is refused: another one holds the ledger"));
            return;
        }
        self.look();
        self.processes.iter_mut().filter(|other| other.job == job).for_each(|other| other.is_joined = true);
        let handle = match self.plan.mode {
            Mode::Memory => {
                let items = self.table().rows.iter().map(|row| row.item.clone()).collect::<Vec<_>>();
                Handle::Memory { table: self.table.clone(), process, inner: MemoryLedger::new(items) }
            }
            _ => Handle::Shared { table: self.table.clone(), process, job },
        };
        self.processes.push(Process {
            job,
            life: Life::Awake,
            run: Some(Run::new(handle, self.plan.options.clone())),
            session: Session::new(self.config.clone(), self.dice.roll()),
            commit: None,
            committed: None,
            arrivals: VecDeque::new(),
            turning: Vec::new(),
            alarm: 0,
            started: self.now,
            slept: Duration::ZERO,
            ahead: 0,
            missed: Vec::new(),
            steps: 0,
            mishaps: if self.is_calm { Vec::new() } else { self.plan.mishaps(&self.dice) },
            is_stopping: false,
            is_healthy: true,
            flights: Vec::new(),
            is_joined: false,
            reported: Vec::new(),
            counts: [0; 3],
            last_call: None,
            last_probe: None,
        });
        self.tell(|| format!("process {process}  starts job {job}"));
        self.go_on(process);
    }

    /// What the clocks of a process show.
    pub(super) fn clock(&self, process: usize) -> Moment {
        let process = &self.processes[process];
        let asleep = match process.life {
            Life::Asleep { is_suspend: true, since } => self.now - since,
            _ => Duration::ZERO,
        };
        let monotonic = self.now - process.started - process.slept - asleep;
        Moment::new(monotonic, shifted(wall(self.now), process.ahead))
    }

    /// Counts a step of a process, before which something may happen to it. Returns whether it goes on.
    pub(super) fn step(&mut self, process: usize) -> bool {
        if self.processes[process].life != Life::Awake {
            return false;
        }
        self.processes[process].steps += 1;
        let steps = self.processes[process].steps;
        while let Some(place) = self.processes[process].mishaps.iter().position(|(at, _)| *at == steps) {
            let (_, mishap) = self.processes[process].mishaps.swap_remove(place);
            self.mishap(process, mishap);
        }
        self.processes[process].life == Life::Awake
    }

    /// Something happens to a process, or would if it were awake.
    pub(super) fn process(&mut self, process: usize, event: Event) {
        let is_awake = self.step(process);
        match self.processes[process].life {
            Life::Over => return,
            Life::Asleep { .. } => {
                self.processes[process].missed.push(event);
                return;
            }
            Life::Awake | Life::Leaving => debug_assert!(is_awake || self.processes[process].run.is_none()),
        }
        match event {
            Event::Transact { .. } => self.transact(process),
            Event::Acknowledge { .. } => self.acknowledge(process),
            Event::Begin { flight, .. } => self.begin(flight),
            Event::Depart { flight, exchange, .. } => self.depart(flight, exchange),
            Event::Reply { flight, exchange, reply, .. } => self.reply(flight, exchange, reply),
            Event::TimeOut { flight, exchange, .. } => self.time_out(flight, exchange),
            Event::Continue { flight, exchange, .. } => self.go_on_after_pause(flight, exchange),
            Event::Wake { alarm, .. } if alarm != self.processes[process].alarm => return,
            _ => {}
        }
        self.go_on(process);
    }

    /// Drives the run of a process until it has to wait.
    pub(super) fn go_on(&mut self, process: usize) {
        self.take_turns(process);
        while !self.is_blocked(process)
            && let Some((ticket, result)) = self.processes[process].arrivals.pop_front()
        {
            let Some(run) = self.processes[process].run.as_mut() else { return };
            run.accept(ticket, result);
            if !self.step(process) {
                return;
            }
            // An async driver asks after each result, and a blocking one after all that have arrived.
            if !self.plan.blocking && !self.drive(process) {
                return;
            }
        }
        self.drive(process);
    }

    /// Whether the driver waits for a transaction and does nothing else.
    fn is_blocked(&self, process: usize) -> bool {
        self.plan.blocking && self.is_committing(process)
    }

    fn is_committing(&self, process: usize) -> bool {
        let process = &self.processes[process];
        process.commit.is_some() || process.committed.is_some()
    }

    /// Takes the items of the run, and does what it wants. Returns whether the process goes on.
    fn drive(&mut self, process: usize) -> bool {
        let alarm = loop {
            if self.is_blocked(process) {
                return true;
            }
            if !self.take_items(process) || !self.step(process) {
                return false;
            }
            let now = self.clock(process);
            let Some(run) = self.processes[process].run.as_mut() else { return false };
            match run.want(now) {
                Want::Call { ticket, operation, scope } => self.call(process, ticket, operation, scope, now),
                Want::Commit(commit) => {
                    self.tell(|| format!("process {process}  commits {commit:?}"));
                    if self.is_committing(process) {
                        self.breaks(Invariant::NoRequestWithoutDurableClaim, "two commits at a time".into());
                    }
                    let job = self.processes[process].job;
                    self.processes[process].commit = Some(commit);
                    self.table().read(process, job);
                    let travel = self.transaction_travel(process);
                    self.later(travel, Event::Transact { process });
                }
                Want::Until(until) => break Some(until.since(now)),
                Want::Nothing => break None,
            }
        };
        if !self.take_items(process) {
            return false;
        }
        self.processes[process].alarm += 1;
        match alarm {
            Some(wait) => {
                let alarm = self.processes[process].alarm;
                self.later(wait.max(Duration::from_nanos(1)), Event::Wake { process, alarm });
            }
            None if !self.is_committing(process) && self.in_flight(process) == 0 => {
                self.breaks(Invariant::RunsEnd, format!("process {process} waits for nothing"));
            }
            None => {}
        }
        true
    }

    fn in_flight(&self, process: usize) -> usize {
        let is_flying = |(_, flight): &&(usize, usize)| self.flights[*flight].is_flying();
        self.processes[process].flights.iter().filter(is_flying).count()
            + self.processes[process].arrivals.len()
    }

    /// Begins a call, if the run may have it.
    fn call(&mut self, process: usize, ticket: Ticket, downlink: Downlink, scope: Scope, now: Moment) {
        let row = downlink.reference().and_then(|reference| reference.as_str().parse().ok());
        let row = row.unwrap_or(usize::MAX);
        let (options, entry) = (self.plan.options.clone(), &self.processes[process]);
        let mut broken = Vec::new();
        if entry.is_stopping {
            broken.push((Invariant::AStoppedRunSendsNoMore, format!("process {process} sends {row}")));
        }
        if let (Some(rate), Some(last)) = (options.rate, entry.last_call)
            && now.since(last) + Duration::from_micros(1) < Duration::from_secs(1) / rate.get()
        {
            let after = now.since(last);
            broken.push((
                Invariant::RateAndWindowAreKept,
                format!("process {process} sends {row} after {after:?}"),
            ));
        }
        if self.in_flight(process) >= options.window {
            broken
                .push((Invariant::RateAndWindowAreKept, format!("process {process} sends one more: {row}")));
        }
        let is_held = entry.run.as_ref().is_some_and(|run| run.progress().is_held);
        if is_held {
            self.judge.sees("held");
            let too_soon = entry.last_probe.is_some_and(|last| now.since(last) < Duration::from_secs(1));
            if self.in_flight(process) > 0 || too_soon {
                let text = format!("process {process} sends {row}, and is held");
                broken.push((Invariant::AHeldRunSendsOneAtATime, text));
            }
        }
        let token = self.table().take_right(process, row);
        if token.is_none() {
            let text = format!("process {process} sends {row} without a claim");
            broken.push((Invariant::NoRequestWithoutDurableClaim, text));
        }
        for (invariant, text) in broken {
            self.breaks(invariant, text);
        }
        let number = self.flights.len();
        self.tell(|| format!("process {process}  calls for {row}: call {number}, {scope:?}"));
        let scope = match self.mutant {
            Some(Mutant::ScopeIsIgnored) => Scope { customer: scope.customer, ..Scope::default() },
            _ => scope,
        };
        self.flights.push(Flight::new(process, row, token, ticket, downlink, scope));
        let entry = &mut self.processes[process];
        entry.last_call = Some(now);
        entry.last_probe = is_held.then_some(now);
        entry.flights.retain(|(other, _)| *other != row);
        entry.flights.push((row, number));
        self.later(moment_later(&self.dice), Event::Begin { process, flight: number });
    }

    /// A transaction reaches the ledger.
    pub(super) fn transact(&mut self, process: usize) {
        let Some(commit) = self.processes[process].commit.take() else { return };
        let is_over = !self.processes[process].is_there();
        let fate = match () {
            () if is_over => Fate::Ghost,
            () if self.is_calm || !self.dice.percent(self.plan.bad_transactions) => Fate::Done,
            // A file is not at the other end of a connection, but what a transaction came to can be unclear all the same.
            () => self.dice.pick([
                Fate::Refused,
                Fate::LostBefore,
                Fate::LostAfter,
                Fate::LostAfter,
                Fate::Broken,
            ]),
        };
        let fate = match fate {
            Fate::Broken if !self.dice.percent(20) => Fate::Refused,
            fate => fate,
        };
        if self.plan.mode != Mode::Memory && fate != Fate::Done && fate != Fate::Ghost {
            self.processes[process].is_healthy = false;
        }
        self.table().fate = fate;
        let committed = commit.run();
        self.table().fate = Fate::Done;
        self.look();
        if self.mutant == Some(Mutant::SentBeforeCommit) {
            self.later(self.dice.ms(3_000), Event::Flush { process });
        }
        if !is_over {
            self.processes[process].committed = Some(committed);
            let travel = self.transaction_travel(process);
            self.later(travel, Event::Acknowledge { process });
        }
    }

    /// How long a transaction, or its acknowledgement, is in flight.
    fn transaction_travel(&mut self, process: usize) -> Duration {
        let travel = if self.is_calm { Duration::from_millis(1) } else { self.plan.transaction(&self.dice) };
        // The margin of a lease is for less.
        self.processes[process].is_healthy &= travel < Duration::from_secs(5);
        travel
    }

    fn acknowledge(&mut self, process: usize) {
        let Some(committed) = self.processes[process].committed.take() else { return };
        self.table().acknowledge(process);
        self.tell(|| format!("process {process}  hears of it"));
        if let Some(run) = self.processes[process].run.as_mut() {
            run.committed(committed);
        }
    }

    /// Takes what has ended. Returns whether the process goes on.
    fn take_items(&mut self, process: usize) -> bool {
        loop {
            let Some(run) = self.processes[process].run.as_mut() else { return false };
            match run.take() {
                Some(Ok(sent)) => self.report(process, &sent),
                Some(Err(error)) => {
                    self.end(process, Some(&error));
                    return false;
                }
                None if run.is_finished() => {
                    self.end(process, None);
                    return false;
                }
                None => return true,
            }
        }
    }

    /// A run reports an item.
    fn report(&mut self, process: usize, sent: &Sent) {
        let job = self.processes[process].job;
        let (outcome, index) = (sent.outcome(), sent.index);
        let row = {
            let table = self.table();
            table.rows.iter().position(|row| row.job == job && row.index == index).unwrap_or(usize::MAX)
        };
        self.tell(|| format!("process {process}  reports {row}: {outcome:?} after {} tries", sent.tries));
        let flight = self.processes[process].flights.iter().find(|(other, _)| *other == row);
        let of_call = flight.and_then(|(_, flight)| self.flights[*flight].outcome);
        let is_true = match outcome {
            Outcome::Accepted | Outcome::Unknown => of_call == Some(outcome),
            Outcome::NotSent => matches!(of_call, None | Some(Outcome::NotSent)),
        };
        let is_kept = {
            let table = self.table();
            let entry = &table.rows[row];
            let is_kept = sent.tries == 0 || entry.outcomes.iter().any(|(_, kept)| *kept == outcome);
            !sent.recorded || is_kept || self.mutant == Some(Mutant::SentBeforeCommit)
        };
        if !is_true || !is_kept {
            let text =
                format!("process {process} reports {row} as {outcome:?}, and its call was {of_call:?}");
            self.breaks(Invariant::OutcomesAreTrue, text);
        }
        let entry = &mut self.processes[process];
        let is_same = |(other, not_sent): &(u64, bool)| *other == index && !(entry.is_joined && *not_sent);
        let is_new = !entry.reported.iter().any(is_same);
        entry.reported.push((index, outcome == Outcome::NotSent));
        match outcome {
            Outcome::Accepted => entry.counts[0] += 1,
            Outcome::NotSent => entry.counts[1] += 1,
            Outcome::Unknown => entry.counts[2] += 1,
        }
        if !is_new {
            self.breaks(Invariant::EachItemIsReportedOnce, format!("process {process} reports {row} again"));
        }
    }

    /// A run ended.
    fn end(&mut self, process: usize, error: Option<&Error>) {
        self.tell(|| format!("process {process}  ends: {:?}", error.map(Error::kind)));
        let entry = &mut self.processes[process];
        let progress = entry.run.as_ref().map(Run::progress).unwrap_or_default();
        let (job, is_stopping, counts) = (entry.job, entry.is_stopping, entry.counts);
        let reported = entry.reported.len();
        entry.life = Life::Over;
        entry.run = None;
        self.table().end(process);
        self.look();
        if [progress.accepted, progress.not_sent, progress.unknown] != counts {
            let text = format!("process {process} reported {counts:?}, and counted {progress:?}");
            self.breaks(Invariant::EachItemIsReportedOnce, text);
        }
        if progress.retried > 0 {
            self.judge.sees("retried");
        }
        match error.map(Error::kind) {
            None => self.judge.sees("finished"),
            Some(ErrorKind::Ledger) => self.judge.sees("ended by its ledger"),
            Some(ErrorKind::Auth) => self.judge.sees("ended by its key"),
            Some(_) => self.judge.sees("ended by an outage"),
        }
        if self.is_calm && error.is_some() {
            self.breaks(
                Invariant::RunsEnd,
                format!("process {process} failed although nothing fails: {error:?}"),
            );
        }
        let is_pending = |row: &Row| row.job == job && row.state == State::Pending;
        let (rows, pending) = {
            let table = self.table();
            (table.rows.len(), table.rows.iter().filter(|row| is_pending(row)).count())
        };
        if self.plan.mode == Mode::Memory && reported != rows {
            self.breaks(Invariant::NothingIsLost, format!("of {rows} items {reported} were reported"));
        }
        let owed = self.table().owed_by(process, job, !is_stopping);
        let is_reported =
            |index: &u64| self.processes[process].reported.iter().any(|(other, _)| other == index);
        let missing: Vec<_> = owed.into_iter().filter(|index| !is_reported(index)).collect();
        if error.is_none() && !missing.is_empty() {
            let text = format!("process {process} ended and did not report the items {missing:?} of its job");
            self.breaks(Invariant::EachItemIsReportedOnce, text);
        }
        if error.is_none() && !is_stopping && pending > 0 {
            self.breaks(
                Invariant::NothingIsLost,
                format!("process {process} ended and left {pending} items"),
            );
        }
    }
}
