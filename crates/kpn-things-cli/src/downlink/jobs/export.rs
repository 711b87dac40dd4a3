//! `things downlink jobs export`: the whole report of a job.

use clap::Args;

use super::super::job_options::JobOptions;
use super::super::ledger::LedgerOption;
use super::super::report::{self, Format, Selection};
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;

/// Write all downlinks of a job with their outcomes
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs export 019ab2c4 --csv > report.csv
  things downlink jobs export 019ab2c4 --ndjson | grep not_sent",
    after_help = "\
The columns are line, device, customer, reference, port, outcome, tries, status, detail and ended. The outcome is \
accepted, not_sent, unknown, pending (not tried yet) or sending (in flight). detail is the reason why a downlink was not \
accepted, or the body of the response. Payloads are not written."
)]
pub(crate) struct Export {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    ledger: LedgerOption,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Form {
    /// Write CSV
    #[arg(long)]
    csv: bool,
    /// Write one JSON object per line
    #[arg(long)]
    ndjson: bool,
}

impl Export {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let (mut store, job) = self.ledger.ledger()?.find(&self.job)?;
        let format = if self.form.csv { Format::CSV } else { Format::NDJSON };
        let count = report::write(
            &mut *store,
            &job.id,
            &JobOptions::of(&job).lines,
            Selection::All,
            format,
            console,
        )?;
        Ok(console.say(number(count, "downlink"))?)
    }
}
