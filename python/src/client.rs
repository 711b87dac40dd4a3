//! The blocking calls behind `kpn_things.Client`, on things-ureq.

use std::collections::VecDeque;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{ContextSwitch, CustomerId, Error, Operation};
use things_ureq::{Client, FeedIter, Stopper};

use crate::arguments::{self, duration, seconds};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::raise;
use crate::fleet::Fleet;
use crate::interrupt::Wanted;
use crate::json::body_to_python;
use crate::listing::{Known, News, Source};
use crate::log::Note;
use crate::process::OfProcess;
use crate::receipt::Receipt;
use crate::report::{ListingReport, Proof};
use crate::response::Response;

/// Makes blocking calls.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Caller {
    connection: Arc<Connection<Client>>,
    customer: Option<CustomerId>,
}

impl Caller {
    /// The client, acting for the customer of this caller.
    fn client(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Client> {
        let mut client = self.connection.client(py)?;
        client = match &self.customer {
            Some(customer) => client.for_customer(customer).map_err(|error| raise(py, &error))?,
            None => client.without_customer(),
        };
        match timeout {
            Some(seconds) => Ok(client.with_timeout(duration("timeout", seconds)?)),
            None => Ok(client),
        }
    }

    fn feed<F: Source>(&self, items: FeedIter<F>) -> Feed {
        let known = Known::default();
        let reader = Reader {
            connection: Arc::clone(&self.connection),
            stopper: OfProcess::new(items.stopper()),
            known: known.clone(),
            reading: Mutex::new(Some(OfProcess::new(Reading { items, ready: VecDeque::new() }))),
        };
        Feed { known, reader: Box::new(reader) }
    }

    fn call<O: Operation + Send + 'static>(
        &self,
        py: Python<'_>,
        operation: O,
        timeout: Option<f64>,
        what: impl FnOnce() -> String,
    ) -> PyResult<O::Output>
    where
        O::Output: Send,
    {
        let client = self.client(py, timeout)?;
        let note = Note::begin(py, what)?;
        // What was interrupted sends nothing more, a downlink above all.
        let job = move |wanted: &Wanted| client.call_while(&operation, || wanted.still());
        let result = self.connection.block(py, job)?;
        note.end(py, &result)?;
        result.map_err(|error| raise(py, &error))
    }
}

#[pymethods]
impl Caller {
    /// Calls with this configuration. Nothing is connected yet.
    #[new]
    fn new(config: &Bound<'_, Config>) -> Self {
        let config = config.get();
        let connection = Connection::new(config.core().clone(), config.clock(), |config, clock| {
            let client = Client::new(config)?;
            Ok(clock.map_or(client.clone(), |clock| client.with_clock(clock)))
        });
        Self { connection: Arc::new(connection), customer: config.core().customer().cloned() }
    }

    /// The same, acting for a sub-customer.
    fn for_customer(&self, py: Python<'_>, id: &str) -> PyResult<Self> {
        let customer = id.parse().map_err(|error: things_core::InputError| raise(py, &error.into()))?;
        Ok(Self { connection: Arc::clone(&self.connection), customer: Some(customer) })
    }

    /// The same, acting for no sub-customer.
    fn without_customer(&self) -> Self {
        Self { connection: Arc::clone(&self.connection), customer: None }
    }

    /// The pages of a listing.
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn pages(
        &self,
        py: Python<'_>,
        strict: bool,
        search: Option<String>,
        sort_by: Option<String>,
        descending: Option<bool>,
        page_size: Option<u32>,
        window: usize,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] deadline: Option<f64>,
    ) -> PyResult<Feed> {
        let query = arguments::listing(search, sort_by, descending, page_size);
        let devices = arguments::devices(self.client(py, timeout)?.devices(), query, window, deadline)?;
        let pages = if strict { devices.strict().pages() } else { devices.pages() };
        Ok(self.feed(pages))
    }

    /// The devices of a listing that proves it is complete, in batches.
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn verified(
        &self,
        py: Python<'_>,
        vouched: bool,
        search: Option<String>,
        sort_by: Option<String>,
        descending: Option<bool>,
        page_size: Option<u32>,
        window: usize,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] deadline: Option<f64>,
    ) -> PyResult<Feed> {
        let query = arguments::listing(search, sort_by, descending, page_size);
        let devices = arguments::devices(self.client(py, timeout)?.devices(), query, window, deadline)?;
        let verified = devices.verified();
        let verified = if vouched { verified.vouch_for_order() } else { verified };
        Ok(self.feed(verified.batches()))
    }

    /// Sends bytes to a LoRa device.
    fn send_raw(
        &self,
        py: Python<'_>,
        dev_eui: &str,
        payload: &[u8],
        port: u64,
        external_reference: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Receipt> {
        let downlink = arguments::raw(py, dev_eui, payload, port, external_reference)?;
        Ok(Receipt::from_core(self.call(py, downlink, timeout, || "send a downlink".into())?))
    }

    /// Sends SenML records, a JSON array.
    fn send_senml(
        &self,
        py: Python<'_>,
        records: &str,
        device: Option<&str>,
        port: Option<u64>,
        external_reference: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Receipt> {
        let downlink = arguments::senml(py, records, device, port, external_reference)?;
        Ok(Receipt::from_core(self.call(py, downlink, timeout, || "send a downlink".into())?))
    }

    /// Switches to a sub-customer.
    fn context_switch<'py>(
        &self,
        py: Python<'py>,
        customer_id: &str,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let customer: CustomerId =
            customer_id.parse().map_err(|error: things_core::InputError| raise(py, &error.into()))?;
        let what = || "switch to a customer".into();
        body_to_python(py, &self.call(py, ContextSwitch::to(customer), timeout, what)?)
    }

    /// Any other call.
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn request(
        &self,
        py: Python<'_>,
        method: &str,
        path: &str,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        content: Option<Vec<u8>>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Response> {
        let call = arguments::request(method, path, query, headers, content)?;
        let what = || format!("{method} {}", path.split('?').next().unwrap_or_default());
        Ok(Response::from_core(py, &self.call(py, call, timeout, what)?))
    }

    /// Closes the connections, for all callers made of this one, too.
    fn close(&self) {
        self.connection.close();
    }
}

/// The items of a listing, one after the other.
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

    /// What the listing noticed so far.
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
    /// The next item. `None` is the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>>;
}

struct Reader<F: Source> {
    connection: Arc<Connection<Client>>,
    stopper: OfProcess<Stopper>,
    known: Known,
    /// `None` while an item is fetched, and for ever if that was interrupted.
    reading: Mutex<Option<OfProcess<Reading<F>>>>,
}

struct Reading<F: Source> {
    items: FeedIter<F>,
    /// What came together with the item before: it needs no other thread.
    ready: VecDeque<Result<F::Item, Error>>,
}

impl<F: Source> Read for Reader<F> {
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let place = || self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = place().take();
        let mut reading = taken.and_then(OfProcess::take).ok_or_else(|| {
            PyRuntimeError::new_err(
                "the listing is read by another thread, was interrupted, or begun before a fork: list again",
            )
        })?;
        let note = Note::begin(py, || "list a page of devices".into())?;
        let mut item = reading.ready.pop_front();
        if item.is_none() {
            let fetched = self.connection.block(py, move |_| {
                let item = reading.items.next();
                reading.ready.extend(iter::from_fn(|| reading.items.ready()));
                (item, reading)
            });
            // A signal handler may have forked: the listing goes on where it began.
            let stop = |_: &PyErr| self.stopper.get().map_or((), Stopper::stop);
            (item, reading) = fetched.inspect_err(stop)?;
        }
        let item = item.transpose();
        let news = News::of(reading.items.feed(), matches!(item, Ok(None)));
        // If logging fails an item is lost, and no other may come in its place.
        note.end(py, &item)?;
        news.log(py)?;
        self.known.update(news);
        *place() = Some(OfProcess::new(reading));
        match item.map_err(|error| raise(py, &error))? {
            Some(item) => F::to_python(py, item).map(Some),
            None => Ok(None),
        }
    }
}
