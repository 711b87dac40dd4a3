//! GRIP, the identity service: access tokens for an API key.

use crate::http::{Request, Response, names_media_type};
use crate::random::Random;
use crate::world::World;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How a token answer tells the token's life.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ExpiresIn {
    /// Seconds as a number: `"expires_in":3600`.
    #[default]
    Number,
    /// Seconds as text: `"expires_in":"3600"`.
    Text,
    /// Not at all.
    Absent,
    /// This value, whatever the real life is.
    Verbatim(Value),
}

/// The tokens that were issued and not revoked.
pub(crate) struct Tokens {
    /// Until when each token lives; `None` is for ever.
    live: RwLock<HashMap<String, Option<Instant>>>,
    issued: AtomicU64,
    random: Mutex<Random>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        // Not from the simulator's seed: a token of one simulator must not open another.
        let random = Mutex::new(Random::new(RandomState::new().hash_one("tokens")));
        Self { live: RwLock::default(), issued: AtomicU64::new(0), random }
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    pub(crate) fn revoke(&self) {
        self.live_mut().clear();
    }

    pub(crate) fn accept(&self, token: &str) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(token).is_some_and(|end| end.is_none_or(|end| Instant::now() < end))
    }

    fn issue(&self, claims: &mut Map<String, Value>, life: Duration) -> String {
        let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        claims.insert("jti".to_owned(), json!(number));
        let header = base64url(br#"{"alg":"RS256","typ":"JWT"}"#);
        let payload = base64url(Value::Object(claims.clone()).to_string().as_bytes());
        let signature: Vec<u8> = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (0..32).flat_map(|_| random.next().to_be_bytes()).collect()
        };
        let token = format!("{header}.{payload}.{}", base64url(&signature));
        let now = Instant::now();
        let mut live = self.live_mut();
        // Doubling has a cost to it in any case: that is the moment to let go of what has expired.
        if live.len() == live.capacity() {
            live.retain(|_, end| end.is_none_or(|end| now < end));
        }
        live.insert(token.clone(), now.checked_add(life));
        token
    }

    fn live_mut(&self) -> RwLockWriteGuard<'_, HashMap<String, Option<Instant>>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers `POST` on a token path; `tenant` is `None` on the one that names no tenant.
pub(crate) fn token(world: &World, tenant: Option<&str>, request: &Request<'_>, response: &mut Response) {
    let refusal = match check(world, tenant, request) {
        Ok(()) => return grant(world, response),
        Err(refusal) => refusal,
    };
    response.begin(refusal.status, Some("application/json"));
    response.header("Cache-Control", "no-store");
    if refusal.status == 405 {
        response.header("Allow", "POST");
    }
    let body = json!({ "error": refusal.error, "error_description": refusal.description });
    // Writing into memory does not fail.
    let _ = write!(response, "{body}");
}

/// The page that a refused call of the API is sent to.
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
        return refuse(405, "invalid_request", "a token is asked for with POST");
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
    response.begin(200, Some("application/json"));
    response.header("Cache-Control", "no-store");
    // Writing into memory does not fail.
    let _ = write!(response, "{}", Value::Object(answer));
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * place)) & 63;
            text.extend(ALPHABET.get(index as usize).map(|letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_vectors() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
        {
            assert_eq!(base64url(plain.as_bytes()), encoded);
        }
        assert_eq!(base64url(&[0xFB, 0xFF]), "-_8");
    }
}
