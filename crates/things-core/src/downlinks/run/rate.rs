//! The rate of a run: so many downlinks per second.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::moment::Moment;

/// Downlinks at an even rate, without bursts: one that is late does not make the next one earlier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    gap: Duration,
    /// The earliest time of the next downlink.
    next: Option<Moment>,
}

impl Rate {
    pub(super) fn per_second(number: NonZeroU32) -> Self {
        Self { gap: Duration::from_secs(1) / number.get(), next: None }
    }

    /// Takes a place now, or returns when there is one.
    pub(super) fn take(&mut self, now: Moment) -> Result<(), Moment> {
        match self.next {
            Some(next) if next > now => Err(next),
            _ => {
                self.next = Some(now + self.gap);
                Ok(())
            }
        }
    }

    /// Returns how many claims may wait for their place: as many as are sent in a second.
    pub(super) fn waiting(&self) -> usize {
        let places = Duration::from_secs(1).as_nanos() / self.gap.as_nanos().max(1);
        usize::try_from(places).unwrap_or(usize::MAX).max(1)
    }
}
