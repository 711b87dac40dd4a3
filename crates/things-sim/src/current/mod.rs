//! The read side of the current API. Nearly everything here is a guess; the README says what.

mod behaviour;
mod item;
mod page;
mod progress;
mod query;
mod resource;
mod timestamp;

pub(crate) use behaviour::CurrentBehaviour;
pub use behaviour::{CurrentErrors, NextField, NextLink};
pub(crate) use behaviour::{ERRORS, NEXT_FIELDS};
pub use progress::DownlinkProgress;
pub(crate) use resource::Resource;

use crate::api::{self, Refusal};
use crate::request::Request;
use crate::response::Response;
use crate::world::World;
use query::Query;

/// Responds to a request for a resource.
pub(crate) fn answer(world: &World, resource: Resource, request: &Request<'_>, response: &mut Response) {
    if let Err(refusal) = list(world, resource, request, response) {
        refuse(world, &refusal, request, response);
    }
}

fn list(
    world: &World,
    resource: Resource,
    request: &Request<'_>,
    response: &mut Response,
) -> Result<(), Refusal> {
    api::authenticate(world, request)?;
    if request.method != "GET" {
        return Err(Refusal::Method("GET"));
    }
    let customer = request.header("x-client-id");
    let fleet = api::fleet(world, customer)?;
    let query = Query::read(resource, request.query()).map_err(|why| Refusal::Status(400, why.into()))?;
    let rows = item::rows(world, resource, fleet, customer);
    let rows = query.select(rows).map_err(|why| Refusal::Status(400, why.into()))?;
    page::write(world, &query, &rows, request, response);
    Ok(())
}

fn refuse(world: &World, refusal: &Refusal, request: &Request<'_>, response: &mut Response) {
    let behaviour = &world.behaviour.current;
    match refusal {
        Refusal::Token if behaviour.rejects_with_401 => {
            behaviour.errors.write(401, "the access token is not valid", request.path(), response);
            response.header("WWW-Authenticate", r#"Bearer error="invalid_token""#);
        }
        Refusal::Token => api::redirect_to_login(world, response),
        Refusal::Method(allowed) => {
            behaviour.errors.write(405, "this method is not allowed here", request.path(), response);
            response.header("Allow", *allowed);
        }
        Refusal::Status(status, why) => behaviour.errors.write(*status, why, request.path(), response),
    }
}
