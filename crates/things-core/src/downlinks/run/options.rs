//! The options of a run.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::input::InputError;

/// How a run sends its downlinks.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// The number of downlinks in flight: 1 to 256, by default 16. After a crash, at most this many items are unknown.
    pub window: usize,
    /// The number of items that are claimed ahead, so that no place waits for the ledger: 0 by default, at most 256. After
    /// a crash, as many more items can be unknown.
    pub spare: usize,
    /// The largest number of downlinks per second. Unlimited by default.
    pub rate: Option<NonZeroU32>,
    /// The largest number of downlinks to one device in 24 h, over all jobs of the ledger. Unlimited by default.
    pub per_device: Option<NonZeroU32>,
    /// How often an item is claimed in one run as long as nothing was sent: 16 times by default.
    pub max_tries: u32,
    /// How long the run waits for a service that accepts nothing: 5 minutes by default, at most a day. It does not wait for a
    /// `Retry-After` that is longer.
    pub patience: Duration,
    /// The time limit of one downlink, including its token and its retries: 30 s by default, from 1 ms to an hour.
    pub timeout: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            window: 16,
            spare: 0,
            rate: None,
            per_device: None,
            max_tries: 16,
            patience: Duration::from_secs(300),
            timeout: Duration::from_secs(30),
        }
    }
}

impl RunOptions {
    /// The largest number of downlinks in flight.
    pub const MAX_WINDOW: usize = 256;

    /// Checks that each option is in its range.
    ///
    /// # Errors
    ///
    /// Names the first option that is not.
    pub fn check(&self) -> Result<(), InputError> {
        if !(1..=Self::MAX_WINDOW).contains(&self.window) {
            return Err(InputError::new("window", format!("must be from 1 to {}", Self::MAX_WINDOW)));
        }
        if self.spare > Self::MAX_WINDOW {
            return Err(InputError::new("spare", format!("must be at most {}", Self::MAX_WINDOW)));
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(3_600)).contains(&self.timeout) {
            return Err(InputError::new("timeout", "must be from 1 ms to 1 h"));
        }
        if self.patience > Duration::from_secs(86_400) {
            return Err(InputError::new("patience", "must be at most 24 h"));
        }
        if self.max_tries == 0 {
            return Err(InputError::new("max_tries", "must be at least 1"));
        }
        Ok(())
    }

    /// The life of a claim: the time of the call, and a margin for a worker that is slow.
    pub(super) fn lease(&self) -> Duration {
        self.timeout.saturating_add(LEASE_MARGIN * 2)
    }
}

/// The time between the last moment at which a claim may be sent and the end of its lease.
pub(super) const LEASE_MARGIN: Duration = Duration::from_secs(15);
