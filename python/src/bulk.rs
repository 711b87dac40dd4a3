//! A run of many downlinks that has not started, for either client, and what both make of its items.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use things_core::{
    BulkItem as CoreItem, Error, ErrorKind, Granted, Ledger, LedgerError, MemoryLedger, Outcome, Run,
    RunOptions, RunProgress, Sent, Transaction,
};
use things_store::{JobId, NewJob};

use crate::arguments::{duration, refuse, seconds};
use crate::callback::call;
use crate::error::raise;
use crate::event;
use crate::item::BulkItem;
use crate::lock::lock;
use crate::receipt::Receipt;
use crate::rows;

/// The run of either client.
pub(crate) type BulkRun = Run<Opening>;

/// Which downlinks to send, through which ledger, and how. A client starts it once.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Bulk {
    content: Mutex<Option<Content>>,
    options: RunOptions,
    timeout: Option<Duration>,
    /// The number of downlinks.
    #[pyo3(get)]
    size: u64,
    /// The id of the job in the ledger.
    #[pyo3(get)]
    job: Option<String>,
}

/// What is sent.
enum Content {
    Memory(Vec<CoreItem>),
    New { ledger: String, job: JobId, source: String, items: Vec<CoreItem> },
    Stored { ledger: String, job: JobId, again: bool, join: bool },
}

/// The options of a run, as Python passes them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    window: usize,
    spare: usize,
    rate: Option<u32>,
    per_device: Option<u32>,
    max_tries: u32,
    #[pyo3(from_py_with = seconds)]
    patience: Option<f64>,
    #[pyo3(from_py_with = seconds)]
    timeout: Option<f64>,
}

#[pymethods]
impl Bulk {
    /// The downlinks of rows, which are all checked here. Without a ledger, they are kept in memory.
    #[staticmethod]
    fn rows(
        rows: &Bound<'_, PyAny>,
        not_after: Option<&Bound<'_, PyAny>>,
        ledger: Option<String>,
        source: String,
        options: Options,
    ) -> PyResult<Self> {
        let (options, timeout) = options.core(rows.py())?;
        let not_after = not_after.map(rows::not_after).transpose()?;
        let items = rows::all(rows, not_after)?;
        let size = items.len() as u64;
        let job = ledger.is_some().then(new_job).transpose()?;
        let content = match (ledger, job.clone()) {
            (Some(ledger), Some(job)) => Content::New { ledger, job, source, items },
            _ => Content::Memory(items),
        };
        let job = job.map(|job| job.to_string());
        Ok(Self { content: Mutex::new(Some(content)), options, timeout, size, job })
    }

    /// The downlinks that a job has left. `again` includes those that the service refused. `join` shares the run that
    /// another worker has begun.
    #[staticmethod]
    fn stored(
        py: Python<'_>,
        ledger: String,
        job: &str,
        again: bool,
        join: bool,
        options: Options,
    ) -> PyResult<Self> {
        let (options, timeout) = options.core(py)?;
        let found = py.detach(|| {
            let job: JobId = job.parse()?;
            let found = things_store::open_from_env(&ledger)?.job(&job)?;
            found.ok_or_else(|| no_job(&job)).map(|found| (job, found.counts))
        });
        let (job, counts) = found.map_err(|error| raise(py, &error.into()))?;
        let size = counts.pending + if again { counts.not_sent } else { counts.resumable };
        let name = job.to_string();
        let content = Mutex::new(Some(Content::Stored { ledger, job, again, join }));
        Ok(Self { content, options, timeout, size, job: Some(name) })
    }
}

/// The error for a job that a ledger does not have.
pub(crate) fn no_job(id: &JobId) -> LedgerError {
    LedgerError::new(format!("there is no job {id} in the ledger"))
        .hint("list the jobs of this ledger, or name the ledger that the job was created in")
}

impl Options {
    fn core(self, py: Python<'_>) -> PyResult<(RunOptions, Option<Duration>)> {
        let positive = |name: &str, number: Option<u32>| {
            let number =
                number.map(|number| NonZeroU32::new(number).ok_or(format!("{name} is 0: pass at least 1")));
            number.transpose().map_err(refuse)
        };
        let timeout = self.timeout.map(|seconds| duration("timeout", seconds)).transpose()?;
        let defaults = RunOptions::default();
        let options = RunOptions {
            window: self.window,
            spare: self.spare,
            rate: positive("rate", self.rate)?,
            per_device: positive("per_device", self.per_device)?,
            max_tries: self.max_tries,
            patience: match self.patience {
                Some(seconds) => duration("patience", seconds)?,
                None => defaults.patience,
            },
            timeout: defaults.timeout,
        };
        options.check().map_err(|error| raise(py, &error.into()))?;
        Ok((options, timeout))
    }
}

impl Bulk {
    /// Returns the ledger of the run and its options, once. `account` owns the job, and `timeout` is that of the client.
    pub(crate) fn start(&self, account: String, timeout: Duration) -> PyResult<(Opening, RunOptions)> {
        let content = lock(&self.content).take();
        let content = content.ok_or_else(|| PyRuntimeError::new_err("the run has started already"))?;
        let options = RunOptions { timeout: self.timeout.unwrap_or(timeout), ..self.options.clone() };
        let state = match content {
            Content::Memory(items) => State::Open(Box::new(MemoryLedger::new(items))),
            content => State::Waiting(Some(content), account),
        };
        Ok((Opening(state), options))
    }

    pub(crate) fn window(&self) -> usize {
        self.options.window
    }
}

fn new_job() -> PyResult<JobId> {
    JobId::new(SystemTime::now()).map_err(|error| refuse(error.to_string()))
}

/// A ledger that is opened by its first transaction, because that happens where blocking is allowed.
pub(crate) struct Opening(State);

enum State {
    /// What to open, for which account.
    Waiting(Option<Content>, String),
    Open(Box<dyn Ledger>),
    Failed(LedgerError),
}

impl Opening {
    fn open(content: Content, account: String) -> Result<Box<dyn Ledger>, LedgerError> {
        match content {
            Content::Memory(items) => Ok(Box::new(MemoryLedger::new(items))),
            Content::New { ledger, job, source, items } => {
                let store = things_store::open_from_env(&ledger)?;
                let new = NewJob {
                    id: job,
                    created: SystemTime::now(),
                    source,
                    digest: String::new(),
                    account,
                    options: String::new(),
                };
                store.begin(&new, &mut items.into_iter().map(Ok))
            }
            Content::Stored { ledger, job, again, join } => {
                let store = things_store::open_from_env(&ledger)?;
                if join { store.join(&job, &account) } else { store.open(&job, &account, again) }
            }
        }
    }
}

impl Ledger for Opening {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        if let State::Waiting(content, account) = &mut self.0
            && let Some(content) = content.take()
        {
            self.0 = match Self::open(content, std::mem::take(account)) {
                Ok(ledger) => State::Open(ledger),
                Err(error) => State::Failed(lasting(&error)),
            };
        }
        match &mut self.0 {
            State::Open(ledger) => ledger.commit(transaction),
            State::Failed(error) => Err(error.clone()),
            State::Waiting(..) => Err(LedgerError::new("the ledger was not opened")),
        }
    }

    fn abandon(&mut self) -> Vec<(u64, CoreItem)> {
        match &mut self.0 {
            State::Open(ledger) => ledger.abandon(),
            _ => Vec::new(),
        }
    }
}

/// The error of a ledger that cannot be opened. Nothing has been sent, so the run does not wait for a better time.
fn lasting(error: &LedgerError) -> LedgerError {
    let lasting = LedgerError::new(error.message());
    match error.advice() {
        Some(hint) => lasting.hint(hint),
        None => lasting,
    }
}

/// Items that have ended, in order. An error is the last.
pub(crate) type Batch = VecDeque<Result<Sent, Error>>;

/// The numbers of a run so far. They can be read while items are fetched.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<RunProgress>>);

impl Known {
    pub(crate) fn update(&self, progress: RunProgress) {
        *lock(&self.0) = progress;
    }

    /// Accepted, not sent, unknown, in flight and retried, and whether the run waits.
    pub(crate) fn numbers(&self) -> (u64, u64, u64, usize, u64, bool) {
        let now = *lock(&self.0);
        (now.accepted, now.not_sent, now.unknown, now.in_flight, now.retried, now.is_held)
    }
}

/// Converts an item that has ended. Logs a warning if it may have arrived.
pub(crate) fn sent_to_python(py: Python<'_>, sent: Sent) -> PyResult<Py<PyAny>> {
    static SENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let outcome = sent.outcome();
    if let Err(error) = &sent.result
        && outcome == Outcome::Unknown
    {
        event::warn(py, &error.to_string(), Some(outcome.as_str()), error.external_reference())?;
    }
    let (receipt, error) = match sent.result {
        Ok(receipt) => (Some(Bound::new(py, Receipt::from_core(receipt))?), None),
        Err(error) => (None, Some(raise(py, &error).into_value(py))),
    };
    let item = Bound::new(py, BulkItem(sent.item))?;
    let make = SENT.import(py, "kpn_things._run", "Sent")?;
    let fields = (item, sent.index, outcome.as_str(), receipt, error, sent.tries, sent.recorded);
    Ok(call(make, fields)?.unbind())
}

/// Warns about the downlinks whose requests were in flight when their run was closed.
pub(crate) fn warn_of(py: Python<'_>, rest: Batch) -> PyResult<()> {
    rest.into_iter().flatten().try_for_each(|sent| match &sent.result {
        Err(error) if error.kind() == ErrorKind::Cancelled && sent.outcome() == Outcome::Unknown => {
            event::warn(py, &error.to_string(), Some("unknown"), error.external_reference())
        }
        _ => Ok(()),
    })
}
