//! Work on tokio's threads that asyncio waits for.
//!
//! One thread more, which Python has started, tells the event loops what came of it. Tokio's threads call no Python: to
//! attach, each of them would take a lock of the interpreter that a forked child finds locked for ever (CPython 3.11).

use std::future::Future;
use std::iter;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::callback::{call, call_method};
use crate::process::OfProcess;

/// Begins work, and gives the `asyncio.Future` that will hold what `convert` makes of its result. Cancelling the future
/// drops the work where it stands.
///
/// `convert` runs as a callback of asyncio would: on the thread of the event loop, and in the context of the caller. It
/// logs, and handlers of logs look at both.
pub(crate) fn begin<'py, T: Send + 'static>(
    py: Python<'py>,
    work: impl Future<Output = T> + Send + 'static,
    convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = running_loop(py)?;
    let future = call_method(&event_loop, "create_future", ())?;
    let context = call(COPY_CONTEXT.import(py, "contextvars", "copy_context")?, ())?;
    let call_soon = event_loop.getattr("call_soon_threadsafe")?.unbind();
    let run_in_context = context.getattr("run")?.unbind();
    let waiting = future.clone().unbind();
    let (runtime, news) = workers(py)?;
    let task = runtime.spawn(async move {
        let value = work.await;
        let outcome: Outcome = Box::new(move |py| convert(py, value));
        let tell = move |py: Python<'_>| {
            let settle = Settle { future: waiting, outcome: Mutex::new(Some(outcome)) };
            // A loop that was closed meanwhile takes no calls, and nobody waits.
            drop(call(call_soon.bind(py), (run_in_context, settle)));
        };
        // The messenger ends with the interpreter, before us.
        let _ = news.send(Box::new(tell));
    });
    call_method(&future, "add_done_callback", (Abort(OfProcess::new(task.abort_handle())),))?;
    Ok(future)
}

/// The function is looked up each time, for trio-asyncio replaces it.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static ASYNCIO: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let asyncio = ASYNCIO.get_or_try_init(py, || py.import("asyncio").map(Bound::unbind))?.bind(py);
    call_method(asyncio, "get_running_loop", ()).map_err(|_| {
        PyRuntimeError::new_err("no event loop of asyncio runs here; under trio, trio-asyncio brings one")
    })
}

type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Puts the outcome into its future, on the thread of the event loop.
#[pyclass(frozen)]
struct Settle {
    future: Py<PyAny>,
    outcome: Mutex<Option<Outcome>>,
}

#[pymethods]
impl Settle {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        let future = self.future.bind(py);
        let cancelled = call_method(future, "done", ())?.is_truthy()?;
        let Some(outcome) = outcome.filter(|_| !cancelled) else { return Ok(()) };
        match outcome(py) {
            Ok(value) => call_method(future, "set_result", (value,))?,
            Err(error) => call_method(future, "set_exception", (error.into_value(py),))?,
        };
        Ok(())
    }
}

/// Drops the work of a future that is done: only a cancelled one still has some.
#[pyclass(frozen)]
struct Abort(OfProcess<AbortHandle>);

#[pymethods]
impl Abort {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        if let Some(task) = self.0.get() {
            task.abort();
        }
    }
}

/// The threads of a process: tokio's, and the messenger.
struct Workers {
    runtime: Runtime,
    news: Sender<News>,
}

/// What the messenger does for tokio's threads.
type News = Box<dyn FnOnce(Python<'_>) + Send>;

/// The ways to the threads of this process. A fork leaves them behind, so a child gets others.
fn workers(py: Python<'_>) -> PyResult<(Handle, Sender<News>)> {
    static WORKERS: Mutex<Option<OfProcess<Workers>>> = Mutex::new(None);
    let mut held = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Workers { runtime, news }) = held.as_ref().and_then(OfProcess::get) {
        return Ok((runtime.handle().clone(), news.clone()));
    }
    let runtime =
        Builder::new_multi_thread().thread_name("kpn-things").enable_all().build().map_err(|error| {
            PyRuntimeError::new_err(format!("no threads for asyncio to wait for: {error}"))
        })?;
    let (news, inbox) = mpsc::channel();
    let messenger = Messenger(Mutex::new(Some(inbox)));
    py.import("_thread")?.call_method1("start_new_thread", (messenger, PyTuple::empty(py)))?;
    let ways = (runtime.handle().clone(), news.clone());
    *held = Some(OfProcess::new(Workers { runtime, news }));
    Ok(ways)
}

/// Runs on the thread that tells event loops what came of their work.
#[pyclass(frozen)]
struct Messenger(Mutex<Option<Receiver<News>>>);

#[pymethods]
impl Messenger {
    fn __call__(&self, py: Python<'_>) {
        let inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut inbox) = inbox else { return };
        loop {
            let waiting = &mut inbox;
            let Ok(first) = py.detach(move || waiting.recv()) else { return };
            iter::once(first).chain(inbox.try_iter()).for_each(|tell| tell(py));
        }
    }
}
