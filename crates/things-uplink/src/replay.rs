//! Messages that are delivered again.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

/// Remembers the digests of messages, so that one that is sent again is noticed.
///
/// KPN Things sends a message up to three times, and its token has no time, so a replay of an old message has a correct token
/// too. The key is [`Verified::token_digest`](crate::Verified::token_digest).
///
/// A digest is remembered before its message is processed. Call [`forget`](Self::forget) if that fails, and respond with an
/// error. Otherwise the retry of KPN would be taken for a duplicate, and the message lost.
pub trait ReplayStore {
    /// Why the store cannot be read or written.
    type Error;

    /// Remembers a digest, and returns whether it was not known.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read or written.
    fn is_new(&mut self, digest: &[u8; 32], now: SystemTime) -> Result<bool, Self::Error>;

    /// Forgets a digest, so that it is new again.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written.
    fn forget(&mut self, digest: &[u8; 32]) -> Result<(), Self::Error>;
}

/// A [`ReplayStore`] in memory, of a bounded number of digests. A restart forgets all of them.
///
/// If it is full, the oldest digest is forgotten. Choose a capacity of more than the messages of one window.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use things_uplink::{MemoryReplays, ReplayStore};
///
/// let mut replays = MemoryReplays::new(100_000, Duration::from_secs(24 * 60 * 60));
/// let now = SystemTime::UNIX_EPOCH;
/// assert_eq!(replays.is_new(&[7; 32], now), Ok(true));
/// assert_eq!(replays.is_new(&[7; 32], now), Ok(false));
/// ```
#[derive(Debug, Clone)]
pub struct MemoryReplays {
    capacity: usize,
    window: Duration,
    /// The number of the entry in the queue that a digest belongs to.
    known: HashMap<[u8; 32], u64>,
    queue: VecDeque<Remembered>,
    next: u64,
}

/// A digest, the number of its entry, and when it came.
#[derive(Debug, Clone)]
struct Remembered {
    digest: [u8; 32],
    number: u64,
    since: SystemTime,
}

impl MemoryReplays {
    /// Creates an empty store of at most `capacity` digests, and at least one. Each is known for `window`.
    pub fn new(capacity: usize, window: Duration) -> Self {
        Self { capacity: capacity.max(1), window, known: HashMap::new(), queue: VecDeque::new(), next: 0 }
    }

    /// The number of digests that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no digest is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets the digests at the front of the queue that are too old. A clock that was set back makes nothing old.
    fn expire(&mut self, now: SystemTime) {
        while let Some(oldest) = self.queue.front() {
            let old = now.duration_since(oldest.since).is_ok_and(|age| age >= self.window);
            if !old {
                break;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.queue.pop_front() else { return };
        // A digest that was forgotten and came again has a younger entry.
        if let Entry::Occupied(known) = self.known.entry(oldest.digest)
            && *known.get() == oldest.number
        {
            known.remove();
        }
    }
}

impl ReplayStore for MemoryReplays {
    type Error = Infallible;

    fn is_new(&mut self, digest: &[u8; 32], now: SystemTime) -> Result<bool, Infallible> {
        self.expire(now);
        let Entry::Vacant(vacant) = self.known.entry(*digest) else { return Ok(false) };
        vacant.insert(self.next);
        self.queue.push_back(Remembered { digest: *digest, number: self.next, since: now });
        self.next = self.next.wrapping_add(1);
        // The queue also has the entries of forgotten digests, so it bounds both.
        if self.queue.len() > self.capacity {
            self.forget_oldest();
        }
        Ok(true)
    }

    fn forget(&mut self, digest: &[u8; 32]) -> Result<(), Infallible> {
        self.known.remove(digest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
    }

    fn is_new(replays: &mut MemoryReplays, digest: u8, seconds: u64) -> bool {
        replays.is_new(&[digest; 32], at(seconds)).unwrap()
    }

    #[test]
    fn a_digest_is_new_once_per_window() {
        let mut replays = MemoryReplays::new(10, WINDOW);
        assert!(replays.is_empty());
        assert!(is_new(&mut replays, 1, 0));
        assert!(!is_new(&mut replays, 1, 59));
        assert!(is_new(&mut replays, 2, 59));
        assert!(is_new(&mut replays, 1, 60));
        assert!(!is_new(&mut replays, 2, 118));
        assert_eq!(replays.len(), 2);
    }

    #[test]
    fn the_oldest_digest_is_forgotten_if_it_is_full() {
        let mut replays = MemoryReplays::new(3, WINDOW);
        for digest in 1..=4 {
            assert!(is_new(&mut replays, digest, 0));
        }
        assert_eq!(replays.len(), 3);
        assert!(!is_new(&mut replays, 2, 0));
        assert!(is_new(&mut replays, 1, 0));
        assert!(is_new(&mut replays, 2, 0));
    }

    #[test]
    fn a_message_that_failed_is_new_again() {
        let mut replays = MemoryReplays::new(2, WINDOW);
        assert!(is_new(&mut replays, 1, 0));
        replays.forget(&[1; 32]).unwrap();
        assert!(is_new(&mut replays, 1, 0));
        // The entry of the first time is the oldest: its end is not that of the second.
        assert!(is_new(&mut replays, 2, 0));
        assert!(!is_new(&mut replays, 1, 0));
    }

    #[test]
    fn forgetting_again_and_again_takes_no_memory() {
        let mut replays = MemoryReplays::new(5, WINDOW);
        for round in 0..100 {
            assert!(is_new(&mut replays, 1, round % 2));
            replays.forget(&[1; 32]).unwrap();
        }
        assert!(replays.is_empty() && replays.queue.len() <= 5);
    }

    #[test]
    fn a_clock_that_is_set_back_forgets_nothing() {
        let mut replays = MemoryReplays::new(10, WINDOW);
        assert!(is_new(&mut replays, 1, 500));
        assert!(!is_new(&mut replays, 1, 0));
        assert!(is_new(&mut MemoryReplays::new(0, WINDOW), 1, 0));
    }
}
