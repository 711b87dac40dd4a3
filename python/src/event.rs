//! Events of calls, for Python's `logging.getLogger("kpn_things")` and for `on_event`.

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::callback::{call, call_method};
use crate::lock::lock;
use crate::options::Hook;
use crate::process::OfProcess;

const INFO: u8 = 20;

/// An event of a call. `kpn_things._events.Event` documents the fields.
#[derive(Default)]
pub(crate) struct Event {
    pub(crate) kind: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) method: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) elapsed: Duration,
    pub(crate) wait: Option<Duration>,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) external_reference: Option<String>,
}

/// Receives the events of one call, on any thread.
pub(crate) type Sink = Box<dyn Fn(Event) + Send + Sync>;

/// Logs events, and passes them to the user's function.
#[derive(Clone)]
pub(crate) struct Reporter(Option<Hook>);

impl Reporter {
    /// Returns a reporter, if the user's function or the log needs one.
    pub(crate) fn new(py: Python<'_>, hook: Option<&Hook>) -> PyResult<Option<Self>> {
        let wanted = hook.is_some() || call_method(logger(py)?, "isEnabledFor", (INFO,))?.is_truthy()?;
        Ok(wanted.then(|| Self(hook.cloned())))
    }

    /// Reports an event. Returns an error only for an interrupt, such as `KeyboardInterrupt`.
    pub(crate) fn report(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        self.try_report(py, event).or_else(|error| print(py, error))
    }

    fn try_report(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        static REPORT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let report = REPORT.import(py, "kpn_things._log", "report")?;
        let fields = PyTuple::new(
            py,
            [
                event.kind.into_pyobject(py)?.into_any(),
                event.operation.into_pyobject(py)?.into_any(),
                event.stage.into_pyobject(py)?.into_any(),
                event.method.into_pyobject(py)?.into_any(),
                event.url.into_pyobject(py)?.into_any(),
                event.status.into_pyobject(py)?.into_any(),
                event.error.into_pyobject(py)?.into_any(),
                event.attempt.into_pyobject(py)?.into_any(),
                event.elapsed.as_secs_f64().into_pyobject(py)?.into_any(),
                event.wait.map(|wait| wait.as_secs_f64()).into_pyobject(py)?.into_any(),
                event.outcome.into_pyobject(py)?.into_any(),
                event.external_reference.into_pyobject(py)?.into_any(),
            ],
        )?;
        call(report, (self.0.as_ref().map(|hook| hook.get(py).clone()), fields)).map(drop)
    }
}

/// Logs a warning. Returns an error only for an interrupt, such as `KeyboardInterrupt`.
pub(crate) fn warn(
    py: Python<'_>,
    text: &str,
    outcome: Option<&str>,
    external_reference: Option<&str>,
) -> PyResult<()> {
    static WARN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    call(WARN.import(py, "kpn_things._log", "warn")?, (text, outcome, external_reference))
        .map(drop)
        .or_else(|error| print(py, error))
}

/// The announcements of the end of an endpoint that wait for a thread of Python to log them. Each client passes one on once
/// per path, so there are few.
#[derive(Default)]
pub(crate) struct Announcements(Mutex<Vec<String>>);

impl Announcements {
    /// The announcements of this process. A forked child cannot use those of its parent, because a thread that the child
    /// does not have may have locked them.
    pub(crate) fn of_process(_: Python<'_>) -> Arc<Self> {
        static OURS: Mutex<Option<OfProcess<Arc<Announcements>>>> = Mutex::new(None);
        let mut held = lock(&OURS);
        if let Some(ours) = held.as_ref().and_then(OfProcess::get) {
            return Arc::clone(ours);
        }
        let ours = Arc::<Self>::default();
        *held = Some(OfProcess::new(Arc::clone(&ours)));
        ours
    }

    /// Keeps an announcement, on any thread.
    pub(crate) fn add(&self, text: String) {
        lock(&self.0).push(text);
    }

    /// Logs the announcements. Returns an error only for an interrupt, such as `KeyboardInterrupt`.
    pub(crate) fn log(py: Python<'_>) -> PyResult<()> {
        let texts = mem::take(&mut *lock(&Self::of_process(py).0));
        texts.into_iter().try_for_each(|text| warn(py, &text, None, None))
    }
}

/// Prints an exception of a handler or of the user's function, because it must not replace the result of the call. An
/// interrupt is not an `Exception`. It is returned, because it must end the call.
fn print(py: Python<'_>, error: PyErr) -> PyResult<()> {
    if !error.is_instance_of::<PyException>(py) {
        return Err(error);
    }
    error.write_unraisable(py, None);
    Ok(())
}

fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static LOGGER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOGGER.import(py, "kpn_things._log", "logger")
}
