//! The devices of the account.

use super::{Refused, ok};
use crate::listed_device::Device;
use crate::refusal::write_json;
use crate::request::Request;
use crate::response::Response;
use crate::world::World;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt::Write as _;

pub(super) fn list(world: &World, response: &mut Response) -> Result<(), Refused> {
    response.begin(200, Some("application/json"));
    response.push(b"{\"devices\":[");
    let mut count = 0;
    world.fleet.each_json(|device| {
        if count > 0 {
            response.push(b",");
        }
        response.push(device.as_bytes());
        count += 1;
    });
    // Writing into memory does not fail.
    let _ = write!(response, "],\"count\":{count}}}");
    Ok(())
}

pub(super) fn replace(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refused> {
    let devices = read(request.body)?;
    let count = devices.len();
    world.fleet.replace(devices);
    ok(json!({ "count": count }), response)
}

pub(super) fn add(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refused> {
    let devices = read(request.body)?;
    let uuids: Vec<String> = devices.into_iter().map(|device| world.fleet.add(device)).collect();
    write_json(201, &json!({ "uuids": uuids, "count": world.fleet.count() }), response);
    Ok(())
}

/// Reads one device, an array of devices, or one device per line.
fn read(body: &[u8]) -> Result<Vec<Device>, Refused> {
    let not_json = |error| Refused::new(400, format!("the body is not JSON: {error}"));
    let mut texts: Vec<&RawValue> = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        let value = value.map_err(not_json)?;
        match value.get().starts_with('[') {
            true => texts.extend(serde_json::from_str::<Vec<&RawValue>>(value.get()).map_err(not_json)?),
            false => texts.push(value),
        }
    }
    let mut uuids = HashSet::new();
    let read = texts.into_iter().enumerate().map(|(index, text)| {
        let wrong = |why: String| Refused::new(400, format!("device {} is not valid: {why}", index + 1));
        if !text.get().starts_with('{') {
            return Err(wrong("it must be a JSON object".to_owned()));
        }
        let device = Device::read(text.get()).map_err(wrong)?.with_documented_fields();
        match device.uuid() {
            Some(uuid) if !uuids.insert(uuid.to_owned()) => Err(wrong(format!("uuid {uuid} occurs twice"))),
            _ => Ok(device),
        }
    });
    read.collect()
}
