//! The calls behind `kpn_things.AsyncClient`, on things-reqwest. Each gives an `asyncio.Future`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{ReadyChunks, StreamExt};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyNone};
use things_core::{ContextSwitch, CustomerId, Error, InputError, Operation};
use things_reqwest::{Client, FeedStream};

use crate::arguments::{self, duration, seconds};
use crate::bridge;
use crate::config::Config;
use crate::connection::Connection;
use crate::error::raise;
use crate::fleet::Fleet;
use crate::json::body_to_python;
use crate::listing::{Known, News, Source};
use crate::log::Note;
use crate::process::OfProcess;
use crate::receipt::Receipt;
use crate::report::{ListingReport, Proof};
use crate::response::Response;

/// Makes calls that asyncio waits for.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct AsyncCaller {
    connection: Arc<Connection<Client>>,
    customer: Option<CustomerId>,
}

impl AsyncCaller {
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

    fn call<'py, O>(
        &self,
        py: Python<'py>,
        operation: O,
        timeout: Option<f64>,
        what: impl FnOnce() -> String,
        convert: impl FnOnce(Python<'_>, O::Output) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        O: Operation + Send + Sync + 'static,
        O::Output: Send,
    {
        let client = self.client(py, timeout)?;
        let note = Note::begin(py, what)?;
        bridge::begin(py, async move { client.call(&operation).await }, move |py, result| {
            note.end(py, &result)?;
            convert(py, result.map_err(|error| raise(py, &error))?)
        })
    }
}

#[pymethods]
impl AsyncCaller {
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
        let customer = id.parse().map_err(|error: InputError| raise(py, &error.into()))?;
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
    ) -> PyResult<AsyncFeed> {
        let query = arguments::listing(search, sort_by, descending, page_size);
        let devices = arguments::devices(self.client(py, timeout)?.devices(), query, window, deadline)?;
        let pages = if strict { devices.strict().pages() } else { devices.pages() };
        Ok(feed(pages))
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
    ) -> PyResult<AsyncFeed> {
        let query = arguments::listing(search, sort_by, descending, page_size);
        let devices = arguments::devices(self.client(py, timeout)?.devices(), query, window, deadline)?;
        let verified = devices.verified();
        let verified = if vouched { verified.vouch_for_order() } else { verified };
        Ok(feed(verified.batches()))
    }

    /// Sends bytes to a LoRa device.
    fn send_raw<'py>(
        &self,
        py: Python<'py>,
        dev_eui: &str,
        payload: &[u8],
        port: u64,
        external_reference: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let downlink = arguments::raw(py, dev_eui, payload, port, external_reference)?;
        self.call(py, downlink, timeout, || "send a downlink".into(), receipt)
    }

    /// Sends SenML records, a JSON array.
    fn send_senml<'py>(
        &self,
        py: Python<'py>,
        records: &str,
        device: Option<&str>,
        port: Option<u64>,
        external_reference: Option<String>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let downlink = arguments::senml(py, records, device, port, external_reference)?;
        self.call(py, downlink, timeout, || "send a downlink".into(), receipt)
    }

    /// Switches to a sub-customer.
    fn context_switch<'py>(
        &self,
        py: Python<'py>,
        customer_id: &str,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let customer: CustomerId =
            customer_id.parse().map_err(|error: InputError| raise(py, &error.into()))?;
        let what = || "switch to a customer".into();
        self.call(py, ContextSwitch::to(customer), timeout, what, |py, body| {
            Ok(body_to_python(py, &body)?.unbind())
        })
    }

    /// Any other call.
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn request<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        content: Option<Vec<u8>>,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = arguments::request(method, path, query, headers, content)?;
        let what = || format!("{method} {}", path.split('?').next().unwrap_or_default());
        self.call(py, call, timeout, what, |py, answer| {
            Ok(Bound::new(py, Response::from_core(py, &answer))?.into_any().unbind())
        })
    }

    /// Closes the connections, for all callers made of this one, too.
    fn close(&self) {
        self.connection.close();
    }
}

fn receipt(py: Python<'_>, receipt: things_core::Receipt) -> PyResult<Py<PyAny>> {
    Ok(Bound::new(py, Receipt::from_core(receipt))?.into_any().unbind())
}

fn feed<F: Source>(items: FeedStream<F>) -> AsyncFeed {
    let known = Known::default();
    let reading = Reading { items: items.ready_chunks(16), error: None };
    let reader =
        Reader { known: known.clone(), reading: OfProcess::new(Arc::new(Mutex::new(Some(reading)))) };
    AsyncFeed { known, reader: Box::new(reader) }
}

/// The items of a listing, as many at once as are there.
#[pyclass(frozen, generic, module = "kpn_things._native")]
pub(crate) struct AsyncFeed {
    known: Known,
    reader: Box<dyn Read>,
}

#[pymethods]
impl AsyncFeed {
    /// A future of the items that are there, in order: a list of at least one, or `None` at the end.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.reader.next_batch(py)
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
    /// A future of the next items.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

struct Reader<F: Source> {
    known: Known,
    /// `None` while items are fetched, and for ever if that was cancelled: then the whole listing ends.
    reading: OfProcess<Arc<Mutex<Option<Reading<F>>>>>,
}

struct Reading<F: Source> {
    items: ReadyChunks<FeedStream<F>>,
    /// An error that came behind items, for the next time.
    error: Option<Error>,
}

impl<F: Source> Reading<F> {
    /// The items that are there, in order: at least one, or `None` at the end.
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
        let note = Note::begin(py, || "list pages of devices".into())?;
        let taken = self.reading.get().and_then(|place| Some((lock(place).take()?, Arc::clone(place))));
        let (mut reading, place) = taken.ok_or_else(|| {
            PyRuntimeError::new_err(
                "the listing is read by another task, was cancelled, or begun before a fork: list again",
            )
        })?;
        let work = async move {
            let batch = reading.next().await;
            let news = reading.news(matches!(batch, Ok(None)));
            *lock(&place) = Some(reading);
            (batch, news)
        };
        let known = self.known.clone();
        bridge::begin(py, work, move |py, (batch, news)| {
            note.end(py, &batch)?;
            news.log(py)?;
            known.update(news);
            match batch.map_err(|error| raise(py, &error))? {
                Some(items) => {
                    let items = items.into_iter().map(|item| F::to_python(py, item));
                    Ok(PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
                }
                None => Ok(PyNone::get(py).to_owned().into_any().unbind()),
            }
        })
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
