//! The answer to a raw call.

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use things_core::{Answer, DecodeError};

use crate::error::raise;

/// The answer to a call that this library does not model.
#[pyclass(frozen, module = "kpn_things", name = "Response")]
pub(crate) struct Response {
    /// The HTTP status, 2xx.
    #[pyo3(get)]
    status: u16,
    headers: Vec<(String, String)>,
    /// The body as it came.
    #[pyo3(get)]
    content: Py<PyBytes>,
    /// How many requests were sent.
    #[pyo3(get)]
    attempts: u32,
    /// Seconds that the whole call took.
    #[pyo3(get)]
    elapsed: f64,
}

impl Response {
    pub(crate) fn from_core(py: Python<'_>, answer: &Answer) -> Self {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            status: answer.status.as_u16(),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            content: PyBytes::new(py, &answer.body).unbind(),
            attempts: answer.attempts,
            elapsed: answer.elapsed.as_secs_f64(),
        }
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
        status: u16,
        content: Py<PyBytes>,
        headers: Option<Vec<(String, String)>>,
        attempts: u32,
        elapsed: f64,
    ) -> Self {
        let headers = headers.unwrap_or_default().into_iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        Self { status, headers, content, attempts, elapsed }
    }

    /// The headers, their names in lower case; values of one name are joined by `, `. A new `dict` each time.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in &self.headers {
            match dict.get_item(name)? {
                Some(before) => dict.set_item(name, format!("{}, {value}", before.extract::<String>()?))?,
                None => dict.set_item(name, value)?,
            }
        }
        Ok(dict)
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
                    &DecodeError::too_deep("the answer is nested too deeply to be read").into(),
                );
            }
            error
        })
    }

    /// All that is known of it.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("status", self.status)?;
        dict.set_item("headers", self.headers(py)?)?;
        dict.set_item("content", &self.content)?;
        dict.set_item("attempts", self.attempts)?;
        dict.set_item("elapsed", self.elapsed)?;
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("Response(status={}, content=<{} bytes>)", self.status, self.content.as_bytes(py).len())
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> bool {
        let other = other.get();
        self.status == other.status
            && self.headers == other.headers
            && self.content.as_bytes(py) == other.content.as_bytes(py)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.status, &self.content).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let this = slf.get();
        let arguments = (this.status, &this.content, this.headers.clone(), this.attempts, this.elapsed);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(slf.py())?))
    }
}
