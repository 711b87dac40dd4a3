//! All devices of a listing.

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// All devices of a listing: a sequence of them, and how many the service told. Immutable.
#[pyclass(frozen, sequence, module = "kpn_things", name = "Fleet")]
pub(crate) struct Fleet {
    /// The devices, in order.
    #[pyo3(get)]
    devices: Py<PyTuple>,
    /// How many pages they came on.
    #[pyo3(get)]
    pages: usize,
    /// How many the service told there are; `None` if it did not.
    #[pyo3(get)]
    total_elements: Option<u64>,
}

#[pymethods]
impl Fleet {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str) = ("devices", "pages", "total_elements");

    #[new]
    #[pyo3(signature = (devices, pages, total_elements=None))]
    fn new(devices: &Bound<'_, PyAny>, pages: usize, total_elements: Option<u64>) -> PyResult<Self> {
        let devices = devices.py().get_type::<PyTuple>().call1((devices,))?.cast_into()?.unbind();
        Ok(Self { devices, pages, total_elements })
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.devices.bind(py).len()
    }

    fn __bool__(&self, py: Python<'_>) -> bool {
        !self.devices.bind(py).is_empty()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.devices.bind(py).as_any().try_iter()?.into_any())
    }

    fn __getitem__<'py>(&self, py: Python<'py>, place: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.devices.bind(py).as_any().get_item(place)
    }

    /// The first place of a device, `ValueError` if it is not there.
    #[pyo3(signature = (device, start=0, stop=isize::MAX, /))]
    fn index(&self, py: Python<'_>, device: &Bound<'_, PyAny>, start: isize, stop: isize) -> PyResult<usize> {
        self.devices.bind(py).call_method1("index", (device, start, stop))?.extract()
    }

    /// How many times a device is there.
    #[pyo3(signature = (device, /))]
    fn count(&self, py: Python<'_>, device: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.devices.bind(py).call_method1("count", (device,))?.extract()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let total = self.total_elements.map_or("None".to_owned(), |total| total.to_string());
        format!("Fleet(devices={}, pages={}, total_elements={total})", self.__len__(py), self.pages)
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = other.get();
        Ok(self.pages == other.pages
            && self.total_elements == other.total_elements
            && self.devices.bind(py).eq(&other.devices)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.devices.bind(py).hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let this = slf.get();
        let arguments = (&this.devices, this.pages, this.total_elements).into_pyobject(slf.py())?;
        Ok((slf.get_type().into_any(), arguments))
    }
}
