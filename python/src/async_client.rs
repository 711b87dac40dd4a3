//! The calls behind `kpn_things.AsyncClient`, on things-reqwest. Each returns an `asyncio.Future`.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::stream::{ReadyChunks, StreamExt};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyNone};
use things_core::{Error, Fate};
use things_reqwest::{Client, FeedStream};

use crate::async_run::AsyncRun;
use crate::bridge;
use crate::bulk::Bulk;
use crate::call::Call;
use crate::caller::{Driver, Scope, driver};
use crate::config::Config;
use crate::error::raise;
use crate::event::{Announcements, Event, Reporter, Sink};
use crate::fleet::Fleet;
use crate::following::{Following, report_stop, settle};
use crate::listing::{Known, News, Source};
use crate::lock::lock;
use crate::options::Hook;
use crate::process::OfProcess;
use crate::query::{Listing, Query};
use crate::report::{ListingReport, Proof};
use crate::resource::ResourceQuery;
use crate::retry::RetryPolicy;

driver!(Client, |config: &Config| {
    let mut client = Client::new(config.core().clone())?;
    if let Some(clock) = config.clock() {
        client = client.with_clock(clock);
    }
    if let Some(most) = config.max_connections() {
        client = client.with_max_connections(most);
    }
    if let Some(patience) = config.pool_timeout() {
        client = client.with_pool_timeout(patience);
    }
    Ok(client)
});

/// Makes calls that asyncio waits for.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct AsyncCaller(Scope<Client>);

#[pymethods]
impl AsyncCaller {
    /// Creates a caller with this configuration. Does not connect yet.
    #[new]
    fn new(config: &Bound<'_, Config>) -> Self {
        Self(Scope::new(config))
    }

    /// Returns a caller that acts for a sub-customer.
    fn for_customer(&self, py: Python<'_>, id: &str) -> PyResult<Self> {
        self.0.for_customer(py, id).map(Self)
    }

    /// Returns a caller that acts for no sub-customer.
    fn without_customer(&self) -> Self {
        Self(self.0.without_customer())
    }

    /// Returns a caller with the given options changed.
    fn with_options(
        &self,
        timeout: Option<f64>,
        retry: Option<&Bound<'_, RetryPolicy>>,
        on_event: Option<Hook>,
    ) -> PyResult<Self> {
        self.0.with_options(timeout, retry.map(|policy| policy.get()), on_event).map(Self)
    }

    /// Makes the call.
    fn call<'py>(
        &self,
        py: Python<'py>,
        call: &Bound<'py, Call>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let client = self.0.client(py, timeout)?;
        let endpoint = call.get().endpoint(&client);
        let (fate, begun) = (Fate::default(), Instant::now());
        let work = {
            let (endpoint, fate) = (Arc::clone(&endpoint), fate.clone());
            let announcements = Announcements::of_process(py);
            move |sink| async move {
                let following = Following::new(endpoint.name(), fate.clone(), sink, announcements);
                let result = Driver::with_watch(&client, following).call(&*endpoint).await;
                fate.ended(&result);
                result
            }
        };
        let convert = {
            let (endpoint, fate) = (Arc::clone(&endpoint), fate.clone());
            move |py: Python<'_>, result, reporter: Option<&Reporter>| {
                fate.delivered();
                settle(py, &endpoint, result, begun.elapsed(), reporter)
            }
        };
        let reporter = self.0.reporter(py)?;
        let stopped = {
            let reporter = reporter.clone();
            move |py: Python<'_>| match fate.stop() {
                Some(stopped) => {
                    report_stop(py, &endpoint, stopped, begun.elapsed(), reporter.as_ref(), None)
                }
                None => Ok(()),
            }
        };
        bridge::begin(py, reporter, work, convert, stopped)
    }

    /// Lists devices.
    fn feed(&self, py: Python<'_>, query: &Bound<'_, Query>) -> PyResult<AsyncFeed> {
        let (events, following) = Events::of(py, "devices", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        Ok(match query.get().start(client).map_err(|error| raise(py, &error))? {
            Listing::Pages(items) => feed(items, events),
            Listing::Verified(items) => feed(items, events),
            Listing::PagesOfCustomers(items) => feed(items, events),
            Listing::VerifiedOfCustomers(items) => feed(items, events),
        })
    }

    /// Lists a resource of the current API. Each item is its JSON.
    fn items(&self, py: Python<'_>, query: &Bound<'_, ResourceQuery>) -> PyResult<AsyncFeed> {
        let (events, following) = Events::of(py, "current", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        Ok(feed(query.get().start(client), events))
    }

    /// Starts a run of many downlinks. Nothing is sent before its first items are requested.
    fn send(&self, py: Python<'_>, bulk: &Bound<'_, Bulk>) -> PyResult<AsyncRun> {
        let (events, following) = Events::of(py, "send_downlinks", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        let (ledger, options) = bulk.get().start(self.0.account(), self.0.timeout())?;
        // The limit of the run is the one that applies, because a claim lives as long.
        let client = client.with_timeout(options.timeout);
        let items = client.send_downlinks(ledger, options);
        Ok(AsyncRun::new(items, bulk.get().window(), events))
    }

    /// Closes the connections, also for all callers derived from this one.
    fn close(&self) {
        self.0.connection.close();
    }
}

fn feed<F: Source>(items: FeedStream<F>, events: Events) -> AsyncFeed {
    let known = Known::default();
    let reading = Reading { items: items.ready_chunks(16), error: None };
    let reading = OfProcess::new(Arc::new(Mutex::new(Some(reading))));
    let reader = Reader { known: known.clone(), reading, events };
    AsyncFeed { known, reader: Box::new(reader) }
}

/// The items of a listing, in batches of all available items.
#[pyclass(frozen, generic, module = "kpn_things._native")]
pub(crate) struct AsyncFeed {
    known: Known,
    reader: Box<dyn Read>,
}

#[pymethods]
impl AsyncFeed {
    /// Returns a future of the available items, in order: a list of at least one, or `None` at the end.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.reader.next_batch(py)
    }

    /// The report of the listing so far.
    #[getter]
    fn report(&self) -> ListingReport {
        self.known.report()
    }

    /// The proof, once the listing is proven complete.
    #[getter]
    fn proof(&self) -> Option<Proof> {
        self.known.proof()
    }

    /// The fleet of all devices that were listed.
    fn fleet(&self, devices: &Bound<'_, PyAny>) -> PyResult<Fleet> {
        self.known.fleet(devices)
    }
}

/// Reads a feed of any kind.
trait Read: Send + Sync {
    /// Returns a future of the next items.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

struct Reader<F: Source> {
    known: Known,
    events: Events,
    /// `None` while items are fetched. It stays `None` if the fetch is cancelled, which ends the listing.
    reading: OfProcess<Arc<Mutex<Option<Reading<F>>>>>,
}

struct Reading<F: Source> {
    items: ReadyChunks<FeedStream<F>>,
    /// An error that followed the last batch. The next call returns it.
    error: Option<Error>,
}

/// The events of a feed. Its tasks send them, and its reader reports them.
pub(crate) struct Events {
    pub(crate) reporter: Option<Reporter>,
    pub(crate) queue: OfProcess<Arc<Queue>>,
}

impl Events {
    /// Returns the events of the feed that calls this operation, and the watch that sends them.
    fn of(py: Python<'_>, operation: &'static str, reporter: Option<Reporter>) -> (Self, Arc<Following>) {
        let queue = Arc::new(Queue::default());
        let sink = reporter.as_ref().map(|_| -> Sink {
            let queue = Arc::clone(&queue);
            Box::new(move |event| queue.add(event))
        });
        let following = Following::new(operation, Fate::default(), sink, Announcements::of_process(py));
        (Self { reporter, queue: OfProcess::new(queue) }, following)
    }
}

#[derive(Default)]
pub(crate) struct Queue(Mutex<Vec<Event>>);

impl Queue {
    fn add(&self, event: Event) {
        lock(&self.0).push(event);
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl<F: Source> Reading<F> {
    /// Returns the available items, in order: at least one, or `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<F::Item>>, Error> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let Some(batch) = self.items.next().await else { return Ok(None) };
        let mut items = Vec::with_capacity(batch.len());
        for item in batch {
            match item {
                Ok(item) => items.push(item),
                Err(error) if items.is_empty() => return Err(error),
                Err(error) => self.error = Some(error),
            }
        }
        Ok(Some(items))
    }

    fn news(&self, ended: bool) -> News {
        News::of(self.items.get_ref().feed(), ended)
    }
}

impl<F: Source> Read for Reader<F> {
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let taken = self.reading.get().and_then(|place| Some((lock(place).take()?, Arc::clone(place))));
        let (mut reading, place) = taken.ok_or_else(|| {
            PyRuntimeError::new_err(
                "the listing is read by another task, was cancelled, or began before a fork: list again",
            )
        })?;
        let work = async move {
            let batch = reading.next().await;
            let news = reading.news(matches!(batch, Ok(None)));
            *lock(&place) = Some(reading);
            (batch, news)
        };
        let (known, queue) = (self.known.clone(), self.events.queue.get().cloned());
        let convert =
            move |py: Python<'_>, (batch, news): (Result<_, Error>, News), reporter: Option<&Reporter>| {
                if let (Some(reporter), Some(queue)) = (reporter, queue) {
                    queue.take().into_iter().try_for_each(|event| reporter.report(py, event))?;
                }
                news.log(py)?;
                known.update(news);
                match batch.map_err(|error| raise(py, &error))? {
                    Some(items) => {
                        let items = Vec::into_iter(items).map(|item| F::to_python(py, item));
                        Ok(PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
                    }
                    None => Ok(PyNone::get(py).to_owned().into_any().unbind()),
                }
            };
        bridge::begin(py, self.events.reporter.clone(), |_| work, convert, |_| Ok(()))
    }
}
