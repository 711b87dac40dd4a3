//! A ledger as plain as it can be, and random transactions that it has to agree on with the others.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use things_core::{BulkItem, Claim, Ledger, Outcome, Transaction};
use things_store::{Counts, ItemState};

use crate::maker::{DAY, LedgerMaker, POLL, again, at, claiming, ended, indexes, to_device};

/// How many items there are, and devices.
const ITEMS: u64 = 12;
const DEVICES: u64 = 4;

/// The items of one job: lists and loops, and no index.
pub(crate) struct Model {
    items: Vec<Modelled>,
    now: u64,
}

struct Modelled {
    device: u64,
    not_after: Option<u64>,
    state: ItemState,
    /// When it may be claimed. `None`, as the earliest time: it never had to wait.
    ready: Option<Option<u64>>,
    resumable: bool,
    claimed: u64,
    tries: u32,
    run_tries: u32,
    /// The last claim. All before it are over.
    claim: Option<Claim>,
    old_claims: Vec<Claim>,
}

/// What is asked in one transaction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    /// How long after the last one, in milliseconds.
    later: u64,
    claim: usize,
    per_device: Option<u32>,
    /// Which items end, and how. The last is whether by the token of an older claim.
    outcomes: Vec<(u64, End, bool)>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Accepted,
    Unknown,
    Refused,
    Resumable,
    /// After a wait in milliseconds.
    Again(u64),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![
        Just(End::Accepted),
        Just(End::Unknown),
        Just(End::Refused),
        Just(End::Resumable),
        prop_oneof![Just(0), 1..5_000_u64, Just(2 * DAY)].prop_map(End::Again),
    ];
    let later = prop_oneof![Just(0), 1..3_000_u64, Just(DAY), Just(DAY - 1)];
    let outcomes = prop::collection::vec((0..ITEMS, end, prop::bool::weighted(0.2)), 0..6);
    let step = (later, 0..5_usize, prop::option::of(1..4_u32), outcomes)
        .prop_map(|(later, claim, per_device, outcomes)| Step { later, claim, per_device, outcomes });
    prop::collection::vec(step, 1..25)
}

impl Model {
    pub(crate) fn new() -> Self {
        let item = |index| Modelled {
            device: index % DEVICES,
            not_after: (index % 3 == 0).then_some(index * 1_000 * 60),
            state: ItemState::Pending,
            ready: Some(None),
            resumable: false,
            claimed: 0,
            tries: 0,
            run_tries: 0,
            claim: None,
            old_claims: Vec::new(),
        };
        Self { items: (0..ITEMS).map(item).collect(), now: 0 }
    }

    pub(crate) fn items(&self) -> Vec<BulkItem> {
        let item = |(index, item): (usize, &Modelled)| BulkItem {
            not_after: item.not_after.map(at),
            ..to_device(item.device, index as u64)
        };
        self.items.iter().enumerate().map(item).collect()
    }

    /// What the beginning of a run does.
    pub(crate) fn open(&mut self, again: bool) {
        for item in &mut self.items {
            if item.state == ItemState::Sending {
                item.state = ItemState::Unknown;
            }
            let claimable = match item.state {
                ItemState::Pending => true,
                ItemState::NotSent => item.resumable || again,
                _ => false,
            };
            if claimable {
                (item.ready, item.run_tries) = (Some(None), 0);
                item.resumable = item.state == ItemState::NotSent;
            }
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |state| self.items.iter().filter(|item| item.state == state).count() as u64;
        Counts {
            pending: of(ItemState::Pending),
            sending: of(ItemState::Sending),
            accepted: of(ItemState::Accepted),
            not_sent: of(ItemState::NotSent),
            resumable: self.items.iter().filter(|item| item.resumable).count() as u64,
            unknown: of(ItemState::Unknown),
        }
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (ItemState, u32)> {
        self.items.iter().map(|item| (item.state, item.tries))
    }

    fn record(&mut self, index: u64, end: End) {
        let now = self.now;
        let item = &mut self.items[index as usize];
        if !matches!(item.state, ItemState::Sending | ItemState::Unknown) {
            return;
        }
        item.state = match end {
            End::Accepted => ItemState::Accepted,
            End::Unknown => ItemState::Unknown,
            _ => ItemState::NotSent,
        };
        item.resumable = matches!(end, End::Resumable | End::Again(_));
        if let End::Again(wait) = end {
            item.ready = Some(Some(item.not_after.map_or(now + wait, |end| end.min(now + wait))));
        }
    }

    /// Returns the indexes that are claimed, those that expired, and the wait.
    fn claim(&mut self, step: &Step) -> (Vec<u64>, Vec<u64>, Option<Duration>) {
        let (now, mut claimed, mut expired) = (self.now, Vec::new(), Vec::new());
        while claimed.len() < step.claim {
            let first =
                (0..self.items.len()).filter_map(|index| Some((self.items[index].ready?, index))).min();
            let Some((ready, index)) = first else { return (claimed, expired, None) };
            if let Some(ready) = ready.filter(|ready| *ready > now) {
                return (claimed, expired, Some(Duration::from_millis(ready - now)));
            }
            if self.items[index].not_after.is_some_and(|end| end <= now) {
                let item = &mut self.items[index];
                (item.state, item.ready, item.resumable) = (ItemState::NotSent, None, false);
                expired.push(index as u64);
                continue;
            }
            if let Some(most) = step.per_device {
                let device = self.items[index].device;
                let counts = |item: &&Modelled| {
                    let sent = [ItemState::Sending, ItemState::Accepted, ItemState::Unknown];
                    item.device == device && sent.contains(&item.state) && item.claimed + DAY > now
                };
                let mut sent: Vec<_> = self.items.iter().filter(counts).map(|item| item.claimed).collect();
                sent.sort_unstable();
                if sent.len() >= most as usize {
                    let mut free = sent[sent.len() - most as usize] + DAY;
                    // As long as one of them may be refused, the device can be free at any time.
                    let is_open = |item: &Modelled| item.device == device && item.state == ItemState::Sending;
                    if self.items.iter().any(|item| is_open(item) && item.claimed + DAY > now) {
                        free = free.min(now + POLL);
                    }
                    let item = &mut self.items[index];
                    item.ready = Some(Some(item.not_after.map_or(free, |end| end.min(free))));
                    continue;
                }
            }
            let item = &mut self.items[index];
            (item.state, item.ready, item.resumable) = (ItemState::Sending, None, false);
            item.claimed = now;
            item.tries += 1;
            item.run_tries += 1;
            claimed.push(index as u64);
        }
        (claimed, expired, None)
    }
}

/// Does the same in a ledger and in the model, and compares what came of it.
pub(crate) fn step(
    ledger: &mut Box<dyn Ledger>,
    model: &mut Model,
    step: &Step,
) -> Result<(), TestCaseError> {
    model.now += step.later;
    let mut outcomes = Vec::new();
    for &(index, end, old) in &step.outcomes {
        let item = &model.items[index as usize];
        let Some(claim) = (if old { item.old_claims.last() } else { item.claim.as_ref() }) else { continue };
        outcomes.push(match end {
            End::Accepted => ended(claim, Outcome::Accepted),
            End::Unknown => ended(claim, Outcome::Unknown),
            End::Refused => ended(claim, Outcome::NotSent),
            End::Resumable => things_core::Record { resumable: true, ..ended(claim, Outcome::NotSent) },
            End::Again(wait) => again(claim, wait),
        });
        if !old {
            model.record(index, end);
        }
    }
    let transaction =
        Transaction { outcomes, per_device: step.per_device, ..claiming(step.claim, model.now) };
    let granted = ledger.commit(&transaction).unwrap();
    let (claimed, expired, next) = model.claim(step);
    prop_assert_eq!(indexes(&granted), claimed, "claims of {:?}", step);
    let granted_expired: Vec<_> = granted.expired.iter().map(|(index, _)| *index).collect();
    prop_assert_eq!(granted_expired, expired, "expired of {:?}", step);
    prop_assert_eq!(granted.next, next, "wait of {:?}", step);
    for claim in granted.claims {
        let item = &mut model.items[claim.index() as usize];
        prop_assert_eq!(claim.tries(), item.run_tries);
        item.old_claims.extend(item.claim.replace(claim));
    }
    Ok(())
}

pub(crate) fn random_transactions_have_the_same_result_as_the_model<M: LedgerMaker + Default>(_: &M) {
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            let mut model = Model::new();
            // Its own store: downlinks of other jobs would count for its devices.
            let maker = M::default();
            let mut ledger = maker.ledger(model.items());
            let per_device = steps.first().and_then(|step| step.per_device);
            for mut one in steps {
                if !M::KEEPS {
                    one.per_device = per_device;
                    let is_open = |index: u64| model.items[index as usize].state != ItemState::Unknown;
                    let mut seen = HashSet::new();
                    one.outcomes.retain(|(index, _, old)| *old || (is_open(*index) && seen.insert(*index)));
                }
                step(&mut ledger, &mut model, &one)?;
            }
            Ok(())
        })
        .unwrap();
}
