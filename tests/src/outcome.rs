//! What a call asks of a client, and what came of it as JSON that a scenario can be compared with.

use std::iter;
use std::time::Duration;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use things_core::senml::Pack;
use things_core::{
    Answer, Body, BulkItem, CustomerFleet, Device, DeviceUrn, Downlink, Error, ExternalReference, FPort,
    Filter, Fleet, Incomplete, Item, Json, ListResource, Page, Payload, RawCall, Receipt, Resource,
    RunOptions, Sent,
};

use crate::canary::{self, Canary};
use crate::scenario::Call;
use crate::timeline::moment;

/// What a call came to: the fields of its result, or of its error.
pub(crate) type Outcome = Result<Value, Value>;

/// A downlink, or why there cannot be one.
pub(crate) fn downlink(call: &Call) -> Result<Downlink, Error> {
    let port = call.port.map(FPort::try_from).transpose()?;
    let mut downlink = match (&call.senml, port) {
        (Some(pack), port) => {
            let json = pack.to_string();
            let pack = match &call.device {
                Some(device) => device.parse::<DeviceUrn>()?.pack(&json)?,
                None => Pack::from_json(&json)?,
            };
            let downlink = Downlink::senml(pack)?;
            port.map_or(downlink.clone(), |port| downlink.port(port))
        }
        (None, port) => {
            let dev_eui = call.dev_eui.as_deref().unwrap_or_default().parse()?;
            let payload: Payload = call.payload.as_deref().unwrap_or_default().parse()?;
            Downlink::raw(dev_eui, port.map_or_else(|| "".parse(), Ok)?, payload.bytes())?
        }
    };
    match call.external_reference.as_deref() {
        None => {}
        Some("") => downlink = downlink.without_reference(),
        Some(reference) => downlink = downlink.external_reference(reference)?,
    }
    Ok(downlink)
}

/// The downlinks of a run.
pub(crate) fn items(call: &Call) -> Result<Vec<BulkItem>, Error> {
    let item = |call: &Call| {
        let customer = call.for_customer.as_deref().map(str::parse).transpose()?;
        let not_after = call.not_after_ms.map(|after| moment(ms(after)).wall());
        Ok(BulkItem { downlink: downlink(call)?, customer, not_after })
    };
    call.concurrent().map(item).collect()
}

/// The options of a run.
pub(crate) fn run_options(call: &Call) -> RunOptions {
    let default = RunOptions::default();
    RunOptions { window: call.window.unwrap_or(default.window), rate: call.rate, ..default }
}

/// The downlinks of a run that ended, perhaps up to an error.
pub(crate) fn sent(mut sent: Vec<Sent>, error: Option<&Error>) -> Outcome {
    sent.sort_by_key(|sent| sent.index);
    let item = |sent: &Sent| {
        json!({
            "index": sent.index,
            "outcome": sent.outcome().as_str(),
            "tries": sent.tries,
            "external_reference": sent.item.downlink.reference().map(ExternalReference::as_str),
            "status": sent.result.as_ref().map_or_else(Error::status, |receipt| Some(receipt.status)).map(|status| status.as_u16()),
            "kind": sent.result.as_ref().err().map(|error| snake_case(&format!("{:?}", error.kind()))),
        })
    };
    let all = Value::Array(sent.iter().map(item).collect());
    match error {
        None => Ok(json!({"sent": all})),
        Some(error) => {
            let mut error = failure(error);
            if let Some(fields) = error.as_object_mut() {
                fields.insert("sent".into(), all);
            }
            Err(error)
        }
    }
}

/// A listing of the current API.
pub(crate) fn list_resource(call: &Call) -> ListResource {
    let path = call.path.as_deref().unwrap_or_default();
    let resource = Resource::ALL.into_iter().find(|resource| resource.path() == path);
    let query = ListResource::new(resource.unwrap_or(Resource::Devices));
    call.query.iter().fold(query, |query, (name, value)| match name.as_str() {
        "sort" => query.sort(value),
        "limit" => query.limit(value.parse().unwrap_or(0)),
        "cursor" => query.cursor(value),
        name => match Filter::ALL.into_iter().find(|filter| filter.name() == name) {
            Some(filter) => query.filter(filter, value),
            None => query,
        },
    })
}

/// Items that came one by one, perhaps up to an error.
pub(crate) fn listed(items: &[Item], error: Option<&Error>) -> Outcome {
    let all: Value = items.iter().map(|item| value(item.json())).collect();
    match error {
        None => Ok(json!({"items": all})),
        Some(error) => {
            let mut error = failure(error);
            if let Some(fields) = error.as_object_mut() {
                fields.insert("items".into(), all);
            }
            Err(error)
        }
    }
}

/// A raw call.
pub(crate) fn raw_call(call: &Call) -> RawCall {
    let method = call.method.as_deref().unwrap_or("GET").parse().unwrap_or(Method::GET);
    let mut raw = RawCall::new(method, call.path.as_deref().unwrap_or_default());
    for (name, value) in &call.query {
        raw = raw.query(name, value);
    }
    for (name, value) in &call.headers {
        raw = raw.header(name, value);
    }
    match &call.json {
        Some(json) => raw.json(json.to_string()),
        None => raw,
    }
}

/// The id of the customer to switch to.
pub(crate) fn customer(call: &Call) -> Result<things_core::CustomerId, Error> {
    Ok(call.customer.as_deref().unwrap_or_default().parse()?)
}

/// Devices that came one by one, perhaps up to an error.
pub(crate) fn devices(devices: &[Device], error: Option<&Error>) -> Outcome {
    match error {
        None => Ok(json!({
            "count": devices.len(),
            "names": names(devices),
            "devices": written(devices),
            "metadata": metadata(devices),
        })),
        Some(error) => Err(with_names(failure(error), devices)),
    }
}

/// Pages that came in order, perhaps up to an error.
pub(crate) fn pages(pages: &[Page], error: Option<&Error>) -> Outcome {
    match error {
        None => Ok(json!({"pages": pages.iter().map(page).collect::<Vec<_>>()})),
        Some(error) => {
            let devices: Vec<_> = pages.iter().flat_map(|page| &page.devices).cloned().collect();
            Err(with_names(failure(error), &devices))
        }
    }
}

/// All devices at once.
pub(crate) fn fleet(fleet: Result<Fleet, Error>) -> Outcome {
    let fleet = fleet.map_err(|error| match error.incomplete() {
        Some(incomplete) => with_names(failure(&error), &incomplete.devices),
        None => failure(&error),
    })?;
    Ok(json!({
        "count": fleet.devices.len(),
        "names": names(&fleet.devices),
        "devices": written(&fleet.devices),
        "metadata": metadata(&fleet.devices),
        "pages": fleet.pages,
        "total_elements": fleet.total_elements,
        "report": {
            "devices": fleet.report.devices,
            "doubles": fleet.report.doubles,
            "missing": fleet.report.missing(),
            "moved_totals": fleet.report.moved_totals,
        },
        "proof": fleet.proof.map(|proof| json!({"requests": proof.requests, "repairs": proof.repairs})),
    }))
}

/// The fleets of several sub-customers, perhaps up to an error.
pub(crate) fn customers(fleets: Vec<CustomerFleet>, error: Option<&Error>) -> Outcome {
    let one = |item: CustomerFleet| {
        let customer = item.customer.as_str();
        match fleet(item.result) {
            Ok(fleet) => json!({"customer": customer, "ok": fleet}),
            Err(error) => json!({"customer": customer, "error": error}),
        }
    };
    match error {
        None => Ok(json!({"fleets": fleets.into_iter().map(one).collect::<Vec<_>>()})),
        Some(error) => Err(failure(error)),
    }
}

/// A downlink that was taken.
pub(crate) fn receipt(receipt: Result<Receipt, Error>) -> Outcome {
    let receipt = receipt.map_err(|error| failure(&error))?;
    Ok(json!({
        "status": receipt.status.as_u16(),
        "headers": headers(&receipt.headers),
        "body": body(&receipt.body),
        "body_text": body_text(&receipt.body),
        "external_reference": receipt.external_reference,
        "attempts": receipt.attempts,
    }))
}

/// The answer to a raw call.
pub(crate) fn answer(answer: Result<Answer, Error>) -> Outcome {
    let answer = answer.map_err(|error| failure(&error))?;
    let came = Body::read(&answer.body);
    Ok(json!({
        "status": answer.status.as_u16(),
        "headers": headers(&answer.headers),
        "body": body(&came),
        "body_text": body_text(&came),
        "attempts": answer.attempts,
    }))
}

/// A context switch on its own.
pub(crate) fn context_switch(switched: Result<Body, Error>) -> Outcome {
    switched
        .map(|switched| json!({"body": body(&switched), "body_text": body_text(&switched)}))
        .map_err(|error| failure(&error))
}

/// Everything that an error tells.
pub(crate) fn failure(error: &Error) -> Value {
    json!({
        "kind": snake_case(&format!("{:?}", error.kind())),
        "stage": snake_case(&format!("{:?}", error.stage())),
        "status": error.status().map(|status| status.as_u16()),
        "outcome": error.outcome().map(|outcome| snake_case(&format!("{outcome:?}"))),
        "gave_up_because": error.gave_up_because().map(|stop| snake_case(&format!("{stop:?}"))),
        "external_reference": error.external_reference(),
        "attempts": error.attempts(),
        "retry_after_ms": error.retry_after().map(|wait| wait.as_millis() as u64),
        "method": error.method().map(Method::as_str),
        "body": body(error.body()),
        "body_text": body_text(error.body()),
        "why": error.incomplete().map(|incomplete| &incomplete.why),
        "gaps": error.incomplete().map(gaps),
        "text": error.to_string(),
        "leaks": leaks(error),
    })
}

/// Where devices may be missing.
fn gaps(incomplete: &Incomplete) -> Value {
    incomplete.gaps.iter().map(|gap| json!([gap.after, gap.before])).collect()
}

/// Whether an error shows the secret, or an access token, of which all scenarios start with `token-`.
fn leaks(error: &Error) -> bool {
    let mut shown =
        format!("{error} {error:#} {error:?} {error:#?} {:?} {:?}", error.body(), error.body().json());
    shown.push_str(&headers(error.headers()).to_string());
    for cause in iter::successors(error.cause().map(|cause| cause as &dyn std::error::Error), |cause| {
        (*cause).source()
    }) {
        shown.push_str(&format!(" {cause} {cause:?} {cause:#?}"));
    }
    shown.contains("token-") || !canary::sightings(shown.as_bytes(), &Canary::known()).is_empty()
}

/// Headers by their names; the values of one name are joined.
fn headers(headers: &HeaderMap) -> Value {
    let mut all = serde_json::Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        all.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    all.into()
}

/// The error of a listing, with the names of the devices that came before it.
fn with_names(mut error: Value, before: &[Device]) -> Value {
    if let Some(fields) = error.as_object_mut() {
        fields.insert("names_before".into(), names(before));
    }
    error
}

fn names(devices: &[Device]) -> Value {
    devices.iter().map(|device| device.name()).collect()
}

fn page(page: &Page) -> Value {
    json!({
        "number": page.number,
        "size": page.size,
        "total_pages": page.total_pages,
        "total_elements": page.total_elements,
        "first": page.first,
        "last": page.last,
        "names": names(&page.devices),
        "extra": page.extra,
    })
}

/// Devices under the service's own field names.
fn written(devices: &[Device]) -> Value {
    let fields = |device: &Device| {
        let mut fields = json!({
            "uuid": device.uuid(),
            "name": device.name(),
            "description": device.description(),
            "metadata": value(device.metadata()),
            "deviceSpecificationUUID": device.device_specification_uuid(),
            "barcode": device.barcode(),
        });
        if let Some(fields) = fields.as_object_mut() {
            fields.extend(device.extra().iter().map(|(name, came)| (name.into_owned(), value(came))));
        }
        fields
    };
    devices.iter().map(fields).collect()
}

/// A value as scenarios are read: one that `serde_json` cannot hold becomes `null`.
fn value(json: Json<'_>) -> Value {
    json.parse().unwrap_or_default()
}

/// The metadata of each device, as it came.
fn metadata(devices: &[Device]) -> Value {
    devices.iter().map(|device| device.metadata().as_str()).collect()
}

/// A body as it came.
fn body_text(body: &Body) -> Value {
    Value::String(String::from_utf8_lossy(body.bytes()).into_owned())
}

fn body(body: &Body) -> Value {
    match body.json() {
        Some(json) => value(json),
        None if body.is_empty() => Value::Null,
        None => Value::String(String::from_utf8_lossy(body.bytes()).into_owned()),
    }
}

/// `MayHaveArrived` as `may_have_arrived`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// Milliseconds of a scenario.
pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
