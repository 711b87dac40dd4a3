//! `things downlink jobs resume`: the next run of a job.

use clap::Args;

use super::super::job_options::JobOptions;
use super::super::ledger::LedgerOption;
use super::super::pace::Pace;
use super::super::pulse::ProgressOption;
use super::super::report::Format;
use super::super::run::{Entry, JobRun};
use super::super::summary::finish;
use crate::console::Console;
use crate::failure::Failure;
use crate::settings;

/// Send the rest of a job
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs resume 019ab2c4
  things downlink jobs resume 019ab2c4 --again",
    after_help = "\
Downlinks that were accepted are not sent again, nor are those with an unknown outcome: see `things downlink jobs \
resolve`. The options of the first run apply, unless others are set."
)]
pub(crate) struct Resume {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Also send again what the service refused
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    progress: ProgressOption,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    ledger: LedgerOption,
    #[command(flatten)]
    settings: settings::Options,
}

impl Resume {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        let settings = self.settings.given();
        let (store, job) = ledger.find(&self.job)?;
        let client = self.settings.client(console)?;
        let pace = self.pace.or(JobOptions::of(&job).pace);
        let (entry, progress) = (Entry::Open { again: self.again }, self.progress.progress);
        let run =
            JobRun { client, ledger: ledger.clone(), job, pace, entry, progress, settings: settings.clone() };
        let job = run.open(store, console)?;
        finish(&ledger, &job, self.format, &settings, console)
    }
}
