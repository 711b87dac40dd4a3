//! Blocking calls that Ctrl-C can end.
//!
//! Python runs signal handlers on the main thread alone, and only between its own instructions. So a call made there is
//! done by a thread of ours, while the main thread looks for signals every 50 ms. On other threads a call just blocks.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use std::{process, thread};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::callback::call;
use crate::process::OfProcess;

const LOOK: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce() + Send>;

/// The way to a thread that does jobs for the main thread, and ends once nobody can send it more.
type Worker = OfProcess<SyncSender<Job>>;

/// Does a blocking job without holding the interpreter. A signal's exception ends the wait; the job is then no longer
/// wanted, ends by itself, and what it made is dropped.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    job: impl FnOnce(&Wanted) -> T + Send + 'static,
) -> PyResult<T> {
    let waiter = Arc::new(());
    let wanted = Wanted(Arc::downgrade(&waiter));
    if !on_main_thread(py)? {
        return Ok(py.detach(move || job(&wanted)));
    }
    let (done, mut result) = sync_channel(1);
    let job = Box::new(move || {
        // Nobody waits any more after an interrupt.
        let _ = done.send(job(&wanted));
    });
    let (worker, began) = (give(job)?, process::id());
    loop {
        let waiting = &mut result;
        match py.detach(move || waiting.recv_timeout(LOOK)) {
            Ok(value) => {
                *idle() = Some(worker);
                return Ok(value);
            }
            // A signal handler may make calls of its own; they get another worker.
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals()?;
                if process::id() != began {
                    return Err(PyRuntimeError::new_err(
                        "the call goes on in the process that made it, not in its fork",
                    ));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call panicked: please report this as a bug"));
            }
        }
    }
}

/// Tells a job whether somebody still waits for it.
pub(crate) struct Wanted(Weak<()>);

impl Wanted {
    pub(crate) fn still(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Gives the job to the worker that is idle, or to a new one.
fn give(job: Job) -> PyResult<Worker> {
    let idle = idle().take().and_then(OfProcess::take);
    let worker = idle.map_or_else(hire, Ok)?;
    worker
        .send(job)
        .map_err(|_| PyRuntimeError::new_err("the thread for calls is gone: please report this as a bug"))?;
    Ok(OfProcess::new(worker))
}

fn hire() -> PyResult<SyncSender<Job>> {
    let (jobs, queue): (_, Receiver<Job>) = sync_channel(1);
    thread::Builder::new()
        .name("kpn-things".into())
        .spawn(move || queue.into_iter().for_each(|job| job()))
        .map_err(|error| PyRuntimeError::new_err(format!("no thread for the call: {error}")))?;
    Ok(jobs)
}

/// The worker that waits for the next call.
fn idle() -> MutexGuard<'static, Option<Worker>> {
    static IDLE: Mutex<Option<Worker>> = Mutex::new(None);
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let main = call(MAIN.import(py, "threading", "main_thread")?, ())?.getattr("ident")?;
    main.eq(call(IDENT.import(py, "threading", "get_ident")?, ())?)
}
