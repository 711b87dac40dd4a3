//! All devices of a listing.

use std::fmt::Display;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::device::{Device, names};
use crate::report::{ListingReport, Proof};

/// All devices of a listing: a sequence, with a report on its completeness. Immutable.
#[pyclass(frozen, sequence, module = "kpn_things", name = "Fleet")]
pub(crate) struct Fleet {
    /// The devices, in order.
    #[pyo3(get)]
    devices: Py<PyTuple>,
    /// The number of pages they were on.
    #[pyo3(get)]
    pages: u64,
    /// The number of devices that the service counted. `None` if it returned none. That it equals the number of devices here
    /// does not prove that the listing is complete.
    #[pyo3(get)]
    total_elements: Option<u64>,
    /// The report of the listing on its own completeness.
    #[pyo3(get)]
    report: Py<ListingReport>,
    /// The proof that the listing is complete. `None` for a listing without `verified`.
    #[pyo3(get)]
    proof: Option<Py<Proof>>,
}

impl Fleet {
    /// Creates a fleet of these devices. `known` holds the rest.
    pub(crate) fn from_core(devices: &Bound<'_, PyAny>, known: &things_core::Fleet) -> PyResult<Self> {
        let py = devices.py();
        let report = Py::new(py, ListingReport::from_core(&known.report))?;
        let proof = known.proof.map(|proof| Py::new(py, Proof::from_core(proof))).transpose()?;
        Self::new(devices, known.pages, known.total_elements, Some(report), proof)
    }
}

#[pymethods]
impl Fleet {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str, &'static str, &'static str) =
        ("devices", "pages", "total_elements", "report", "proof");

    #[new]
    #[pyo3(signature = (devices, pages, total_elements=None, report=None, proof=None))]
    fn new(
        devices: &Bound<'_, PyAny>,
        pages: u64,
        total_elements: Option<u64>,
        report: Option<Py<ListingReport>>,
        proof: Option<Py<Proof>>,
    ) -> PyResult<Self> {
        let py = devices.py();
        let devices: Bound<'_, PyTuple> = py.get_type::<PyTuple>().call1((devices,))?.cast_into()?;
        let report = match report {
            Some(report) => report,
            None => Py::new(py, ListingReport::new(devices.len() as u64, 0, total_elements, None, 0))?,
        };
        Ok(Self { devices: devices.unbind(), pages, total_elements, report, proof })
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

    /// One `dict` per device, all with the same keys: the service's field names. A field that a device lacks is `None`.
    ///
    /// These are the rows for `pandas.DataFrame` and `pyarrow.Table.from_pylist`, and for `polars.DataFrame` with
    /// `infer_schema_length=None`: by default, polars takes the types from the first 100 rows alone.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let devices: Vec<Bound<'py, Device>> = self.devices.bind(py).extract()?;
        let blank = PyDict::new(py);
        for device in &devices {
            names(device.get().core()?).try_for_each(|name| blank.set_item(name, py.None()))?;
        }
        let row = |device: &Bound<'py, Device>| {
            let row = blank.copy()?;
            row.update(device.get().to_dict(py)?.as_mapping())?;
            Ok(row)
        };
        devices.iter().map(row).collect()
    }

    /// The first index of a device.
    ///
    /// Raises:
    ///     ValueError: The device is not in the fleet.
    #[pyo3(signature = (device, start=0, stop=isize::MAX, /))]
    fn index(&self, py: Python<'_>, device: &Bound<'_, PyAny>, start: isize, stop: isize) -> PyResult<usize> {
        self.devices.bind(py).call_method1("index", (device, start, stop))?.extract()
    }

    /// The number of times that a device is in the fleet.
    #[pyo3(signature = (device, /))]
    fn count(&self, py: Python<'_>, device: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.devices.bind(py).call_method1("count", (device,))?.extract()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let proof = self.proof.as_ref().map(|proof| format!(", proof={}", proof.get().__repr__()));
        format!(
            "Fleet(devices={}, pages={}, total_elements={}{})",
            self.__len__(py),
            self.pages,
            shown(self.total_elements),
            proof.unwrap_or_default()
        )
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = other.get();
        Ok(self.pages == other.pages
            && self.total_elements == other.total_elements
            && self.report.get() == other.report.get()
            && self.proof.as_ref().map(Py::get) == other.proof.as_ref().map(Py::get)
            && self.devices.bind(py).eq(&other.devices)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.devices.bind(py).hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let this = slf.get();
        let arguments = (&this.devices, this.pages, this.total_elements, &this.report, &this.proof);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(slf.py())?))
    }
}

/// Returns an optional value as Python shows it.
pub(crate) fn shown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}
