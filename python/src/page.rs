//! A page of a listing.

use std::mem;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use things_core::{Device as CoreDevice, Page as CorePage};

use crate::device::Device;
use crate::error::raise;
use crate::fleet::shown;
use crate::json;

/// One page of a listing, as the service returned it.
#[pyclass(frozen, eq, sequence, module = "kpn_things", name = "Page")]
pub(crate) struct Page {
    /// All but its devices.
    core: CorePage,
    devices: Arc<Vec<CoreDevice>>,
    tuple: PyOnceLock<Py<PyTuple>>,
}

impl Page {
    pub(crate) fn new(mut page: CorePage) -> Self {
        let devices = Arc::new(mem::take(&mut page.devices));
        Self { core: page, devices, tuple: PyOnceLock::new() }
    }

    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyTuple>> {
        let make = || Device::all(py, &self.devices).map(Bound::unbind);
        Ok(self.tuple.get_or_try_init(py, make)?.bind(py))
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.core == other.core && self.devices == other.devices
    }
}

#[pymethods]
impl Page {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str,) = ("devices",);

    /// The devices of the page, in order.
    #[getter]
    fn devices<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.tuple(py).cloned()
    }

    /// The number of the page, from 0. `None` if the service does not return it.
    #[getter]
    fn number(&self) -> Option<u64> {
        self.core.number
    }

    /// The number of devices on a full page. It may be smaller than requested.
    #[getter]
    fn size(&self) -> Option<u64> {
        self.core.size
    }

    /// The number of pages.
    #[getter]
    fn total_pages(&self) -> Option<u64> {
        self.core.total_pages
    }

    /// The number of devices on all pages together.
    #[getter]
    fn total_elements(&self) -> Option<u64> {
        self.core.total_elements
    }

    /// Whether this is the first page.
    #[getter]
    fn first(&self) -> bool {
        self.core.first
    }

    /// Whether this is the last page.
    #[getter]
    fn last(&self) -> bool {
        self.core.last
    }

    /// The fields that this library does not know, in a new `dict` each time.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::extra_to_python(py, &self.core.extra)
    }

    /// All fields under the service's own names, with the devices under `content`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        let devices = self.tuple(py)?.iter().map(|device| device.call_method0("to_dict"));
        dict.set_item("content", devices.collect::<PyResult<Vec<_>>>()?)?;
        dict.set_item("number", self.core.number)?;
        dict.set_item("size", self.core.size)?;
        dict.set_item("totalPages", self.core.total_pages)?;
        dict.set_item("totalElements", self.core.total_elements)?;
        dict.set_item("first", self.core.first)?;
        dict.set_item("last", self.core.last)?;
        dict.update(self.extra(py)?.as_mapping())?;
        Ok(dict)
    }

    /// Reads a page from JSON as the service writes it, as `bytes` or `str`.
    ///
    /// Raises:
    ///     DecodeError: It is not a page.
    #[classmethod]
    fn from_json(_class: &Bound<'_, PyType>, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        CorePage::from_json(&json::source(data)?).map(Self::new).map_err(|error| raise(py, &error.into()))
    }

    fn __len__(&self) -> usize {
        self.devices.len()
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __getitem__<'py>(&self, py: Python<'py>, place: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.tuple(py)?.as_any().get_item(place)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tuple(py)?.as_any().try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        format!(
            "Page(number={}, devices={}, total_elements={})",
            shown(self.core.number),
            self.devices.len(),
            shown(self.core.total_elements)
        )
    }

    fn __hash__(&self) -> u64 {
        self.core.number.unwrap_or_default() ^ self.devices.len() as u64
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let core = &slf.get().core;
        let counts = [
            ("number", core.number),
            ("size", core.size),
            ("totalPages", core.total_pages),
            ("totalElements", core.total_elements),
        ];
        let known = counts.map(|(name, count)| (name, serde_json::json!(count).to_string()));
        let ends = [("first", core.first.to_string()), ("last", core.last.to_string())];
        let devices = serde_json::to_string(&*slf.get().devices).map_err(json::unwritable)?;
        let mut text = format!(r#"{{"content":{devices}"#);
        for (name, value) in known.into_iter().chain(ends) {
            text += &format!(",{name:?}:{value}");
        }
        for (name, value) in core.extra.iter() {
            text += &format!(",{}:{value}", serde_json::json!(name));
        }
        text.push('}');
        Ok((slf.get_type().getattr("from_json")?, (PyBytes::new(slf.py(), text.as_bytes()),)))
    }
}
