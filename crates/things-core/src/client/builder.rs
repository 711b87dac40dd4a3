//! Makes a client of any transport from settings and bounds.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Settings;
use crate::config::{Config, Credentials, Limits};
use crate::error::Error;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

/// Builds a client `C`: settings first, then bounds, then [`build`](Builder::build).
///
/// What is set here goes before the environment, and that before a Postman environment file.
#[must_use]
pub struct Builder<C> {
    settings: Settings,
    /// What the environment says, and a file that it names.
    environment: Settings,
    limits: Limits,
    ca_bundle: Option<Bytes>,
    make: fn(Config) -> Result<C, Error>,
}

impl<C> Builder<C> {
    /// A builder for the client that `make` makes. Transports call this.
    pub fn new(settings: impl Into<Settings>, make: fn(Config) -> Result<C, Error>) -> Self {
        Self {
            settings: settings.into(),
            environment: Settings::default(),
            limits: Limits::default(),
            ca_bundle: None,
            make,
        }
    }

    /// Fills what is not set from the environment, and from the Postman environment file that
    /// `KPN_THINGS_POSTMAN_ENVIRONMENT` (or the setting of that name) points at.
    ///
    /// The core has no environment and no files: `lookup` and `read` are those of the caller.
    pub fn environment(
        mut self,
        lookup: impl Fn(&str) -> Option<OsString>,
        read: impl FnOnce(&str) -> io::Result<String>,
    ) -> Result<Self, Error> {
        let mut environment = Settings::from_environment(lookup)?;
        let path = self.settings.postman_environment.take();
        environment.postman_environment = path.or(environment.postman_environment);
        self.environment = environment.or_postman_file(read)?;
        Ok(self)
    }

    /// The API key and its tenant.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.settings = Settings::from(credentials).or(self.settings);
        self
    }

    /// Where the API is; by default `https://api.kpnthings.com`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = Some(url.into());
        self
    }

    /// Where GRIP is; by default `https://auth.grip-on-it.com`.
    pub fn grip_base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.grip_base_url = Some(url.into());
        self
    }

    /// The full URL of the token endpoint, instead of GRIP's base URL and tenant.
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.settings.token_url = Some(url.into());
        self
    }

    /// The sub-customer that all calls are made for.
    pub fn customer(mut self, id: impl Into<String>) -> Self {
        self.settings.customer_id = Some(id.into());
        self
    }

    /// Sent verbatim as `KPN-Things-Security-Context` on every call; its format is not documented.
    pub fn security_context(mut self, value: impl Into<Secret>) -> Self {
        self.settings.security_context = Some(value.into());
        self
    }

    /// Time for a whole call, token, retries and pauses included: 30 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Time for one attempt: 15 s by default.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt_timeout = timeout;
        self
    }

    /// Time that the refresh of a token may delay a call while the old token lives: 3 s by default.
    pub fn refresh_timeout(mut self, timeout: Duration) -> Self {
        self.limits.refresh_timeout = timeout;
        self
    }

    /// Time to make a connection: 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// How often and when a failed attempt is repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.limits.retry = policy;
        self
    }

    /// Most bytes of an answer's body: 16 MiB by default.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.limits.max_body = bytes;
        self
    }

    /// Most pages of a listing: 100,000 by default. More end it with an error.
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.limits.max_pages = pages;
        self
    }

    /// Certificates to trust instead of the platform's, in PEM.
    pub fn ca_bundle(mut self, pem: impl Into<Bytes>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// The client, or all that is wrong with the settings.
    pub fn build(self) -> Result<C, Error> {
        let mut config = self.settings.or(self.environment).resolve(self.limits)?;
        config.ca_bundle = self.ca_bundle.as_deref().map(certificates).transpose()?;
        (self.make)(config)
    }
}

/// The certificates of a PEM file, of which there must be one at least.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(Error::config("the CA bundle holds no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(Error::config(format!("the CA bundle is not PEM: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(settings: Settings) -> Builder<Config> {
        Builder::new(settings, Ok)
    }

    #[test]
    fn arguments_go_before_the_environment_and_that_before_the_postman_file() {
        let lookup = |name: &str| match name {
            "KPN_THINGS_POSTMAN_ENVIRONMENT" => Some("kpn.json".into()),
            "KPN_THINGS_TENANT_ID" | "KPN_THINGS_KEY_ID" => Some("environment".into()),
            _ => None,
        };
        let read = |path: &str| {
            assert_eq!(path, "kpn.json");
            Ok(r#"{"values":[{"key":"keyId","value":"file"},{"key":"keySecret","value":"file"}]}"#.into())
        };
        let arguments = Settings { tenant_id: Some("argument".into()), ..Settings::default() };
        let config = builder(arguments).environment(lookup, read).unwrap().build().unwrap();
        let credentials = config.credentials;
        assert_eq!(
            (&*credentials.tenant_id, &*credentials.key_id, credentials.key_secret.expose()),
            ("argument", "environment", "file")
        );
    }

    #[test]
    fn what_is_set_on_the_builder_goes_before_the_environment() {
        let lookup = |name: &str| match name {
            "KPN_THINGS_TOKEN_URL" => Some("https://environment.example/token".into()),
            "KPN_THINGS_APPLICATION_ID" => Some("environment".into()),
            _ => None,
        };
        let from_environment =
            || builder(Settings::default()).environment(lookup, |_| unreachable!()).unwrap();
        let credentials = Credentials::new("t", "k", "s");
        let config = from_environment()
            .credentials(credentials.clone())
            .grip_base_url("https://argument.example")
            .build()
            .unwrap();
        assert_eq!(config.token_url(), "https://argument.example/v2/t/oidc/idp/c1/token");
        assert_eq!(config.credentials.audience(), "environment");
        let config = from_environment().credentials(credentials.application_id("argument")).build().unwrap();
        assert_eq!(config.credentials.audience(), "argument");
    }

    #[test]
    fn a_postman_file_that_cannot_be_read_is_named() {
        let lookup = |name: &str| (name == "KPN_THINGS_POSTMAN_ENVIRONMENT").then(|| "gone.json".into());
        let error = builder(Settings::default())
            .environment(lookup, |_| Err(io::ErrorKind::NotFound.into()))
            .err()
            .unwrap();
        assert!(error.message().contains("gone.json"), "{error}");
    }

    #[test]
    fn a_ca_bundle_without_a_certificate_is_refused() {
        let problem = |pem: &'static str| {
            builder(Credentials::new("t", "k", "s").into()).ca_bundle(pem).build().unwrap_err().to_string()
        };
        assert!(problem("").contains("holds no certificate"));
        assert!(problem("-----BEGIN CERTIFICATE-----\n!").contains("not PEM"));
    }

    #[test]
    fn everything_that_is_set_arrives() {
        let config = builder(Credentials::new("t", "k", "s").into())
            .base_url("https://api.example")
            .token_url("https://grip.example/token")
            .customer("c-1")
            .security_context("verbatim")
            .timeout(Duration::from_secs(1))
            .attempt_timeout(Duration::from_secs(2))
            .connect_timeout(Duration::from_secs(3))
            .max_body(4)
            .max_pages(5)
            .ca_bundle("-----BEGIN CERTIFICATE-----\nMDEy\n-----END CERTIFICATE-----\n")
            .build()
            .unwrap();
        assert_eq!(config.base_url(), "https://api.example");
        assert_eq!(config.token_url(), "https://grip.example/token");
        assert_eq!(config.customer().map(|id| id.as_str()), Some("c-1"));
        assert_eq!(config.security_context.unwrap(), "verbatim");
        let limits = config.limits;
        assert_eq!(
            [limits.timeout, limits.attempt_timeout, limits.connect_timeout].map(|time| time.as_secs()),
            [1, 2, 3]
        );
        assert_eq!((limits.max_body, limits.max_pages), (4, 5));
        assert_eq!(config.ca_bundle.unwrap(), [CertificateDer::from_slice(b"012")]);
    }
}
