//! The options of a client, as Python passes them.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use things_core::Secret;

use crate::arguments::refuse;
use crate::retry::RetryPolicy;

/// The options of a client. `kpn_things._options` documents them, and checks their types.
#[derive(FromPyObject, IntoPyObjectRef)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    #[pyo3(default)]
    pub(crate) tenant_id: Option<String>,
    #[pyo3(default)]
    pub(crate) key_id: Option<String>,
    /// `mask` always sets it, because pyo3 rejects a struct in which every field has a default.
    #[pyo3(from_py_with = secret, into_py_with = nothing)]
    pub(crate) key_secret: Option<Secret>,
    #[pyo3(default)]
    pub(crate) application_id: Option<String>,
    #[pyo3(default)]
    pub(crate) grip_base_url: Option<String>,
    #[pyo3(default)]
    pub(crate) token_url: Option<String>,
    #[pyo3(default)]
    pub(crate) base_url: Option<String>,
    #[pyo3(default)]
    pub(crate) customer_id: Option<String>,
    #[pyo3(default, from_py_with = secret, into_py_with = nothing)]
    pub(crate) security_context: Option<Secret>,
    #[pyo3(default)]
    pub(crate) timeout: Option<f64>,
    #[pyo3(default)]
    pub(crate) attempt_timeout: Option<f64>,
    #[pyo3(default)]
    pub(crate) connect_timeout: Option<f64>,
    #[pyo3(default)]
    pub(crate) max_attempts: Option<u32>,
    #[pyo3(default)]
    pub(crate) retry: Option<Py<RetryPolicy>>,
    #[pyo3(default)]
    pub(crate) max_body: Option<usize>,
    #[pyo3(default)]
    pub(crate) max_pages: Option<u64>,
    #[pyo3(default)]
    pub(crate) max_connections: Option<usize>,
    #[pyo3(default)]
    pub(crate) pool_timeout: Option<f64>,
    #[pyo3(default)]
    pub(crate) ca_bundle: Option<Vec<u8>>,
    /// An empty string means no proxy, whatever the environment contains.
    #[pyo3(default, from_py_with = secret, into_py_with = address)]
    pub(crate) proxy: Option<Secret>,
    #[pyo3(default)]
    pub(crate) user_agent: Option<String>,
    #[pyo3(default)]
    pub(crate) allow_http: Option<Vec<String>>,
    #[pyo3(default)]
    pub(crate) on_event: Option<Hook>,
}

/// The options that are secrets, or that can hold one.
const SECRETS: [&str; 3] = ["key_secret", "security_context", "proxy"];

/// Masks the secrets among the options, in place, before anything else is done with them.
///
/// The options are a local variable of our Python code. Tools that report errors show such variables.
#[pyfunction]
pub(crate) fn mask(options: &Bound<'_, PyDict>) -> PyResult<()> {
    if !options.contains("key_secret")? {
        options.set_item("key_secret", options.py().None())?;
    }
    let mut wrong = None;
    for name in SECRETS {
        let Some(value) = options.get_item(name)?.filter(|value| !value.is_none()) else { continue };
        if value.is_instance_of::<Masked>() {
            continue;
        }
        let text = value.cast::<PyString>().ok().map(|text| text.to_str().is_ok());
        let kind = value.get_type().name()?;
        options.set_item(name, Masked(value.unbind()))?;
        match text {
            None => wrong = Some(PyTypeError::new_err(format!("{name} is of type {kind}: pass a str"))),
            // Python's own error would hold the secret.
            Some(false) => {
                wrong = Some(refuse(format!("{name} is not Unicode: it has half of a surrogate pair")))
            }
            Some(true) => {}
        }
    }
    wrong.map_or(Ok(()), Err)
}

/// A value that its `repr` does not show.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Masked(Py<PyAny>);

#[pymethods]
impl Masked {
    #[new]
    fn new(value: Py<PyAny>) -> Self {
        Self(value)
    }

    fn __repr__(&self) -> &'static str {
        "<masked>"
    }
}

impl Masked {
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

/// A user's function that is called with events. Clones share it; the last one is dropped on an attached thread.
#[derive(Clone)]
pub(crate) struct Hook(Arc<Py<PyAny>>);

impl Hook {
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

impl<'py> FromPyObject<'_, 'py> for Hook {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Arc::new(object.to_owned().unbind())))
    }
}

impl<'py> IntoPyObject<'py> for &Hook {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.get(py).clone())
    }
}

fn secret(value: &Bound<'_, PyAny>) -> PyResult<Option<Secret>> {
    if value.is_none() {
        return Ok(None);
    }
    let masked = value.cast::<Masked>()?;
    Ok(Some(Secret::from(masked.get().get(value.py()).extract::<String>()?)))
}

/// Converts a secret to `None`, because no secret may leave the options.
fn nothing<'py>(_secret: Cow<'_, Option<Secret>>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    Ok(py.None().into_bound(py))
}

/// Converts a proxy to its address, or to `None` if it holds a password.
fn address<'py>(proxy: Cow<'_, Option<Secret>>, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    let address = proxy.as_ref().as_ref().map(Secret::expose).filter(|proxy| !proxy.contains('@'));
    Ok(address.into_pyobject(py)?)
}
