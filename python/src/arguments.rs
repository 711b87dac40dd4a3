//! Checks of arguments that the core has no type for.

use std::time::Duration;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// Optional seconds. An integer too large for a float counts as infinite.
pub(crate) fn seconds(number: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    match number.extract::<Option<f64>>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(number.py()) => Ok(Some(f64::INFINITY)),
        seconds => seconds,
    }
}

/// The time limit of a call.
pub(crate) fn duration(name: &str, seconds: f64) -> PyResult<Duration> {
    positive(name, seconds).map_err(refuse)
}

/// Converts seconds to a duration, or returns an error that describes what is wrong with them.
pub(crate) fn positive(name: &str, seconds: f64) -> Result<Duration, String> {
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| format!("{name} is {seconds:?}: pass a finite number of seconds above 0"))
}

/// The `InputError` with this text.
pub(crate) fn refuse(why: String) -> PyErr {
    let make = |py: Python<'_>| {
        py.import("kpn_things.errors")?.getattr("InputError")?.call1((&why,)).map(PyErr::from_value)
    };
    Python::attach(|py| make(py).unwrap_or_else(|trouble| trouble))
}
