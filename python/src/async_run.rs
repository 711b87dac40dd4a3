//! The run of many downlinks behind `kpn_things.AsyncClient`.
//!
//! One task drives a run, and fetches only while a caller waits for items. If the caller is cancelled, or leaves, the
//! task ends the calls in flight and lets the ledger record what is known. It holds no Python object.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};

use futures_util::stream::StreamExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyNone};
use things_reqwest::FeedStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::async_client::{Events, Queue};
use crate::bridge;
use crate::bulk::{Batch, BulkRun, Known, sent_to_python, warn_of};
use crate::error::raise;
use crate::event::Reporter;
use crate::lock::lock;
use crate::process::OfProcess;

/// What a caller asks of the task.
enum Request {
    /// The next items.
    Next(oneshot::Sender<Fetched>),
    /// Items that nobody took, because their caller was cancelled when they came.
    Return(Batch),
    /// Start no more downlinks.
    Stop,
    /// End at once, and return what nobody took.
    Close(oneshot::Sender<Batch>),
}

/// Items on their way to a caller. If it was cancelled, they go back.
struct Fetched {
    items: Batch,
    back: WeakUnboundedSender<Request>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        if !self.items.is_empty()
            && let Some(back) = self.back.upgrade()
        {
            let _ = back.send(Request::Return(mem::take(&mut self.items)));
        }
    }
}

/// The task of a run.
struct Task {
    /// `None` after the end, so that the ledger is free.
    items: Option<FeedStream<BulkRun>>,
    ready: Batch,
    known: Known,
    most: usize,
    /// The way back for items. A strong one would keep the task from noticing that its caller is gone.
    back: WeakUnboundedSender<Request>,
}

impl Task {
    async fn run(mut self, mut requests: UnboundedReceiver<Request>) {
        let mut waiting: Option<oneshot::Sender<Fetched>> = None;
        loop {
            tokio::select! {
                biased;
                request = requests.recv() => match request {
                    Some(Request::Next(reply)) => {
                        // One caller reads at a time, so the one before was cancelled.
                        if waiting.replace(reply).is_some() {
                            self.settle().await;
                        }
                    }
                    Some(Request::Return(items)) => {
                        self.ready = items.into_iter().chain(mem::take(&mut self.ready)).collect();
                        self.settle().await;
                    }
                    Some(Request::Stop) => {
                        if let Some(items) = &mut self.items {
                            items.stop();
                        }
                    }
                    Some(Request::Close(reply)) => {
                        waiting = None;
                        self.settle().await;
                        let _ = reply.send(mem::take(&mut self.ready));
                    }
                    None => return self.settle().await,
                },
                () = gone(&mut waiting) => {
                    waiting = None;
                    self.settle().await;
                }
                () = self.fetch(), if waiting.is_some() => {
                    let items = mem::take(&mut self.ready);
                    if let Some(reply) = waiting.take() {
                        // If the caller has just gone, the items come back.
                        drop(reply.send(Fetched { items, back: self.back.clone() }));
                    }
                }
            }
        }
    }

    /// Fetches at least one item, unless there is none or one is ready. May be dropped at any time.
    async fn fetch(&mut self) {
        if !self.ready.is_empty() {
            return;
        }
        let Some(items) = &mut self.items else { return };
        let batch = items.by_ref().ready_chunks(self.most).next().await;
        self.known.update(items.feed().progress());
        let ended = batch.as_ref().is_none_or(|batch| batch.iter().any(Result::is_err));
        self.ready.extend(batch.into_iter().flatten());
        if ended {
            self.items = None;
        }
    }

    /// Ends the calls in flight, and lets the ledger record what is known.
    async fn settle(&mut self) {
        let Some(mut items) = self.items.take() else { return };
        items.abort();
        while let Some(item) = items.next().await {
            self.ready.push_back(item);
        }
        self.known.update(items.feed().progress());
    }
}

/// A task that has not started, and what it will be asked.
type NewTask = (Task, UnboundedReceiver<Request>);

/// Waits until the caller that waits is gone.
async fn gone(waiting: &mut Option<oneshot::Sender<Fetched>>) {
    match waiting {
        Some(reply) => reply.closed().await,
        None => std::future::pending().await,
    }
}

/// The downlinks of a run that have ended, in batches of all available ones.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct AsyncRun {
    known: Known,
    reporter: Option<Reporter>,
    queue: OfProcess<Arc<Queue>>,
    requests: OfProcess<UnboundedSender<Request>>,
    /// The task before it has started.
    task: Mutex<Option<OfProcess<NewTask>>>,
}

impl AsyncRun {
    pub(crate) fn new(items: FeedStream<BulkRun>, most: usize, events: Events) -> Self {
        let known = Known::default();
        let (requests, inbox) = unbounded_channel();
        let back = requests.downgrade();
        let task = Task { items: Some(items), ready: VecDeque::new(), known: known.clone(), most, back };
        Self {
            known,
            reporter: events.reporter,
            queue: events.queue,
            requests: OfProcess::new(requests),
            task: Mutex::new(Some(OfProcess::new((task, inbox)))),
        }
    }

    /// Sends a request to the task, and starts it for the first one. Returns false in a fork.
    fn ask(&self, py: Python<'_>, request: Request) -> PyResult<bool> {
        let Some(requests) = self.requests.get() else { return Ok(false) };
        let new = lock(&self.task).take().and_then(OfProcess::take);
        if let Some((task, inbox)) = new {
            bridge::spawn(py, task.run(inbox))?;
        }
        Ok(requests.send(request).is_ok())
    }
}

#[pymethods]
impl AsyncRun {
    /// Returns a future of the available items: a list of at least one, or `None` at the end. Cancelling it ends the run.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (reply, fetched) = oneshot::channel();
        if !self.ask(py, Request::Next(reply))? {
            return Err(PyRuntimeError::new_err("the run was closed, or began before a fork"));
        }
        let queue = self.queue.get().cloned();
        let convert = move |py: Python<'_>, fetched: Option<Fetched>, reporter: Option<&Reporter>| {
            if let (Some(reporter), Some(queue)) = (reporter, queue) {
                queue.take().into_iter().try_for_each(|event| reporter.report(py, event))?;
            }
            let mut fetched = fetched.ok_or_else(|| PyRuntimeError::new_err("the run was closed"))?;
            batch_to_python(py, &mut fetched.items)
        };
        bridge::begin(py, self.reporter.clone(), |_| async { fetched.await.ok() }, convert, |_| Ok(()))
    }

    /// Accepted, not sent, unknown, in flight and retried, and whether the run waits.
    #[getter]
    fn progress(&self) -> (u64, u64, u64, usize, u64, bool) {
        self.known.numbers()
    }

    /// Starts no more downlinks. Those in flight are finished, and are the last items.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.ask(py, Request::Stop).map(drop)
    }

    /// Ends the calls in flight. What is known of them, and the items that nobody took, can still be read.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        self.ask(py, Request::Return(Batch::new())).map(drop)
    }

    /// Ends the run at once. Returns a future of the end, which warns about the downlinks in flight; `None` in a fork.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (reply, rest) = oneshot::channel();
        if !self.ask(py, Request::Close(reply))? {
            return Ok(None);
        }
        let convert = |py: Python<'_>, rest: Option<Batch>, _: Option<&Reporter>| {
            warn_of(py, rest.unwrap_or_default())?;
            Ok(PyNone::get(py).to_owned().into_any().unbind())
        };
        bridge::begin(py, None, |_| async { rest.await.ok() }, convert, |_| Ok(())).map(Some)
    }
}

/// Converts all items up to an error, which is raised once it is the first one. Leaves the others.
fn batch_to_python(py: Python<'_>, items: &mut Batch) -> PyResult<Py<PyAny>> {
    let list = PyList::empty(py);
    while let Some(item) = items.pop_front() {
        match item {
            Ok(sent) => list.append(sent_to_python(py, sent)?)?,
            Err(error) if list.is_empty() => return Err(raise(py, &error)),
            Err(error) => {
                items.push_front(Err(error));
                break;
            }
        }
    }
    if list.is_empty() {
        return Ok(PyNone::get(py).to_owned().into_any().unbind());
    }
    Ok(list.into_any().unbind())
}
