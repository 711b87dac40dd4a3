//! A run of a job: sends what is left, and reports how it ended.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use things_core::{Error, ErrorKind, FeedClient, LedgerError};
use things_store::{Counts, Job, Store};
use things_ureq::Client;

use super::counted_ledger::CountedLedger;
use super::ledger::Ledger;
use super::numbers::Numbers;
use super::pace::Pace;
use super::pulse::{Progress, Pulse};
use super::summary::{ended, hints, may_have_arrived};
use crate::console::Console;
use crate::count::number;
use crate::database::in_lines as lines_of;
use crate::failure::{ExitStatus, Failure, exit_status, in_lines};
use crate::interrupt::{Interrupt, Verdict};

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A run of its own. `again`: what the service refused is sent again.
    Open { again: bool },
    /// A worker of a run that goes on.
    Join,
}

/// A job that is about to be run.
pub(super) struct JobRun {
    pub(super) client: Client,
    pub(super) ledger: Ledger,
    pub(super) job: Job,
    pub(super) pace: Pace,
    pub(super) entry: Entry,
    pub(super) progress: Progress,
    /// The settings of the command, for another one.
    pub(super) settings: String,
}

/// The failure of a run that could not open its ledger. `command` does it again.
pub(super) fn not_opened(error: &LedgerError, command: &str) -> Failure {
    let text = format!("error: {}\nhint: nothing was sent; once this is fixed: {command}", lines_of(error));
    Failure::Run(ExitStatus::Failed, text)
}

impl JobRun {
    /// Opens the job, and [sends](Self::send) what is left of it.
    pub(super) fn open(self, store: Box<dyn Store>, console: &mut Console<'_>) -> Result<Job, Failure> {
        let account = self.client.session().config().account();
        let opened = match self.entry {
            Entry::Open { again } => store.open(&self.job.id, &account, again),
            Entry::Join => store.join(&self.job.id, &account),
        };
        let opened = opened.map_err(|error| not_opened(&error, &self.rest()))?;
        self.send(opened, console)
    }

    /// Sends what is left of the job, and returns the job as it is then. An early end is a failure that shows how to
    /// continue.
    pub(super) fn send(
        self,
        opened: Box<dyn things_core::Ledger>,
        console: &mut Console<'_>,
    ) -> Result<Job, Failure> {
        let again = self.entry == Entry::Open { again: true };
        let numbers = Numbers::new(&self.counts_at_start(), again);
        let pulse = (self.progress == Progress::Json).then(|| Pulse::start(self.job.id.as_str(), numbers));
        if self.progress != Progress::Auto {
            console.hide_progress();
        }
        let client = console.watched(self.client.clone());
        let show: Box<dyn Fn(Numbers) + Send> = match (&pulse, console.progress()) {
            (Some(pulse), _) => Box::new(pulse.show()),
            (None, Some(state)) => Box::new(move |numbers| state.downlinks(numbers)),
            (None, None) => Box::new(|_| ()),
        };
        show(numbers);
        let waits = Arc::new(Mutex::new(None));
        let show = self.with_waits(show, Arc::clone(&waits), console);
        let ledger = CountedLedger::new(opened, numbers, show);
        let timeout = client.session().config().limits().timeout;
        let mut run = client.send_downlinks(ledger, self.pace.run_options(timeout));
        let signals = Arc::new(AtomicU32::new(0));
        let (stopper, seen) = (run.stopper(), Arc::clone(&signals));
        let interrupt = Interrupt::handle(console, move || match seen.fetch_add(1, Ordering::Relaxed) {
            0 => {
                stopper.stop();
                Verdict::GoOn(
                    "interrupted: waiting for the downlinks in flight; Ctrl-C again stops at once".into(),
                )
            }
            1 => {
                stopper.abort();
                Verdict::GoOn("interrupted again: not waiting".into())
            }
            _ => Verdict::Die(None),
        });
        let (mut failure, mut unrecorded) = (None, 0);
        for sent in run.by_ref() {
            match sent {
                Ok(sent) => unrecorded += u64::from(!sent.recorded),
                Err(error) => failure = Some(error),
            }
        }
        // This closes the ledger.
        drop(run);
        drop(interrupt);
        drop(pulse);
        console.end_progress();
        let job = self.job_now();
        let waits = waits.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_stopped = signals.load(Ordering::Relaxed) > 0;
        match failure {
            // The last signal did not wait for the downlinks in flight.
            Some(error) if is_stopped && error.kind() == ErrorKind::Cancelled => {
                Err(self.interrupted(&job?, waits))
            }
            Some(error) => Err(self.failed(&error, job.as_ref().ok(), unrecorded, console)),
            None => {
                let job = job?;
                if is_stopped && !job.counts.is_finished() {
                    return Err(self.interrupted(&job, waits));
                }
                Ok(job)
            }
        }
    }

    /// Also keeps a description of what waits for its device, and writes it to stderr the first time.
    fn with_waits(
        &self,
        show: Box<dyn Fn(Numbers) + Send>,
        waits: Arc<Mutex<Option<String>>>,
        console: &mut Console<'_>,
    ) -> Box<dyn Fn(Numbers) + Send> {
        let Some(per_device) = self.pace.per_device() else { return show };
        // JSON has it as `next_at`.
        let is_silent = AtomicBool::new(self.progress == Progress::Json || console.is_quiet());
        let state = console.progress();
        Box::new(move |numbers| {
            let now = numbers.waits(&per_device);
            if let Some(text) = now.as_ref().filter(|_| !is_silent.load(Ordering::Relaxed)) {
                is_silent.store(true, Ordering::Relaxed);
                // That it cannot be written is no reason to stop.
                let write = || drop(io::stderr().write_all(format!("{text}\n").as_bytes()));
                match &state {
                    Some(state) => state.hidden(write),
                    None => write(),
                }
            }
            *waits.lock().unwrap_or_else(PoisonError::into_inner) = now;
            show(numbers);
        })
    }

    /// The counts before the run, as the run finds them.
    fn counts_at_start(&self) -> Counts {
        let counts = self.job.counts;
        // Where one process uses the ledger at a time, what an earlier one was sending has become unknown.
        match self.ledger.is_shared() {
            true => counts,
            false => Counts { unknown: counts.unknown + counts.sending, sending: 0, ..counts },
        }
    }

    fn job_now(&self) -> Result<Job, Failure> {
        self.ledger.find(self.job.id.as_str()).map(|(_, job)| job)
    }

    fn failed(&self, error: &Error, job: Option<&Job>, unrecorded: u64, console: &Console<'_>) -> Failure {
        let mut lines = vec![console.located(in_lines(error, None))];
        let mut status = exit_status(error);
        if unrecorded > 0 {
            let outcomes = number(unrecorded, "outcome");
            lines.push(format!(
                "{outcomes} could not be recorded: the next run finds these downlinks unknown"
            ));
        }
        match job {
            Some(job) => {
                lines.extend(self.summary(job));
                if may_have_arrived(&job.counts) {
                    status = ExitStatus::Unknown;
                }
            }
            None => lines.push(format!("hint: to send the rest: {}", self.rest())),
        }
        Failure::Run(status, lines.join("\n"))
    }

    /// `waits` describes what had to wait.
    fn interrupted(&self, job: &Job, waits: Option<String>) -> Failure {
        let mut lines = self.summary(job);
        if let Some(waits) = waits {
            lines.insert(1, waits);
        }
        let text = lines.join("\n");
        match may_have_arrived(&job.counts) {
            true => Failure::Run(ExitStatus::Unknown, text),
            false => Failure::Interrupted(text),
        }
    }

    /// How far the job is, and what to do next.
    fn summary(&self, job: &Job) -> Vec<String> {
        let mut lines = vec![ended(&job.counts)];
        lines.extend(hints(&self.ledger, job, &self.rest(), &self.settings));
        lines
    }

    /// The command that sends the rest.
    fn rest(&self) -> String {
        let command = match self.entry {
            Entry::Open { .. } => "jobs resume",
            Entry::Join => "work",
        };
        self.ledger.command(&format!("{command} {}", self.job.id)) + &self.settings
    }
}
