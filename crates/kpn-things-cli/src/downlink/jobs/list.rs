//! `things downlink jobs list`: all jobs of a ledger.

use clap::Args;

use super::super::ledger::LedgerOption;
use super::super::report::time;
use super::show::JobRecord;
use crate::console::Console;
use crate::count::{number, thousands};
use crate::failure::Failure;
use crate::table::{Column, Table};

/// List the jobs of a ledger, the newest first
#[derive(Args)]
#[command(before_help = "\
Examples:
  things downlink jobs list
  things downlink jobs list --json
  things downlink jobs list --ledger valves.db")]
pub(crate) struct List {
    /// Write a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerOption,
}

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        let jobs = match ledger.open()? {
            Some(mut store) => store.jobs()?,
            None => Vec::new(),
        };
        if self.json {
            let records: Vec<_> = jobs.iter().map(JobRecord::new).collect();
            serde_json::to_writer_pretty(&mut *console.out(), &records).map_err(std::io::Error::from)?;
            writeln!(console.out())?;
        } else {
            let headings = [
                Column::from("JOB"),
                Column::from("CREATED"),
                Column::from("DOWNLINKS"),
                Column::from("ACCEPTED"),
                Column::from("NOT SENT"),
                Column::from("UNKNOWN"),
                Column::from("IN FLIGHT"),
                Column::from("LEFT"),
                Column::from("FROM").cut_to(12).if_it_fits(),
            ];
            let rows: Vec<[String; 9]> = jobs
                .iter()
                .map(|job| {
                    let counts = &job.counts;
                    [
                        job.id.to_string(),
                        time(job.created),
                        thousands(counts.total()),
                        thousands(counts.accepted),
                        thousands(counts.not_sent - counts.resumable),
                        thousands(counts.unknown),
                        thousands(counts.sending),
                        thousands(counts.pending + counts.resumable),
                        job.source.clone(),
                    ]
                })
                .collect();
            let columns = console.columns();
            Table::new(headings, columns).write(&rows, console.out())?;
        }
        Ok(console.say(format_args!("{} in {}", number(jobs.len() as u64, "job"), ledger.name()))?)
    }
}
