//! The response to a raw call.

use http::HeaderMap;
use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use things_core::{Answer, DecodeError};

use crate::error::raise;
use crate::headers::{headers_from_python, headers_to_python, plain};
use crate::lazy::Lazy;

/// The response to a call that this library does not model.
#[pyclass(frozen, module = "kpn_things", name = "Response")]
pub(crate) struct Response {
    /// The HTTP status, 2xx.
    #[pyo3(get)]
    status: u16,
    headers: Lazy<HeaderMap>,
    /// The body, unchanged.
    #[pyo3(get)]
    content: Py<PyBytes>,
    /// The number of requests that were sent.
    #[pyo3(get)]
    attempts: u32,
    /// The time of the whole call, in seconds.
    #[pyo3(get)]
    elapsed: f64,
}

impl Response {
    pub(crate) fn from_core(py: Python<'_>, answer: &Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            headers: Lazy::new(answer.headers.clone()),
            content: PyBytes::new(py, &answer.body).unbind(),
            attempts: answer.attempts,
            elapsed: answer.elapsed.as_secs_f64(),
        }
    }

    fn headers<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        self.headers.get(py, headers_to_python)
    }
}

#[pymethods]
impl Response {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str) = ("status", "content");

    #[new]
    #[pyo3(signature = (status, content, headers=None, attempts=1, elapsed=0.0))]
    fn new(
        py: Python<'_>,
        status: u16,
        content: Py<PyBytes>,
        headers: Option<&Bound<'_, PyAny>>,
        attempts: u32,
        elapsed: f64,
    ) -> PyResult<Self> {
        let headers = Lazy::Given(headers_from_python(py, headers)?.unbind());
        Ok(Self { status, headers, content, attempts, elapsed })
    }

    /// The headers. Their names can be read in any case.
    #[getter]
    #[pyo3(name = "headers")]
    fn py_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.headers(py).cloned()
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &String::from_utf8_lossy(self.content.as_bytes(py)))
    }

    /// The body as plain Python data; `ValueError` if it is not JSON, or nested deeper than Python reads.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (&self.content,)).map_err(|error| {
            if error.is_instance_of::<PyRecursionError>(py) {
                return raise(
                    py,
                    &DecodeError::too_deep("the response is nested too deeply to be read").into(),
                );
            }
            error
        })
    }

    /// All fields, under the names of the attributes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("status", self.status)?;
        dict.set_item("headers", plain(self.headers(py)?)?)?;
        dict.set_item("content", &self.content)?;
        dict.set_item("attempts", self.attempts)?;
        dict.set_item("elapsed", self.elapsed)?;
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Response(status={}, content=<{} bytes>)", self.status, self.content.as_bytes(py).len())
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = other.get();
        Ok(self.status == other.status
            && self.content.as_bytes(py) == other.content.as_bytes(py)
            && self.headers(py)?.eq(other.headers(py)?)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.status, &self.content).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let this = slf.get();
        let arguments = (this.status, &this.content, this.headers(py)?, this.attempts, this.elapsed);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(py)?))
    }
}
