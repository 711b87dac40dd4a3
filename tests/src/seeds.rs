//! The seeds of a test of worlds, shared among the processors.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used)]

use std::num::NonZero;
use std::ops::Range;
use std::{env, thread};

use crate::Failure;

/// The seeds to play.
#[derive(Debug)]
pub struct Seeds {
    /// The only seed, if `THINGS_SEED` names one.
    pub only: Option<u64>,
    all: Range<u64>,
}

impl Seeds {
    /// The seed that `THINGS_SEED` names, or the number in `THINGS_SEEDS` of them, or `default` of them.
    pub fn from_env(default: u64) -> Result<Self, Failure> {
        let (only, number) = (number("THINGS_SEED")?, number("THINGS_SEEDS")?);
        let all = only.map_or(0..number.unwrap_or(default), |seed| seed..seed + 1);
        Ok(Self { only, all })
    }

    /// Returns the wrong worlds of all seeds. `wrong` returns those of a share, on a thread of its own.
    pub fn wrong<W: Send>(
        &self,
        wrong: impl Fn(&mut dyn Iterator<Item = u64>) -> Result<Vec<W>, Failure> + Sync,
    ) -> Result<Vec<W>, Failure> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let wrong = &wrong;
        let shares: Vec<_> = thread::scope(|scope| {
            let shares = (0..threads).map(|share| self.all.clone().skip(share).step_by(threads));
            let threads: Vec<_> = shares.map(|mut share| scope.spawn(move || wrong(&mut share))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        Ok(shares.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

fn number(variable: &str) -> Result<Option<u64>, Failure> {
    let text = env::var(variable).ok();
    let number = text.map(|text| text.parse().map_err(|error| Failure::new(format!("{variable}: {error}"))));
    number.transpose()
}
