//! The digests of the newest messages, by which duplicates are found without an index on the disk.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::NewMessage;
use crate::time::{millis, wait};

/// A digest, and when its message was received, in milliseconds.
pub(super) type Seen = ([u8; 32], i64);

/// Selects the messages of one append that are to be stored: of equal bodies the first one, unless every message is stored.
pub(super) fn distinct(messages: &[NewMessage], window: Duration) -> Vec<Candidate<'_>> {
    let mut digests = HashSet::with_capacity(messages.len());
    let candidates = messages.iter().enumerate().map(|(index, message)| Candidate {
        index,
        message,
        seen: (message.digest(), millis(message.received)),
    });
    candidates.filter(|it| window.is_zero() || digests.insert(it.seen.0)).collect()
}

/// A message that may be stored.
pub(super) struct Candidate<'a> {
    /// Its place in the append.
    pub(super) index: usize,
    pub(super) message: &'a NewMessage,
    pub(super) seen: Seen,
}

/// A bounded set of digests, of which the oldest makes room for a new one.
#[derive(Debug)]
pub(super) struct Recent {
    window: i64,
    most: usize,
    times: HashMap<[u8; 32], i64>,
    order: VecDeque<Seen>,
}

impl Recent {
    pub(super) fn new(window: Duration, most: usize) -> Self {
        // Without a window, nothing is compared.
        let most = if window.is_zero() { 0 } else { most };
        Self { window: wait(window), most, times: HashMap::new(), order: VecDeque::new() }
    }

    /// The number of digests that it can hold.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether a message with this digest was received less than the window before. A clock that was set back does not make
    /// it a new one.
    pub(super) fn has(&self, (digest, received): &Seen) -> bool {
        self.times.get(digest).is_some_and(|earlier| received.saturating_sub(*earlier) < self.window)
    }

    pub(super) fn add(&mut self, seen: Seen) {
        if self.most == 0 {
            return;
        }
        if self.order.len() >= self.most
            && let Some((digest, received)) = self.order.pop_front()
            // A digest whose window was over can be there twice.
            && self.times.get(&digest) == Some(&received)
        {
            self.times.remove(&digest);
        }
        self.times.insert(seen.0, seen.1);
        self.order.push_back(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u8) -> [u8; 32] {
        [number; 32]
    }

    #[test]
    fn a_digest_is_known_until_its_window_is_over() {
        let mut recent = Recent::new(Duration::from_secs(1), 10);
        recent.add((digest(1), 5_000));
        for (received, known) in [(5_000, true), (5_999, true), (6_000, false), (0, true)] {
            assert_eq!(recent.has(&(digest(1), received)), known, "{received}");
        }
        assert!(!recent.has(&(digest(2), 5_000)));
        recent.add((digest(1), 6_000));
        assert!(recent.has(&(digest(1), 6_500)));
    }

    #[test]
    fn the_oldest_digest_makes_room() {
        let mut recent = Recent::new(Duration::from_secs(1), 2);
        for (number, received) in [(1, 0), (1, 2_000), (2, 2_001)] {
            recent.add((digest(number), received));
        }
        // The entry of the first window is gone, and the newer one of the same digest stays.
        assert!(recent.has(&(digest(1), 2_002)) && recent.has(&(digest(2), 2_002)));
        recent.add((digest(3), 2_003));
        assert!(!recent.has(&(digest(1), 2_004)) && recent.has(&(digest(2), 2_004)));
        assert_eq!((recent.times.len(), recent.order.len()), (2, 2));
    }

    #[test]
    fn nothing_is_known_without_a_window_or_without_room() {
        for mut recent in [Recent::new(Duration::ZERO, 10), Recent::new(Duration::from_secs(1), 0)] {
            recent.add((digest(1), 0));
            assert!(!recent.has(&(digest(1), 0)));
            assert!(recent.order.is_empty());
        }
    }
}
