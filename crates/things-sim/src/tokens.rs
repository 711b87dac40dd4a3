//! The access tokens that were issued.

use crate::random::Random;
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

impl Tokens {
    pub(crate) fn new() -> Self {
        // The simulator's seed is not used, because a token of one simulator must not be valid for another.
        let random = Mutex::new(Random::new(RandomState::new().hash_one("tokens")));
        Self { live: RwLock::default(), issued: AtomicU64::new(0), random }
    }

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
        let header = base64url(br#"{"alg":"RS256","typ":"JWT"}"#);
        let payload = base64url(Value::Object(claims.clone()).to_string().as_bytes());
        let signature: Vec<u8> = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            (0..32).flat_map(|_| random.next().to_be_bytes()).collect()
        };
        let token = format!("{header}.{payload}.{}", base64url(&signature));
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
