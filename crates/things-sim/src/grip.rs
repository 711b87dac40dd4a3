//! GRIP, the identity service: access tokens for an API key.

use crate::behaviour::ExpiresIn;
use crate::refusal::write_json;
use crate::request::{Request, names_media_type};
use crate::response::Response;
use crate::tokens::TENANT;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Responds to a request on a token path. `tenant` is `None` on the path without a tenant.
pub(crate) fn token(world: &World, tenant: Option<&str>, request: &Request<'_>, response: &mut Response) {
    let refusal = match check(world, tenant, request) {
        Ok(()) => return grant(world, response),
        Err(refusal) => refusal,
    };
    let body = json!({ "error": refusal.error, "error_description": refusal.description });
    write_json(refusal.status, &body, response);
    response.header("Cache-Control", "no-store");
    if refusal.status == 405 {
        response.header("Allow", "POST");
    }
}

/// The page that a refused call of the API is redirected to.
pub(crate) fn login_page(response: &mut Response) {
    response.begin(200, Some("text/html;charset=UTF-8"));
    response
        .push(b"<!DOCTYPE html><html><head><title>Log in</title></head><body><h1>Log in</h1></body></html>");
}

struct Refusal {
    status: u16,
    error: &'static str,
    description: &'static str,
}

fn refuse(status: u16, error: &'static str, description: &'static str) -> Result<(), Refusal> {
    Err(Refusal { status, error, description })
}

fn check(world: &World, tenant: Option<&str>, request: &Request<'_>) -> Result<(), Refusal> {
    let known = &world.credentials;
    if request.method != "POST" {
        return refuse(405, "invalid_request", "a token is requested with POST");
    }
    if tenant.is_some_and(|tenant| tenant != known.tenant_id) {
        return refuse(404, "not_found", "unknown tenant");
    }
    if !names_media_type(request.header("content-type"), "application/json") {
        return refuse(400, "invalid_request", "Content-Type must be application/json");
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(request.body) else {
        return refuse(400, "invalid_request", "the body must be a JSON object");
    };
    let field = |name| body.get(name).and_then(Value::as_str);
    let (Some(grant), Some(audience), Some(key), Some(secret)) =
        (field("grant_type"), field("audience"), field("client_id"), field("client_secret"))
    else {
        return refuse(
            400,
            "invalid_request",
            "grant_type, audience, client_id and client_secret are required, as text",
        );
    };
    if grant != "client_credentials" {
        return refuse(400, "unsupported_grant_type", "grant_type must be client_credentials");
    }
    if key != known.key_id || secret != known.key_secret {
        return refuse(401, "invalid_client", "unknown API key, or wrong secret");
    }
    if audience != known.application_id {
        return refuse(400, "invalid_target", "unknown audience");
    }
    Ok(())
}

fn grant(world: &World, response: &mut Response) {
    let life = world.behaviour.token_life;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(world.url));
    claims.insert("sub".to_owned(), json!(world.credentials.key_id));
    claims.insert("aud".to_owned(), json!(world.credentials.application_id));
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("exp".to_owned(), json!(now.saturating_add(life.as_secs())));
    claims.insert(TENANT.to_owned(), json!(world.credentials.tenant_id));
    let token = world.tokens.issue(&mut claims, life);
    let mut answer = Map::new();
    answer.insert("access_token".to_owned(), json!(token));
    answer.insert("token_type".to_owned(), json!("Bearer"));
    let expires_in = match &world.behaviour.expires_in {
        ExpiresIn::Number => Some(json!(life.as_secs())),
        ExpiresIn::Text => Some(json!(life.as_secs().to_string())),
        ExpiresIn::Absent => None,
        ExpiresIn::Verbatim(value) => Some(value.clone()),
    };
    if let Some(expires_in) = expires_in {
        answer.insert("expires_in".to_owned(), expires_in);
    }
    write_json(200, &Value::Object(answer), response);
    response.header("Cache-Control", "no-store");
}
