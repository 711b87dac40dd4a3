//! One call: the request is processed, and the faults decide about its response.

use crate::echo;
use crate::fault::Fault;
use crate::faults::Verdict;
use crate::request::Request;
use crate::response::Response;
use crate::route::Endpoint;
use crate::service;
use crate::world::World;

/// The end of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// The response is sent.
    Respond(Delivery),
    /// The connection is closed without a response.
    Drop,
    /// No response is ever sent, and the connection stays open.
    Stall,
}

/// How a response is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// At most this many bytes of the body are sent.
    pub(crate) body_limit: usize,
    /// Whether the connection stays open.
    pub(crate) keep_alive: bool,
    /// Whether the simulator adds `Connection: close`.
    pub(crate) declares_close: bool,
}

/// Processes a request, applies the faults except the latency, and writes the response.
pub(crate) fn process(
    world: &World,
    endpoint: &Endpoint<'_>,
    request: &Request<'_>,
    keep_alive: bool,
    verdict: &Verdict,
    response: &mut Response,
) -> Outcome {
    if verdict.revoke {
        world.tokens.revoke();
    }
    response.begin(0, None);
    if verdict.fault.as_ref().is_none_or(Fault::takes_effect) {
        service::answer(world, endpoint, request, response);
    }
    let mut delivery = Delivery {
        body_limit: if request.method == "HEAD" { 0 } else { usize::MAX },
        keep_alive,
        declares_close: !keep_alive,
    };
    match &verdict.fault {
        Some(Fault::DropBefore | Fault::DropAfter) => return Outcome::Drop,
        Some(Fault::Stall | Fault::StallAfter) => return Outcome::Stall,
        Some(Fault::Status { status, headers, body, .. }) => {
            write_status(*status, headers, body.as_deref(), response);
            if closes(headers) {
                delivery.keep_alive = false;
                delivery.declares_close = false;
            }
        }
        Some(Fault::Refuse { shape, status }) => shape.write(*status, request.path(), response),
        Some(Fault::EchoBody) => echo::write_body(request, &world.credentials.key_secret, response),
        Some(Fault::Truncate(bytes)) => {
            delivery.body_limit = *bytes;
            delivery.keep_alive = false;
        }
        _ => {}
    }
    world.behaviour.retirement.add_headers(response);
    if verdict.echo {
        echo::add_headers(request, &world.credentials.key_secret, response);
    }
    for coding in &verdict.codings {
        coding.apply(request, response);
    }
    Outcome::Respond(delivery)
}

fn write_status(status: u16, headers: &[(String, String)], body: Option<&str>, response: &mut Response) {
    response.begin(status, body.map(|_| "application/json"));
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-type") {
            response.set_content_type(value);
        } else {
            response.header(name.clone(), value.clone());
        }
    }
    response.push(body.unwrap_or_default().as_bytes());
}

fn closes(headers: &[(String, String)]) -> bool {
    headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close"))
}
