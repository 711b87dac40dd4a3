//! The requests and downlinks that were received, and waiting for them.

use super::{Query, Refused, ok};
use crate::record::{ReceivedDownlink, ReceivedRequest};
use crate::response::Response;
use crate::route::{Endpoint, Route};
use crate::waiting::Until;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

const DEFAULT_TIMEOUT: f64 = 10.0;
const LONGEST_TIMEOUT: f64 = 300.0;

pub(super) fn requests(
    world: &World,
    query: &Query,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) -> Result<(), Refused> {
    let route = match query.get("route") {
        Some(name) => Some(name.parse::<Route>().map_err(|error| Refused::new(400, format!("{error}")))?),
        None => None,
    };
    let received = || Route::ALL.into_iter().filter(|of| route.is_none_or(|route| route == *of));
    let received = || received().map(|route| world.calls.of(route)).sum();
    Wait::for_received(query, stopping, "requests", received, |until, count| {
        world.requests.wait(until, || received() >= count)
    })?;
    let calls: Map<String, Value> =
        Route::ALL.into_iter().map(|route| (route.name().to_owned(), world.calls.of(route).into())).collect();
    let requests: Vec<Value> = (world.requests.newest(&world.credentials.key_secret).iter())
        .filter(|request| route.is_none_or(|route| route == route_of(request)))
        .map(request)
        .collect();
    ok(json!({ "received": received(), "calls": calls, "requests": requests }), response)
}

pub(super) fn clear_requests(world: &World) -> Value {
    world.calls.clear();
    world.requests.clear();
    json!({ "status": "ok" })
}

pub(super) fn downlinks(
    world: &World,
    query: &Query,
    stopping: &dyn Fn() -> bool,
    response: &mut Response,
) -> Result<(), Refused> {
    let received = || world.downlinks.received();
    Wait::for_received(query, stopping, "downlinks", received, |until, count| {
        world.downlinks.wait(until, count)
    })?;
    let downlinks: Vec<Value> = world.downlinks.newest().into_iter().map(downlink).collect();
    ok(json!({ "received": received(), "downlinks": downlinks }), response)
}

pub(super) fn clear_downlinks(world: &World) -> Value {
    world.downlinks.clear();
    json!({ "status": "ok" })
}

fn route_of(request: &ReceivedRequest) -> Route {
    let path = request.target.split('?').next().unwrap_or_default();
    Endpoint::of(path).route()
}

fn request(request: &ReceivedRequest) -> Value {
    json!({
        "method": request.method,
        "target": request.target,
        "route": route_of(request).name(),
        "headers": request.headers,
        "body_length": request.body_length,
    })
}

fn downlink(downlink: ReceivedDownlink) -> Value {
    json!({
        "number": downlink.number,
        "customer": downlink.customer,
        "port": downlink.port.and_then(|port| port.parse::<u64>().ok()),
        "external_reference": downlink.external_reference,
        "records": downlink.records,
    })
}

/// `wait_for` and `timeout` of a query.
pub(super) struct Wait {
    count: u64,
    timeout: Duration,
}

impl Wait {
    /// Waits if the query has a `wait_for`. `arrive` waits until so many records arrived, and returns whether they did in time.
    pub(super) fn for_received<'a>(
        query: &Query,
        stopping: &'a dyn Fn() -> bool,
        what: &str,
        received: impl Fn() -> u64,
        arrive: impl FnOnce(Until<'a>, u64) -> bool,
    ) -> Result<(), Refused> {
        let Some(wait) = Self::read(query)? else { return Ok(()) };
        if arrive(wait.until(stopping), wait.count) {
            return Ok(());
        }
        let (received, count, timeout) = (received(), wait.count, wait.timeout.as_secs_f64());
        Err(Refused::new(408, format!("{received} of {count} {what} arrived within {timeout} s")))
    }

    /// Returns `None` if the query has no `wait_for`.
    fn read(query: &Query) -> Result<Option<Self>, Refused> {
        let Self { timeout, .. } = Self::timeout(query)?;
        let Some(count) = query.get("wait_for") else {
            return Ok(None);
        };
        let count =
            count.parse().map_err(|_| Refused::new(400, "wait_for must be a count, as in wait_for=2"))?;
        Ok(Some(Self { count, timeout }))
    }

    /// Returns a wait of the timeout of a query, for one record.
    pub(super) fn timeout(query: &Query) -> Result<Self, Refused> {
        let timeout = match query.get("timeout") {
            None => Some(DEFAULT_TIMEOUT),
            Some(text) => text.parse().ok().filter(|seconds| (0.0..=LONGEST_TIMEOUT).contains(seconds)),
        };
        let timeout = timeout.ok_or_else(|| Refused::new(400, "timeout must be 0 to 300 seconds"))?;
        Ok(Self { count: 1, timeout: Duration::from_secs_f64(timeout) })
    }

    pub(super) fn until<'a>(&self, stopping: &'a dyn Fn() -> bool) -> Until<'a> {
        Until { deadline: Instant::now() + self.timeout, stopping }
    }
}
