//! JSON of the service as plain Python data.

use std::borrow::Cow;

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyNone, PyString};
use things_core::{Body, DecodeError, Extra, Json};

use crate::error::raise;

/// A larger body stays `bytes`, because as Python data it could take thirty times its size.
const MOST_PARSED: usize = 512 << 10;

/// Returns plain Python data as Python's own `json` reads it. An `int` has all its digits.
pub(crate) fn to_python<'py>(py: Python<'py>, json: Json<'_>) -> PyResult<Bound<'py, PyAny>> {
    if json.is_null() {
        return Ok(PyNone::get(py).to_owned().into_any());
    }
    // Python would read half of a surrogate pair as a `str` that cannot be encoded.
    text_to_python(py, &json.without_half_surrogates())
}

/// Reads JSON.
pub(crate) fn text_to_python<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((json,)).map_err(|error| {
        // An `int` of more than 4,300 digits.
        if error.is_instance_of::<PyValueError>(py) {
            return raise(py, &DecodeError::new(error.value(py)).into());
        }
        error
    })
}

/// Returns the fields that the library does not know, as a `dict`.
pub(crate) fn extra_to_python<'py>(py: Python<'py>, extra: &Extra) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    extra.iter().try_for_each(|(name, value)| dict.set_item(name, to_python(py, value)?))?;
    Ok(dict)
}

/// Returns plain Python data for JSON of up to 512 KiB, `None` for an empty body, and otherwise `bytes`.
pub(crate) fn body_to_python<'py>(py: Python<'py>, body: &Body) -> PyResult<Bound<'py, PyAny>> {
    if body.is_empty() {
        return Ok(PyNone::get(py).to_owned().into_any());
    }
    match body.json().filter(|json| json.as_str().len() <= MOST_PARSED) {
        Some(json) => to_python(py, json),
        None => Ok(PyBytes::new(py, body.bytes()).into_any()),
    }
}

/// Returns the bytes of JSON that a user gave as `str`, `bytes` or `bytearray`.
pub(crate) fn source<'a>(data: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = data.cast::<PyString>() {
        return Ok(match text.to_cow()? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    let bytes = data.extract();
    bytes.or_else(|_| {
        Err(PyTypeError::new_err(format!("data is of type {}: use bytes or a str", data.get_type().name()?)))
    })
}

/// Reports a bug: the core can write whatever it has read.
pub(crate) fn unwritable(error: serde_json::Error) -> PyErr {
    PyRuntimeError::new_err(format!("{error}: please report this as a bug"))
}
