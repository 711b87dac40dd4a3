//! `things downlink bulk`: the downlinks of a file, each at most once.

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use things_core::{BulkItem, CustomerId, FeedClient, LedgerError};
use things_store::{Job, JobId, NewJob, Store};

use super::job_options::JobOptions;
use super::ledger::{Ledger, LedgerOption};
use super::lines::Lines;
use super::pace::Pace;
use super::pulse::ProgressOption;
use super::report::{Format, time};
use super::run::{Entry, JobRun, not_opened};
use super::summary::{ended, finish, hints, may_have_arrived};
use crate::console::Console;
use crate::count::number;
use crate::failure::{ExitStatus, Failure};
use crate::rows::{BulkFile, InputFormat};
use crate::shell::word;
use crate::{prompt, settings};

/// Send many downlinks from a file, each at most once
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink bulk valves.csv
  things downlink bulk valves.csv --dry-run
  things downlink bulk valves.ndjson --rate 10/s --per-device 4/day
  things downlink bulk valves.csv --yes --csv > report.csv",
    after_help = "\
The columns are dev_eui (or urn), port, one of hex, base64, text and senml, and optionally reference, not_after \
and customer. The whole file is checked before anything is sent.

Each downlink is on record in the ledger before it is sent, so that a crash never makes the tool send one twice. It ends \
as accepted, as not sent, or as unknown: then it may have arrived, and is not sent again before you have resolved it. \
A file that a job has already is sent again only after a question, or with --new-job. Ctrl-C waits for the downlinks in flight, and a second Ctrl-C does not.

The exit status is 4 if the outcome of any downlink is unknown, 1 if any was not sent, and 0 if all were accepted."
)]
pub(crate) struct Bulk {
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    progress: ProgressOption,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    ledger: LedgerOption,
    #[command(flatten)]
    settings: settings::Options,
}

/// What to send, and how.
#[derive(Args)]
struct Request {
    /// CSV or NDJSON file with a downlink per line; - reads stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// Format, csv or ndjson [default: from the content]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    input: Option<InputFormat>,
    /// Send nothing after this time (RFC 3339)
    ///
    /// It has an offset, such as 2026-07-01T18:00:00+02:00. A not_after in the file overrides it. A downlink that could not be
    /// sent in time ends as not sent.
    #[arg(long, value_name = "TIME", value_parser = not_after)]
    not_after: Option<(String, SystemTime)>,
    #[command(flatten)]
    pace: Pace,
    /// Check the file, and send nothing
    ///
    /// This does not connect to a PostgreSQL ledger.
    #[arg(long)]
    dry_run: bool,
    /// Create the job, print its id, and send nothing
    ///
    /// Then `things downlink work` sends it, on any number of machines.
    #[arg(long, conflicts_with = "dry_run")]
    create_only: bool,
    /// Send the file again, even if a job has its content
    #[arg(long)]
    new_job: bool,
    /// Do not ask before more than 100 devices are sent to
    #[arg(long)]
    yes: bool,
}

/// The store of a job, or its ledger once it is open for a run.
enum Opened {
    Not(Box<dyn Store>),
    For(Box<dyn things_core::Ledger>),
}

/// More devices than this are sent to only after a question.
const ASK: u64 = 100;

/// A time, as it was written and as it is.
fn not_after(text: &str) -> Result<(String, SystemTime), String> {
    let time = BulkItem::parse_not_after(text).map_err(|error| error.to_string())?;
    Ok((text.to_owned(), time))
}

impl Bulk {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let ledger = self.ledger.ledger()?;
        if let Some((text, time)) = &self.request.not_after
            && *time <= SystemTime::now()
        {
            return Err(Failure::Usage(format!("--not-after {text} has passed: nothing would be sent")));
        }
        let mut file = BulkFile::read(&self.request.file, self.request.input)?;
        file.warnings.iter().for_each(|warning| console.warn(warning));
        if self.request.dry_run {
            return show(&file, &ledger, console);
        }
        let settings = self.settings.given();
        let client = self.settings.client(console)?;
        let config = client.session().config();
        let (account, customer) = (config.account(), config.customer().cloned());
        let mut store = ledger.create()?;
        let job = match earlier(&mut *store, &file, &account)? {
            Some(job) if self.request.new_job => {
                console.warn(described(&job));
                None
            }
            Some(job) => {
                self.request.refuse_another_end(&job)?;
                self.request.ask_for_job(&job, &ledger, &settings)?.then_some(job)
            }
            None => None,
        };
        let (job, opened) = match job {
            Some(job) => (job, Opened::Not(store)),
            None => {
                let new = self.request.new_job(&file, account)?;
                let mut items = self.request.items(&mut file, customer);
                if self.request.create_only {
                    store.create(&new, &mut items)?;
                    return Ok(writeln!(console.out(), "{}", new.id)?);
                }
                // A job that cannot be run now is not created, because the user would repeat the command.
                let opened = store.begin(&new, &mut items);
                let opened =
                    opened.map_err(|error| not_opened(&error, &self.request.command(&ledger, &settings)))?;
                (ledger.find(new.id.as_str())?.1, Opened::For(opened))
            }
        };
        if self.request.create_only {
            return Ok(writeln!(console.out(), "{}", job.id)?);
        }
        console.say(format_args!("job: {}", job.id))?;
        let pace = self.request.pace.or(JobOptions::of(&job).pace);
        let (entry, progress) = (Entry::Open { again: false }, self.progress.progress);
        let run =
            JobRun { client, ledger: ledger.clone(), job, pace, entry, progress, settings: settings.clone() };
        let job = match opened {
            Opened::Not(store) => run.open(store, console)?,
            Opened::For(opened) => run.send(opened, console)?,
        };
        finish(&ledger, &job, self.format, &settings, console)
    }
}

/// Reports what would be sent. It leaves out a ledger that machines share, because the first use of one creates its tables.
fn show(file: &BulkFile, ledger: &Ledger, console: &mut Console<'_>) -> Result<(), Failure> {
    if !ledger.is_shared()
        && let Some(mut store) = ledger.open()?
        && let Some(job) = same_content(&mut *store, file)?.first()
    {
        console.warn(described(job));
    }
    let several = match file.several {
        0 => String::new(),
        several => format!(", more than one of them to {}", number(several, "device")),
    };
    Ok(console.say(format_args!("{} would be sent{several}; nothing was sent", size(file)))?)
}

/// What is in a file, such as `2,000 downlinks to 1,990 devices`.
fn size(file: &BulkFile) -> String {
    format!("{} to {}", number(file.count, "downlink"), number(file.devices, "device"))
}

/// The jobs of a file with the same content, the newest first.
fn same_content(store: &mut dyn Store, file: &BulkFile) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::new();
    for id in store.ids(Some(&file.digest))? {
        jobs.extend(store.job(&id)?);
    }
    Ok(jobs)
}

/// The job of an account that a file with the same content belongs to: one that is not finished, else one with unknown
/// outcomes, else the newest.
fn earlier(store: &mut dyn Store, file: &BulkFile, account: &str) -> Result<Option<Job>, Failure> {
    let jobs = same_content(store, file)?.into_iter().filter(|job| job.account == account);
    Ok(jobs.min_by_key(|job| (job.counts.is_finished(), !may_have_arrived(&job.counts))))
}

fn described(job: &Job) -> String {
    format!("the job {} of {} has the same content: {}", job.id, time(job.created), ended(&job.counts))
}

impl Request {
    /// Returns a job for all downlinks of the file, after a question if there are many devices.
    fn new_job(&self, file: &BulkFile, account: String) -> Result<NewJob, Failure> {
        if file.devices > ASK && !self.yes {
            self.ask_for_devices(file, &account)?;
        }
        let options = JobOptions {
            pace: self.pace.clone(),
            not_after: self.not_after.as_ref().map(|(text, _)| text.clone()),
            lines: Lines::new(file.lines()),
        };
        let now = SystemTime::now();
        Ok(NewJob {
            id: JobId::new(now)?,
            created: now,
            source: file.name(),
            digest: file.digest.clone(),
            account,
            options: options.json(),
        })
    }

    /// The downlinks of the file. `customer` is the sub-customer of rows that name none.
    fn items<'a>(
        &self,
        file: &'a mut BulkFile,
        customer: Option<CustomerId>,
    ) -> impl Iterator<Item = Result<BulkItem, LedgerError>> + 'a {
        let not_after = self.not_after.as_ref().map(|(_, time)| *time);
        file.items().map(move |item| {
            item.map(|item| BulkItem {
                not_after: item.not_after.or(not_after),
                customer: item.customer.or_else(|| customer.clone()),
                ..item
            })
        })
    }

    /// This command, as a user can copy it.
    fn command(&self, ledger: &Ledger, settings: &str) -> String {
        let flags = [(self.new_job, " --new-job"), (self.yes, " --yes")];
        let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| *flag).collect();
        ledger.command(&format!("bulk {}{flags}{}", word(&self.file), self.given())) + settings
    }

    /// Asks before many devices are sent to.
    fn ask_for_devices(&self, file: &BulkFile, account: &str) -> Result<(), Failure> {
        let size = size(file);
        if !self.can_ask() {
            return Err(Failure::Usage(format!(
                "{size} need a confirmation, and there is no terminal to ask at\nhint: add --yes to send them"
            )));
        }
        if prompt::confirm(&format!("Send {size} of {account}?")) { Ok(()) } else { Err(declined()) }
    }

    /// Asks what to do about a job of the same file. The result is true to resume it, and false to send everything again in
    /// a new job.
    fn ask_for_job(&self, job: &Job, ledger: &Ledger, settings: &str) -> Result<bool, Failure> {
        let is_finished = job.counts.is_finished();
        let what = format!("{}{}", described(job), if is_finished { "" } else { ", and it is not finished" });
        let rest = ledger.command(&format!("jobs resume {}", job.id)) + settings;
        let mut lines = [vec![what], hints(ledger, job, &rest, settings)].concat();
        if !self.can_ask() {
            let new = ledger.command(&format!("bulk {} --new-job{}", word(&self.file), self.given()));
            lines.push(format!("hint: to send everything again: {new}{settings}"));
            return Err(Failure::Usage(lines.join("\n")));
        }
        prompt::say(&lines.join("\n"));
        if is_finished {
            return match prompt::confirm("Send everything again as a new job?") {
                true => Ok(false),
                false => Err(declined()),
            };
        }
        match prompt::choose(
            "Resume it, send everything again as a new job, or abort? [r/n/A]",
            &['r', 'n', 'a'],
        ) {
            'r' => Ok(true),
            'n' => Ok(false),
            _ => Err(declined()),
        }
    }

    /// Refuses a command that would resume a job whose `--not-after` is another one: the ledger keeps that of each downlink.
    fn refuse_another_end(&self, job: &Job) -> Result<(), Failure> {
        let given = self.not_after.as_ref().map(|(text, _)| text);
        if given.is_none() || given == JobOptions::of(job).not_after.as_ref() || job.counts.is_finished() {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{}, but not this --not-after\nhint: resume it without the option, or send everything again with --new-job",
            described(job)
        )))
    }

    /// Whether somebody can answer. Nobody can if the file comes from stdin.
    fn can_ask(&self) -> bool {
        self.file != "-" && prompt::is_possible()
    }

    /// The options that say what to send and how, each with a space in front.
    fn given(&self) -> String {
        let format = self.input.and_then(|format| format.to_possible_value());
        let format = format.map(|format| format!(" --input {}", format.get_name())).unwrap_or_default();
        let not_after = self.not_after.as_ref().map(|(text, _)| format!(" --not-after {}", word(text)));
        let create_only = if self.create_only { " --create-only" } else { "" };
        format!("{format}{}{}{create_only}", not_after.unwrap_or_default(), self.pace.options())
    }
}

/// The user declined.
fn declined() -> Failure {
    Failure::Run(ExitStatus::Failed, "nothing was sent".into())
}
