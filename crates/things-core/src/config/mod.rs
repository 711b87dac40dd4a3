//! The checked configuration of a client: credentials, addresses, limits.

mod address;
mod proxy;

use std::fmt;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use rustls_pki_types::CertificateDer;

use crate::customers::CustomerId;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

pub(crate) use address::{BaseUrl, check_allowed_host};
pub use proxy::Proxy;

/// The API key of GRIP that a client works with, and the service it is for.
///
/// The values are checked when a client is built from them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `None` if tokens come from a URL that has no tenant in it.
    pub(crate) tenant_id: Option<String>,
    pub(crate) key_id: String,
    pub(crate) key_secret: Secret,
    pub(crate) application_id: Option<String>,
}

impl Credentials {
    /// The application id in KPN's documentation, which goes out as the token's audience.
    pub const DOCUMENTED_APPLICATION_ID: &'static str = "4dc82561-f65f-523g-dek9-6c79ec314f02";

    /// An API key: the slug of its GRIP tenant (such as `rjsfm52t`), its id, and its secret.
    pub fn new(
        tenant_id: impl Into<String>,
        key_id: impl Into<String>,
        key_secret: impl Into<Secret>,
    ) -> Self {
        Self {
            tenant_id: Some(tenant_id.into()),
            key_id: key_id.into(),
            key_secret: key_secret.into(),
            application_id: None,
        }
    }

    /// An API key without a tenant, for a [`token_url`](crate::Builder::token_url) that has none in it.
    pub fn without_tenant(key_id: impl Into<String>, key_secret: impl Into<Secret>) -> Self {
        Self { tenant_id: None, ..Self::new("", key_id, key_secret) }
    }

    /// Sets another application id than the documented one.
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.application_id = Some(id.into());
        self
    }

    /// The application id, which goes out as the token's audience.
    pub(crate) fn audience(&self) -> &str {
        self.application_id.as_deref().unwrap_or(Self::DOCUMENTED_APPLICATION_ID)
    }
}

/// Masks the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("tenant_id", &self.tenant_id)
            .field("key_id", &self.key_id)
            .field("key_secret", &self.key_secret)
            .field("application_id", &self.audience())
            .finish()
    }
}

/// Limits in time and space. All have defaults that suit a service on the internet.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
///
/// ```
/// use things_core::{Limits, RetryPolicy};
///
/// let retry = RetryPolicy { max_attempts: 1, ..Default::default() };
/// let limits = Limits { max_pages: 10, retry, ..Default::default() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Time to make a connection: 5 s by default.
    pub connect_timeout: Duration,
    /// Time for one attempt, from sending to the last byte of the answer: 15 s by default.
    pub attempt_timeout: Duration,
    /// Time for a whole call, token, retries and pauses included: 30 s by default.
    pub timeout: Duration,
    /// Time that the refresh of a token may delay the call that it goes with, while the old token lives: 3 s by default.
    pub refresh_timeout: Duration,
    /// How often and when a failed attempt is repeated.
    pub retry: RetryPolicy,
    /// Most bytes of an answer's body: 16 MiB by default.
    pub max_body: usize,
    /// Most pages of a listing: 100,000 by default, at least 1. A server that always has one more would never end.
    pub max_pages: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(15),
            timeout: Duration::from_secs(30),
            refresh_timeout: Duration::from_secs(3),
            retry: RetryPolicy::default(),
            max_body: 16 << 20,
            max_pages: 100_000,
        }
    }
}

/// The checked configuration of a client, from [`Builder`](crate::Builder) or [`Settings::resolve`](crate::Settings::resolve).
#[derive(Clone)]
pub struct Config {
    pub(crate) credentials: Credentials,
    pub(crate) token_url: Uri,
    pub(crate) base_url: BaseUrl,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) security_context: Option<HeaderValue>,
    pub(crate) limits: Limits,
    pub(crate) ca_bundle: Option<Vec<CertificateDer<'static>>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) user_agent: HeaderValue,
}

/// The product of this library, which every request names.
pub(crate) const PRODUCT: &str = concat!("kpn-things-sdk/", env!("CARGO_PKG_VERSION"));

impl Config {
    /// Limits in time and space; a transport takes its connect timeout from here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where tokens come from.
    pub fn token_url(&self) -> &Uri {
        &self.token_url
    }

    /// Where the API is.
    pub fn base_url(&self) -> String {
        self.base_url.to_string()
    }

    /// Whether GRIP or the API is behind https: a client of a simulator needs no certificates and no proxy.
    pub fn has_https(&self) -> bool {
        [self.token_url.scheme(), Some(self.base_url.scheme())].contains(&Some(&Scheme::HTTPS))
    }

    /// The sub-customer that calls are made for.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }

    /// What no error and no log may show.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let context = self.security_context.as_ref().and_then(|context| context.to_str().ok());
        let context = context.map(Secret::from);
        [self.credentials.key_secret.clone()].into_iter().chain(context).collect()
    }

    /// The proxy for https requests, user and password included. A transport reads no environment: this is the whole choice.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The `User-Agent` of all requests.
    pub fn user_agent(&self) -> &HeaderValue {
        &self.user_agent
    }

    /// The CA certificates to trust in place of the platform's. `Some` is never empty.
    pub fn ca_bundle(&self) -> Option<&[CertificateDer<'static>]> {
        self.ca_bundle.as_deref()
    }
}

/// Masks the secret and the security context.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("credentials", &self.credentials)
            .field("token_url", &self.token_url.to_string())
            .field("base_url", &self.base_url.to_string())
            .field("customer", &self.customer)
            .field("limits", &self.limits)
            .field("proxy", &self.proxy.as_ref().map(Proxy::address))
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}
