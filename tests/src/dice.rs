//! The chance in a world or a schedule.

use std::cell::Cell;
use std::time::Duration;

use crate::outcome::ms;

/// Random numbers from a seed: a SplitMix64 sequence, so that a seed means the same world on every machine.
pub(crate) struct Dice(Cell<u64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn roll(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to below `end`, which is not 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.roll() % end
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of these.
    #[expect(clippy::indexing_slicing, reason = "a number below the length is a place")]
    pub(crate) fn pick<T: Copy, const N: usize>(&self, from: [T; N]) -> T {
        from[self.below(N as u64) as usize]
    }

    /// Whole milliseconds from 0 to below `end`: whole ones, so that much happens at the same time.
    pub(crate) fn ms(&self, end: u64) -> Duration {
        ms(self.below(end))
    }
}
