//! The report of a listing on its own completeness, and its proof.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::fleet::shown;

/// The report of a plain listing on its own completeness. Immutable.
///
/// Pages that contradict each other show as doubles, as a total that changes, or as fewer devices than the service counted. If
/// devices are added or removed during the listing, doubles and moved totals are normal. A clean report does not prove that
/// the listing is complete: `verified` does.
///
/// `str()` describes the findings in one sentence. It is empty if the report is clean.
#[pyclass(frozen, eq, hash, module = "kpn_things", name = "ListingReport")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct ListingReport {
    devices: u64,
    doubles: u64,
    total_elements: Option<u64>,
    moved_totals: Option<(u64, u64)>,
    skipped: u64,
}

impl ListingReport {
    pub(crate) fn from_core(report: &things_core::ListingReport) -> Self {
        Self {
            devices: report.devices,
            doubles: report.doubles,
            total_elements: report.total_elements,
            moved_totals: report.moved_totals,
            skipped: report.skipped,
        }
    }

    fn core(&self) -> things_core::ListingReport {
        let mut report = things_core::ListingReport::default();
        report.devices = self.devices;
        report.doubles = self.doubles;
        report.total_elements = self.total_elements;
        report.moved_totals = self.moved_totals;
        report.skipped = self.skipped;
        report
    }
}

#[pymethods]
impl ListingReport {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str, &'static str, &'static str) =
        ("devices", "doubles", "total_elements", "moved_totals");

    #[new]
    #[pyo3(signature = (devices, doubles=0, total_elements=None, moved_totals=None, skipped=0))]
    pub(crate) fn new(
        devices: u64,
        doubles: u64,
        total_elements: Option<u64>,
        moved_totals: Option<(u64, u64)>,
        skipped: u64,
    ) -> Self {
        Self { devices, doubles, total_elements, moved_totals, skipped }
    }

    /// The number of devices that were listed, each once.
    #[getter]
    fn devices(&self) -> u64 {
        self.devices
    }

    /// The number of devices that were on a later page once more. They were not listed again.
    #[getter]
    fn doubles(&self) -> u64 {
        self.doubles
    }

    /// The number of devices that the service counted, on the last page that had a total.
    #[getter]
    fn total_elements(&self) -> Option<u64> {
        self.total_elements
    }

    /// The smallest and the largest total of the service, if it returned more than one.
    #[getter]
    fn moved_totals(&self) -> Option<(u64, u64)> {
        self.moved_totals
    }

    /// The number of devices on the pages before the first page of the listing.
    #[getter]
    fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many fewer devices were listed than the service counted. 0 if it returned no total.
    #[getter]
    fn missing(&self) -> u64 {
        self.core().missing()
    }

    /// Whether there are no findings.
    #[getter]
    fn is_clean(&self) -> bool {
        self.core().is_clean()
    }

    /// All fields, under the names of the attributes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("devices", self.devices)?;
        dict.set_item("doubles", self.doubles)?;
        dict.set_item("total_elements", self.total_elements)?;
        dict.set_item("moved_totals", self.moved_totals)?;
        dict.set_item("skipped", self.skipped)?;
        dict.set_item("missing", self.missing())?;
        dict.set_item("is_clean", self.is_clean())?;
        Ok(dict)
    }

    fn __str__(&self) -> String {
        self.core().to_string()
    }

    fn __repr__(&self) -> String {
        let moved = self.moved_totals.map(|(least, most)| format!("({least}, {most})"));
        format!(
            "ListingReport(devices={}, doubles={}, total_elements={}, moved_totals={}, skipped={})",
            self.devices,
            self.doubles,
            shown(self.total_elements),
            shown(moved),
            self.skipped
        )
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let this = slf.get();
        let arguments = (this.devices, this.doubles, this.total_elements, this.moved_totals, this.skipped);
        Ok((slf.get_type().into_any(), arguments.into_pyobject(slf.py())?))
    }
}

/// The proof that a listing is complete. Immutable.
#[pyclass(frozen, eq, hash, module = "kpn_things", name = "Proof")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Proof {
    requests: u64,
    repairs: u64,
}

impl Proof {
    pub(crate) fn from_core(proof: things_core::Proof) -> Self {
        Self { requests: proof.requests, repairs: proof.repairs }
    }
}

#[pymethods]
impl Proof {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    const MATCH_ARGS: (&'static str, &'static str) = ("requests", "repairs");

    #[new]
    #[pyo3(signature = (requests, repairs=0))]
    fn new(requests: u64, repairs: u64) -> Self {
        Self { requests, repairs }
    }

    /// The number of pages that were requested.
    #[getter]
    fn requests(&self) -> u64 {
        self.requests
    }

    /// The number of those that were requested because a link was missing, or to find the end.
    #[getter]
    fn repairs(&self) -> u64 {
        self.repairs
    }

    /// All fields, under the names of the attributes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("requests", self.requests)?;
        dict.set_item("repairs", self.repairs)?;
        Ok(dict)
    }

    pub(crate) fn __repr__(&self) -> String {
        format!("Proof(requests={}, repairs={})", self.requests, self.repairs)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let arguments = (slf.get().requests, slf.get().repairs).into_pyobject(slf.py())?;
        Ok((slf.get_type().into_any(), arguments))
    }
}
