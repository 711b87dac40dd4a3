//! The options of a job, for its next run and for its reports.

use serde::{Deserialize, Serialize};
use things_store::Job;

use super::lines::Lines;
use super::pace::Pace;

/// The options of a job, which the ledger keeps as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct JobOptions {
    pub(super) pace: Pace,
    pub(super) lines: Lines,
}

impl JobOptions {
    /// Reads the options of a job. They are the default if another program made the job, with options of another kind.
    pub(super) fn of(job: &Job) -> Self {
        serde_json::from_str(&job.options).unwrap_or_default()
    }

    pub(super) fn json(&self) -> String {
        // Numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
