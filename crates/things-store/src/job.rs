//! Jobs: one input, all of whose downlinks are accounted for.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use things_core::{ExternalReference, LedgerError};

use crate::random::random;
use crate::time::millis;

/// The id of a job: a UUID of version 7 in lower case. Ids sort by the time at which their jobs were created.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(String);

impl JobId {
    /// Makes a new id from the time at which its job is created, and from the system's randomness.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no randomness.
    pub fn new(created: SystemTime) -> Result<Self, LedgerError> {
        Ok(Self::generate(millis(created).max(0).unsigned_abs(), random()?))
    }

    /// Generates an id from the time in milliseconds since 1970 and 74 bits of `random`.
    pub fn generate(unix_millis: u64, random: u128) -> Self {
        Self(ExternalReference::generate(unix_millis, random).as_str().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobId {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let lower = text.to_ascii_lowercase();
        let is_place = |place: usize, byte: u8| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if lower.len() == 36 && lower.bytes().enumerate().all(|(place, byte)| is_place(place, byte)) {
            return Ok(Self(lower));
        }
        Err(LedgerError::new(format!("{text:?} is not the id of a job"))
            .hint("it looks like 019ab2c4-5d00-7cc3-98c4-dc0c0c07398f: see `things downlink jobs list`"))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job that is to be created.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// When it is created.
    pub created: SystemTime,
    /// Where its items come from, such as a file name.
    pub source: String,
    /// The SHA-256 of its input in hex, by which the same input is recognised. Empty if there is none.
    pub digest: String,
    /// The account it belongs to: [`Config::account`](things_core::Config::account).
    pub account: String,
    /// The options of its run as JSON, which the store keeps and does not read.
    pub options: String,
}

/// A job, and how far it is.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// When it was created.
    pub created: SystemTime,
    /// Where its items came from.
    pub source: String,
    /// The SHA-256 of its input in hex.
    pub digest: String,
    /// The account it belongs to.
    pub account: String,
    /// The options of its run as JSON.
    pub options: String,
    /// How many of its items are in which state.
    pub counts: Counts,
}

/// The number of items in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Never claimed.
    pub pending: u64,
    /// Claimed by a run. If no run is in progress, the next one finds them unknown.
    pub sending: u64,
    /// Accepted by the service.
    pub accepted: u64,
    /// Provably not sent.
    pub not_sent: u64,
    /// Those of `not_sent` that the next run sends.
    pub resumable: u64,
    /// May have arrived.
    pub unknown: u64,
}

impl Counts {
    /// The number of items.
    pub fn total(&self) -> u64 {
        self.pending + self.sending + self.accepted + self.not_sent + self.unknown
    }

    /// Whether the next run has nothing to send.
    pub fn is_finished(&self) -> bool {
        self.pending + self.sending + self.resumable == 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_new_id_is_unlike_any_other_and_sorts_by_its_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(0x019A_B2C4_5D00);
        let (one, other) = (JobId::new(now).unwrap(), JobId::new(now).unwrap());
        assert_ne!(one, other);
        for id in [&one, &other] {
            assert!(id.as_str().starts_with("019ab2c4-5d00-7"), "{id}");
            assert_eq!(&id.as_str().to_uppercase().parse::<JobId>().unwrap(), id);
        }
        let (earlier, earliest) =
            (now - Duration::from_millis(1), SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        assert!(JobId::new(earlier).unwrap() < one.min(other));
        assert!(JobId::new(earliest).unwrap().as_str().starts_with("00000000-0000-7"));
    }
}
