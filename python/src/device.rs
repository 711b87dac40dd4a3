//! A device: a place among those that it came with. Its texts become Python objects when they are read.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};
use things_core::Device as CoreDevice;

use crate::error::raise;
use crate::json;

/// A device of your account.
///
/// Immutable. Two devices are equal if all that the service said of them is.
#[pyclass(frozen, eq, module = "kpn_things", name = "Device")]
pub(crate) struct Device {
    others: Arc<Vec<CoreDevice>>,
    place: u32,
}

impl Device {
    /// All of these devices. They share the memory.
    pub(crate) fn all<'py>(py: Python<'py>, devices: &Arc<Vec<CoreDevice>>) -> PyResult<Bound<'py, PyTuple>> {
        let one = |place| Bound::new(py, Self { others: Arc::clone(devices), place });
        let all: PyResult<Vec<_>> = (0..devices.len() as u32).map(one).collect();
        PyTuple::new(py, all?)
    }

    fn core(&self) -> PyResult<&CoreDevice> {
        // A device is only made for a place that there is.
        self.others.get(self.place as usize).ok_or_else(|| PyRuntimeError::new_err("no such device"))
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        matches!((self.core(), other.core()), (Ok(one), Ok(other)) if one == other)
    }
}

#[pymethods]
impl Device {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str) = ("uuid", "name");

    /// The service's id of the device; opaque.
    #[getter]
    fn uuid(&self) -> PyResult<&str> {
        Ok(self.core()?.uuid())
    }

    /// The name; empty if the service has none.
    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(self.core()?.name())
    }

    /// The description, if there is one.
    #[getter]
    fn description(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.description())
    }

    /// The metadata as plain Python data, as a new object each time; `None` if there is none. An integer has all its digits.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, self.core()?.metadata())
    }

    /// The id of the kind of device (`deviceSpecificationUUID`).
    #[getter]
    fn device_specification_uuid(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.device_specification_uuid())
    }

    /// The barcode, if there is one.
    #[getter]
    fn barcode(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.barcode())
    }

    /// Fields that this library does not know, as plain Python data; a new `dict` each time.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::extra_to_python(py, self.core()?.extra())
    }

    /// All fields under the service's own names, unknown ones included: a row for pandas or polars.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let device = self.core()?;
        let dict = PyDict::new(py);
        dict.set_item("uuid", device.uuid())?;
        dict.set_item("name", device.name())?;
        dict.set_item("description", device.description())?;
        dict.set_item("metadata", json::to_python(py, device.metadata())?)?;
        dict.set_item("deviceSpecificationUUID", device.device_specification_uuid())?;
        dict.set_item("barcode", device.barcode())?;
        device
            .extra()
            .iter()
            .try_for_each(|(name, value)| dict.set_item(name, json::to_python(py, value)?))?;
        Ok(dict)
    }

    /// Reads a device as the service writes it: a JSON object, as `bytes` or `str`. Raises `DecodeError` if it is none.
    #[classmethod]
    fn from_json(_class: &Bound<'_, PyType>, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let device = CoreDevice::from_json(&json::source(data)?).map_err(|error| raise(py, &error.into()))?;
        Ok(Self { others: Arc::new(vec![device]), place: 0 })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let device = self.core()?;
        Ok(format!("Device(uuid={}, name={})", shown(py, device.uuid())?, shown(py, device.name())?))
    }

    fn __hash__(&self) -> PyResult<u64> {
        let mut hasher = DefaultHasher::new();
        self.core()?.uuid().hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let text = serde_json::to_string(slf.get().core()?).map_err(json::unwritable)?;
        Ok((slf.get_type().getattr("from_json")?, (PyBytes::new(slf.py(), text.as_bytes()),)))
    }
}

/// A text as Python writes it in a `repr`: of its characters, 80 at most.
pub(crate) fn shown(py: Python<'_>, text: &str) -> PyResult<String> {
    let short: String = match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    Ok(PyString::new(py, &short).repr()?.to_string())
}
