//! One call of a run: the real flow, over a network of chance.

use std::task::Waker;
use std::time::Duration;

use things_core::{
    ClaimToken, Downlink, Error, Exchange, Moment, Outcome, Pause, Receipt, Scope, Stage, Step, Ticket,
    TransportErrorKind, Turn, Watch, finish,
};

use super::World;
use super::invariant::Invariant;
use super::mutant::Mutant;
use super::plan::Mood;
use super::queue::Event;
use super::service::{self, Reply};
use super::table::State;

/// A call, and what came of it.
pub(super) struct Flight {
    pub(super) process: usize,
    pub(super) row: usize,
    pub(super) token: Option<ClaimToken>,
    ticket: Option<Ticket>,
    downlink: Downlink,
    scope: Scope,
    state: Waiting,
    /// The number of the exchange, pause or turn.
    exchange: u32,
    /// How many requests for the downlink itself the transport got, and how often it was done.
    handed_over: u32,
    pub(super) done: u32,
    pub(super) outcome: Option<Outcome>,
}

/// What a call waits for.
enum Waiting {
    Beginning,
    Reply(Exchange, Moment),
    Time(Pause),
    Other(Turn),
    /// Nothing: it has ended, or its process has.
    Over,
}

impl Flight {
    pub(super) fn new(
        process: usize,
        row: usize,
        token: Option<ClaimToken>,
        ticket: Ticket,
        downlink: Downlink,
        scope: Scope,
    ) -> Self {
        Self {
            process,
            row,
            token,
            ticket: Some(ticket),
            downlink,
            scope,
            state: Waiting::Beginning,
            exchange: 0,
            handed_over: 0,
            done: 0,
            outcome: None,
        }
    }

    pub(super) fn is_flying(&self) -> bool {
        !matches!(self.state, Waiting::Over)
    }

    /// The process is gone.
    pub(super) fn leave(&mut self) {
        self.state = Waiting::Over;
    }

    /// Takes what it waits for, if this is still it.
    fn take(&mut self, exchange: u32) -> Waiting {
        if self.exchange == exchange {
            std::mem::replace(&mut self.state, Waiting::Over)
        } else {
            Waiting::Over
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "processes and calls are never removed, so that their places are names"
)]
impl World {
    pub(super) fn begin(&mut self, flight: usize) {
        let entry = &self.flights[flight];
        let now = self.clock(entry.process);
        let step = self.processes[entry.process].session.scoped(&entry.scope).start(&entry.downlink, now);
        self.advance(flight, step, now);
    }

    /// Does the next step of a call.
    fn advance(&mut self, flight: usize, step: Step, now: Moment) {
        let process = self.flights[flight].process;
        self.flights[flight].exchange += 1;
        let exchange = self.flights[flight].exchange;
        let fate = self.flights[flight].scope.fate.clone().unwrap_or_default();
        let is_stopped = self.plan.stops_calls && self.processes[process].is_stopping;
        let step = match step {
            Step::Done(result) => Step::Done(result),
            step if is_stopped || !fate.is_wanted() => Step::Done(step.cancel(now)),
            Step::Send(request, sending) if !fate.sending(&sending) => {
                Step::Done(Step::Send(request, sending).cancel(now))
            }
            step => step,
        };
        match step {
            Step::Done(result) => {
                let result = finish(&self.flights[flight].downlink, result);
                self.ended(flight, result);
            }
            Step::Send(_, sending) => {
                let timeout = sending.timeout();
                self.flights[flight].handed_over += u32::from(sending.stage() == Stage::Call);
                self.flights[flight].state = Waiting::Reply(sending, now + timeout);
                self.later(timeout, Event::TimeOut { process, flight, exchange });
                if self.plan.stalls && !self.is_calm && self.dice.percent(30) {
                    let stall = self.dice.ms(self.dice.pick([10, 30_000]));
                    self.later(stall, Event::Depart { process, flight, exchange });
                } else {
                    self.depart(flight, exchange);
                }
            }
            Step::Sleep(pause) => {
                let wait = pause.until().since(now);
                fate.pausing(&pause, wait);
                self.flights[flight].state = Waiting::Time(pause);
                self.later(wait, Event::Continue { process, flight, exchange });
            }
            Step::Wait(turn) => {
                let wait = turn.deadline().since(now);
                self.flights[flight].state = Waiting::Other(turn);
                self.processes[process].turning.push(flight);
                self.later(wait, Event::Continue { process, flight, exchange });
            }
        }
    }

    /// A call has its result.
    fn ended(&mut self, flight: usize, result: Result<Receipt, Error>) {
        let entry = &mut self.flights[flight];
        entry.state = Waiting::Over;
        let outcome = match &result {
            Ok(_) => Outcome::Accepted,
            Err(error) => error.outcome().unwrap_or(Outcome::Unknown),
        };
        entry.outcome = Some(outcome);
        let (process, row, handed_over) = (entry.process, entry.row, entry.handed_over);
        let ticket = entry.ticket.take();
        self.tell(|| match &result {
            Ok(_) => format!("call {flight:<5} accepted: {row}"),
            Err(error) => format!("call {flight:<5} {outcome:?}: {row}, {error}"),
        });
        self.judge.sees(match outcome {
            Outcome::Accepted => "accepted",
            Outcome::NotSent => "not sent",
            Outcome::Unknown => "unknown",
        });
        if outcome == Outcome::Unknown && handed_over == 0 {
            let text = format!("call {flight} for {row} is unknown, and sent nothing");
            self.breaks(Invariant::UnknownHasAReason, text);
        }
        self.processes[process].arrivals.extend(ticket.map(|ticket| (ticket, result)));
    }

    /// A request leaves, if somebody takes it.
    pub(super) fn depart(&mut self, flight: usize, exchange: u32) {
        let entry = &self.flights[flight];
        let Waiting::Reply(sending, _) = &entry.state else { return };
        if entry.exchange != exchange {
            return;
        }
        let (process, stage) = (entry.process, sending.stage());
        let mood = if self.is_calm { Mood::Good } else { self.plan.mood(self.now) };
        let travel = self.travel();
        if service::is_refused(mood, &self.dice) {
            let reply = Reply::Broken(TransportErrorKind::Connect);
            self.later(travel, Event::Reply { process, flight, exchange, reply });
            return;
        }
        if stage == Stage::Call {
            self.sends(flight);
        }
        self.later(travel, Event::Arrive { flight, exchange, stage });
    }

    /// A downlink leaves.
    fn sends(&mut self, flight: usize) {
        let (process, row, token) = {
            let entry = &self.flights[flight];
            (entry.process, entry.row, entry.token)
        };
        self.tell(|| format!("call {flight:<5} ──► {row}"));
        let (is_durable, is_published, not_after) = {
            let table = self.table();
            let entry = &table.rows[row];
            let is_durable = token.is_some_and(|token| entry.claims.contains(&token));
            let is_mine = entry.state == State::Sending && entry.token == token;
            (is_durable, !is_mine, entry.item.not_after)
        };
        if !is_durable {
            let text = format!("call {flight} sends {row}, and its claim is not in the ledger");
            self.breaks(Invariant::NoRequestWithoutDurableClaim, text);
        }
        if is_durable && is_published && self.plan.is_honest() {
            let text = format!("call {flight} sends {row}, whose claim has ended");
            self.breaks(Invariant::NoRequestAfterUnknown, text);
        }
        let now = self.clock(process).wall();
        if not_after.is_some_and(|end| now >= end) && !self.plan.stalls {
            let text = format!("call {flight} sends {row} after its not_after");
            self.breaks(Invariant::NothingIsSentTooLate, text);
        }
    }

    /// A request arrives at the service.
    pub(super) fn arrive(&mut self, flight: usize, exchange: u32, stage: Stage) {
        let mood = if self.is_calm { Mood::Good } else { self.plan.mood(self.now) };
        let treatment = service::treat(mood, stage, &self.dice);
        let (process, row) = (self.flights[flight].process, self.flights[flight].row);
        if treatment.done && stage == Stage::Call {
            self.flights[flight].done += 1;
            self.tell(|| format!("service    does {row}, for call {flight}"));
            if let Some(text) = self.judge.done(row, flight) {
                self.breaks(Invariant::NoDownlinkIsDoneTwice, text);
            }
        }
        if let Some(reply) = treatment.reply {
            let travel = self.travel();
            self.later(travel, Event::Reply { process, flight, exchange, reply });
        }
    }

    pub(super) fn reply(&mut self, flight: usize, exchange: u32, reply: Reply) {
        let entry = &mut self.flights[flight];
        let (process, state) = (entry.process, entry.take(exchange));
        let now = self.clock(process);
        match state {
            Waiting::Reply(sending, _) => {
                let stage = sending.stage();
                let result = match reply {
                    Reply::Status(status, wait) => Ok(service::response(status, wait, stage)),
                    Reply::Broken(kind) => Err(self.broken(kind).into()),
                };
                self.tell(|| format!("call {flight:<5} ◄── {stage:?} {reply:?}"));
                if let Some(fate) = &self.flights[flight].scope.fate {
                    fate.replied(&sending, &result, Duration::ZERO);
                }
                let step = sending.resume(result, now);
                self.advance(flight, step, now);
            }
            // Too late: the call goes on without it.
            Waiting::Over => {}
            state => self.flights[flight].state = state,
        }
    }

    pub(super) fn time_out(&mut self, flight: usize, exchange: u32) {
        let process = self.flights[flight].process;
        let now = self.clock(process);
        match self.flights[flight].take(exchange) {
            // The clock stood still meanwhile.
            Waiting::Reply(sending, until) if until > now => {
                self.flights[flight].state = Waiting::Reply(sending, until);
                self.later(until.since(now), Event::TimeOut { process, flight, exchange });
            }
            Waiting::Reply(sending, _) => {
                self.tell(|| format!("call {flight:<5} ◄── nothing in time"));
                let step = sending.resume(Err(self.broken(TransportErrorKind::Timeout).into()), now);
                self.advance(flight, step, now);
            }
            Waiting::Over => {}
            state => self.flights[flight].state = state,
        }
    }

    /// How long a request, or its response, is in flight.
    fn travel(&self) -> Duration {
        if self.is_calm { Duration::from_millis(1) } else { self.plan.travel(&self.dice) }
    }

    /// How the transport reports a failed exchange.
    fn broken(&self, kind: TransportErrorKind) -> TransportErrorKind {
        if self.mutant == Some(Mutant::TimeoutIsNotSent) { TransportErrorKind::Connect } else { kind }
    }

    /// A pause is over, or the turn of a call has had its time.
    pub(super) fn go_on_after_pause(&mut self, flight: usize, exchange: u32) {
        let process = self.flights[flight].process;
        let now = self.clock(process);
        let (step, until) = match self.flights[flight].take(exchange) {
            Waiting::Time(pause) if pause.until() > now => {
                let until = pause.until();
                self.flights[flight].state = Waiting::Time(pause);
                (None, until)
            }
            Waiting::Other(turn) if turn.deadline() > now => {
                let until = turn.deadline();
                self.flights[flight].state = Waiting::Other(turn);
                (None, until)
            }
            Waiting::Time(pause) => (Some(pause.resume(now)), now),
            Waiting::Other(turn) => {
                self.processes[process].turning.retain(|other| *other != flight);
                (Some(turn.resume(now)), now)
            }
            Waiting::Over => return,
            state => {
                self.flights[flight].state = state;
                return;
            }
        };
        match step {
            Some(step) => self.advance(flight, step, now),
            None => self.later(until.since(now), Event::Continue { process, flight, exchange }),
        }
    }

    /// Goes on with the calls whose wait for another is over.
    pub(super) fn take_turns(&mut self, process: usize) {
        loop {
            let is_ready = |flight: &usize| match &self.flights[*flight].state {
                Waiting::Other(turn) => turn.poll(Waker::noop()).is_ready(),
                _ => true,
            };
            let Some(place) = self.processes[process].turning.iter().position(is_ready) else { return };
            let flight = self.processes[process].turning.remove(place);
            let exchange = self.flights[flight].exchange;
            let now = self.clock(process);
            match self.flights[flight].take(exchange) {
                Waiting::Other(turn) => {
                    let step = turn.resume(now);
                    self.advance(flight, step, now);
                }
                state => self.flights[flight].state = state,
            }
        }
    }
}
