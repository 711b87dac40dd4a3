//! A ledger of jobs, for `kpn_things.Ledger`. All methods block, and none sends anything.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use things_store::{ItemState, Job, JobId, LedgerError, Resolution, StoredItem};

use crate::arguments::refuse;
use crate::bulk::no_job;
use crate::error::raise;
use crate::item::{BulkItem, time_to_python};

/// A ledger by its name. Each method opens it for as long as it takes.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Store {
    name: String,
}

impl Store {
    /// Does something with the ledger, without holding the interpreter.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut dyn things_store::Store) -> Result<T, LedgerError> + Send,
    ) -> PyResult<T> {
        py.detach(|| work(&mut *things_store::open_from_env(&self.name)?))
            .map_err(|error| raise(py, &error.into()))
    }
}

#[pymethods]
impl Store {
    #[new]
    fn new(py: Python<'_>, name: String) -> PyResult<Self> {
        things_store::is_postgres(&name).map_err(|error| raise(py, &error.into()))?;
        Ok(Self { name })
    }

    /// The path, or the URL without its password.
    #[getter]
    fn name(&self) -> String {
        things_store::without_password(&self.name)
    }

    /// All jobs, the newest first. Each is a tuple of the fields of `kpn_things.Job`.
    fn jobs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let jobs = self.with(py, |store| store.jobs())?;
        jobs.into_iter().map(|job| job_to_python(py, job)).collect()
    }

    /// A job.
    fn job<'py>(&self, py: Python<'py>, id: &str) -> PyResult<Bound<'py, PyTuple>> {
        let job = self.with(py, |store| {
            let id: JobId = id.parse()?;
            store.job(&id)?.ok_or_else(|| no_job(&id))
        })?;
        job_to_python(py, job)
    }

    /// Up to `most` items of a job from `first` on. Each is a tuple of the fields of `kpn_things.JobItem`.
    fn items<'py>(
        &self,
        py: Python<'py>,
        id: &str,
        state: Option<&str>,
        first: u64,
        most: usize,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let state = state.map(|name| {
            let known = ItemState::ALL.into_iter().find(|state| state.as_str() == name);
            known.ok_or_else(|| refuse(format!("state is {name:?}: pass one of {}", names())))
        });
        let state = state.transpose()?;
        let items = self.with(py, |store| store.items(&id.parse()?, state, first, most))?;
        items.into_iter().map(|item| item_to_python(py, item)).collect()
    }

    /// Records what a person found out about an unknown item.
    fn resolve(&self, py: Python<'_>, id: &str, index: u64, outcome: &str) -> PyResult<()> {
        let resolution = match outcome {
            "accepted" => Resolution::Accepted,
            "not_sent" => Resolution::NotSent,
            _ => return Err(refuse(format!("outcome is {outcome:?}: pass \"accepted\" or \"not_sent\""))),
        };
        self.with(py, |store| store.resolve(&id.parse()?, index, resolution))
    }

    /// Removes a job with all of its items.
    fn remove(&self, py: Python<'_>, id: &str) -> PyResult<()> {
        self.with(py, |store| store.remove(&id.parse()?))
    }
}

fn names() -> String {
    ItemState::ALL.map(|state| format!("\"{}\"", state.as_str())).join(", ")
}

fn job_to_python<'py>(py: Python<'py>, job: Job) -> PyResult<Bound<'py, PyTuple>> {
    let counts = job.counts;
    let numbers =
        (counts.pending, counts.sending, counts.accepted, counts.not_sent, counts.unknown, counts.resumable);
    let created = time_to_python(py, job.created)?;
    (job.id.as_str(), created, job.source, job.account, numbers).into_pyobject(py)
}

fn item_to_python<'py>(py: Python<'py>, stored: StoredItem) -> PyResult<Bound<'py, PyTuple>> {
    let time = |time: Option<_>| time.map(|time| time_to_python(py, time)).transpose();
    (
        stored.index,
        Bound::new(py, BulkItem(stored.item))?,
        stored.state.as_str(),
        stored.tries,
        stored.attempts,
        stored.status,
        stored.detail,
        time(stored.claimed)?,
        time(stored.ended)?,
        stored.resumable,
    )
        .into_pyobject(py)
}
