//! The receipt of a downlink.

use http::HeaderMap;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use things_core::{Body, Receipt as CoreReceipt};

use crate::device::shown;
use crate::headers::{headers_from_python, headers_to_python, plain};
use crate::json::body_to_python;
use crate::lazy::Lazy;

/// The service accepted the downlink: it is queued, and a class A device receives it after its next uplink.
#[pyclass(frozen, module = "kpn_things", name = "Receipt")]
pub(crate) struct Receipt {
    /// The HTTP status, 2xx.
    #[pyo3(get)]
    status: u16,
    headers: Lazy<HeaderMap>,
    body: Lazy<Body>,
    /// The external reference of the downlink, yours or a generated one. `None` if it was sent without one.
    #[pyo3(get)]
    external_reference: Option<String>,
    /// The number of requests that were sent; more than 1 if the first provably was not processed.
    #[pyo3(get)]
    attempts: u32,
}

impl Receipt {
    fn body<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        self.body.get(py, body_to_python)
    }

    fn headers<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        self.headers.get(py, headers_to_python)
    }

    pub(crate) fn external_reference(&self) -> Option<&str> {
        self.external_reference.as_deref()
    }

    pub(crate) fn from_core(receipt: CoreReceipt) -> Self {
        Self {
            status: receipt.status.as_u16(),
            headers: Lazy::new(receipt.headers),
            body: Lazy::new(receipt.body),
            external_reference: receipt.external_reference,
            attempts: receipt.attempts,
        }
    }
}

#[pymethods]
impl Receipt {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str) = ("status", "body", "external_reference");

    #[new]
    #[pyo3(signature = (status, body=None, external_reference=None, attempts=1, headers=None))]
    fn new(
        py: Python<'_>,
        status: u16,
        body: Option<Py<PyAny>>,
        external_reference: Option<String>,
        attempts: u32,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let headers = Lazy::Given(headers_from_python(py, headers)?.unbind());
        let body = Lazy::Given(body.unwrap_or_else(|| py.None()));
        Ok(Self { status, headers, body, external_reference, attempts })
    }

    /// The response's headers. A service desk may need one of them, such as a request id.
    #[getter]
    #[pyo3(name = "headers")]
    fn py_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.headers(py).cloned()
    }

    /// The response's body: plain data if it is JSON of up to 512 KiB, else `bytes`, or `None`. What it holds is not
    /// documented.
    #[getter]
    #[pyo3(name = "body")]
    fn py_body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.body(py).cloned()
    }

    /// All fields, under the names of the attributes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("status", self.status)?;
        dict.set_item("headers", plain(self.headers(py)?)?)?;
        dict.set_item("body", self.body(py)?)?;
        dict.set_item("external_reference", &self.external_reference)?;
        dict.set_item("attempts", self.attempts)?;
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let reference =
            self.external_reference.as_deref().map(|reference| shown(py, reference)).transpose()?;
        let reference = reference.unwrap_or_else(|| "None".to_owned());
        Ok(format!("Receipt(status={}, external_reference={reference})", self.status))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = other.get();
        Ok(self.status == other.status
            && self.attempts == other.attempts
            && self.external_reference == other.external_reference
            && self.headers(py)?.eq(other.headers(py)?)?
            && self.body(py)?.eq(other.body(py)?)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.status, &self.external_reference, self.attempts).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let this = slf.get();
        let arguments =
            (this.status, this.body(py)?, &this.external_reference, this.attempts, this.headers(py)?);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(py)?))
    }
}
