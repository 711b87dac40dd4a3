//! Converts errors of the core to the exceptions of `kpn_things.errors`, which are written in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use things_core::{Error, Outcome};

use crate::callback::call;
use crate::headers::headers_to_python;
use crate::json::body_to_python;

/// Converts an error of the core.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).map_or_else(|trouble| trouble, PyErr::from_value)
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let fields = PyDict::new(py);
    fields.set_item("hint", error.hint())?;
    fields.set_item("method", error.method().map(http::Method::as_str))?;
    fields.set_item("url", error.url())?;
    fields.set_item("status", error.status().map(|status| status.as_u16()))?;
    fields.set_item("headers", headers_to_python(py, error.headers())?)?;
    fields.set_item("body", body_to_python(py, error.body())?)?;
    fields.set_item("retry_after", error.retry_after().map(|wait| wait.as_secs_f64()))?;
    fields.set_item("external_reference", error.external_reference())?;
    fields.set_item("attempts", error.attempts())?;
    fields.set_item("elapsed", error.elapsed().as_secs_f64())?;
    fields.set_item("stage", snake_case(&format!("{:?}", error.stage())))?;
    let reason = error.gave_up_because().map(|reason| snake_case(&format!("{reason:?}")));
    fields.set_item("gave_up_because", reason)?;
    fields.set_item("is_retryable", error.is_retryable())?;
    fields.set_item("reference", error.reference())?;
    fields.set_item("outcome", error.outcome().map(outcome))?;
    if let Some(incomplete) = error.incomplete() {
        let gaps = incomplete.gaps.iter().map(|gap| (gap.after.as_deref(), gap.before.as_deref()));
        fields.set_item("why", &incomplete.why)?;
        fields.set_item("gaps", PyTuple::new(py, gaps.collect::<Vec<_>>())?)?;
    }
    let text = what_happened(error);
    let make = MAKE.import(py, "kpn_things.errors", "_from_core")?;
    call(make, (format!("{:?}", error.kind()), text, error.message(), fields))
}

/// Returns the error's text without its hint, which Python shows as a note.
fn what_happened(error: &Error) -> String {
    let text = error.to_string();
    let hint = error.hint().map(|hint| format!("; {hint}"));
    hint.and_then(|hint| text.strip_suffix(&hint)).unwrap_or(&text).to_owned()
}

/// Returns Python's name for an outcome.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    outcome.as_str()
}

/// Converts `MayHaveArrived` to `may_have_arrived`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}
