//! `/__sim/`: the simulator's own API, for tests in other languages. Its requests are not recorded and get no fault.

mod devices;
mod faults;
mod own_devices;
mod records;
mod uplinks;

use crate::refusal::write_json;
use crate::request::{Request, query_pairs};
use crate::response::{Response, reason};
use crate::world::World;
use crate::worlds::Worlds;
use serde_json::{Value, json};
use std::sync::Arc;

const PREFIX: &str = "/__sim/";

/// Returns the resource that a path of this API names.
pub(crate) fn resource(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX)
}

/// Responds to a request for a resource.
pub(crate) fn answer(
    worlds: &Worlds,
    resource: &str,
    request: &Request<'_>,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) {
    let answered = Query::read(request).and_then(|query| {
        let world = query.world(worlds)?;
        match (resource, request.method) {
            ("health", "GET") => ok(health(worlds), response),
            ("requests", "GET") => records::requests(&world, &query, stopping, response),
            ("requests", "DELETE") => ok(records::clear_requests(&world), response),
            ("downlinks", "GET") => records::downlinks(&world, &query, stopping, response),
            ("downlinks", "DELETE") => ok(records::clear_downlinks(&world), response),
            ("devices", "GET") => devices::list(&world, response),
            ("devices", "PUT") => devices::replace(&world, request, response),
            ("devices", "POST") => devices::add(&world, request, response),
            ("faults", "GET") => ok(faults::list(&world), response),
            ("faults", "POST") => faults::add(&world, request, response),
            ("faults", "DELETE") => faults::remove(&world, &query, response),
            ("uplinks", "GET") => uplinks::list(&world, &query, stopping, response),
            ("uplinks", "POST") => uplinks::post(&world, &query, request, stopping, response),
            ("uplinks", "DELETE") => ok(uplinks::clear(&world), response),
            ("destination", "PUT") => uplinks::set_destination(&world, request, response),
            ("destination", "DELETE") => uplinks::remove_destination(&world, response),
            ("own-devices", "GET") => ok(own_devices::list(&world), response),
            ("own-devices", "POST") => own_devices::add(&world, request, response),
            ("packs", "GET") => own_devices::packs(&world, &query, stopping, response),
            ("packs", "DELETE") => ok(own_devices::clear_packs(&world), response),
            ("reset", "POST") => {
                worlds.reset(&world);
                ok(json!({ "status": "ok" }), response)
            }
            _ => Err(refuse(resource)),
        }
    });
    if let Err(Refused { status, message, allowed }) = answered {
        let body = json!({ "status": status, "error": reason(status), "message": message });
        write_json(status, &body, response);
        if let Some(allowed) = allowed {
            response.header("Allow", allowed);
        }
    }
}

/// The methods of each resource.
const RESOURCES: [(&str, &str); 10] = [
    ("health", "GET"),
    ("requests", "GET, DELETE"),
    ("downlinks", "GET, DELETE"),
    ("devices", "GET, PUT, POST"),
    ("faults", "GET, POST, DELETE"),
    ("uplinks", "GET, POST, DELETE"),
    ("destination", "PUT, DELETE"),
    ("own-devices", "GET, POST"),
    ("packs", "GET, DELETE"),
    ("reset", "POST"),
];

struct Refused {
    status: u16,
    message: String,
    allowed: Option<&'static str>,
}

impl Refused {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), allowed: None }
    }
}

fn refuse(resource: &str) -> Refused {
    match RESOURCES.iter().find(|(name, _)| *name == resource) {
        Some((name, methods)) => Refused {
            status: 405,
            message: format!("{PREFIX}{name} accepts {methods}"),
            allowed: Some(methods),
        },
        None => {
            let names: Vec<String> = RESOURCES.iter().map(|(name, _)| format!("{PREFIX}{name}")).collect();
            Refused::new(404, format!("no such resource: use {}", names.join(", ")))
        }
    }
}

fn ok(body: Value, response: &mut Response) -> Result<(), Refused> {
    write_json(200, &body, response);
    Ok(())
}

fn health(worlds: &Worlds) -> Value {
    json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "tenants": worlds.tenants() })
}

/// The parameters in the query.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(request: &Request<'_>) -> Result<Self, Refused> {
        let pairs = query_pairs(request.query()).map(|pair| {
            let (name, value) =
                pair.ok_or_else(|| Refused::new(400, "the query is not percent-encoded UTF-8"))?;
            match name.as_ref() {
                "tenant" | "wait_for" | "timeout" | "route" | "rule" => Ok((name.into(), value.into())),
                name => Err(Refused::new(
                    400,
                    format!("unknown parameter `{name}`: use tenant, wait_for, timeout, route or rule"),
                )),
            }
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn world(&self, worlds: &Worlds) -> Result<Arc<World>, Refused> {
        let Some(tenant) = self.get("tenant") else {
            return Ok(worlds.default());
        };
        worlds.of_tenant(tenant).ok_or_else(|| {
            let why = if worlds.any_tenant() {
                "there are too many tenants: start the simulator again"
            } else {
                "unknown tenant: start the simulator with --any-tenant"
            };
            Refused::new(404, why)
        })
    }
}
