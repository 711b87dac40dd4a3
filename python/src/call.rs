//! A call that has not started, for either client.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::prelude::*;
use things_core::senml::Pack;
use things_core::{
    Answer, Body, ContextSwitch, CustomerId, DecodeError, DeviceUrn, Downlink, Error, FPort, InputError,
    Operation, RawCall,
};

use crate::arguments::refuse;
use crate::caller::Driver;
use crate::error::raise;
use crate::following::warn_of_stop;
use crate::json::body_to_python;
use crate::receipt::Receipt;
use crate::response::Response;

/// A call with checked arguments.
#[pyclass(frozen, generic, module = "kpn_things._native")]
pub(crate) struct Call(Arc<Endpoint>);

/// The endpoint of a call, with its arguments.
pub(crate) enum Endpoint {
    Downlink(Downlink),
    Switch(ContextSwitch),
    Raw(RawCall),
}

impl Call {
    /// The endpoint. This client generates a reference for a downlink that has none.
    pub(crate) fn endpoint(&self, client: &impl Driver) -> Arc<Endpoint> {
        if let Endpoint::Downlink(downlink) = &*self.0
            && let Cow::Owned(referenced) = client.referenced(downlink)
        {
            return Arc::new(Endpoint::Downlink(referenced));
        }
        Arc::clone(&self.0)
    }

    fn of(endpoint: Endpoint) -> Self {
        Self(Arc::new(endpoint))
    }
}

#[pymethods]
impl Call {
    /// A downlink of bytes to a LoRa device. An empty reference sends none; without one, the client generates one.
    #[staticmethod]
    fn downlink(
        py: Python<'_>,
        dev_eui: &str,
        payload: &[u8],
        port: u64,
        external_reference: Option<String>,
    ) -> PyResult<Self> {
        let build = || {
            let downlink = Downlink::raw(dev_eui.parse()?, port.try_into()?, payload)?;
            Ok(Self::of(Endpoint::Downlink(referenced(downlink, external_reference)?)))
        };
        build().map_err(|error: InputError| raise(py, &error.into()))
    }

    /// A downlink of SenML records, a JSON array. Without `device`, the records must name the device.
    #[staticmethod]
    fn senml(
        py: Python<'_>,
        records: &str,
        device: Option<&str>,
        port: Option<u64>,
        external_reference: Option<String>,
    ) -> PyResult<Self> {
        let build = || {
            let pack = match device {
                Some(device) => device.parse::<DeviceUrn>()?.pack(records)?,
                None => Pack::from_json(records)?,
            };
            let mut downlink = Downlink::senml(pack)?;
            if let Some(port) = port {
                downlink = downlink.port(FPort::try_from(port)?);
            }
            Ok(Self::of(Endpoint::Downlink(referenced(downlink, external_reference)?)))
        };
        build().map_err(|error: InputError| raise(py, &error.into()))
    }

    /// The context switch to a sub-customer.
    #[staticmethod]
    fn switch(py: Python<'_>, customer_id: &str) -> PyResult<Self> {
        let customer: CustomerId =
            customer_id.parse().map_err(|error: InputError| raise(py, &error.into()))?;
        Ok(Self::of(Endpoint::Switch(ContextSwitch::to(customer))))
    }

    /// A call with any method and path.
    #[staticmethod]
    fn request(
        method: &str,
        path: &str,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        content: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let method = method
            .parse()
            .map_err(|_| refuse(format!("method is {method:?}: pass an HTTP method, such as GET")))?;
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
        Ok(Self::of(Endpoint::Raw(match (content, content_type) {
            (Some(content), Some(content_type)) => call.body(&content_type, content),
            (Some(content), None) if !content.is_empty() => call.json(content),
            (Some(content), None) => call.body("application/json", content),
            (None, _) => call,
        })))
    }

    /// Warns about a result that came when its caller had just stopped waiting for it.
    fn missed(&self, py: Python<'_>, result: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.0.at_most_once() {
            return Ok(());
        }
        let reference = result.cast::<Receipt>().ok().and_then(|receipt| receipt.get().external_reference());
        warn_of_stop(py, &self.0, reference, "accepted").map(drop)
    }
}

fn referenced(downlink: Downlink, reference: Option<String>) -> Result<Downlink, InputError> {
    match reference.as_deref() {
        Some("") => Ok(downlink.without_reference()),
        Some(reference) => downlink.external_reference(reference),
        None => Ok(downlink),
    }
}

impl Endpoint {
    /// The name of the client's method.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Downlink(_) => "send_downlink",
            Self::Switch(_) => "context_switch",
            Self::Raw(_) => "request",
        }
    }

    /// Describes what the call acts on.
    pub(crate) fn describe(&self) -> Cow<'static, str> {
        match self {
            Self::Downlink(downlink) => {
                let device = downlink.device().map_or_else(|| "a device".to_owned(), |urn| urn.to_string());
                let port = downlink.lora_port().map(|port| format!(", port {port}")).unwrap_or_default();
                Cow::Owned(format!("the downlink to {device}{port}"))
            }
            Self::Switch(_) => Cow::Borrowed("the context switch"),
            Self::Raw(_) => Cow::Borrowed("the request"),
        }
    }

    pub(crate) fn external_reference(&self) -> Option<&str> {
        match self {
            Self::Downlink(downlink) => downlink.reference().map(|reference| reference.as_str()),
            Self::Switch(_) | Self::Raw(_) => None,
        }
    }
}

/// The result of a call.
pub(crate) enum Reply {
    Receipt(things_core::Receipt),
    Body(Body),
    Answer(Answer),
}

impl Reply {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Receipt(receipt) => Some(receipt.status.as_u16()),
            Self::Body(_) => None,
            Self::Answer(answer) => Some(answer.status.as_u16()),
        }
    }

    /// The number of requests that were sent for the call.
    pub(crate) fn attempts(&self) -> u32 {
        match self {
            Self::Receipt(receipt) => receipt.attempts,
            Self::Body(_) => 1,
            Self::Answer(answer) => answer.attempts,
        }
    }

    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Receipt(receipt) => Bound::new(py, Receipt::from_core(receipt))?.into_any().unbind(),
            Self::Body(body) => body_to_python(py, &body)?.unbind(),
            Self::Answer(answer) => Bound::new(py, Response::from_core(py, &answer))?.into_any().unbind(),
        })
    }
}

impl Operation for Endpoint {
    type Output = Reply;

    fn encode(&self) -> Result<things_core::Call, InputError> {
        match self {
            Self::Downlink(downlink) => downlink.encode(),
            Self::Switch(switch) => switch.encode(),
            Self::Raw(call) => call.encode(),
        }
    }

    fn at_most_once(&self) -> bool {
        match self {
            Self::Downlink(downlink) => downlink.at_most_once(),
            Self::Switch(switch) => switch.at_most_once(),
            Self::Raw(call) => call.at_most_once(),
        }
    }

    fn decode(&self, answer: Answer) -> Result<Reply, DecodeError> {
        Ok(match self {
            Self::Downlink(downlink) => Reply::Receipt(downlink.decode(answer)?),
            Self::Switch(switch) => Reply::Body(switch.decode(answer)?),
            Self::Raw(call) => Reply::Answer(call.decode(answer)?),
        })
    }
}

/// The outcome of a call, for events and logs. `None` for a call that may be retried.
pub(crate) fn outcome(endpoint: &Endpoint, result: &Result<Reply, Error>) -> Option<&'static str> {
    match result {
        Ok(Reply::Receipt(_)) => Some("accepted"),
        Ok(_) => endpoint.at_most_once().then_some("accepted"),
        Err(error) => error.outcome().map(crate::error::outcome),
    }
}
