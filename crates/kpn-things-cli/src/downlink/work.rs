//! `things downlink work`: one of many workers on a job.

use clap::Args;

use super::job_options::JobOptions;
use super::ledger::LedgerOption;
use super::pace::Pace;
use super::pulse::ProgressOption;
use super::run::{Entry, JobRun};
use super::summary::ended;
use crate::console::Console;
use crate::failure::Failure;
use crate::settings;

/// Send downlinks of a job together with other machines
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink work 019ab2c4 --ledger postgres://things@db.example/fleet",
    after_help = "\
Any number of machines can work on one job, each with its own window and rate. A worker ends when nothing of the job is \
left to claim, with status 0 whatever the outcomes, so that a scheduler does not restart it. The ledger has the report: \
see `things downlink jobs show`. A worker that is killed leaves at most its \
window and --spare unknown, and the others go on."
)]
pub(crate) struct Work {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    pace: Pace,
    #[command(flatten)]
    progress: ProgressOption,
    #[command(flatten)]
    ledger: LedgerOption,
    #[command(flatten)]
    settings: settings::Options,
}

impl Work {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        if !ledger.is_shared() {
            let resume = ledger.command(&format!("jobs resume {}", self.job));
            return Err(Failure::Usage(format!(
                "{} is a file, which one machine uses at a time: workers need a PostgreSQL URL\nhint: to send the rest from \
                 this machine: {resume}",
                ledger.name()
            )));
        }
        let settings = self.settings.given();
        let (store, job) = ledger.find(&self.job)?;
        let client = self.settings.client(console)?;
        let pace = self.pace.or(JobOptions::of(&job).pace);
        let run = JobRun {
            client,
            ledger,
            job,
            pace,
            entry: Entry::Join,
            progress: self.progress.progress,
            settings,
        };
        let job = run.open(store, console)?;
        Ok(console.say(format_args!("nothing is left to claim: {}", ended(&job.counts)))?)
    }
}
