//! Work on tokio's threads that asyncio waits for.
//!
//! Tokio's threads never attach to the interpreter and never hold the last reference to a Python object. Attaching takes a
//! lock of the interpreter, and dropping an object without being attached takes one of pyo3: a child that was forked in
//! that instant finds it locked for ever. One more thread, the messenger, attaches once for life, and does all of that.

use std::future::Future;
use std::iter;
use std::mem;
use std::sync::mpsc::{self, Receiver, SendError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::callback::{call, call_method};
use crate::event::{Event, Reporter, Sink};
use crate::lock::lock;
use crate::process::OfProcess;

/// The number of runtime threads. They wait for IO, and decode pages.
const MOST_THREADS: usize = 4;

/// The caller of some work: an `asyncio.Future`, its event loop, and its context when the work started.
struct Waiting {
    future: Py<PyAny>,
    call_soon: Py<PyAny>,
    run_in_context: Py<PyAny>,
    reporter: Option<Reporter>,
}

/// Starts work, and returns the `asyncio.Future` of its result. Cancelling the future drops the work at once, and
/// calls `stopped`.
///
/// `convert` and `stopped` run as callbacks of asyncio do: on the thread of the event loop, and in the context of the
/// caller. Both log, and log handlers can depend on that thread and context. `convert` holds no Python object, because
/// tokio's threads can drop it.
pub(crate) fn begin<'py, T, W>(
    py: Python<'py>,
    reporter: Option<Reporter>,
    work: impl FnOnce(Option<Sink>) -> W,
    convert: impl FnOnce(Python<'_>, T, Option<&Reporter>) -> PyResult<Py<PyAny>> + Send + 'static,
    stopped: impl Fn(Python<'_>) -> PyResult<()> + Send + Sync + 'static,
) -> PyResult<Bound<'py, PyAny>>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let event_loop = running_loop(py)?;
    let future = call_method(&event_loop, "create_future", ())?;
    let context = call(COPY_CONTEXT.import(py, "contextvars", "copy_context")?, ())?;
    let (runtime, news) = workers(py)?;
    let observed = reporter.is_some();
    let waiting = Waiting {
        future: future.clone().unbind(),
        call_soon: event_loop.getattr("call_soon_threadsafe")?.unbind(),
        run_in_context: context.getattr("run")?.unbind(),
        reporter,
    };
    let parcel = Arc::new(Parcel { content: Some(waiting), news: news.clone() });
    let sink = observed.then(|| -> Sink {
        let (parcel, news) = (Arc::clone(&parcel), news.clone());
        Box::new(move |event| {
            let parcel = Arc::clone(&parcel);
            send(&news, Box::new(move |py| deliver(py, &parcel, event)));
        })
    });
    let work = work(sink);
    let task = runtime.spawn(async move {
        let value = work.await;
        let outcome: Outcome = Box::new(move |py, reporter| convert(py, value, reporter));
        send(&news, Box::new(move |py| settle(py, parcel, outcome)));
    });
    let abort = Abort { task: OfProcess::new(task.abort_handle()), stopped: Box::new(stopped) };
    call_method(&future, "add_done_callback", (abort,))?;
    Ok(future)
}

/// Starts work that no caller waits for. It must hold no Python object.
pub(crate) fn spawn(py: Python<'_>, work: impl Future<Output = ()> + Send + 'static) -> PyResult<()> {
    let (runtime, _) = workers(py)?;
    runtime.spawn(work);
    Ok(())
}

/// The function is looked up each time, because trio-asyncio replaces it.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static ASYNCIO: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let asyncio = ASYNCIO.get_or_try_init(py, || py.import("asyncio").map(Bound::unbind))?.bind(py);
    call_method(asyncio, "get_running_loop", ()).map_err(|_| {
        PyRuntimeError::new_err("no asyncio event loop is running; under trio, use trio-asyncio")
    })
}

type Outcome = Box<dyn FnOnce(Python<'_>, Option<&Reporter>) -> PyResult<Py<PyAny>> + Send>;

/// Sends an outcome to the event loop that waits for it.
fn settle(py: Python<'_>, parcel: Arc<Parcel<Waiting>>, outcome: Outcome) {
    let Some(waiting) = parcel.content.as_ref() else { return };
    let settle = Settle {
        future: waiting.future.clone_ref(py),
        reporter: waiting.reporter.clone(),
        outcome: Mutex::new(Some(outcome)),
    };
    // A loop that has been closed accepts no calls, and nothing waits for the outcome.
    drop(call(waiting.call_soon.bind(py), (waiting.run_in_context.bind(py), settle)));
    // This thread is attached, so it drops the objects without another message.
    drop(Arc::into_inner(parcel).map(Parcel::open));
}

/// Sends an event to the event loop.
fn deliver(py: Python<'_>, parcel: &Parcel<Waiting>, event: Event) {
    let Some(waiting) = parcel.content.as_ref() else { return };
    let Some(reporter) = waiting.reporter.clone() else { return };
    let report = Report { reporter, event: Mutex::new(Some(event)) };
    drop(call(waiting.call_soon.bind(py), (waiting.run_in_context.bind(py), report)));
}

/// Puts the outcome into its future, on the thread of the event loop.
#[pyclass(frozen)]
struct Settle {
    future: Py<PyAny>,
    reporter: Option<Reporter>,
    outcome: Mutex<Option<Outcome>>,
}

#[pymethods]
impl Settle {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let outcome = lock(&self.outcome).take();
        let future = self.future.bind(py);
        let cancelled = call_method(future, "done", ())?.is_truthy()?;
        let Some(outcome) = outcome.filter(|_| !cancelled) else { return Ok(()) };
        match outcome(py, self.reporter.as_ref()) {
            Ok(value) => call_method(future, "set_result", (value,))?,
            Err(error) => call_method(future, "set_exception", (error.into_value(py),))?,
        };
        Ok(())
    }
}

/// Reports an event, on the thread of the event loop.
#[pyclass(frozen)]
struct Report {
    reporter: Reporter,
    event: Mutex<Option<Event>>,
}

#[pymethods]
impl Report {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let event = lock(&self.event).take();
        event.map_or(Ok(()), |event| self.reporter.report(py, event))
    }
}

/// Drops the work of a future that is done: only a cancelled one still has some.
#[pyclass(frozen)]
struct Abort {
    task: OfProcess<AbortHandle>,
    stopped: Box<dyn Fn(Python<'_>) -> PyResult<()> + Send + Sync>,
}

#[pymethods]
impl Abort {
    fn __call__(&self, py: Python<'_>, _future: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(task) = self.task.get() else { return Ok(()) };
        task.abort();
        (self.stopped)(py)
    }
}

/// Python objects held by a thread that is not attached. It cannot use them, and the messenger drops them.
struct Parcel<T: Send + 'static> {
    content: Option<T>,
    news: Sender<News>,
}

impl<T: Send + 'static> Parcel<T> {
    /// Takes the content out, on an attached thread.
    fn open(mut self) -> Option<T> {
        self.content.take()
    }
}

impl<T: Send + 'static> Drop for Parcel<T> {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            send(&self.news, Box::new(move |_| drop(content)));
        }
    }
}

/// A job of the messenger for tokio's threads.
type News = Box<dyn FnOnce(Python<'_>) + Send>;

/// Sends a job to the messenger. It ends with the interpreter, before tokio's threads. After that nothing is dropped.
fn send(messenger: &Sender<News>, news: News) {
    if let Err(SendError(news)) = messenger.send(news) {
        mem::forget(news);
    }
}

/// The threads of a process: tokio's, and the messenger.
struct Workers {
    runtime: Runtime,
    news: Sender<News>,
}

impl Workers {
    /// Starts the threads. The messenger needs the interpreter once, so the caller must not hold a lock.
    fn start(py: Python<'_>) -> PyResult<Self> {
        let trouble = |error| PyRuntimeError::new_err(format!("no threads for asyncio to wait for: {error}"));
        let threads =
            thread::available_parallelism().map_or(MOST_THREADS, |cores| cores.get().min(MOST_THREADS));
        let runtime = Builder::new_multi_thread()
            .thread_name("kpn-things")
            .worker_threads(threads)
            .enable_all()
            .build()
            .map_err(trouble)?;
        let (news, inbox) = mpsc::channel();
        let (ready, attached) = mpsc::channel();
        thread::Builder::new()
            .name("kpn-messenger".into())
            .spawn(move || deliver_all(inbox, &ready))
            .map_err(trouble)?;
        // A fork must not happen while the messenger attaches.
        py.detach(move || attached.recv()).map_err(|_| {
            PyRuntimeError::new_err("the messenger did not start: please report this as a bug")
        })?;
        Ok(Self { runtime, news })
    }

    fn ways(&self) -> (Handle, Sender<News>) {
        (self.runtime.handle().clone(), self.news.clone())
    }
}

/// Runs on the messenger until every sender is gone.
fn deliver_all(mut inbox: Receiver<News>, ready: &Sender<()>) {
    Python::attach(|py| {
        if ready.send(()).is_err() {
            return;
        }
        loop {
            let waiting = &mut inbox;
            let Ok(first) = py.detach(move || waiting.recv()) else { return };
            iter::once(first).chain(inbox.try_iter()).for_each(|news| news(py));
        }
    });
}

/// The channels to the threads of this process. A forked child has no such threads, so it starts its own.
///
/// Concurrent first callers may each start threads. The threads of one caller are kept, and the others end.
fn workers(py: Python<'_>) -> PyResult<(Handle, Sender<News>)> {
    static WORKERS: Mutex<Option<OfProcess<Workers>>> = Mutex::new(None);
    let ours = || lock(&WORKERS).as_ref().and_then(OfProcess::get).map(Workers::ways);
    if let Some(ways) = ours() {
        return Ok(ways);
    }
    let started = Workers::start(py)?;
    let mut held = lock(&WORKERS);
    if let Some(ways) = held.as_ref().and_then(OfProcess::get).map(Workers::ways) {
        drop(held);
        started.runtime.shutdown_background();
        return Ok(ways);
    }
    let ways = started.ways();
    let of_parent = held.replace(OfProcess::new(started));
    drop(held);
    drop(of_parent);
    Ok(ways)
}
