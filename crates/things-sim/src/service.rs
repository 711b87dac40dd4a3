//! Hands each request to the identity service, to the API or to the ingestion endpoint.

use crate::request::Request;
use crate::response::Response;
use crate::route::Endpoint;
use crate::world::World;
use crate::{api, current, grip, ingestion};

/// Writes the response to a request.
pub(crate) fn answer(world: &World, endpoint: &Endpoint<'_>, request: &Request<'_>, response: &mut Response) {
    match endpoint {
        Endpoint::Token { tenant } => grip::token(world, tenant.as_deref(), request, response),
        Endpoint::Login => grip::login_page(response),
        Endpoint::Current(resource) => current::answer(world, *resource, request, response),
        Endpoint::Ingestion => ingestion::answer(world, request, response),
        Endpoint::Unknown => api::not_found(world, request, response),
        Endpoint::Devices | Endpoint::Downlinks | Endpoint::ContextSwitch { .. } | Endpoint::UnknownApi => {
            api::answer(world, endpoint, request, response);
        }
    }
}
