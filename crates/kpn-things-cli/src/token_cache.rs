//! The access token between runs of the tool, so that a loop in a shell requests one token.
//!
//! There is one file per token URL, tenant, application and key id, named after a hash of them, in a folder that only
//! its owner can enter. Processes that need a token at the same time wait for the first of them at a file lock.
//!
//! The file holds the token and, so that a changed secret finds no token, a salted slow hash of the key secret. GRIP
//! generates secrets, so guessing one is hopeless at any speed. The hash is slow in case a secret is short; its cost
//! stays below 5 ms because every run of the tool pays it.
//!
//! Without a usable folder there is no cache, and each run requests a token.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use etcetera::BaseStrategy;
use fs4::FileExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use things_core::{AccessToken, Credentials, FeedClient, Secret};
use things_ureq::{Client, TokenPlace, TokenStore};

use crate::private;
use crate::setting::Values;

/// Iterations of PBKDF2: 1.3 ms with the SHA instructions of the processor, 4 ms without. Without optimization, each takes 20 times as long.
const ROUNDS: u32 = if cfg!(debug_assertions) { 600 } else { 12_000 };

/// A token must outlive the call that it is for: with the default timeout this takes 30 s.
const MARGIN: Duration = Duration::from_secs(60);

/// The core gives no token a longer life, so a file with one is corrupt.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How often a process looks whether the one that fetches a token is done.
const LOOK: Duration = Duration::from_millis(10);

/// The token of one API key, in a file.
pub(crate) struct TokenCache {
    /// The file. Its lock is another file next to it, because the file itself is replaced.
    path: PathBuf,
    secret: Secret,
    /// The last token that this process got from the file or kept there.
    last: Mutex<Option<Secret>>,
    /// Takes what goes wrong with the file.
    report: fn(&str),
}

/// Names another folder. A simulator sets it for the command that it runs, so that its tokens end with it.
pub(crate) const FOLDER_VARIABLE: &str = "KPN_THINGS_TOKEN_CACHE";

/// The folder of the tokens; `None` where there is no home folder.
fn folder() -> Option<PathBuf> {
    match env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(folder.into()),
        None => Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("kpn-things").join("tokens")),
    }
}

/// What is in the file.
#[derive(Serialize, Deserialize)]
struct Kept {
    access_token: String,
    /// Milliseconds since 1970.
    fetched_at: u64,
    expires_at: u64,
    /// In hexadecimal digits.
    salt: String,
    secret_hash: String,
}

impl TokenCache {
    /// Returns the cache for the token of a client that these settings made; `None` where there is no home folder.
    pub(crate) fn of(client: &Client, values: &Values, report: fn(&str)) -> Option<Self> {
        let settings = &values.settings;
        let token_url = client.session().config().token_url().to_string();
        let application =
            settings.application_id.as_deref().unwrap_or(Credentials::DOCUMENTED_APPLICATION_ID);
        let mut hash = Sha256::new();
        for part in
            [Some(&*token_url), settings.tenant_id.as_deref(), Some(application), settings.key_id.as_deref()]
        {
            let part = part.unwrap_or_default();
            // The length keeps two different lists of parts from having the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Some(Self {
            path: folder()?.join(format!("{}.json", hex::encode(hash.finalize()))),
            secret: settings.key_secret.clone()?,
            last: Mutex::default(),
            report,
        })
    }

    /// Removes the token.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if !private::is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for the lock, but no longer than `within`: then there is none.
    fn lock(&self, within: Duration) -> io::Result<Option<File>> {
        let folder = self.path.parent().unwrap_or(&self.path);
        private::create_folder(folder).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot create {}: {error}", folder.display()))
        })?;
        if private::is_open_to_others(folder) {
            return Err(io::Error::other(format!("{} can be read by other users", folder.display())));
        }
        let file = private::open_lock(&self.path.with_extension("lock"))?;
        let end = Instant::now() + within;
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(Some(file)),
                Err(fs4::TryLockError::Error(error)) => return Err(error),
                Err(fs4::TryLockError::WouldBlock) => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(LOOK.min(left));
        }
    }

    /// Returns the token of the file, if it is good for another call of this key secret.
    fn read(&self) -> Option<AccessToken> {
        if private::is_open_to_others(&self.path) {
            return None;
        }
        let kept: Kept = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        if kept.access_token.is_empty() || !kept.access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let token = AccessToken {
            text: kept.access_token.into(),
            fetched_at: UNIX_EPOCH.checked_add(Duration::from_millis(kept.fetched_at))?,
            expires_at: UNIX_EPOCH.checked_add(Duration::from_millis(kept.expires_at))?,
        };
        let salt = hex::decode(kept.salt).ok()?;
        (is_fresh(&token, SystemTime::now()) && self.hash(&salt) == kept.secret_hash).then_some(token)
    }

    /// Returns the token of the file, unless it is the one that this process had last: a client that asks again needs
    /// a new one. Remembers it as the last.
    fn read_other(&self) -> Option<AccessToken> {
        let token = self.read().filter(|token| !self.is_last(&token.text))?;
        self.remember(&token.text);
        Some(token)
    }

    fn write(&self, token: &AccessToken) -> io::Result<()> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let millis = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().try_into().unwrap_or(u64::MAX)
        };
        let kept = Kept {
            access_token: token.text.expose().to_owned(),
            fetched_at: millis(token.fetched_at),
            expires_at: millis(token.expires_at),
            secret_hash: self.hash(&salt),
            salt: hex::encode(salt),
        };
        private::replace(&self.path, &serde_json::to_vec(&kept)?, false)
    }

    fn hash(&self, salt: &[u8]) -> String {
        let secret = self.secret.expose().as_bytes();
        hex::encode(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(secret, salt, ROUNDS))
    }

    fn report_not_kept(&self, error: &io::Error) {
        (self.report)(&format!("the access token is not kept for the next run: {error}"));
    }

    fn remember(&self, token: &Secret) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
    }

    fn is_last(&self, token: &Secret) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(token)
    }
}

/// Whether a token lives long enough for a call. A token from the future is not: the clock was set back, and nobody
/// knows how old it is.
fn is_fresh(token: &AccessToken, now: SystemTime) -> bool {
    let life = token.expires_at.duration_since(token.fetched_at).unwrap_or_default();
    let left = token.expires_at.duration_since(now).unwrap_or_default();
    token.fetched_at <= now && life <= LONGEST_LIFE && left > MARGIN.min(life / 10)
}

impl TokenStore for TokenCache {
    fn open(&self, within: Duration) -> Box<dyn TokenPlace + '_> {
        // Files are replaced at once, so that reading one needs no lock.
        let found = self.read_other();
        if found.is_some() {
            return Box::new(Place { cache: self, keeps: false, _lock: None, token: found });
        }
        let lock = self.lock(within);
        match &lock {
            Ok(Some(_)) => {}
            Ok(None) => (self.report)("another process is fetching an access token, and takes long"),
            Err(error) => self.report_not_kept(error),
        }
        // Another process may have fetched one meanwhile. Without the lock the token is kept all the same: the file is
        // replaced at once, and otherwise each run would wait for a process that hangs.
        let (keeps, token) = (lock.is_ok(), lock.as_ref().ok().and_then(|_| self.read_other()));
        Box::new(Place { cache: self, keeps, _lock: lock.ok().flatten(), token })
    }

    fn reject(&self, token: &Secret) {
        let Ok(Some(_lock)) = self.lock(Duration::from_secs(1)) else { return };
        if self.read().is_some_and(|kept| kept.text == *token) {
            // A token that cannot be removed is replaced by the next fetch.
            let _ = self.remove();
        }
    }
}

/// The file, and the lock that keeps others from fetching a token.
struct Place<'a> {
    cache: &'a TokenCache,
    /// Whether a token can be kept.
    keeps: bool,
    _lock: Option<File>,
    token: Option<AccessToken>,
}

impl TokenPlace for Place<'_> {
    fn token(&self) -> Option<AccessToken> {
        self.token.clone()
    }

    fn keep(&mut self, token: &AccessToken) {
        if !self.keeps || self.cache.is_last(&token.text) {
            return;
        }
        self.cache.remember(&token.text);
        if let Err(error) = self.cache.write(token) {
            self.cache.report_not_kept(&error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_fresh_while_it_outlives_a_call_and_the_clock_can_be_right() {
        let at = |second: u64| UNIX_EPOCH + Duration::from_secs(second);
        let token = |fetched, expires| AccessToken {
            text: "canary".into(),
            fetched_at: at(fetched),
            expires_at: at(expires),
        };
        let hour = token(10_000, 13_600);
        for (now, fresh) in [
            (9_999, false),
            (10_000, true),
            (13_539, true),
            (13_540, false),
            (13_600, false),
            (20_000, false),
        ] {
            assert_eq!(is_fresh(&hour, at(now)), fresh, "{now}");
        }
        // A short life has a short margin.
        assert!(is_fresh(&token(100, 110), at(108)) && !is_fresh(&token(100, 110), at(109)));
        assert!(!is_fresh(&token(100, 50), at(100)) && !is_fresh(&token(100, 90_000), at(100)));
    }
}
