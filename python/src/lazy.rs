//! A part of a response that becomes a Python object when it is first read.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Data of the core, or a Python object from the user instead.
pub(crate) enum Lazy<T> {
    Core(T, PyOnceLock<Py<PyAny>>),
    Given(Py<PyAny>),
}

impl<T> Lazy<T> {
    pub(crate) fn new(data: T) -> Self {
        Self::Core(data, PyOnceLock::new())
    }

    /// Returns the object, the same one each time.
    pub(crate) fn get<'py>(
        &self,
        py: Python<'py>,
        convert: impl FnOnce(Python<'py>, &T) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<&Bound<'py, PyAny>> {
        match self {
            Self::Core(data, object) => {
                Ok(object.get_or_try_init(py, || convert(py, data).map(Bound::unbind))?.bind(py))
            }
            Self::Given(object) => Ok(object.bind(py)),
        }
    }
}
