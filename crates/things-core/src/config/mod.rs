//! The checked configuration of a client: credentials, addresses, limits.

mod address;
mod proxy;

use std::fmt;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use rustls_pki_types::CertificateDer;

use crate::customers::CustomerId;
use crate::ingestion::DeviceSecret;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

pub(crate) use address::{BaseUrl, check_allowed_host};
pub use proxy::Proxy;

/// The API key of GRIP that a client uses, and the service it is for.
///
/// The values are checked when a client is built from them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The slug of the tenant; `None` if the token URL contains no tenant.
    pub(crate) tenant_id: Option<String>,
    pub(crate) key_id: String,
    pub(crate) key_secret: Secret,
    pub(crate) application_id: Option<String>,
}

impl Credentials {
    /// The application id in KPN's documentation, which is sent as the audience of the token request.
    pub const DOCUMENTED_APPLICATION_ID: &'static str = "4dc82561-f65f-523g-dek9-6c79ec314f02";

    /// Creates an API key from the slug of its GRIP tenant (such as `rjsfm52t`), its id and its secret.
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

    /// Creates an API key without a tenant, for a [`token_url`](crate::Builder::token_url) that contains none.
    pub fn without_tenant(key_id: impl Into<String>, key_secret: impl Into<Secret>) -> Self {
        Self { tenant_id: None, ..Self::new("", key_id, key_secret) }
    }

    /// Sets an application id other than the documented one.
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.application_id = Some(id.into());
        self
    }

    /// The application id, which is sent as the audience of the token request.
    pub(crate) fn audience(&self) -> &str {
        self.application_id.as_deref().unwrap_or(Self::DOCUMENTED_APPLICATION_ID)
    }
}

/// How the requests of a client are authorised.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// An API key, for which GRIP issues access tokens.
    Key(Credentials),
    /// The secret of a device, which signs each request. There is no access token.
    Device(DeviceSecret),
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
    /// Time limit for making a connection: 5 s by default.
    pub connect_timeout: Duration,
    /// Time limit for one attempt, from sending to the last byte of the response: 15 s by default.
    pub attempt_timeout: Duration,
    /// Time limit for a whole call, including token, retries and pauses: 30 s by default.
    pub timeout: Duration,
    /// How long the refresh of a token may delay the call that triggers it, while the old token is valid: 3 s by
    /// default.
    pub refresh_timeout: Duration,
    /// How often and when a failed attempt is retried.
    pub retry: RetryPolicy,
    /// Maximum size of a response body in bytes: 16 MiB by default.
    pub max_body: usize,
    /// Maximum number of pages of a listing: 100,000 by default, at least 1. Without it, a server that always returns
    /// one more page would never end.
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

/// The checked configuration of a client, from [`Builder`](crate::Builder) or
/// [`Settings::resolve`](crate::Settings::resolve).
#[derive(Clone)]
pub struct Config {
    pub(crate) access: Access,
    pub(crate) token_url: Uri,
    pub(crate) base_url: BaseUrl,
    pub(crate) customer: Option<CustomerId>,
    pub(crate) security_context: Option<HeaderValue>,
    pub(crate) limits: Limits,
    pub(crate) ca_bundle: Option<Vec<CertificateDer<'static>>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) user_agent: HeaderValue,
}

/// The product name of this library, which every request sends.
pub(crate) const PRODUCT: &str = concat!("kpn-things-sdk/", env!("CARGO_PKG_VERSION"));

impl Config {
    /// Limits in time and space. A transport takes its connect timeout from here.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The URL that tokens come from. A device needs none, so it is the base URL for a device.
    pub fn token_url(&self) -> &Uri {
        &self.token_url
    }

    /// The base URL of the API.
    pub fn base_url(&self) -> String {
        self.base_url.to_string()
    }

    /// The account that calls are made with, without its secret: the base URL, the tenant (or the key id, if there is no
    /// tenant), and the sub-customer. The ledger of a run keeps it, so that no other account continues its jobs.
    pub fn account(&self) -> String {
        self.account_for(self.customer())
    }

    /// The account of calls for another sub-customer, or for none.
    pub fn account_for(&self, customer: Option<&CustomerId>) -> String {
        let owner = match &self.access {
            Access::Key(Credentials { tenant_id: Some(tenant), .. }) => format!("tenant {tenant}"),
            Access::Key(Credentials { key_id, .. }) => format!("key {key_id}"),
            Access::Device(_) => "device".to_owned(),
        };
        let customer = customer.map(|customer| format!(", customer {}", customer.as_str()));
        format!("{} {owner}{}", self.base_url, customer.unwrap_or_default())
    }

    /// Whether GRIP or the API uses https. Without https, as with a simulator, a client needs no certificates and no
    /// proxy.
    pub fn has_https(&self) -> bool {
        [self.token_url.scheme(), Some(self.base_url.scheme())].contains(&Some(&Scheme::HTTPS))
    }

    /// The sub-customer that calls are made for.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.customer.as_ref()
    }

    /// The secrets that no error and no log may show.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let context = self.security_context.as_ref().and_then(|context| context.to_str().ok());
        let context = context.map(Secret::from);
        let secret = match &self.access {
            Access::Key(credentials) => &credentials.key_secret,
            Access::Device(secret) => secret.secret(),
        };
        [secret.clone()].into_iter().chain(context).collect()
    }

    /// The API key.
    #[cfg(test)]
    pub(crate) fn key(&self) -> &Credentials {
        match &self.access {
            Access::Key(credentials) => credentials,
            Access::Device(_) => panic!("a device has no API key"),
        }
    }

    /// The proxy for https requests, including user and password. A transport reads no environment and uses only this
    /// proxy.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The `User-Agent` of all requests.
    pub fn user_agent(&self) -> &HeaderValue {
        &self.user_agent
    }

    /// The CA certificates to trust instead of the platform's. `Some` is never empty.
    pub fn ca_bundle(&self) -> Option<&[CertificateDer<'static>]> {
        self.ca_bundle.as_deref()
    }
}

/// Masks the secret and the security context.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("access", &self.access)
            .field("token_url", &self.token_url.to_string())
            .field("base_url", &self.base_url.to_string())
            .field("customer", &self.customer)
            .field("limits", &self.limits)
            .field("proxy", &self.proxy.as_ref().map(Proxy::address))
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}
