//! The access tokens that were issued.

use crate::random::Random;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The tokens that are not revoked.
pub(crate) struct Tokens {
    /// The time at which each token expires; `None` means never.
    live: RwLock<HashMap<String, Option<Instant>>>,
    issued: AtomicU64,
    random: Mutex<Random>,
}

impl Default for Tokens {
    fn default() -> Self {
        // The simulator's seed is not used, because a token of one simulator must not be valid for another.
        let random = Mutex::new(Random::new(RandomState::new().hash_one("tokens")));
        Self { live: RwLock::default(), issued: AtomicU64::new(0), random }
    }
}

impl Tokens {
    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    pub(crate) fn revoke(&self) {
        self.live_mut().clear();
    }

    /// Whether the token is known and has not expired.
    pub(crate) fn accept(&self, token: &str) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(token).is_some_and(|end| end.is_none_or(|end| Instant::now() < end))
    }

    /// Returns a new token with these claims.
    pub(crate) fn issue(&self, claims: &mut Map<String, Value>, life: Duration) -> String {
        let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        claims.insert("jti".to_owned(), json!(number));
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims.clone()).to_string().as_bytes());
        let signature: Vec<u8> = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (0..32).flat_map(|_| random.next().to_be_bytes()).collect()
        };
        let token = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(&signature));
        let now = Instant::now();
        let mut live = self.live_mut();
        // Growing the map copies it anyway, so this is a good moment to drop the expired tokens.
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

/// Returns the tenant that a token was issued for, even if it was revoked or has expired.
pub(crate) fn tenant(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let mut claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
    match claims.remove(TENANT)? {
        Value::String(tenant) => Some(tenant),
        _ => None,
    }
}

/// The claim with the tenant id.
pub(crate) const TENANT: &str = "tenant";
