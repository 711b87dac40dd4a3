//! A ledger in memory, for a run that need not survive its process.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use super::{BulkItem, Claim, ClaimToken, Granted, Ledger, LedgerError, Transaction};
use crate::error::Outcome;

/// A day, over which downlinks to one device are counted.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an item waits for its device at most while a downlink to it is in flight: it does not count if it is not sent.
const POLL: Duration = Duration::from_secs(1);

/// The items of a run, without a file. Outcomes are the same as with a ledger on disk, but nothing is known after the
/// process has ended.
#[derive(Debug)]
pub struct MemoryLedger {
    items: Vec<Option<Entry>>,
    /// The items that may be claimed, by the time at which they may be.
    claimable: BTreeSet<(SystemTime, u64)>,
    /// When each device was last sent a downlink. Only kept if there is a limit.
    sends: HashMap<String, VecDeque<(SystemTime, u64)>>,
    tokens: u128,
}

#[derive(Debug)]
struct Entry {
    item: BulkItem,
    tries: u32,
    token: Option<ClaimToken>,
}

impl MemoryLedger {
    /// Creates a ledger of these items. Their order is the order of the input.
    pub fn new(items: impl IntoIterator<Item = BulkItem>) -> Self {
        let items: Vec<_> =
            items.into_iter().map(|item| Some(Entry { item, tries: 0, token: None })).collect();
        let claimable = (0..items.len() as u64).map(|index| (SystemTime::UNIX_EPOCH, index)).collect();
        Self { items, claimable, sends: HashMap::new(), tokens: 0 }
    }

    /// The number of items that have not ended.
    pub fn remaining(&self) -> usize {
        self.items.iter().flatten().count()
    }

    fn slot(&mut self, index: u64) -> Option<&mut Option<Entry>> {
        self.items.get_mut(usize::try_from(index).ok()?)
    }

    fn is_sending(&self, index: u64) -> bool {
        let slot = usize::try_from(index).ok().and_then(|index| self.items.get(index));
        slot.and_then(Option::as_ref).is_some_and(|entry| entry.token.is_some())
    }

    fn record(&mut self, record: &super::Record, now: SystemTime) {
        let Some(slot) = self.slot(record.id) else { return };
        let Some(entry) = slot.as_mut().filter(|entry| entry.token == Some(record.token)) else { return };
        let device = entry.item.device_key();
        match record.again {
            Some(wait) => {
                entry.token = None;
                // A wait never carries an item past the time at which it ends.
                let ready = (now + wait).min(entry.item.not_after.unwrap_or(now + wait));
                self.claimable.insert((ready, record.id));
            }
            None => *slot = None,
        }
        if record.outcome == Outcome::NotSent
            && let Some(sends) = self.sends.get_mut(&device)
        {
            sends.retain(|(_, index)| *index != record.id);
        }
    }

    /// Returns the time at which to look again whether the device of an item may be sent another downlink, if it may not now.
    fn free_at(&mut self, device: &str, most: u32, now: SystemTime) -> Option<SystemTime> {
        let sends = self.sends.get_mut(device)?;
        while sends.front().is_some_and(|(at, _)| *at + DAY <= now) {
            sends.pop_front();
        }
        let over = (sends.len() + 1).checked_sub(most as usize)?;
        let (at, _) = over.checked_sub(1).and_then(|place| sends.get(place))?;
        let (free, sends) = (*at + DAY, self.sends.get(device)?);
        let is_open = sends.iter().any(|(_, index)| self.is_sending(*index));
        Some(if is_open { free.min(now + POLL) } else { free })
    }
}

impl Ledger for MemoryLedger {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let now = transaction.time();
        for record in &transaction.outcomes {
            self.record(record, now);
        }
        let mut granted = Granted::default();
        while granted.claims.len() < transaction.claim {
            let Some(first) = self.claimable.first().copied() else { break };
            let (ready, index) = first;
            if ready > now {
                granted.next = ready.duration_since(now).ok();
                break;
            }
            self.claimable.remove(&first);
            let Some(entry) = self.slot(index).and_then(Option::as_mut) else { continue };
            if entry.item.not_after.is_some_and(|not_after| not_after <= now) {
                let entry = self.slot(index).and_then(Option::take);
                granted.expired.extend(entry.map(|entry| (index, entry.item)));
                continue;
            }
            let (device, not_after) = (entry.item.device_key(), entry.item.not_after);
            if let Some(most) = transaction.per_device {
                if let Some(free) = self.free_at(&device, most, now) {
                    self.claimable.insert((free.min(not_after.unwrap_or(free)), index));
                    continue;
                }
                self.sends.entry(device).or_default().push_back((now, index));
            }
            self.tokens += 1;
            let token = ClaimToken(self.tokens);
            if let Some(entry) = self.slot(index).and_then(Option::as_mut) {
                entry.tries += 1;
                entry.token = Some(token);
                granted.claims.push(Claim::new(index, index, token, entry.tries, entry.item.clone()));
            }
        }
        Ok(granted)
    }

    fn abandon(&mut self) -> Vec<(u64, BulkItem)> {
        let rest = std::mem::take(&mut self.items).into_iter().enumerate();
        rest.filter_map(|(index, entry)| Some((index as u64, entry?.item))).collect()
    }
}
