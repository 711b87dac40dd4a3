//! The simulator behind `kpn_things.testing`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use serde_json::{Map, Value};
use things_sim::{
    Destination, DeviceSpec, ParseRuleError, PostedUplink, Route, Sim, UplinkError, UplinkSpec,
};

use crate::guard;
use crate::json::text_to_python;
use crate::process::OfProcess;

/// GRIP and KPN Things on loopback.
#[pyclass(frozen, module = "kpn_things._native")]
pub(crate) struct Simulator {
    sim: OfProcess<Sim>,
    /// A forked child may read these, because it can call the simulator of its parent.
    url: String,
    environment: Vec<(&'static str, String)>,
    postman_environment: String,
}

impl Simulator {
    fn sim(&self) -> PyResult<&Sim> {
        self.sim.get().ok_or_else(|| {
            PyRuntimeError::new_err(
                "the simulator runs in the process that started it: use it there, or start another one here",
            )
        })
    }
}

#[pymethods]
impl Simulator {
    /// Starts the simulator on the given port, or on any free one.
    #[new]
    #[pyo3(signature = (
        *, devices=None, device_file=None, strict_devices=false, seed=0, port=0, access=true, customers=None,
        token_life=3600.0, page_size_cap=None, changes=Vec::new(), quirks=Vec::new(), faults=Vec::new(),
        uplink_to=None, uplink_secret=None, uplink_rate=None, uplink_answers=true, uplink_pause=1.0,
        own_devices=Vec::new()
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are the keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        devices: Option<usize>,
        device_file: Option<PathBuf>,
        strict_devices: bool,
        seed: u64,
        port: u16,
        access: bool,
        customers: Option<BTreeMap<String, usize>>,
        token_life: f64,
        page_size_cap: Option<usize>,
        changes: Vec<String>,
        quirks: Vec<String>,
        faults: Vec<String>,
        uplink_to: Option<String>,
        uplink_secret: Option<String>,
        uplink_rate: Option<String>,
        uplink_answers: bool,
        uplink_pause: f64,
        own_devices: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let life = Duration::try_from_secs_f64(token_life)
            .map_err(|error| PyValueError::new_err(format!("token_life: {error}")))?;
        let mut builder = Sim::builder().seed(seed).port(port).token_life(life);
        if let Some(devices) = devices {
            builder = builder.devices(devices);
        }
        if let Some(file) = device_file {
            let read = py.detach(|| builder.device_file(file));
            builder = read.map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        if strict_devices {
            builder = builder.strict_devices();
        }
        if !access {
            builder = builder.without_access();
        }
        if let Some(customers) = customers {
            builder = builder.no_customers();
            for (id, devices) in customers {
                builder = builder.customer(id, devices);
            }
        }
        if let Some(devices) = page_size_cap {
            builder = builder.page_size_cap(devices);
        }
        for change in changes {
            builder = builder.change(parse(&change)?);
        }
        for quirk in quirks {
            builder = builder.quirk(parse(&quirk)?);
        }
        for fault in faults {
            builder = builder.fault(parse(&fault)?);
        }
        match (uplink_to, uplink_secret) {
            (Some(url), Some(secret)) => {
                let destination = Destination::new(url, secret).retry_pause(pause(uplink_pause)?);
                builder = builder.uplink_destination(destination);
            }
            (None, None) => {}
            _ => return Err(PyValueError::new_err("uplink_to and uplink_secret are needed both")),
        }
        if let Some(rate) = uplink_rate {
            builder = builder.uplink_rate(parse(&rate)?);
        }
        if !uplink_answers {
            builder = builder.without_uplink_answers();
        }
        for (uuid, secret) in own_devices {
            builder = builder.own_device(uuid, secret);
        }
        let sim = py.detach(|| builder.start()).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => PyValueError::new_err(error.to_string()),
            _ => PyOSError::new_err(format!("could not start the simulator: {error}")),
        })?;
        guard::allow(sim.url());
        Ok(Self {
            url: sim.url().to_owned(),
            environment: sim.environment(),
            postman_environment: sim.postman_environment(),
            sim: OfProcess::new(sim),
        })
    }

    /// The base URL of both GRIP and the API.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// The environment variables that point a client at it, including the secret.
    fn environment<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.environment.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
        Ok(dict)
    }

    /// The same settings as a Postman environment file.
    fn postman_environment(&self) -> &str {
        &self.postman_environment
    }

    /// Adds a fault. Its calls are counted from now on.
    fn add_fault(&self, fault: &str) -> PyResult<()> {
        self.sim()?.add_fault(parse(fault)?);
        Ok(())
    }

    /// Adds a change of the devices. Its list requests are counted from now on.
    fn add_change(&self, change: &str) -> PyResult<()> {
        self.sim()?.add_change(parse(change)?);
        Ok(())
    }

    /// Removes one fault. Returns `False` if there is none like it.
    fn remove_fault(&self, fault: &str) -> PyResult<bool> {
        Ok(self.sim()?.remove_fault(&parse(fault)?))
    }

    /// Removes every fault.
    fn clear_faults(&self) -> PyResult<()> {
        self.sim()?.clear_faults();
        Ok(())
    }

    /// Revokes every token issued so far.
    fn revoke_tokens(&self) -> PyResult<()> {
        self.sim()?.revoke_tokens();
        Ok(())
    }

    /// Forgets every context switch.
    fn forget_context_switches(&self) -> PyResult<()> {
        self.sim()?.forget_context_switches();
        Ok(())
    }

    /// Adds a device, written as a JSON object with the service's field names. Returns its uuid.
    fn add_device(&self, device: &str) -> PyResult<String> {
        let fields: Map<String, Value> =
            serde_json::from_str(device).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(self.sim()?.add_device(specification(fields)))
    }

    /// Removes a device. Returns `False` if there is none with this uuid.
    fn remove_device(&self, uuid: &str) -> PyResult<bool> {
        Ok(self.sim()?.remove_device(uuid))
    }

    /// The number of devices.
    #[getter]
    fn device_count(&self) -> PyResult<usize> {
        Ok(self.sim()?.device_count())
    }

    /// The ids of the granted sub-customers.
    #[getter]
    fn customers(&self) -> PyResult<Vec<String>> {
        Ok(self.sim()?.customers())
    }

    /// The number of requests on a route, whether they got a response or not: `token`, `devices`, `downlinks`,
    /// `context-switch`, `ingestion`, `other`, or all of them.
    #[pyo3(signature = (route=None))]
    fn calls(&self, route: Option<&str>) -> PyResult<u64> {
        match route {
            None => Ok(self.sim()?.calls_total()),
            Some(name) => {
                let route: Route = name.parse().map_err(|_| {
                    PyValueError::new_err(format!(
                        "route is {name:?}: use token, devices, downlinks, context-switch, ingestion or other"
                    ))
                })?;
                Ok(self.sim()?.calls(route))
            }
        }
    }

    /// The downlinks it accepted, oldest first, each a `dict`.
    fn downlinks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for downlink in self.sim()?.downlinks() {
            let dict = PyDict::new(py);
            dict.set_item("records", text_to_python(py, &downlink.records.to_string())?)?;
            dict.set_item("port", downlink.port.and_then(|port| port.parse::<u64>().ok()))?;
            dict.set_item("external_reference", downlink.external_reference)?;
            dict.set_item("customer", downlink.customer)?;
            list.append(dict)?;
        }
        Ok(list)
    }

    /// The requests it received, oldest first, each a `dict`; secrets are masked.
    fn requests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for request in self.sim()?.requests() {
            let dict = PyDict::new(py);
            dict.set_item("method", request.method)?;
            dict.set_item("target", request.target)?;
            dict.set_item("headers", request.headers)?;
            list.append(dict)?;
        }
        Ok(list)
    }

    /// Posts the coming uplinks to this destination.
    fn post_uplinks_to(
        &self,
        url: Option<String>,
        secret: String,
        plug_uuid: Option<String>,
        headers: Vec<(String, String)>,
        pause: f64,
    ) -> PyResult<()> {
        let retry_pause = self::pause(pause)?;
        let destination = url.map(|url| {
            let destination = Destination::new(url, secret).retry_pause(retry_pause);
            let destination = headers
                .into_iter()
                .fold(destination, |destination, (name, value)| destination.header(name, value));
            plug_uuid.into_iter().fold(destination, Destination::plug_uuid)
        });
        self.sim()?.set_uplink_destination(destination.as_ref()).map_err(refused)
    }

    /// Posts an uplink, written as JSON. Returns it as soon as it was delivered or discarded.
    fn post_uplink<'py>(&self, py: Python<'py>, uplink: &str) -> PyResult<Bound<'py, PyDict>> {
        let spec = UplinkSpec::from_json(uplink.as_bytes()).map_err(refused)?;
        let sim = self.sim()?;
        let posted = py.detach(|| sim.post_uplink(&spec)).map_err(refused)?;
        posted_uplink(py, &posted)
    }

    /// Waits until so many uplinks were delivered or discarded. Returns `False` if they were not in time.
    fn wait_for_uplinks(&self, py: Python<'_>, count: u64, timeout: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout)
            .map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let sim = self.sim()?;
        Ok(py.detach(|| sim.wait_for_uplinks(count, timeout)))
    }

    /// The uplinks it posted, oldest first, each a `dict`.
    fn uplinks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for uplink in self.sim()?.uplinks() {
            list.append(posted_uplink(py, &uplink)?)?;
        }
        Ok(list)
    }

    /// The devices of your own, with the secret of each.
    fn own_devices(&self) -> PyResult<BTreeMap<String, String>> {
        let devices = self.sim()?.own_devices();
        Ok(devices.into_iter().map(|device| (device.uuid, device.secret)).collect())
    }

    /// Sets the downlink in the response to the next pack of a device. Returns `False` if there is none like it.
    fn set_downlink_in_response(&self, uuid: &str, downlink: Vec<u8>) -> PyResult<bool> {
        Ok(self.sim()?.set_downlink_in_response(uuid, downlink))
    }

    /// The packs it accepted, oldest first, each a `dict`.
    fn packs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for pack in self.sim()?.packs() {
            let dict = PyDict::new(py);
            dict.set_item("device", pack.device)?;
            dict.set_item("records", text_to_python(py, &pack.records.to_string())?)?;
            dict.set_item("body", PyBytes::new(py, &pack.body))?;
            dict.set_item("downlink", pack.downlink.map(|downlink| PyBytes::new(py, &downlink)))?;
            list.append(dict)?;
        }
        Ok(list)
    }

    /// Closes the listener and every connection. Does nothing in a forked child, because its parent owns the simulator.
    fn stop(&self, py: Python<'_>) {
        if let Some(sim) = self.sim.get() {
            py.detach(|| sim.stop());
        }
    }

    fn __repr__(&self) -> String {
        format!("Simulator(url={:?})", self.url)
    }
}

fn posted_uplink<'py>(py: Python<'py>, uplink: &PostedUplink) -> PyResult<Bound<'py, PyDict>> {
    let attempts = PyList::empty(py);
    for attempt in &uplink.attempts {
        let dict = PyDict::new(py);
        dict.set_item("status", attempt.status)?;
        dict.set_item("error", attempt.error.as_deref())?;
        dict.set_item("faults", attempt.faults.iter().map(|fault| fault.name()).collect::<Vec<_>>())?;
        dict.set_item("duplicate", attempt.duplicate)?;
        attempts.append(dict)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("number", uplink.number)?;
    dict.set_item("device", uplink.device.as_deref())?;
    dict.set_item("body", PyBytes::new(py, &uplink.body))?;
    dict.set_item("attempts", attempts)?;
    dict.set_item("outcome", uplink.outcome.name())?;
    Ok(dict)
}

fn refused(error: UplinkError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn pause(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(format!("the pause: {error}")))
}

fn parse<T: FromStr<Err = ParseRuleError>>(text: &str) -> PyResult<T> {
    text.parse().map_err(|error: ParseRuleError| PyValueError::new_err(error.to_string()))
}

fn specification(mut fields: Map<String, Value>) -> DeviceSpec {
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let mut device = DeviceSpec::named(text("name").unwrap_or_default());
    device.uuid = text("uuid");
    device.description = text("description").unwrap_or_default();
    device.device_specification_uuid = text("deviceSpecificationUUID");
    device.barcode = text("barcode");
    device.metadata = fields.remove("metadata").unwrap_or_default();
    device.extra = fields;
    device
}
