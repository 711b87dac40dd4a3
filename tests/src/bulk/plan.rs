//! What a world of bulk runs is made of, and what goes wrong in it, as the dice fall.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use things_core::{BulkItem, Downlink, FPort, InputError, RetryPolicy, RunOptions};

use crate::dice::Dice;
use crate::outcome::ms;
use crate::timeline::START;

/// A day, over which downlinks to one device are counted.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest time for which a request can travel.
pub(super) const LONGEST_TRAVEL: Duration = Duration::from_secs(40);

/// Where the items of a world are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the memory of the process.
    Memory,
    /// In a file that one process at a time may use.
    Exclusive,
    /// In a database, claimed by several processes with leases.
    Leases,
}

/// Everything about a world that is decided before it begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    /// The number of jobs. Those of one ledger share its limit per device.
    pub(super) jobs: usize,
    pub(super) items: Vec<Spec>,
    pub(super) options: RunOptions,
    pub(super) policy: RetryPolicy,
    pub(super) attempt_timeout: Duration,
    /// The first processes: the job of each, and when it starts.
    pub(super) starts: Vec<(usize, Duration)>,
    /// How often a process of a job is started again.
    pub(super) restarts: u32,
    /// The chance of a mishap, in percent.
    mishaps: u64,
    /// Whether a request can wait between the last check and the socket.
    pub(super) stalls: bool,
    /// Whether monotonic clocks stand still while a machine sleeps.
    suspends: bool,
    /// Whether wall clocks are set.
    jumps: bool,
    /// Whether the clock of the database is set, as after a failover.
    pub(super) failover: Option<(Duration, i64)>,
    /// Whether a commit blocks the reader of results.
    pub(super) blocking: bool,
    /// Whether stopping a run stops its calls between two steps.
    pub(super) stops_calls: bool,
    /// How often a request is slow, in percent, and for how many milliseconds requests travel.
    slow: u64,
    quick_ms: u64,
    slow_ms: u64,
    /// How often a transaction goes wrong, in percent, and for how many milliseconds it travels.
    pub(super) bad_transactions: u64,
    transaction_ms: u64,
    /// The moods of the service, each up to a time.
    moods: Vec<(Duration, Mood)>,
    /// How long a worker waits for items that others send. `None`: not at all.
    pub(super) patience_for_others: Option<Duration>,
    /// When a person looks at unknown items, and whether with care.
    pub(super) person: Vec<Duration>,
    pub(super) is_careful: bool,
}

/// One item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) job: usize,
    /// What downlinks are counted by, for whichever customer.
    pub(super) device: u64,
    not_after: Option<Duration>,
    for_customer: bool,
}

/// How the service takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// So many requests in a hundred meet trouble of any kind.
    Flaky(u64),
    /// Nobody listens.
    Down,
    /// 429 or 503 for everything, with these seconds of `Retry-After`, if any.
    Busy(u16, Option<u64>),
    /// 500 for everything, done or not.
    Broken,
    /// Requests are swallowed, done or not.
    Silent,
    /// The key is refused.
    KeyRefused,
    /// 302, 401 or 403 for everything but tokens.
    Refusing(u16),
}

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// It is gone at once.
    Kill,
    /// Its run is dropped, as when a task is cancelled.
    Drop,
    /// It does nothing for a while. Its monotonic clock may stand still meanwhile.
    Pause { lasts: Duration, is_suspend: bool },
    /// Ctrl-C.
    Stop,
    /// Its wall clock is set, by so many seconds.
    Jump(i64),
}

impl Plan {
    pub(super) fn draw(dice: &Dice) -> Self {
        // Several workers of one job that lose acknowledgements, and a service that is busy: most rules matter then.
        let is_crowded = dice.percent(15);
        let mode = match is_crowded {
            true => Mode::Leases,
            false => dice.pick([Mode::Memory, Mode::Exclusive, Mode::Exclusive, Mode::Leases, Mode::Leases]),
        };
        let jobs = if mode == Mode::Memory || is_crowded { 1 } else { dice.pick([1, 1, 1, 2]) };
        let days = dice.percent(15);
        let items = Self::items(dice, jobs, days);
        let workers = match mode {
            Mode::Memory => 1,
            Mode::Exclusive => dice.pick([1, 1, 2]),
            Mode::Leases if is_crowded => 3,
            Mode::Leases => dice.pick([1, 2, 3]),
        };
        let over = dice.pick([1, 1, 3_000, 60_000]);
        let start = |worker: usize| (worker % jobs, if worker == 0 { Duration::ZERO } else { dice.ms(over) });
        let starts = (0..workers.max(jobs)).map(start).collect();
        let is_calm = dice.percent(10);
        let unless_calm = |percent: u64| if is_calm { 0 } else { percent };
        let person = dice.percent(if mode == Mode::Memory { 0 } else { 30 });
        let plan = Self {
            mode,
            jobs,
            options: Self::options(dice, days),
            policy: RetryPolicy { max_attempts: dice.pick([1, 3, 3]), ..RetryPolicy::default() },
            attempt_timeout: ms(dice.pick([2_000, 15_000])),
            starts,
            // What is in the memory of a process is gone with it.
            restarts: if mode == Mode::Memory { 0 } else { dice.pick([0, 1, 3]) },
            mishaps: unless_calm(dice.pick([0, 30, 60, 90])),
            stalls: dice.percent(unless_calm(8)),
            suspends: dice.percent(40),
            jumps: dice.percent(30),
            failover: (mode == Mode::Leases && dice.percent(unless_calm(10)))
                .then(|| (dice.ms(60_000), dice.pick([-300, -20, 20, 300]))),
            blocking: dice.percent(50),
            stops_calls: dice.percent(50),
            slow: unless_calm(dice.pick([0, 0, 5, 40])),
            quick_ms: dice.pick([1, 20, 300, 1_000]),
            slow_ms: dice.pick([1_000, 20_000, 40_000]),
            bad_transactions: unless_calm(dice.pick([0, 0, 15, 50])),
            transaction_ms: dice.pick([1, 20, 20, 2_000, 40_000]),
            moods: if is_calm { Vec::new() } else { Mood::several(dice) },
            patience_for_others: dice.pick([None, Some(ms(200)), Some(ms(1_000)), Some(ms(60_000))]),
            person: if person { (0..=dice.below(3)).map(|_| dice.ms(600_000)).collect() } else { Vec::new() },
            is_careful: dice.percent(75),
            items,
        };
        if is_crowded { plan.crowded(dice) } else { plan }
    }

    fn crowded(self, dice: &Dice) -> Self {
        Self {
            starts: vec![(0, Duration::ZERO); 3],
            mishaps: 20,
            quick_ms: dice.pick([200, 1_000]),
            bad_transactions: 40,
            transaction_ms: 20,
            moods: vec![(
                ms(dice.pick([3_000, 30_000])),
                dice.pick([Mood::Flaky(50), Mood::Busy(429, None)]),
            )],
            patience_for_others: Some(ms(dice.pick([200, 1_000]))),
            ..self
        }
    }

    fn items(dice: &Dice, jobs: usize, days: bool) -> Vec<Spec> {
        let devices = dice.pick([1, 3, 100]);
        let (late, customers) = (dice.pick([0, 0, 30]), dice.pick([0, 0, 0, 50]));
        let most = dice.pick([4, 8, 14, 14]);
        let spec = |job| Spec {
            job,
            device: dice.below(devices),
            not_after: dice
                .percent(late)
                .then(|| if days { Duration::from_secs(dice.below(200_000)) } else { dice.ms(90_000) }),
            for_customer: dice.percent(customers),
        };
        (0..jobs).flat_map(|job| (0..=dice.below(most)).map(move |_| job)).map(spec).collect()
    }

    fn options(dice: &Dice, days: bool) -> RunOptions {
        RunOptions {
            window: dice.pick([1, 2, 3, 4, 8]),
            spare: dice.pick([0, 0, 1, 3]),
            rate: NonZeroU32::new(dice.pick([0, 0, 0, 1, 4])),
            per_device: NonZeroU32::new(if days { dice.pick([1, 2, 3]) } else { dice.pick([0, 0, 0, 5]) }),
            max_tries: dice.pick([1, 3, 16]),
            patience: ms(dice.pick([5_000, 300_000])),
            timeout: ms(dice.pick([5_000, 30_000, 30_000])),
        }
    }

    /// Whether clocks show enough for a worker to know how long it held a claim.
    pub(super) fn is_honest(&self) -> bool {
        let is_wrong = self.stalls || (self.suspends && self.jumps) || self.failover.is_some();
        !is_wrong
    }

    /// What happens to a process, each at one of its steps.
    pub(super) fn mishaps(&self, dice: &Dice) -> Vec<(u32, Mishap)> {
        let mut mishaps = Vec::new();
        while mishaps.len() < 4 && dice.percent(self.mishaps) {
            let step = 1 + dice.below(dice.pick([6, 30, 120])) as u32;
            mishaps.push((step, self.mishap(dice)));
        }
        mishaps
    }

    fn mishap(&self, dice: &Dice) -> Mishap {
        let pause = || Mishap::Pause {
            lasts: ms(dice.pick([900, 15_000, 50_000, 70_000, 200_000])),
            is_suspend: self.suspends && dice.percent(60),
        };
        match dice.below(10) {
            0..4 => Mishap::Kill,
            4 => Mishap::Drop,
            5..8 => pause(),
            8 if self.jumps => Mishap::Jump(dice.pick([-90_000, -100, -30, 30, 100, 90_000])),
            8 => pause(),
            _ => Mishap::Stop,
        }
    }

    /// How long a request, or its response, is in flight.
    pub(super) fn travel(&self, dice: &Dice) -> Duration {
        let travel = dice.ms(if dice.percent(self.slow) { self.slow_ms } else { self.quick_ms });
        travel.min(LONGEST_TRAVEL)
    }

    /// How long a transaction, or its acknowledgement, is in flight.
    pub(super) fn transaction(&self, dice: &Dice) -> Duration {
        if dice.percent(90) { dice.ms(self.transaction_ms.min(20)) } else { dice.ms(self.transaction_ms) }
    }

    pub(super) fn mood(&self, now: Duration) -> Mood {
        self.moods.iter().find(|(until, _)| now < *until).map_or(Mood::Good, |(_, mood)| *mood)
    }

    /// The item in this row of the ledger.
    pub(super) fn item(&self, row: usize, spec: &Spec) -> Result<BulkItem, InputError> {
        let device = format!("0059AC00000000{:02X}", spec.device).parse()?;
        let downlink = Downlink::raw(device, FPort::new(1)?, [1])?.external_reference(row.to_string())?;
        let customer = if spec.for_customer { Some("customer-1".parse()?) } else { None };
        Ok(BulkItem { downlink, customer, not_after: spec.not_after.map(wall) })
    }
}

impl Mood {
    fn several(dice: &Dice) -> Vec<(Duration, Self)> {
        let mut until = Duration::ZERO;
        let several = (0..dice.below(4)).map(|_| {
            until += dice.ms(dice.pick([2_000, 30_000, 400_000]));
            (until, Self::draw(dice))
        });
        several.collect()
    }

    fn draw(dice: &Dice) -> Self {
        match dice.below(12) {
            0 => Self::Good,
            1..5 => Self::Flaky(dice.pick([5, 30, 50, 80])),
            5 => Self::Down,
            6..8 => {
                Self::Busy(dice.pick([429, 503]), dice.pick([None, Some(0), Some(2), Some(30), Some(500)]))
            }
            8 => Self::Broken,
            9 => Self::Silent,
            10 => Self::KeyRefused,
            _ => Self::Refusing(dice.pick([302, 401, 403])),
        }
    }
}

/// A time of the world by a right wall clock.
pub(super) fn wall(elapsed: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + START + elapsed
}
