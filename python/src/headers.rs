//! Headers of a response, as the Python class `kpn_things.Headers`.

use http::HeaderMap;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::callback::call;

/// Converts headers. Bytes that are not UTF-8 are replaced.
pub(crate) fn headers_to_python<'py>(py: Python<'py>, headers: &HeaderMap) -> PyResult<Bound<'py, PyAny>> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    make(py, pairs)
}

/// Creates `Headers` from a user's mapping or pairs.
pub(crate) fn headers_from_python<'py>(
    py: Python<'py>,
    headers: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match headers {
        Some(headers) => make(py, headers),
        None => make(py, Vec::<(String, String)>::new()),
    }
}

/// Returns headers as a plain `dict`.
pub(crate) fn plain<'py>(headers: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    call(&headers.py().get_type::<PyDict>(), (headers,))
}

fn make<'py>(py: Python<'py>, headers: impl IntoPyObject<'py>) -> PyResult<Bound<'py, PyAny>> {
    static HEADERS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let headers = headers.into_bound_py_any(py)?;
    call(HEADERS.import(py, "kpn_things._headers", "Headers")?, (headers,))
}
