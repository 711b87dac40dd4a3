//! A downlink of a run, as Python reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple};
use things_core::senml::Value;
use things_core::{BulkItem as CoreItem, Downlink, Payload};

use crate::arguments::refuse;
use crate::json::{text_to_python, unwritable};
use crate::rows;

/// One downlink of a run: a row that was checked. Immutable.
///
/// Make one of a row to check it before you need it. `send_downlinks` takes items as well as rows.
#[pyclass(frozen, module = "kpn_things", name = "BulkItem")]
pub(crate) struct BulkItem(pub(crate) CoreItem);

#[pymethods]
impl BulkItem {
    #[new]
    #[pyo3(signature = (row, /))]
    fn new(row: &Bound<'_, PyAny>) -> PyResult<Self> {
        rows::one(row).map(Self)
    }

    /// The URN of the device.
    #[getter]
    fn urn(&self) -> Option<String> {
        Some(self.0.device()?.to_string())
    }

    /// The DevEUI of the device. `None` for a device without one.
    #[getter]
    fn dev_eui(&self) -> Option<String> {
        Some(self.0.device()?.dev_eui()?.to_string())
    }

    /// The LoRa port (FPort).
    #[getter]
    fn port(&self) -> Option<u8> {
        self.0.downlink.lora_port().map(|port| port.number())
    }

    /// The bytes of the downlink. `None` if it consists of other records.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let mut records = self.0.downlink.pack().records();
        let record = records.next().filter(|record| record.name() == "payloadHex")?;
        let Some(Value::String(hex)) = record.value() else { return None };
        let payload: Payload = hex.parse().ok().filter(|_| records.next().is_none())?;
        Some(PyBytes::new(py, payload.bytes()))
    }

    /// The SenML records, as plain data.
    #[getter]
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        text_to_python(py, self.0.downlink.pack().as_json())
    }

    /// The external reference: yours, or a generated one.
    #[getter]
    fn reference(&self) -> Option<&str> {
        self.0.downlink.reference().map(|reference| reference.as_str())
    }

    /// The Customer ID of the sub-customer whose device it is. `None`: that of the client.
    #[getter]
    fn customer(&self) -> Option<&str> {
        self.0.customer.as_ref().map(|customer| customer.as_str())
    }

    /// The time from which on it must not be sent.
    #[getter]
    fn not_after<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.not_after.map(|time| time_to_python(py, time)).transpose()
    }

    fn __repr__(&self) -> String {
        let text = |text: Option<&str>| text.map_or_else(|| "None".to_owned(), |text| format!("{text:?}"));
        let port = self.port().map_or_else(|| "None".to_owned(), |port| port.to_string());
        format!(
            "BulkItem(urn={}, port={port}, reference={})",
            text(self.urn().as_deref()),
            text(self.reference())
        )
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let other = &other.get().0;
        Ok(stored(&self.0.downlink)? == stored(&other.downlink)?
            && self.0.customer == other.customer
            && self.0.not_after == other.not_after)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.reference(), self.urn()).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        static AGAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let (py, item) = (slf.py(), slf.get());
        let again = AGAIN.import(py, "kpn_things._native", "stored_item")?;
        let after = item.0.not_after.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let after = after.map(|time| (time.as_secs(), time.subsec_nanos()));
        let arguments = (stored(&item.0.downlink)?, item.customer(), after);
        Ok((again.clone(), arguments.into_pyobject(py)?))
    }
}

/// The item of a pickle.
#[pyfunction]
pub(crate) fn stored_item(
    downlink: &str,
    customer: Option<&str>,
    not_after: Option<(u64, u32)>,
) -> PyResult<BulkItem> {
    let downlink = serde_json::from_str(downlink).map_err(|error| refuse(error.to_string()))?;
    let customer = customer.map(str::parse).transpose();
    let customer = customer.map_err(|error: things_core::InputError| refuse(error.to_string()))?;
    let not_after =
        not_after.and_then(|(seconds, nanos)| UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)));
    Ok(BulkItem(CoreItem { downlink, customer, not_after }))
}

fn stored(downlink: &Downlink) -> PyResult<String> {
    serde_json::to_string(downlink).map_err(unwritable)
}

/// Returns a time as a `datetime` in UTC. One that Python has no number for is the last that it has.
pub(crate) fn time_to_python<'py>(py: Python<'py>, time: SystemTime) -> PyResult<Bound<'py, PyAny>> {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    time.min(UNIX_EPOCH + LAST).into_pyobject(py).map(Bound::into_any)
}
