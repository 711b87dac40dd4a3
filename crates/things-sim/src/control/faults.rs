//! The faults in force.

use super::{Query, Refused, ok};
use crate::refusal::write_json;
use crate::request::Request;
use crate::response::Response;
use crate::rule::FaultRule;
use crate::world::World;
use serde_json::{Value, json};

pub(super) fn list(world: &World) -> Value {
    let fault = |(rule, calls): (FaultRule, u64)| json!({ "rule": rule.to_string(), "calls": calls });
    let faults: Vec<Value> = world.faults.list().into_iter().map(fault).collect();
    json!({ "faults": faults })
}

/// Adds the rule in the body, which is the rule itself or the JSON `{"rule": "..."}`.
pub(super) fn add(world: &World, request: &Request<'_>, response: &mut Response) -> Result<(), Refused> {
    let not_a_rule =
        || Refused::new(400, r#"the body must be a rule, or {"rule": "..."}, as in downlinks@2=drop-after"#);
    let body = std::str::from_utf8(request.body).map_err(|_| not_a_rule())?.trim();
    // No rule begins with a brace, because a rule begins with the name of a route.
    let rule = if body.starts_with('{') {
        let json: Value = serde_json::from_str(body).map_err(|_| not_a_rule())?;
        parse(json.get("rule").and_then(Value::as_str).ok_or_else(not_a_rule)?)?
    } else if body.is_empty() {
        return Err(not_a_rule());
    } else {
        parse(body)?
    };
    let text = rule.to_string();
    world.faults.add(rule);
    write_json(201, &json!({ "rule": text }), response);
    Ok(())
}

/// Removes every rule, or the first one that is equal to `rule` in the query.
pub(super) fn remove(world: &World, query: &Query, response: &mut Response) -> Result<(), Refused> {
    let removed = match query.get("rule") {
        None => world.faults.clear(),
        Some(rule) => {
            let rule = parse(rule)?;
            if !world.faults.remove(&rule) {
                return Err(Refused::new(404, format!("no fault is equal to {rule}")));
            }
            1
        }
    };
    ok(json!({ "removed": removed }), response)
}

fn parse(rule: &str) -> Result<FaultRule, Refused> {
    rule.parse().map_err(|error| Refused::new(400, format!("{error}")))
}
