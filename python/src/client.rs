//! The blocking calls behind `kpn_things.Client`, on things-ureq.

use std::collections::VecDeque;
use std::iter;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{Error, Fate};
use things_ureq::{Client, FeedIter, Stopper};

use crate::bulk::Bulk;
use crate::call::Call;
use crate::caller::{Driver, Scope, driver};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::raise;
use crate::event::{Announcements, Event, Reporter, Sink};
use crate::fleet::Fleet;
use crate::following::{Following, report_stop, settle};
use crate::interrupt::interruptible;
use crate::listing::{Known, News, Source};
use crate::lock::lock;
use crate::options::Hook;
use crate::process::OfProcess;
use crate::query::{Listing, Query};
use crate::report::{ListingReport, Proof};
use crate::resource::ResourceQuery;
use crate::retry::RetryPolicy;
use crate::run::Run;

driver!(Client, |config: &Config| {
    let client = Client::new(config.core().clone())?;
    Ok(match config.clock() {
        Some(clock) => client.with_clock(clock),
        None => client,
    })
});

/// Makes blocking calls.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Caller(Scope<Client>);

#[pymethods]
impl Caller {
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
    fn call(&self, py: Python<'_>, call: &Bound<'_, Call>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        let client = self.0.client(py, timeout)?;
        let reporter = self.0.reporter(py)?;
        let endpoint = call.get().endpoint(&client);
        let (fate, begun) = (Fate::default(), Instant::now());
        let result = interruptible(py, reporter.as_ref(), {
            let (endpoint, fate) = (Arc::clone(&endpoint), fate.clone());
            let announcements = Announcements::of_process(py);
            move |sink| {
                let following = Following::new(endpoint.name(), fate.clone(), sink, announcements);
                let result = client.with_watch(following).call(&*endpoint);
                fate.ended(&result);
                result
            }
        });
        let result = result.inspect_err(|interrupt| {
            if let Some(stopped) = fate.stop() {
                let elapsed = begun.elapsed();
                let reported =
                    report_stop(py, &endpoint, stopped, elapsed, reporter.as_ref(), Some(interrupt));
                // The first interrupt ends the call, whatever a handler raises after it.
                if let Err(error) = reported {
                    error.write_unraisable(py, None);
                }
            }
            self.0.connection.renew();
        })?;
        settle(py, &endpoint, result, begun.elapsed(), reporter.as_ref())
    }

    /// Lists devices.
    fn feed(&self, py: Python<'_>, query: &Bound<'_, Query>) -> PyResult<Feed> {
        let (events, following) = Events::of(py, "devices", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        Ok(match query.get().start(client).map_err(|error| raise(py, &error))? {
            Listing::Pages(items) => self.reader(items, events),
            Listing::Verified(items) => self.reader(items, events),
            Listing::PagesOfCustomers(items) => self.reader(items, events),
            Listing::VerifiedOfCustomers(items) => self.reader(items, events),
        })
    }

    /// Lists a resource of the current API. Each item is its JSON.
    fn items(&self, py: Python<'_>, query: &Bound<'_, ResourceQuery>) -> PyResult<Feed> {
        let (events, following) = Events::of(py, "current", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        Ok(self.reader(query.get().start(client), events))
    }

    /// What a listing lists: the base URL, the search and the sub-customer.
    fn subject(
        &self,
        py: Python<'_>,
        query: &Bound<'_, Query>,
    ) -> PyResult<(String, Option<String>, Option<String>)> {
        Ok(query.get().subject(&self.0.client(py, None)?))
    }

    /// Starts a run of many downlinks. Nothing is sent before its first item is requested.
    fn send(&self, py: Python<'_>, bulk: &Bound<'_, Bulk>) -> PyResult<Run> {
        let (events, following) = Events::of(py, "send_downlinks", self.0.reporter(py)?);
        let client = Driver::with_watch(&self.0.client(py, None)?, following);
        let (ledger, options) = bulk.get().start(self.0.account(), self.0.timeout())?;
        // The limit of the run is the one that applies, because a claim lives as long.
        let client = client.with_timeout(options.timeout);
        let items = client.send_downlinks(ledger, options);
        Ok(Run::new(items, bulk.get().window(), &self.0.connection, events))
    }

    /// Closes the connections, also for all callers derived from this one.
    fn close(&self) {
        self.0.connection.close();
    }
}

impl Caller {
    fn reader<F: Source>(&self, items: FeedIter<F>, events: Events) -> Feed {
        let known = Known::default();
        let reader = Reader {
            connection: Arc::clone(&self.0.connection),
            stopper: OfProcess::new(items.stopper()),
            known: known.clone(),
            events,
            reading: Mutex::new(Some(OfProcess::new(Reading { items, ready: VecDeque::new() }))),
        };
        Feed { known, reader: Box::new(reader) }
    }
}

/// The items of a listing, one at a time.
#[pyclass(frozen, generic, module = "kpn_things._native")]
pub(crate) struct Feed {
    known: Known,
    reader: Box<dyn Read>,
}

#[pymethods]
impl Feed {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.reader.next(py)
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
    /// Returns the next item, or `None` at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>>;
}

struct Reader<F: Source> {
    connection: Arc<Connection<Client>>,
    stopper: OfProcess<Stopper>,
    known: Known,
    events: Events,
    /// `None` while an item is fetched. It stays `None` if the fetch is interrupted.
    reading: Mutex<Option<OfProcess<Reading<F>>>>,
}

struct Reading<F: Source> {
    items: FeedIter<F>,
    /// Items that arrived with the previous one. Taking them needs no other thread.
    ready: VecDeque<Result<F::Item, Error>>,
}

/// The events of a feed. Its threads send them, and its reader reports them.
pub(crate) struct Events {
    reporter: Option<Reporter>,
    events: Mutex<OfProcess<Receiver<Event>>>,
}

impl Events {
    /// Returns the events of the feed that calls this operation, and the watch that sends them.
    fn of(py: Python<'_>, operation: &'static str, reporter: Option<Reporter>) -> (Self, Arc<Following>) {
        let (sender, events) = channel();
        let sink = reporter.as_ref().map(|_| -> Sink { Box::new(move |event| drop(sender.send(event))) });
        let following = Following::new(operation, Fate::default(), sink, Announcements::of_process(py));
        (Self { reporter, events: Mutex::new(OfProcess::new(events)) }, following)
    }

    pub(crate) fn report(&self, py: Python<'_>) -> PyResult<()> {
        let Some(reporter) = &self.reporter else { return Ok(()) };
        let events: Vec<_> = lock(&self.events).get().into_iter().flat_map(Receiver::try_iter).collect();
        events.into_iter().try_for_each(|event| reporter.report(py, event))
    }
}

impl<F: Source> Read for Reader<F> {
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let place = || lock(&self.reading);
        let taken = place().take();
        let mut reading = taken.and_then(OfProcess::take).ok_or_else(|| {
            PyRuntimeError::new_err(
                "the listing is read by another thread, was interrupted, or began before a fork: list again",
            )
        })?;
        let mut item = reading.ready.pop_front();
        if item.is_none() {
            let fetched = interruptible(py, None, move |_| {
                let item = reading.items.next();
                reading.ready.extend(iter::from_fn(|| reading.items.ready()));
                (item, reading)
            });
            let stop = |_: &PyErr| {
                // A signal handler may have forked. Only the process that started the listing may stop it.
                if let Some(stopper) = self.stopper.get() {
                    stopper.stop();
                }
                self.connection.renew();
            };
            (item, reading) = fetched.inspect_err(stop)?;
        }
        let item = item.transpose();
        let news = News::of(reading.items.feed(), matches!(item, Ok(None)));
        // The user's function may fork.
        let reading = OfProcess::new(reading);
        // After an interrupt here, this item is lost, so the listing must not go on with the next one.
        self.events.report(py)?;
        news.log(py)?;
        self.known.update(news);
        *place() = Some(reading);
        match item.map_err(|error| raise(py, &error))? {
            Some(item) => F::to_python(py, item).map(Some),
            None => Ok(None),
        }
    }
}
