//! JSON of the service as plain Python data.

use std::borrow::Cow;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyNone, PyString};
use serde_json::Value;
use things_core::{Body, Extra};

/// `dict`, `list`, `str`, `int`, `float`, `bool` or `None`.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => PyNone::get(py).to_owned().into_any(),
        Value::Bool(bool) => bool.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?,
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(values) => {
            let list = PyList::empty(py);
            values.iter().try_for_each(|value| list.append(to_python(py, value)?))?;
            list.into_any()
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            fields.iter().try_for_each(|(name, value)| dict.set_item(name, to_python(py, value)?))?;
            dict.into_any()
        }
    })
}

/// Fields that the library does not know, as a `dict`.
pub(crate) fn extra_to_python<'py>(py: Python<'py>, extra: &Extra) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    extra.iter().try_for_each(|(name, value)| dict.set_item(name, to_python(py, value)?))?;
    Ok(dict)
}

/// Python data for JSON, `bytes` for anything else, `None` for nothing.
pub(crate) fn body_to_python<'py>(py: Python<'py>, body: &Body) -> PyResult<Bound<'py, PyAny>> {
    match body {
        Body::Empty => Ok(PyNone::get(py).to_owned().into_any()),
        Body::Json(value) => to_python(py, value),
        Body::Raw(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
    }
}

/// JSON as users have it: a `str`, `bytes`, or a `bytearray`.
pub(crate) fn source<'a>(data: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = data.cast::<PyString>() {
        return Ok(match text.to_cow()? {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    let bytes = data.extract();
    bytes.or_else(|_| {
        Err(PyTypeError::new_err(format!("data is a {}: give bytes or a str", data.get_type().name()?)))
    })
}

/// What the core has read, it can write.
pub(crate) fn unwritable(error: serde_json::Error) -> PyErr {
    PyRuntimeError::new_err(format!("{error}: please report this as a bug"))
}
