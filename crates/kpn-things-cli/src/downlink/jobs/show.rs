//! `things downlink jobs show`: one job, and its items with some outcome.

use clap::{Args, ValueEnum};
use serde::Serialize;
use things_store::{ItemState, Job, Store};
use things_ureq::Client;

use super::super::job_options::JobOptions;
use super::super::ledger::LedgerOption;
use super::super::report::{self, Format, Row, Selection, time};
use super::super::summary::ended;
use super::reconcile;
use crate::cell;
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::settings;

/// Show a job: its counts, and its downlinks with an outcome
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink jobs show 019ab2c4
  things downlink jobs show 019ab2c4 --with unknown
  things downlink jobs show 019ab2c4 --with not-sent --json
  things downlink jobs show 019ab2c4 --reconcile",
    after_help = "\
JOB is the id of the job, or the beginning of it. --with unknown includes the downlinks that are in flight: if no run is \
in progress, the next one finds them unknown.

--reconcile requests GET /downlinks of KPN's current API for the device of each unknown downlink, and shows what was \
created since five minutes before it was sent. It changes nothing: you decide, with `things downlink jobs resolve`. The \
fields of a downlink are not documented. SAME REFERENCE is yes if your reference is the text of any field. That a downlink is \
not listed does not prove that it did not arrive. The current API is known from the public part of its documentation, and \
this has never met the real service."
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
    /// Show what the service has for each unknown downlink
    #[arg(long, conflicts_with = "with")]
    reconcile: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerOption,
    #[command(flatten)]
    settings: settings::Options,
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
        let store = &mut *store;
        let client = match self.reconcile {
            true => Some(console.watched(self.settings.client(console)?)),
            false => None,
        };
        if self.json {
            return write_json(client.as_ref(), store, &job, self.with, console);
        }
        write_facts(&job, console)?;
        if let Some(client) = &client {
            writeln!(console.out())?;
            reconcile::table(client, store, &job, &ledger, console)?;
        }
        if let Some(with) = self.with {
            writeln!(console.out())?;
            let lines = JobOptions::of(&job).lines;
            let count = report::write(store, &job.id, &lines, with.selection(), Format::TABLE, console)?;
            console.say(number(count, "downlink"))?;
        }
        Ok(())
    }
}

fn write_facts(job: &Job, console: &mut Console<'_>) -> Result<(), Failure> {
    let options = JobOptions::of(job).options();
    let facts = [
        ("job", job.id.to_string()),
        ("created", time(job.created)),
        ("from", job.source.clone()),
        ("account", job.account.clone()),
        ("options", options.trim_start().to_owned()),
        ("outcome", ended(&job.counts)),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(console.out(), "{name:<9}{}", cell::plain(value))?;
    }
    Ok(())
}

/// Writes the job as a JSON object, with its items one by one, because there may be many.
fn write_json(
    client: Option<&Client>,
    store: &mut dyn Store,
    job: &Job,
    with: Option<With>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let record = serde_json::to_string_pretty(&JobRecord::new(job)).map_err(std::io::Error::from)?;
    if client.is_none() && with.is_none() {
        return Ok(writeln!(console.out(), "{record}")?);
    }
    let record = record.trim_end_matches(['\n', '}']).trim_end();
    write!(console.out(), "{record},\n  \"items\": [")?;
    let mut separator = "\n    ";
    let mut write = |text: &str| -> Result<(), Failure> {
        write!(console.out(), "{separator}{text}")?;
        separator = ",\n    ";
        Ok(())
    };
    match (client, with) {
        (Some(client), _) => reconcile::items(client, store, job, &mut write)?,
        (None, Some(with)) => {
            let lines = JobOptions::of(job).lines;
            report::each(store, &job.id, with.selection(), |item| {
                write(&serde_json::to_string(&Row::new(&item, &lines)).map_err(std::io::Error::from)?)
            })?;
        }
        (None, None) => {}
    }
    Ok(writeln!(console.out(), "\n  ]\n}}")?)
}
