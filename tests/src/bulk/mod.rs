//! A world of bulk runs made of one number: jobs of downlinks, the processes that send them, their ledger, and a service,
//! all of which fail as the dice fall.
//!
//! [`BulkWorld::of`] plays the world of a seed on a virtual clock with the real [`Run`](things_core::Run) and the real
//! flow of each call. Processes are killed, dropped, stopped and put to sleep at any of their steps. Transactions get lost
//! before and after they took effect. What must hold meanwhile and at the end is an [`Invariant`].
//! [`BulkWorld::without`] leaves out a rule, to see that the invariants notice. Displayed, a world is its story.

mod call;
mod invariant;
mod judge;
mod mishap;
mod mutant;
mod news;
mod plan;
mod process;
mod queue;
mod service;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use things_core::{Builder, Config, Error};

use self::call::Flight;
use self::judge::Judge;
use self::plan::{LONGEST_TRAVEL, Mode, Plan, wall};
use self::process::Process;
use self::queue::{Event, Queue};
use self::table::{Row, State, Table, lock};
use crate::dice::Dice;
use crate::outcome::ms;
use crate::scenario::credentials;

pub use invariant::{Invariant, Violation};
pub use mutant::Mutant;

/// A world that came to its end.
#[derive(Debug)]
pub struct BulkWorld {
    seed: u64,
    events: u64,
    violations: Vec<Violation>,
    seen: BTreeSet<&'static str>,
    story: String,
}

impl BulkWorld {
    /// Plays the world of this seed.
    pub fn of(seed: u64) -> Result<Self, Error> {
        World::new(seed, None, false).map(|world| world.play(seed))
    }

    /// Plays it without one of the rules.
    pub fn without(rule: Mutant, seed: u64) -> Result<Self, Error> {
        World::new(seed, Some(rule), false).map(|world| world.play(seed))
    }

    /// Plays it, and keeps what happens.
    pub fn told(seed: u64, mutant: Option<Mutant>) -> Result<Self, Error> {
        World::new(seed, mutant, true).map(|world| world.play(seed))
    }

    /// The seed it is of.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How much happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// What did not hold.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What happened in it, each thing once.
    pub fn seen(&self) -> &BTreeSet<&'static str> {
        &self.seen
    }
}

impl fmt::Display for BulkWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the world of seed {}", self.seed)?;
        f.write_str(&self.story)?;
        self.violations.iter().try_for_each(|violation| writeln!(f, "{violation}"))
    }
}

/// More than this happens only in a world that does not end.
const MOST_EVENTS: u64 = 50_000;

/// A world that is played.
struct World {
    plan: Plan,
    mutant: Option<Mutant>,
    dice: Dice,
    config: Config,
    table: Arc<Mutex<Table>>,
    queue: Queue,
    now: Duration,
    events: u64,
    processes: Vec<Process>,
    flights: Vec<Flight>,
    /// How often a process of each job may be started again.
    restarts: Vec<u32>,
    /// Whether nothing fails any more.
    is_calm: bool,
    judge: Judge,
    story: Option<String>,
}

impl World {
    fn new(seed: u64, mutant: Option<Mutant>, is_told: bool) -> Result<Self, Error> {
        let dice = Dice::new(seed);
        let plan = Plan::draw(&dice);
        let config = Builder::new(credentials(), Ok)
            .grip_base_url("https://grip.example")
            .base_url("https://api.example")
            .attempt_timeout(plan.attempt_timeout)
            .retry(plan.policy)
            .build()?;
        let mut rows: Vec<Row> = Vec::with_capacity(plan.items.len());
        for (row, spec) in plan.items.iter().enumerate() {
            let index = rows.iter().filter(|row| row.job == spec.job).count() as u64;
            rows.push(Row::new(spec.job, index, spec.device, plan.item(row, spec)?));
        }
        let judge = Judge::new(&plan);
        let table = Table::new(plan.mode, rows, plan.patience_for_others, mutant);
        Ok(Self {
            mutant,
            config,
            table: Arc::new(Mutex::new(table)),
            queue: Queue::default(),
            now: Duration::ZERO,
            events: 0,
            processes: Vec::new(),
            flights: Vec::new(),
            restarts: vec![plan.restarts; plan.jobs],
            is_calm: false,
            judge,
            story: is_told.then(|| format!("{plan:?}\n")),
            plan,
            dice,
        })
    }

    fn play(mut self, seed: u64) -> BulkWorld {
        for (job, at) in self.plan.starts.clone() {
            self.later(at, Event::Start { job, replaces: None });
        }
        for at in self.plan.person.clone() {
            self.later(at, Event::Person);
        }
        self.run();
        if self.plan.mode != Mode::Memory {
            self.finish_jobs();
        }
        self.look();
        let World { judge, flights, table, story, .. } = self;
        let rows = &lock(&table).rows;
        let (violations, seen) = judge.end(rows, &flights);
        BulkWorld { seed, events: self.events, violations, seen, story: story.unwrap_or_default() }
    }

    /// Lets everything happen that is going to.
    fn run(&mut self) {
        while let Some((at, event)) = self.queue.next() {
            self.now = self.now.max(at);
            self.events += 1;
            if self.events > MOST_EVENTS {
                self.breaks(Invariant::RunsEnd, "the world does not end".into());
                return;
            }
            self.happen(event);
        }
    }

    /// Finishes all jobs in a world in which nothing fails.
    fn finish_jobs(&mut self) {
        self.is_calm = true;
        for job in 0..self.plan.jobs {
            for _ in 0..3 {
                // Longer than a lease, by any clock of the database.
                let lease = self.plan.options.timeout + Duration::from_secs(400);
                self.later(lease, Event::Start { job, replaces: None });
                self.run();
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start { job, replaces } => self.start(job, replaces),
            Event::Person => self.person(),
            Event::Arrive { flight, exchange, stage } => self.arrive(flight, exchange, stage),
            Event::Transact { process } if self.plan.mode == Mode::Leases => self.transact(process),
            Event::Flush { process } => self.table().flush(process),
            Event::Resume { process } => self.wake_up(process),
            Event::Transact { process }
            | Event::Acknowledge { process }
            | Event::Wake { process, .. }
            | Event::Begin { process, .. }
            | Event::Depart { process, .. }
            | Event::Reply { process, .. }
            | Event::TimeOut { process, .. }
            | Event::Continue { process, .. } => self.process(process, event),
        }
    }

    /// Does something later.
    fn later(&mut self, wait: Duration, event: Event) {
        self.queue.push(self.now.saturating_add(wait), self.dice.roll(), event);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        let mut table = lock(&self.table);
        table.clock = self.database_clock();
        table
    }

    /// What the clock of the database shows.
    fn database_clock(&self) -> SystemTime {
        match self.plan.failover {
            Some((at, seconds)) if self.now >= at => shifted(wall(self.now), seconds),
            _ => wall(self.now),
        }
    }

    /// Looks at what happened in the ledger.
    fn look(&mut self) {
        let news = std::mem::take(&mut lock(&self.table).news);
        for news in news {
            self.tell(|| format!("ledger     {news}"));
            self.judge.hear(news, &self.processes);
        }
    }

    fn breaks(&mut self, invariant: Invariant, text: String) {
        self.tell(|| format!("BROKEN     {invariant:?}: {text}"));
        let text = format!("at {:.3} s, {text}", self.now.as_secs_f64());
        self.judge.breaks(invariant, text);
    }

    fn tell(&mut self, text: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push_str(&format!("{:>12.3} s  {}\n", self.now.as_secs_f64(), text()));
        }
    }

    /// A person looks at unknown items, and puts back those that did not arrive.
    fn person(&mut self) {
        let is_busy = match self.plan.mode {
            Mode::Leases => self.processes.iter().any(Process::is_there),
            _ => self.table().holder.is_some(),
        };
        if is_busy {
            return;
        }
        self.judge.sees("person");
        let careful = self.plan.is_careful;
        let settled = self.plan.options.timeout + Duration::from_secs(30) + LONGEST_TRAVEL * 2;
        let now = self.database_clock();
        let rows = lock(&self.table).rows.len();
        for row in 0..rows {
            let (is_unknown, claimed) = {
                let table = lock(&self.table);
                table.rows.get(row).map_or((false, now), |row| (row.state == State::Unknown, row.claimed))
            };
            if !is_unknown || (careful && claimed + settled > now) {
                continue;
            }
            let arrived = if careful { self.judge.was_done(row) } else { self.dice.percent(50) };
            self.tell(|| format!("person     resolves {row}: arrived {arrived}"));
            self.judge.resolved(row, careful && self.plan.is_honest());
            lock(&self.table).resolve(row, arrived);
        }
    }
}

/// A time that is so many seconds later, or earlier.
fn shifted(time: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { time - by } else { time + by }
}

/// How soon the driver of a process notices something.
fn moment_later(dice: &Dice) -> Duration {
    ms(dice.pick([0, 0, 0, 1, 10]))
}
