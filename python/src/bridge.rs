//! Work on tokio's threads that asyncio waits for.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::{mem, process};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// Begins work, and gives the `asyncio.Future` that will hold what `convert` makes of its result. Cancelling the future
/// drops the work where it stands.
pub(crate) fn begin<'py, T: Send + 'static>(
    py: Python<'py>,
    work: impl Future<Output = T> + Send + 'static,
    convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>> {
    static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
    let future = event_loop.call_method0("create_future")?;
    let (to, waiting) = (event_loop.unbind(), future.clone().unbind());
    let task = runtime()?.spawn(async move {
        let value = work.await;
        // There is nobody to tell once the interpreter is on its way out.
        Python::try_attach(|py| {
            let outcome = convert(py, value);
            let settle = Settle { future: waiting, outcome: Mutex::new(Some(outcome)) };
            // A loop that was closed meanwhile takes no calls, and nobody waits.
            drop(to.call_method1(py, "call_soon_threadsafe", (settle,)));
        });
    });
    future.call_method1("add_done_callback", (Abort(task.abort_handle()),))?;
    Ok(future)
}

/// Puts the outcome into its future, on the thread of the event loop.
#[pyclass(frozen)]
struct Settle {
    future: Py<PyAny>,
    outcome: Mutex<Option<PyResult<Py<PyAny>>>>,
}

#[pymethods]
impl Settle {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        let future = self.future.bind(py);
        if future.call_method0("done")?.is_truthy()? {
            return Ok(());
        }
        match outcome {
            Some(Ok(value)) => future.call_method1("set_result", (value,))?,
            Some(Err(error)) => future.call_method1("set_exception", (error.into_value(py),))?,
            None => return Ok(()),
        };
        Ok(())
    }
}

/// Drops the work of a future that is done: only a cancelled one still has some.
#[pyclass(frozen)]
struct Abort(AbortHandle);

#[pymethods]
impl Abort {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        self.0.abort();
    }
}

/// The runtime of this process. A fork leaves its threads behind, so a child gets one of its own.
fn runtime() -> PyResult<Arc<Runtime>> {
    static RUNTIME: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);
    let mut held = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, runtime)) = &*held
        && *process == process::id()
    {
        return Ok(Arc::clone(runtime));
    }
    let runtime =
        Builder::new_multi_thread().thread_name("kpn-things").enable_all().build().map_err(|error| {
            PyRuntimeError::new_err(format!("no threads for asyncio to wait for: {error}"))
        })?;
    let runtime = Arc::new(runtime);
    // Dropping the parent's would wait for threads that this process does not have.
    mem::forget(held.replace((process::id(), Arc::clone(&runtime))));
    Ok(runtime)
}
