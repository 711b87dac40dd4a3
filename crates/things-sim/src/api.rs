//! The beta API of KPN Things: devices, downlinks and context switches.

use crate::behaviour::{DownlinkAnswer, SwitchAnswer};
use crate::dev_eui::DevEui;
use crate::fleet::Fleet;
use crate::listing::{Listing, number};
use crate::record::ReceivedDownlink;
use crate::refusal::{spring_error, write_json};
use crate::request::{Request, names_media_type, query_pairs};
use crate::response::Response;
use crate::route::Endpoint;
use crate::senml;
use crate::world::World;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

const JSON: &str = "application/json";
const DEVICES: &str = "application/vnd.kpnthings.device.v1.response+json";
const DOWNLINKS: &str = "application/vnd.kpnthings.actuator.v1.response+json";

/// Responds to a call of the API.
pub(crate) fn answer(world: &World, endpoint: &Endpoint<'_>, request: &Request<'_>, response: &mut Response) {
    let answered = authenticate(world, request).and_then(|()| match endpoint {
        Endpoint::Devices => list_devices(world, request, response),
        Endpoint::Downlinks => accept_downlink(world, request, response),
        Endpoint::ContextSwitch { customer } => switch_context(world, customer, request, response),
        _ => refuse(404, "no such path"),
    });
    if let Err(refusal) = answered {
        write_refusal(world, &refusal, request, response);
    }
}

/// Responds to a path that belongs to neither service.
pub(crate) fn not_found(world: &World, request: &Request<'_>, response: &mut Response) {
    write_refusal(world, &Refusal::Status(404, "no such path".into()), request, response);
}

pub(crate) enum Refusal {
    /// Indicates that the token is missing, wrong or expired, or that its key has no access to KPN Things.
    Token,
    Method(&'static str),
    Status(u16, Cow<'static, str>),
}

fn refuse<T>(status: u16, message: &'static str) -> Result<T, Refusal> {
    Err(Refusal::Status(status, message.into()))
}

pub(crate) fn authenticate(world: &World, request: &Request<'_>) -> Result<(), Refusal> {
    let accepted = request.bearer_token().is_some_and(|token| world.tokens.accept(token));
    if world.behaviour.access && accepted { Ok(()) } else { Err(Refusal::Token) }
}

/// Returns the fleet that a call acts on: the account's, or that of the sub-customer that the call names.
pub(crate) fn fleet<'w>(world: &'w World, customer: Option<&str>) -> Result<&'w Fleet, Refusal> {
    let Some(id) = customer else {
        return Ok(&world.fleet);
    };
    match world.customers.get(id) {
        Some(customer) if customer.switched.load(Ordering::Acquire) => Ok(&customer.fleet),
        Some(_) => refuse(403, "no context switch was done for this customer"),
        None => refuse(403, "this customer is not granted"),
    }
}

fn list_devices(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refusal> {
    if request.method != "GET" {
        return Err(Refusal::Method("GET"));
    }
    let fleet = fleet(world, request.header("x-client-id"))?;
    if !names_media_type(request.header("accept"), DEVICES) {
        return refuse(400, "Accept must be application/vnd.kpnthings.device.v1.response+json");
    }
    let behaviour = &world.behaviour.listing;
    let listing = Listing::read(request.query(), behaviour).map_err(|reason| Refusal::Status(400, reason))?;
    response.begin(200, Some(DEVICES));
    fleet.write_page(&listing, behaviour, response);
    Ok(())
}

fn accept_downlink(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refusal> {
    if request.method != "POST" {
        return Err(Refusal::Method("POST"));
    }
    let customer = request.header("x-client-id");
    let fleet = fleet(world, customer)?;
    if !names_media_type(request.header("accept"), DOWNLINKS) {
        return refuse(400, "Accept must be application/vnd.kpnthings.actuator.v1.response+json");
    }
    if !names_media_type(request.header("content-type"), JSON) {
        return refuse(400, "Content-Type must be application/json");
    }
    let mut port = None;
    let mut external_reference = None;
    for pair in query_pairs(request.query()) {
        let Some((name, value)) = pair else {
            return refuse(400, "the query is not percent-encoded UTF-8");
        };
        match name.as_ref() {
            "port" if !number(&value).is_some_and(|port| (1..=223).contains(&port)) => {
                return refuse(400, "port must be 1 to 223");
            }
            "port" => port = Some(value.into_owned()),
            "externalReference" => external_reference = Some(value.into_owned()),
            _ => {}
        }
    }
    senml::check(request.body).map_err(|reason| Refusal::Status(400, reason.into()))?;
    if world.behaviour.strict_devices {
        let known = |eui: &String| DevEui::read(eui).is_some_and(|eui| fleet.has_eui(eui));
        if let Some(unknown) = senml::dev_euis(request.body).into_iter().find(|eui| !known(eui)) {
            return Err(Refusal::Status(404, format!("no device has the DevEUI {unknown}").into()));
        }
    }
    let downlink = ReceivedDownlink {
        customer: customer.map(str::to_owned),
        port,
        external_reference,
        records: Value::Null,
        body: request.body.to_vec(),
        number: 0,
    };
    let body = json!({ "externalReference": downlink.external_reference, "state": "Pending" });
    let port = downlink.port.clone();
    world.downlinks.keep(downlink);
    world.uplinks.answer(port.as_deref(), request.body);
    let (status, content_type, body) = match world.behaviour.downlink_answer {
        DownlinkAnswer::CreatedObject => (201, Some(DOWNLINKS), body.to_string()),
        DownlinkAnswer::OkObject => (200, Some(DOWNLINKS), body.to_string()),
        DownlinkAnswer::CreatedEmpty => (201, None, String::new()),
        DownlinkAnswer::NoContent => (204, None, String::new()),
        DownlinkAnswer::AcceptedText => (202, Some("text/plain;charset=UTF-8"), "Accepted".to_owned()),
    };
    response.begin(status, content_type);
    response.push(body.as_bytes());
    Ok(())
}

fn switch_context(
    world: &World,
    customer: &str,
    request: &Request<'_>,
    response: &mut Response,
) -> Result<(), Refusal> {
    if request.method != "GET" && request.method != "POST" {
        return Err(Refusal::Method("GET, POST"));
    }
    if !names_media_type(request.header("accept"), JSON) {
        return refuse(400, "Accept must be application/json");
    }
    if !names_media_type(request.header("content-type"), JSON) {
        return refuse(400, "Content-Type must be application/json");
    }
    let Some(granted) = world.customers.get(customer) else {
        return refuse(403, "this customer is not granted");
    };
    granted.switched.store(true, Ordering::Release);
    match world.behaviour.switch_answer {
        SwitchAnswer::OkObject => {
            write_json(200, &json!({ "clientId": customer }), response);
        }
        SwitchAnswer::OkEmpty => response.begin(200, None),
        SwitchAnswer::NoContent => response.begin(204, None),
    }
    Ok(())
}

/// Responds to a token that is not accepted.
pub(crate) fn redirect_to_login(world: &World, response: &mut Response) {
    response.begin(302, None);
    response.header("Location", format!("{}/login", world.url));
}

fn write_refusal(world: &World, refusal: &Refusal, request: &Request<'_>, response: &mut Response) {
    let (status, message) = match refusal {
        Refusal::Token => return redirect_to_login(world, response),
        Refusal::Method(_) => (405, "this method is not allowed here"),
        Refusal::Status(status, message) => (*status, message.as_ref()),
    };
    write_json(status, &spring_error(status, message, request.path()), response);
    if let Refusal::Method(allowed) = *refusal {
        response.header("Allow", allowed);
    }
}
