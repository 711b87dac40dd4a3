//! Caches the addresses of hosts.
//!
//! ureq resolves a name before it looks for an idle connection, and does so on another thread if there is a deadline.
//! Without this cache, each request would cost a look-up and a thread.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::connector::not_connected;

/// How long an address is used before the host is looked up again.
const LIFE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct CachingResolver(Mutex<HashMap<String, (Instant, ResolvedSocketAddrs)>>);

impl Resolver for CachingResolver {
    fn resolve(&self, uri: &Uri, config: &Config, time: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host = format!("{:?}{:?}", uri.scheme(), uri.authority());
        if let Some((when, addresses)) = lock().get(&host)
            && when.elapsed() < LIFE
        {
            return Ok(addresses.clone());
        }
        let addresses = DefaultResolver::default().resolve(uri, config, time).map_err(not_connected)?;
        lock().insert(host, (Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}
