//! How fast the downlinks of a job are sent. A job keeps what its user chose, so that the next run sends alike.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use things_core::RunOptions;

/// The options of every command that sends the downlinks of a job.
#[derive(Args, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pace {
    /// Downlinks in flight, 1 to 256 [default: 16]
    ///
    /// After a crash, at most this many have an unknown outcome.
    #[arg(long, value_name = "N", value_parser = size)]
    window: Option<usize>,
    /// Downlinks to claim ahead, 0 to 256 [default: 0]
    ///
    /// They need not wait for the ledger. After a crash, as many more have an unknown outcome.
    #[arg(long, value_name = "N", value_parser = spare)]
    spare: Option<usize>,
    /// Maximum downlinks per second, such as 10/s
    #[arg(long, value_name = "N/s", value_parser = per_second)]
    rate: Option<NonZeroU32>,
    /// Maximum downlinks per device in 24 h, such as 4/day
    ///
    /// The downlinks of all jobs in the ledger count. Further ones wait until the device may get them.
    #[arg(long, value_name = "N/day", value_parser = per_day)]
    per_device: Option<NonZeroU32>,
}

fn size(text: &str) -> Result<usize, String> {
    number(text, 1)
}

fn spare(text: &str) -> Result<usize, String> {
    number(text, 0)
}

fn number(text: &str, least: usize) -> Result<usize, String> {
    let most = RunOptions::MAX_WINDOW;
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

fn per_second(text: &str) -> Result<NonZeroU32, String> {
    per(text, &["/s", "/sec", "/second"], "downlinks per second, such as 10/s")
}

fn per_day(text: &str) -> Result<NonZeroU32, String> {
    per(text, &["/day", "/d", "/24h"], "downlinks per day, such as 4/day")
}

/// A number per unit of time, which may be left out.
fn per(text: &str, units: &[&str], expected: &str) -> Result<NonZeroU32, String> {
    let number = units.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    number.trim().parse().map_err(|_| format!("expected a number of {expected}"))
}

impl Pace {
    /// Fills what is not set from another pace.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            window: self.window.or(other.window),
            spare: self.spare.or(other.spare),
            rate: self.rate.or(other.rate),
            per_device: self.per_device.or(other.per_device),
        }
    }

    /// Returns the options of a run at this pace. `timeout` is that of each downlink.
    pub(super) fn run_options(&self, timeout: Duration) -> RunOptions {
        let default = RunOptions::default();
        RunOptions {
            window: self.window.unwrap_or(default.window),
            spare: self.spare.unwrap_or(default.spare),
            rate: self.rate,
            per_device: self.per_device,
            timeout,
            ..default
        }
    }

    /// The limit per device as its option is written, if there is one.
    pub(super) fn per_device(&self) -> Option<String> {
        self.per_device.map(|number| format!("{number}/day"))
    }

    /// The pace as the options that choose it, each with a space in front.
    pub(super) fn options(&self) -> String {
        let option = |name: &str, value: Option<String>| value.map(|value| format!(" --{name} {value}"));
        [
            option("window", self.window.map(|number| number.to_string())),
            option("spare", self.spare.map(|number| number.to_string())),
            option("rate", self.rate.map(|number| format!("{number}/s"))),
            option("per-device", self.per_device()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
