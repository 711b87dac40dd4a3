//! The blocking calls behind `kpn_things.Client`, on things-ureq.

use std::collections::VecDeque;
use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use things_core::{ContextSwitch, CustomerId, Error, Operation, Page as CorePage};
use things_ureq::{Client, PageIter, Stopper};

use crate::arguments::{self, duration, seconds};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::raise;
use crate::interrupt::Wanted;
use crate::json::body_to_python;
use crate::log::Note;
use crate::page::Page;
use crate::process::OfProcess;
use crate::receipt::Receipt;
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
        search: Option<String>,
        sort_by: Option<String>,
        descending: Option<bool>,
        page_size: Option<u32>,
        window: usize,
        #[pyo3(from_py_with = seconds)] timeout: Option<f64>,
        #[pyo3(from_py_with = seconds)] deadline: Option<f64>,
    ) -> PyResult<Pages> {
        let query = arguments::listing(search, sort_by, descending, page_size);
        let mut devices = self.client(py, timeout)?.devices().query(query).window(window);
        if let Some(seconds) = deadline {
            devices = devices.deadline(duration("deadline", seconds)?);
        }
        let pages = devices.pages();
        let connection = Arc::clone(&self.connection);
        let stopper = OfProcess::new(pages.stopper());
        let reading = Reading { pages, ready: VecDeque::new() };
        Ok(Pages { connection, stopper, reading: Mutex::new(Some(OfProcess::new(reading))) })
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

/// The pages of a listing, one after the other.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Pages {
    connection: Arc<Connection<Client>>,
    stopper: OfProcess<Stopper>,
    /// `None` while a page is fetched, and for ever if that was interrupted.
    reading: Mutex<Option<OfProcess<Reading>>>,
}

struct Reading {
    pages: PageIter,
    /// What came together with the page before: it needs no other thread.
    ready: VecDeque<Result<CorePage, Error>>,
}

impl Pages {
    fn lock(&self) -> MutexGuard<'_, Option<OfProcess<Reading>>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Pages {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Page>> {
        let taken = self.lock().take();
        let mut reading = taken.and_then(OfProcess::take).ok_or_else(|| {
            PyRuntimeError::new_err(
                "the listing is read by another thread, was interrupted, or begun before a fork: list again",
            )
        })?;
        let note = Note::begin(py, || "list a page of devices".into())?;
        let mut page = reading.ready.pop_front();
        if page.is_none() {
            let fetched = self.connection.block(py, move |_| {
                let page = reading.pages.next();
                reading.ready.extend(iter::from_fn(|| reading.pages.ready()));
                (page, reading)
            });
            // A signal handler may have forked: the listing goes on where it began.
            let stop = |_: &PyErr| self.stopper.get().map_or((), Stopper::stop);
            (page, reading) = fetched.inspect_err(stop)?;
        }
        let page = page.transpose();
        // If that fails a page is lost, and no other may come in its place.
        note.end(py, &page)?;
        *self.lock() = Some(OfProcess::new(reading));
        page.map(|page| page.map(Page::new)).map_err(|error| raise(py, &error))
    }
}
