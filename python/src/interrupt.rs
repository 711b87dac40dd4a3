//! Blocking calls that Ctrl-C can end.
//!
//! Python runs signal handlers on the main thread alone, and only between its own instructions. So a call made there is
//! done by a thread of ours, while the main thread looks for signals every 50 ms. On other threads a call just blocks.

use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

const LOOK: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce() + Send>;

/// The thread that works for the main thread. A fork leaves it behind in the parent, so it belongs to a process.
struct Worker {
    process: u32,
    jobs: SyncSender<Job>,
}

static WORKER: Mutex<Option<Worker>> = Mutex::new(None);

/// Does a blocking job without holding the interpreter. A signal's exception ends the wait; the job then ends by itself,
/// and what it made is dropped.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    job: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    if !on_main_thread(py)? {
        return Ok(py.detach(job));
    }
    let (done, mut result) = sync_channel(1);
    hand_over(Box::new(move || {
        // Nobody waits any more after an interrupt.
        let _ = done.send(job());
    }))?;
    loop {
        let waiting = &mut result;
        match py.detach(move || waiting.recv_timeout(LOOK)) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals().inspect_err(|_| abandon())?;
            }
            Err(RecvTimeoutError::Disconnected) => {
                abandon();
                return Err(PyRuntimeError::new_err("the call panicked: please report this as a bug"));
            }
        }
    }
}

fn hand_over(job: Job) -> PyResult<()> {
    let mut worker = WORKER.lock().unwrap_or_else(PoisonError::into_inner);
    let living = worker.take().filter(|worker| worker.process == process::id());
    let living = match living {
        Some(living) => living,
        None => {
            let (jobs, queue): (_, Receiver<Job>) = sync_channel(1);
            thread::Builder::new()
                .name("kpn-things".into())
                .spawn(move || queue.into_iter().for_each(|job| job()))
                .map_err(|error| PyRuntimeError::new_err(format!("no thread for the call: {error}")))?;
            Worker { process: process::id(), jobs }
        }
    };
    let sent = living.jobs.send(job);
    *worker = Some(living);
    sent.map_err(|_| PyRuntimeError::new_err("the thread for calls is gone: please report this as a bug"))
}

/// Leaves the worker to its job; the next call gets another.
fn abandon() {
    *WORKER.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let main = MAIN.import(py, "threading", "main_thread")?.call0()?.getattr("ident")?;
    main.eq(IDENT.import(py, "threading", "get_ident")?.call0()?)
}
