//! The options of a job, for its next run and for its reports.

use serde::{Deserialize, Serialize};
use things_store::Job;

use super::lines::Lines;
use super::pace::Pace;
use crate::shell::word;

/// The options of a job, which the ledger keeps as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct JobOptions {
    pub(super) pace: Pace,
    /// The time after which nothing is sent, as the user wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_after: Option<String>,
    pub(super) lines: Lines,
}

impl JobOptions {
    /// Reads the options of a job. They are the default if another program made the job, with options of another kind.
    pub(super) fn of(job: &Job) -> Self {
        serde_json::from_str(&job.options).unwrap_or_default()
    }

    /// The options as they are written on a command line, each with a space in front.
    pub(super) fn options(&self) -> String {
        let not_after = self.not_after.as_ref().map(|text| format!(" --not-after {}", word(text)));
        format!("{}{}", not_after.unwrap_or_default(), self.pace.options())
    }

    pub(super) fn json(&self) -> String {
        // Numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
