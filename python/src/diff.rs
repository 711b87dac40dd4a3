//! The differences between two listings.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use things_core::{Device as CoreDevice, DeviceChange, FieldValue, InputError, ListingRecord, SavedListing};

use crate::arguments::refuse;
use crate::device::Device;
use crate::error::raise;
use crate::json;

/// What a listing lists: the base URL, the search and the customer.
type Subject = (String, Option<String>, Option<String>);

/// The devices of a saved listing, what it lists if it says so, and why it proves nothing, if so.
type Saved<'py> = (Bound<'py, PyTuple>, Option<Subject>, Option<String>);

/// Reads a saved listing. Returns its devices, what it lists if it says so, and why it proves nothing, if so.
#[pyfunction]
pub(crate) fn read_listing(py: Python<'_>, path: PathBuf) -> PyResult<Saved<'_>> {
    let (devices, saved) = py.detach(|| read(&path))?;
    let subject = saved.record().cloned().map(|record| (record.base_url, record.search, record.customer));
    Ok((Device::all(py, &Arc::new(devices))?, subject, saved.doubt()))
}

fn read(path: &PathBuf) -> PyResult<(Vec<CoreDevice>, SavedListing)> {
    let mut reader = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let (mut devices, mut saved, mut line) = (Vec::new(), SavedListing::default(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok((devices, saved));
        }
        let device = saved.read_line(&line);
        devices.extend(device.map_err(|error| refuse(format!("{}, {error}", path.display())))?);
    }
}

/// Checks that two listings list the same.
#[pyfunction]
pub(crate) fn check_same_subject(py: Python<'_>, old: Subject, new: Subject) -> PyResult<()> {
    let record = |(base_url, search, customer)| ListingRecord {
        base_url,
        search,
        customer,
        ..ListingRecord::default()
    };
    ListingRecord::check_same(&record(old), &record(new)).map_err(|error| raise(py, &error.into()))
}

/// Compares two listings. Returns the devices that were added, removed and not listed, and the old and the new device and
/// the fields of each that changed.
#[pyfunction]
pub(crate) fn diff_devices<'py>(
    py: Python<'py>,
    old: Vec<Bound<'py, Device>>,
    new: Vec<Bound<'py, Device>>,
    proven: bool,
) -> PyResult<Bound<'py, PyTuple>> {
    let devices = |devices: Vec<Bound<'py, Device>>| -> PyResult<Vec<CoreDevice>> {
        devices.iter().map(|device| device.get().core().cloned()).collect()
    };
    let (old, new) = (devices(old)?, devices(new)?);
    let changes = py.detach(|| things_core::diff_devices(old, new, proven));
    let changes = changes.map_err(|error: InputError| raise(py, &error.into()))?;
    let (mut added, mut removed, mut not_listed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let fields = PyList::empty(py);
    for change in changes {
        if matches!(change, DeviceChange::Changed { .. }) {
            fields.append(fields_of(py, &change)?)?;
        }
        match change {
            DeviceChange::Added(device) => added.push(device),
            DeviceChange::Removed(device) => removed.push(device),
            DeviceChange::NotListed(device) => not_listed.push(device),
            DeviceChange::Changed { old, new } => {
                before.push(old);
                after.push(new);
            }
            // The core has no other change.
            _ => {}
        }
    }
    let all = |devices| Device::all(py, &Arc::new(devices));
    let devices = (all(added)?, all(removed)?, all(not_listed)?, all(before)?, all(after)?);
    let (added, removed, not_listed, before, after) = devices;
    (added, removed, not_listed, before, after, fields).into_pyobject(py)
}

/// The changed fields of a device, each with its name, its old value and its new value.
fn fields_of<'py>(py: Python<'py>, change: &DeviceChange) -> PyResult<Bound<'py, PyTuple>> {
    let value = |value: Option<FieldValue<'_>>| match value {
        None => Ok(py.None().into_bound(py)),
        Some(FieldValue::Text(text)) => text.into_bound_py_any(py),
        Some(FieldValue::Json(json)) => json::to_python(py, json),
    };
    let fields =
        change.fields().into_iter().map(|field| Ok((field.name, value(field.old)?, value(field.new)?)));
    PyTuple::new(py, fields.collect::<PyResult<Vec<_>>>()?)
}
