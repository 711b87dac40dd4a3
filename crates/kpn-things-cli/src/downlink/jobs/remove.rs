//! `things downlink jobs remove`: forgets a job.

use clap::Args;

use super::super::ledger::LedgerOption;
use super::super::summary::{ended, may_have_arrived};
use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::prompt;

/// Remove a job from its ledger
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs remove 019ab2c4
  things downlink jobs remove 019ab2c4 --yes",
    after_help = "\
Nothing is known about its downlinks afterwards, and they do not count for --per-device any more. The tool asks first if \
the job is not finished, or if any of its downlinks has an unknown outcome."
)]
pub(crate) struct Remove {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    ledger: LedgerOption,
}

impl Remove {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let (mut store, job) = self.ledger.ledger()?.find(&self.job)?;
        let is_open = !job.counts.is_finished() || may_have_arrived(&job.counts);
        if is_open && !self.yes {
            let what = format!(
                "the job {} is not finished, or has unknown outcomes: {}",
                job.id,
                ended(&job.counts)
            );
            if !prompt::is_possible() {
                return Err(Failure::Usage(format!("{what}\nhint: to remove it nevertheless, add --yes")));
            }
            prompt::say(&what);
            if !prompt::confirm("Remove it nevertheless?") {
                return Err(Failure::Run(ExitStatus::Failed, "nothing was removed".into()));
            }
        }
        store.remove(&job.id)?;
        Ok(console.say(format_args!("removed: {}, {}", job.id, ended(&job.counts)))?)
    }
}
