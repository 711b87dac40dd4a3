//! The uplinks that the simulator posts, and where it posts them.

use super::records::Wait;
use super::{Query, Refused, ok};
use crate::refusal::write_json;
use crate::request::Request;
use crate::response::Response;
use crate::uplink::{Destination, PostedUplink, UplinkAttempt, UplinkError, UplinkSpec};
use crate::world::World;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) fn list(
    world: &World,
    query: &Query,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) -> Result<(), Refused> {
    let settled = || world.uplinks.counts().settled();
    Wait::for_received(query, stopping, "uplinks", settled, |until, count| world.uplinks.wait(until, count))?;
    let counts = world.uplinks.counts();
    let uplinks: Vec<Value> = world.uplinks.newest().iter().map(uplink).collect();
    let body = json!({
        "created": counts.created,
        "delivered": counts.delivered,
        "discarded": counts.discarded,
        "uplinks": uplinks,
    });
    ok(body, response)
}

/// Posts the uplink in the body. Responds with it as soon as it was delivered or discarded, or after the timeout.
pub(super) fn post(
    world: &World,
    query: &Query,
    request: &Request<'_>,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) -> Result<(), Refused> {
    let until = Wait::timeout(query)?.until(stopping);
    let spec = UplinkSpec::from_json(request.body).map_err(refused)?;
    let number = world.uplinks.post(&spec).map_err(refused)?;
    let posted = world.uplinks.wait_for(until, number);
    let body = posted.as_ref().map_or_else(|| json!({ "number": number }), uplink);
    write_json(201, &body, response);
    Ok(())
}

pub(super) fn clear(world: &World) -> Value {
    world.uplinks.clear();
    json!({ "status": "ok" })
}

/// Posts the coming uplinks to the destination in the body.
pub(super) fn set_destination(
    world: &World,
    request: &Request<'_>,
    response: &mut Response,
) -> Result<(), Refused> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        url: String,
        secret: String,
        plug_uuid: Option<String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        retry_pause: Option<f64>,
    }
    let body: Body = serde_json::from_slice(request.body)
        .map_err(|error| Refused::new(400, format!("the body is not a destination: {error}")))?;
    let mut destination = Destination::new(body.url, body.secret);
    if let Some(uuid) = body.plug_uuid {
        destination = destination.plug_uuid(uuid);
    }
    for (name, value) in body.headers {
        destination = destination.header(name, value);
    }
    if let Some(pause) = body.retry_pause {
        let pause = Duration::try_from_secs_f64(pause)
            .map_err(|error| Refused::new(400, format!("retry_pause: {error}")))?;
        destination = destination.retry_pause(pause);
    }
    world.uplinks.set_destination(Some(&destination)).map_err(refused)?;
    ok(json!({ "status": "ok" }), response)
}

pub(super) fn remove_destination(world: &World, response: &mut Response) -> Result<(), Refused> {
    world.uplinks.set_destination(None).map_err(refused)?;
    ok(json!({ "status": "ok" }), response)
}

fn refused(error: UplinkError) -> Refused {
    Refused::new(400, error.to_string())
}

fn uplink(uplink: &PostedUplink) -> Value {
    json!({
        "number": uplink.number,
        "device": uplink.device,
        "body": String::from_utf8_lossy(&uplink.body),
        "outcome": uplink.outcome.name(),
        "attempts": uplink.attempts.iter().map(attempt).collect::<Vec<Value>>(),
    })
}

fn attempt(attempt: &UplinkAttempt) -> Value {
    json!({
        "status": attempt.status,
        "error": attempt.error,
        "faults": attempt.faults.iter().map(|fault| fault.name()).collect::<Vec<_>>(),
        "duplicate": attempt.duplicate,
    })
}
