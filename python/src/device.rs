//! A device: its place in the page that it is from. Its texts become Python objects when they are read.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyKeyError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyString, PyTuple, PyType};
use things_core::Device as CoreDevice;

use crate::error::raise;
use crate::json;

/// A device of your account.
///
/// Immutable. Two devices are equal if all their fields are. A device is also a read-only mapping of the service's own field
/// names, so that `dict(device)` and `device["deviceSpecificationUUID"]` work. It never equals a `dict`.
#[pyclass(frozen, eq, mapping, module = "kpn_things", name = "Device")]
pub(crate) struct Device {
    others: Arc<Vec<CoreDevice>>,
    place: u32,
}

impl Device {
    /// Returns all of these devices. They share the memory.
    ///
    /// The garbage collector does not track them: they refer to no Python object, and traversing them took a sixth of the
    /// time to list them.
    pub(crate) fn all<'py>(py: Python<'py>, devices: &Arc<Vec<CoreDevice>>) -> PyResult<Bound<'py, PyTuple>> {
        let one = |place| {
            let device = Bound::new(py, Self { others: Arc::clone(devices), place })?;
            // SAFETY: it is an object that the garbage collector tracks.
            unsafe { ffi::PyObject_GC_UnTrack(device.as_ptr().cast()) };
            Ok(device)
        };
        let all: PyResult<Vec<_>> = (0..devices.len() as u32).map(one).collect();
        PyTuple::new(py, all?)
    }

    /// The value of a field; `None` if the device has no such field.
    fn field<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match name.cast::<PyString>() {
            Ok(name) => value(py, self.core()?, &name.to_cow()?),
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn core(&self) -> PyResult<&CoreDevice> {
        // A device is made only for a place that exists.
        self.others.get(self.place as usize).ok_or_else(|| PyRuntimeError::new_err("no such device"))
    }
}

/// The fields that every device has, under the service's names.
const FIELDS: [&str; 6] = ["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode"];

/// Returns the names of all fields, in order.
pub(crate) fn names(device: &CoreDevice) -> impl Iterator<Item = Cow<'_, str>> {
    FIELDS.into_iter().map(Cow::Borrowed).chain(device.extra().iter().map(|(name, _)| name))
}

/// Returns the value of a field, or `None` if the device has no such field.
fn value<'py>(py: Python<'py>, device: &CoreDevice, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let text = |text: Option<&str>| text.into_bound_py_any(py);
    match name {
        "uuid" => text(Some(device.uuid())),
        "name" => text(Some(device.name())),
        "description" => text(device.description()),
        "metadata" => json::to_python(py, device.metadata()),
        "deviceSpecificationUUID" => text(device.device_specification_uuid()),
        "barcode" => text(device.barcode()),
        _ => match device.extra().get(name) {
            Some(value) => json::to_python(py, value),
            None => return Ok(None),
        },
    }
    .map(Some)
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

    /// The service's id of the device. It is opaque.
    #[getter]
    fn uuid(&self) -> PyResult<&str> {
        Ok(self.core()?.uuid())
    }

    /// The name. Empty if the device has none.
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

    /// The id of the device specification.
    #[getter]
    fn device_specification_uuid(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.device_specification_uuid())
    }

    /// The barcode, if there is one.
    #[getter]
    fn barcode(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.barcode())
    }

    /// The fields that this library does not know, as plain Python data, in a new `dict` each time.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::extra_to_python(py, self.core()?.extra())
    }

    /// All fields under the service's own names, including unknown ones, in a new `dict`.
    pub(crate) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let device = self.core()?;
        let dict = PyDict::new(py);
        FIELDS.iter().try_for_each(|name| dict.set_item(name, value(py, device, name)?))?;
        dict.update(json::extra_to_python(py, device.extra())?.as_mapping())?;
        Ok(dict)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, name)?.ok_or_else(|| PyKeyError::new_err((name.clone().unbind(),)))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        let device = self.core()?;
        let Ok(name) = name.cast::<PyString>() else { return Ok(false) };
        let name = name.to_cow()?;
        Ok(names(device).any(|known| known == name))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.keys(py)?.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys(py)?.try_iter()
    }

    /// The value of a field under the service's own name; `default` if the device has no such field.
    #[pyo3(signature = (name, default=None, /))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.field(py, name)?.or(default))
    }

    /// The service's own names of all fields.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let names_only = PyDict::new(py);
        names(self.core()?).try_for_each(|name| names_only.set_item(name, py.None()))?;
        names_only.call_method0("keys")
    }

    /// The values of all fields.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.call_method0("values")
    }

    /// The names and the values of all fields.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.call_method0("items")
    }

    /// Reads a device from JSON as the service writes it, as `bytes` or `str`.
    ///
    /// Raises:
    ///     DecodeError: It is not a device.
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

/// Returns a text as Python shows it in a `repr`, at most 80 characters of it.
pub(crate) fn shown(py: Python<'_>, text: &str) -> PyResult<String> {
    let short: String = match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    };
    Ok(PyString::new(py, &short).repr()?.to_string())
}
