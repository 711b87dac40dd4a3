//! What callers give, as the core takes it.

use std::time::Duration;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use things_core::senml::Pack;
use things_core::{
    DeviceUrn, Devices, Downlink, FPort, FeedClient, InputError, ListDevices, RawCall, SortOrder,
};

use crate::error::raise;

/// Seconds, if they are given; a number that no float can hold is longer than any time.
pub(crate) fn seconds(number: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    match number.extract::<Option<f64>>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(number.py()) => Ok(Some(f64::INFINITY)),
        seconds => seconds,
    }
}

/// The time of a call.
pub(crate) fn duration(what: &str, seconds: f64) -> PyResult<Duration> {
    positive(what, seconds).map_err(refuse)
}

/// Seconds as a duration, or what is wrong with them.
pub(crate) fn positive(what: &str, seconds: f64) -> Result<Duration, String> {
    let duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| format!("{what} is {seconds:?}: give a finite number of seconds above 0"))
}

/// Which devices to list, and in which order.
pub(crate) fn listing(
    search: Option<String>,
    sort_by: Option<String>,
    descending: Option<bool>,
    page_size: Option<u32>,
) -> ListDevices {
    let mut query = ListDevices::new();
    if let Some(text) = search {
        query = query.search(text);
    }
    if let Some(property) = sort_by {
        query = query.sort_by(property);
    }
    if let Some(descending) = descending {
        query = query.sort_order(if descending { SortOrder::Descending } else { SortOrder::Ascending });
    }
    if let Some(size) = page_size {
        query = query.page_size(size);
    }
    query
}

/// A listing of them.
pub(crate) fn devices<C: FeedClient>(
    devices: Devices<C>,
    query: ListDevices,
    window: usize,
    deadline: Option<f64>,
) -> PyResult<Devices<C>> {
    let devices = devices.query(query).window(window);
    match deadline {
        Some(seconds) => Ok(devices.deadline(duration("deadline", seconds)?)),
        None => Ok(devices),
    }
}

/// Bytes for a LoRa device.
pub(crate) fn raw(
    py: Python<'_>,
    dev_eui: &str,
    payload: &[u8],
    port: u64,
    external_reference: Option<String>,
) -> PyResult<Downlink> {
    let build =
        || referenced(Downlink::raw(dev_eui.parse()?, port.try_into()?, payload)?, external_reference);
    build().map_err(|error| raise(py, &error.into()))
}

/// Records as a JSON array; they name their device, or it is given beside them.
pub(crate) fn senml(
    py: Python<'_>,
    records: &str,
    device: Option<&str>,
    port: Option<u64>,
    external_reference: Option<String>,
) -> PyResult<Downlink> {
    let build = || {
        let pack = match device {
            Some(device) => device.parse::<DeviceUrn>()?.pack(records)?,
            None => Pack::from_json(records)?,
        };
        let downlink = Downlink::senml(pack)?;
        let port = port.map(FPort::try_from).transpose()?;
        referenced(port.map_or(downlink.clone(), |port| downlink.port(port)), external_reference)
    };
    build().map_err(|error: InputError| raise(py, &error.into()))
}

fn referenced(downlink: Downlink, reference: Option<String>) -> Result<Downlink, InputError> {
    match reference {
        Some(reference) => downlink.external_reference(reference),
        None => Ok(downlink),
    }
}

/// A call to any method and path.
pub(crate) fn request(
    method: &str,
    path: &str,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    content: Option<Vec<u8>>,
) -> PyResult<RawCall> {
    let method = method
        .parse()
        .map_err(|_| refuse(format!("method is {method:?}: give an HTTP method, such as GET")))?;
    let mut call = RawCall::new(method, path);
    for (name, value) in query {
        call = call.query(&name, value);
    }
    let mut content_type = None;
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-type") && content.is_some() {
            content_type = Some(value);
        } else {
            call = call.header(&name, &value);
        }
    }
    Ok(match (content, content_type) {
        (Some(content), Some(content_type)) => call.body(&content_type, content),
        (Some(content), None) if !content.is_empty() => call.json(content),
        (Some(content), None) => call.body("application/json", content),
        (None, _) => call,
    })
}

/// The `InputError` for what the core has no type for.
fn refuse(why: String) -> PyErr {
    let make = |py: Python<'_>| {
        py.import("kpn_things.errors")?.getattr("InputError")?.call1((&why,)).map(PyErr::from_value)
    };
    Python::attach(|py| make(py).unwrap_or_else(|trouble| trouble))
}
