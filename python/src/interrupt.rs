//! Blocking calls that Ctrl-C can end.
//!
//! Python runs signal handlers only on the main thread, and only between its own instructions. So a worker thread makes
//! the call, while the main thread looks for signals every 50 ms. On other threads a call just blocks,
//! unless it has events to report.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::callback::call;
use crate::event::{Event, Reporter, Sink};
use crate::lock::lock;
use crate::process::OfProcess;

const LOOK: Duration = Duration::from_millis(50);

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does jobs for the main thread, and ends once its sender is gone.
struct Worker {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

/// What a job sends to the main thread.
enum Message<T> {
    Event(Event),
    Done(T),
}

/// Does a blocking job without holding the interpreter. If there is a reporter, the job gets a sink for its events.
///
/// An exception from a signal handler ends the wait. The job goes on, and its result is dropped.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    reporter: Option<&Reporter>,
    job: impl FnOnce(Option<Sink>) -> T + Send + 'static,
) -> PyResult<T> {
    // A call may hold a lead that others wait for, such as that of the token, so Python code must not run inside it.
    if reporter.is_none() && !on_main_thread(py)? {
        return Ok(py.detach(move || job(None)));
    }
    let (sender, messages) = channel();
    let events = sender.clone();
    let sink = reporter.map(|_| -> Sink { Box::new(move |event| drop(events.send(Message::Event(event)))) });
    let job = Box::new(move || {
        // After an interrupt, nothing waits for the result.
        let _ = sender.send(Message::Done(job(sink)));
    });
    let (worker, mut messages) = (give(job)?, OfProcess::new(messages));
    loop {
        // A signal handler or the user's function may have forked.
        let waiting = messages.get_mut().ok_or_else(forked)?;
        match py.detach(move || waiting.recv_timeout(LOOK)) {
            Ok(Message::Done(value)) => {
                keep(worker);
                // A signal may have come just before the result. Python would raise its exception where the result is lost.
                let value = OfProcess::new(value);
                py.check_signals()?;
                return value.take().ok_or_else(forked);
            }
            Ok(Message::Event(event)) => {
                if let Some(reporter) = reporter {
                    reporter.report(py, event)?;
                }
            }
            // A signal handler may make calls. They get another worker.
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call panicked: please report this as a bug"));
            }
        }
    }
}

fn forked() -> PyErr {
    PyRuntimeError::new_err("the call goes on in the process that made it, not in its fork")
}

/// Ends the idle worker before a fork, so that Python does not warn about threads that a forked child would lack.
#[pyfunction]
pub(crate) fn before_fork() {
    let worker = idle().take().and_then(OfProcess::take);
    if let Some(Worker { jobs, thread }) = worker {
        drop(jobs);
        // It has no job, so it ends at once.
        let _ = thread.join();
    }
}

/// Sends the job to the idle worker, or to a new one.
fn give(job: Job) -> PyResult<OfProcess<Worker>> {
    let idle = idle().take().and_then(OfProcess::take);
    let worker = idle.map_or_else(hire, Ok)?;
    let gone = |_| PyRuntimeError::new_err("the thread for calls is gone: please report this as a bug");
    worker.jobs.send(job).map_err(gone)?;
    Ok(OfProcess::new(worker))
}

/// Keeps a worker for the next call when its job is done.
fn keep(worker: OfProcess<Worker>) {
    let before = idle().replace(worker);
    drop(before);
}

fn hire() -> PyResult<Worker> {
    let (jobs, queue): (_, Receiver<Job>) = channel();
    let thread = Builder::new()
        .name("kpn-things".into())
        .spawn(move || queue.into_iter().for_each(|job| job()))
        .map_err(|error| PyRuntimeError::new_err(format!("no thread for the call: {error}")))?;
    Ok(Worker { jobs, thread })
}

/// The worker that waits for the next call. Only attached threads lock it, and only for an instant.
fn idle() -> MutexGuard<'static, Option<OfProcess<Worker>>> {
    static IDLE: Mutex<Option<OfProcess<Worker>>> = Mutex::new(None);
    lock(&IDLE)
}

fn on_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let main = call(MAIN.import(py, "threading", "main_thread")?, ())?.getattr("ident")?;
    main.eq(call(IDENT.import(py, "threading", "get_ident")?, ())?)
}
