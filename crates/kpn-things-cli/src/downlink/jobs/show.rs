//! `things downlink jobs show`: one job, and its items with some outcome.

use clap::{Args, ValueEnum};
use serde::Serialize;
use things_store::{ItemState, Job};

use super::super::ending::ended;
use super::super::kept::Kept;
use super::super::ledger::LedgerOption;
use super::super::report::{self, Format, Row, Selection, time};
use crate::cell;
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;

/// Show a job: its counts, and its downlinks with an outcome
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs show 019ab2c4
  things downlink jobs show 019ab2c4 --with unknown
  things downlink jobs show 019ab2c4 --with not-sent --json",
    after_help = "\
JOB is the id of the job, or the beginning of it. --with unknown includes the downlinks that are in flight: if no run is \
in progress, the next one finds them unknown."
)]
pub(crate) struct Show {
    /// Id of the job, or the beginning of it
    #[arg(value_name = "JOB")]
    job: String,
    /// List the downlinks with this outcome as well
    ///
    /// accepted, not-sent, unknown, or pending: not tried yet.
    #[arg(long, value_name = "OUTCOME", hide_possible_values = true)]
    with: Option<With>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerOption,
}

/// The items of a job that are shown.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    /// Accepted by the service
    Accepted,
    /// Provably not sent
    NotSent,
    /// May have arrived
    Unknown,
    /// Not tried yet
    Pending,
}

impl With {
    fn selection(self) -> Selection {
        Selection::Of(match self {
            Self::Accepted => &[ItemState::Accepted],
            Self::NotSent => &[ItemState::NotSent],
            Self::Unknown => &[ItemState::Unknown, ItemState::Sending],
            Self::Pending => &[ItemState::Pending],
        })
    }
}

/// A job as it is written in JSON.
#[derive(Serialize)]
pub(super) struct JobRecord<'a> {
    job: &'a str,
    created: String,
    source: &'a str,
    digest: &'a str,
    account: &'a str,
    total: u64,
    pending: u64,
    sending: u64,
    accepted: u64,
    not_sent: u64,
    unknown: u64,
    /// How many of `not_sent` the next run sends.
    resumable: u64,
}

impl<'a> JobRecord<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        let counts = &job.counts;
        Self {
            job: job.id.as_str(),
            created: time(job.created),
            source: &job.source,
            digest: &job.digest,
            account: &job.account,
            total: counts.total(),
            pending: counts.pending,
            sending: counts.sending,
            accepted: counts.accepted,
            not_sent: counts.not_sent,
            unknown: counts.unknown,
            resumable: counts.resumable,
        }
    }
}

impl Show {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        let (mut store, job) = ledger.find(&self.job)?;
        let kept = Kept::of(&job);
        if self.json {
            let record = serde_json::to_string_pretty(&JobRecord::new(&job)).map_err(std::io::Error::from)?;
            let Some(with) = self.with else { return Ok(writeln!(console.out(), "{record}")?) };
            // The items are written one by one, because there may be many.
            let record = record.trim_end_matches(['\n', '}']).trim_end();
            write!(console.out(), "{record},\n  \"items\": [")?;
            let mut separator = "\n    ";
            report::each(&mut *store, &job.id, with.selection(), |item| {
                let row =
                    serde_json::to_string(&Row::new(&item, &kept.lines)).map_err(std::io::Error::from)?;
                write!(console.out(), "{separator}{row}")?;
                separator = ",\n    ";
                Ok(())
            })?;
            return Ok(writeln!(console.out(), "\n  ]\n}}")?);
        }
        let mut facts = vec![
            ("job", job.id.to_string()),
            ("created", time(job.created)),
            ("from", job.source.clone()),
            ("account", job.account.clone()),
        ];
        let pace = kept.pace.options();
        if !pace.is_empty() {
            facts.push(("options", pace.trim_start().to_owned()));
        }
        facts.push(("outcome", ended(&job.counts)));
        for (name, value) in facts {
            writeln!(console.out(), "{name:<9}{}", cell::plain(&value))?;
        }
        if let Some(with) = self.with {
            writeln!(console.out())?;
            let count =
                report::write(&mut *store, &job.id, &kept.lines, with.selection(), Format::TABLE, console)?;
            console.say(number(count, "downlink"))?;
        }
        Ok(())
    }
}
