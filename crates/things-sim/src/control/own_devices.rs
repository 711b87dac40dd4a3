//! Devices of your own, and the packs that they posted.

use super::records::Wait;
use super::{Query, Refused, ok};
use crate::own_device::OwnDevice;
use crate::pack_log::ReceivedPack;
use crate::refusal::write_json;
use crate::request::Request;
use crate::response::Response;
use crate::world::World;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn list(world: &World) -> Value {
    let device = |OwnDevice { uuid, secret }| json!({ "uuid": uuid, "secret": secret });
    let devices: Vec<Value> = world.own_devices.list().into_iter().map(device).collect();
    json!({ "devices": devices })
}

/// Adds a device with its secret, sets the downlink of a device, or both.
pub(super) fn add(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refused> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        uuid: String,
        secret: Option<String>,
        downlink: Option<String>,
    }
    let refused = |reason: String| Refused::new(400, reason);
    let Body { uuid, secret, downlink } = serde_json::from_slice(request.body)
        .map_err(|error| refused(format!("the body is not a device of your own: {error}")))?;
    let downlink = downlink.map(hex::decode).transpose();
    let downlink =
        downlink.map_err(|_| refused("`downlink` must be pairs of hexadecimal digits".to_owned()))?;
    if let Some(secret) = secret {
        let device = OwnDevice { uuid: uuid.clone(), secret };
        device.check().map_err(refused)?;
        world.own_devices.add(device);
    }
    let known = match downlink {
        Some(downlink) => world.own_devices.set_downlink(&uuid, downlink),
        None => world.own_devices.secret(&uuid).is_some(),
    };
    if !known {
        return Err(Refused::new(404, format!("no device of your own has the UUID {uuid}: give its secret")));
    }
    write_json(201, &json!({ "uuid": uuid }), response);
    Ok(())
}

pub(super) fn packs(
    world: &World,
    query: &Query,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) -> Result<(), Refused> {
    let received = || world.packs.received();
    Wait::for_received(query, stopping, "packs", received, |until, count| world.packs.wait(until, count))?;
    let pack = |pack: ReceivedPack| {
        json!({
            "number": pack.number,
            "device": pack.device,
            "records": pack.records,
            "downlink": pack.downlink.map(hex::encode),
        })
    };
    let packs: Vec<Value> = world.packs.newest().into_iter().map(pack).collect();
    ok(json!({ "received": received(), "packs": packs }), response)
}

pub(super) fn clear_packs(world: &World) -> Value {
    world.packs.clear();
    json!({ "status": "ok" })
}
