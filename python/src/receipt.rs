//! What a sent downlink leaves behind.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use things_core::Receipt as CoreReceipt;

use crate::device::shown;
use crate::json::body_to_python;

/// KPN took the downlink: it is queued, and a class A device gets it after its next uplink.
#[pyclass(frozen, module = "kpn_things", name = "Receipt")]
pub(crate) struct Receipt {
    /// The HTTP status, 2xx.
    #[pyo3(get)]
    status: u16,
    body: Body,
    /// Your own name for the downlink.
    #[pyo3(get)]
    external_reference: Option<String>,
    /// The number of requests that were sent; more than 1 if the first provably was not processed.
    #[pyo3(get)]
    attempts: u32,
}

enum Body {
    /// Of a response: it becomes Python data when it is read first.
    Came(things_core::Body, PyOnceLock<Py<PyAny>>),
    /// Of a receipt that was made in Python.
    Given(Py<PyAny>),
}

impl Body {
    fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        match self {
            Self::Came(body, data) => {
                let read = || Ok::<_, PyErr>(body_to_python(py, body)?.unbind());
                Ok(data.get_or_try_init(py, read)?.bind(py))
            }
            Self::Given(data) => Ok(data.bind(py)),
        }
    }
}

impl Receipt {
    pub(crate) fn from_core(receipt: CoreReceipt) -> Self {
        Self {
            status: receipt.status.as_u16(),
            body: Body::Came(receipt.body, PyOnceLock::new()),
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
    #[pyo3(signature = (status, body=None, external_reference=None, attempts=1))]
    fn new(status: u16, body: Option<Py<PyAny>>, external_reference: Option<String>, attempts: u32) -> Self {
        let body = body.unwrap_or_else(|| Python::attach(|py| py.None()));
        Self { status, body: Body::Given(body), external_reference, attempts }
    }

    /// The response's body: plain data if it is JSON of up to 512 KiB, else `bytes`, or `None`. What it holds is not
    /// documented.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.body.get(py).cloned()
    }

    /// All that is known of it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("status", self.status)?;
        dict.set_item("body", self.body.get(py)?)?;
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
            && self.body.get(py)?.eq(other.body.get(py)?)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.status, &self.external_reference, self.attempts).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let this = slf.get();
        let arguments = (this.status, this.body.get(py)?, &this.external_reference, this.attempts);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(py)?))
    }
}
