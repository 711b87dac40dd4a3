//! `POST /ingestion/ip/senml/v1`: a device of your own posts SenML.
//!
//! The path, the token over the device's own secret and the base name are KPN's. The statuses are guesses.

use crate::refusal::{spring_error, write_json};
use crate::request::Request;
use crate::response::Response;
use crate::senml;
use crate::uplink::{TOKEN, sign};
use crate::world::World;

const URN: &str = "urn:dev:DVNUUID:";

/// Responds to the post of a device of your own.
pub(crate) fn answer(world: &World, request: &Request<'_>, response: &mut Response) {
    match accept(world, request) {
        Ok(downlink) => {
            response.begin(200, downlink.as_ref().map(|_| "application/octet-stream"));
            response.push(&downlink.unwrap_or_default());
        }
        Err((status, reason)) => {
            write_json(status, &spring_error(status, reason, request.path()), response);
            if status == 405 {
                response.header("Allow", "POST");
            }
        }
    }
}

/// Accepts a pack, and returns the downlink for its device.
///
/// # Errors
///
/// Returns the status and the reason of the refusal.
fn accept(world: &World, request: &Request<'_>) -> Result<Option<Vec<u8>>, (u16, &'static str)> {
    if request.method != "POST" {
        return Err((405, "this method is not allowed here"));
    }
    let mut tokens = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(TOKEN));
    let (Some(token), None) = (tokens.next(), tokens.next()) else {
        return Err((401, "the request must have one Things-Message-Token"));
    };
    let base_name = senml::base_name(request.body).unwrap_or_default();
    let uuid = base_name.strip_prefix(URN).and_then(|name| name.strip_suffix(':'));
    let Some(uuid) = uuid else {
        return Err((400, "the base name must be urn:dev:DVNUUID:, the UUID of the device, and a colon"));
    };
    let secret = world.own_devices.secret(uuid).ok_or((401, "no device has this UUID"))?;
    if !token.value.eq_ignore_ascii_case(sign(&secret, request.body).as_bytes()) {
        return Err((401, "the token does not match the body and the secret of the device"));
    }
    senml::check(request.body).map_err(|reason| (400, reason))?;
    let downlink = world.own_devices.take_downlink(uuid);
    world.packs.keep(uuid, request.body, downlink.clone());
    world.uplinks.forward(request.body);
    Ok(downlink)
}
