//! Makes a client of any transport from settings and limits.

use std::ffi::OsString;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Settings;
use crate::config::{Config, Credentials, Limits, PRODUCT, Proxy};
use crate::error::Error;
use crate::ingestion::DeviceSecret;
use crate::input::check_products;
use crate::retry::RetryPolicy;
use crate::secret::Secret;

/// Builds a client `C` from settings and limits.
///
/// What is set here overrides a Postman environment file that is named here. That file overrides environment variables, and
/// these override a Postman environment file that they name.
#[must_use]
pub struct Builder<C> {
    settings: Settings,
    /// The Postman environment file that the settings name.
    file: Settings,
    /// The environment variables, and a file that they name.
    environment: Settings,
    limits: Limits,
    ca_bundle: Option<Bytes>,
    user_agent: Option<String>,
    proxy: Choice,
    /// The proxy from the environment, or what is wrong with it.
    proxy_of_environment: Result<Option<Proxy>, Error>,
    read: Option<Read>,
    /// The secret of a device, which has no API key.
    device: Option<DeviceSecret>,
    make: fn(Config) -> Result<C, Error>,
}

/// Reads the file at a path.
type Read = fn(&str) -> io::Result<Vec<u8>>;

/// The proxy that the program chose.
enum Choice {
    Unset,
    None,
    Url(Secret),
}

impl<C> Builder<C> {
    /// Creates a builder for the client that `make` makes. Transports call this.
    ///
    /// It reads no environment variables and no files: see [`machine`](Builder::machine) and
    /// [`environment`](Builder::environment).
    pub fn new(settings: impl Into<Settings>, make: fn(Config) -> Result<C, Error>) -> Self {
        Self {
            settings: settings.into(),
            file: Settings::default(),
            environment: Settings::default(),
            limits: Limits::default(),
            ca_bundle: None,
            user_agent: None,
            proxy: Choice::Unset,
            proxy_of_environment: Ok(None),
            read: None,
            device: None,
            make,
        }
    }

    /// Creates a builder for the client of a device that posts its own measurements. Transports call this.
    ///
    /// The base URL is `https://prod.dm.kpnthings.com` by default. A setting that belongs to an API key is an error.
    pub fn for_device(secret: DeviceSecret, make: fn(Config) -> Result<C, Error>) -> Self {
        Self { device: Some(secret), ..Self::new(Settings::default(), make) }
    }

    /// Takes the proxy from `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, and a Postman environment file through `read`. No
    /// `KPN_THINGS_*` variable is read. Transports call this, because the core has neither environment nor files.
    pub fn machine(mut self, lookup: impl Fn(&str) -> Option<OsString>, read: Read) -> Self {
        self.proxy_of_environment = Proxy::from_environment(lookup);
        self.read = Some(read);
        self
    }

    /// Fills what is not set from the `KPN_THINGS_*` variables, and takes the proxy from `HTTPS_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`. `read` reads the Postman environment file, which a setting or `KPN_THINGS_POSTMAN_ENVIRONMENT` may name.
    ///
    /// The core reads neither environment variables nor files, so the caller passes `lookup` and `read`.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if a variable is not UTF-8, or the Postman
    /// environment file cannot be read.
    pub fn environment(
        mut self,
        lookup: impl Fn(&str) -> Option<OsString>,
        read: impl FnOnce(&str) -> io::Result<Vec<u8>>,
    ) -> Result<Self, Error> {
        self.proxy_of_environment = Proxy::from_environment(&lookup);
        let mut environment = Settings::from_environment(lookup)?;
        match self.settings.postman_environment.take() {
            Some(path) => {
                // A file that is named in code replaces one that a variable names.
                environment.postman_environment = None;
                self.file = Settings::of_postman_file(path, read)?;
                self.environment = environment;
            }
            None => self.environment = environment.or_postman_file(read)?,
        }
        Ok(self)
    }

    /// Sets the API key and its tenant.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.settings = Settings::from(credentials).or(self.settings);
        self
    }

    /// Sets a Postman environment file to read settings from, in the form that KPN's documentation offers.
    pub fn postman_environment(mut self, path: impl Into<String>) -> Self {
        self.settings.postman_environment = Some(path.into());
        self
    }

    /// Sets the address of the API: `https://api.kpnthings.com` by default.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.base_url = Some(url.into());
        self
    }

    /// Sets the address of GRIP: `https://auth.grip-on-it.com` by default.
    pub fn grip_base_url(mut self, url: impl Into<String>) -> Self {
        self.settings.grip_base_url = Some(url.into());
        self
    }

    /// Sets the full URL of the token endpoint, which replaces GRIP's base URL and tenant; or [`Settings::GRIP_V3`].
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.settings.token_url = Some(url.into());
        self
    }

    /// Allows plain http to a host other than this machine, named exactly and without a port. Can be called repeatedly.
    ///
    /// The key secret, the token and all data cross the network in the clear.
    pub fn allow_http(mut self, host: impl Into<String>) -> Self {
        self.settings.allow_http.push(host.into());
        self
    }

    /// Sets the sub-customer that all calls are made for.
    pub fn customer(mut self, id: impl Into<String>) -> Self {
        self.settings.customer_id = Some(id.into());
        self
    }

    /// Sets the value of `KPN-Things-Security-Context`, which is sent verbatim on every call. Its format is not documented.
    pub fn security_context(mut self, value: impl Into<Secret>) -> Self {
        self.settings.security_context = Some(value.into());
        self
    }

    /// Names your program in the `User-Agent` of all requests, in front of this library:
    /// `my-app/1.2 kpn-things-sdk/0.1.0`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Sends all https requests through this HTTP proxy, such as `http://user:password@proxy.example:3128`.
    ///
    /// This overrides the environment. User and password are percent-encoded.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.proxy = Choice::Url(url.into());
        self
    }

    /// Sends all requests directly. This overrides the environment.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Choice::None;
        self
    }

    /// Sets all limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the time limit of a whole call, including token, retries and pauses: 30 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Sets the time limit of one attempt: 15 s by default.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt_timeout = timeout;
        self
    }

    /// Sets the time limit for making a connection: 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// Sets how long the refresh of a token may delay a call while the old token is still valid: 3 s by default.
    pub fn refresh_timeout(mut self, timeout: Duration) -> Self {
        self.limits.refresh_timeout = timeout;
        self
    }

    /// Sets how often and when a failed attempt is retried.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.limits.retry = policy;
        self
    }

    /// Sets the largest body of a response, in bytes: 16 MiB by default.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.limits.max_body = bytes;
        self
    }

    /// Sets the largest number of pages of a listing: 100,000 by default. A longer listing ends with an error.
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.limits.max_pages = pages;
        self
    }

    /// Sets the CA certificates, in PEM, to trust instead of the platform's.
    pub fn ca_bundle(mut self, pem: impl Into<Bytes>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) that names everything that is missing or wrong.
    pub fn build(mut self) -> Result<C, Error> {
        if let Some(read) = self.read
            && let Some(path) = self.settings.postman_environment.take()
        {
            self.file = Settings::of_postman_file(path, read)?;
        }
        let settings = self.settings.or(self.file).or(self.environment);
        let mut config = match self.device {
            Some(secret) => settings.resolve_device(secret, self.limits)?,
            None => settings.resolve(self.limits)?,
        };
        config.ca_bundle = self.ca_bundle.as_deref().map(certificates).transpose()?;
        if let Some(product) = self.user_agent {
            check_products(&product)?;
            config.user_agent = HeaderValue::try_from(format!("{product} {PRODUCT}"))
                .map_err(|_| Error::config("the user agent cannot be a header value"))?;
        }
        config.proxy = match self.proxy {
            Choice::Url(url) => Some(Proxy::new(url)?),
            // A client that uses no https, such as a simulator's, needs no proxy, so a wrong variable does not matter.
            Choice::Unset if config.has_https() => self.proxy_of_environment?,
            Choice::Unset | Choice::None => None,
        };
        (self.make)(config)
    }
}

/// Shows settings and limits, with secrets masked.
impl<C> fmt::Debug for Builder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("limits", &self.limits)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

/// Returns the certificates of a PEM file, which must hold at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(Error::config("the CA bundle contains no certificate")),
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
    fn settings_override_the_environment_and_that_overrides_the_file_that_it_names() {
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
        let credentials = config.key();
        assert_eq!(
            (credentials.tenant_id.as_deref(), &*credentials.key_id, credentials.key_secret.expose()),
            (Some("argument"), "environment", "file")
        );
    }

    #[test]
    fn a_postman_file_named_here_overrides_the_environment() {
        let lookup = |name: &str| match name {
            "KPN_THINGS_POSTMAN_ENVIRONMENT" => Some("other.json".into()),
            "KPN_THINGS_TENANT_ID" => Some("environment".into()),
            "KPN_THINGS_KEY_ID" | "KPN_THINGS_CUSTOMER_ID" => Some("environment".into()),
            _ => None,
        };
        let read = |path: &str| {
            assert_eq!(path, "kpn.json");
            Ok(r#"{"values":[{"key":"keyId","value":"file"},{"key":"keySecret","value":"file"},
                {"key":"tenantId","value":"file"},{"key":"gripBaseUrl","value":"https://file.example"}]}"#
                .into())
        };
        let named = || builder(Settings::default()).postman_environment("kpn.json");
        let config = named().environment(lookup, read).unwrap().token_url(Settings::GRIP_V3);
        let config =
            Builder { settings: Settings { key_id: Some("set".into()), ..config.settings }, ..config };
        let config = config.build().unwrap();
        assert_eq!(config.key().tenant_id.as_deref(), Some("file"));
        assert_eq!(config.key().key_id, "set");
        assert_eq!(config.customer().map(|id| id.as_str()), Some("environment"));
        assert_eq!(config.token_url(), "https://file.example/api/v3/idp/oidc/token");
        assert!(named().build().unwrap_err().message().contains("kpn.json is named and was not read"));
        let config = named().machine(|_| None, read).build().unwrap();
        assert_eq!(config.key().key_id, "file");
    }

    #[test]
    fn the_proxy_is_that_of_the_environment_unless_one_is_set_or_refused() {
        let lookup = |name: &str| (name == "HTTPS_PROXY").then(|| "http://u:pa55@proxy.example".into());
        let key = || builder(Credentials::new("t", "k", "s").into());
        let found = |builder: Builder<Config>| {
            let config = builder.build().unwrap();
            assert!(!format!("{config:?}").contains("pa55"));
            config.proxy().map(|proxy| proxy.url().to_owned())
        };
        let ours = Some("http://u:pa55@proxy.example".to_owned());
        assert_eq!(found(key()), None);
        assert_eq!(found(key().machine(lookup, |_| unreachable!())), ours);
        assert_eq!(found(key().environment(lookup, |_| unreachable!()).unwrap()), ours);
        assert_eq!(found(key().machine(lookup, |_| unreachable!()).no_proxy()), None);
        let other = key().proxy("http://other.example:80").machine(lookup, |_| unreachable!());
        assert_eq!(found(other).as_deref(), Some("http://other.example:80"));
        assert!(key().proxy("no proxy").build().unwrap_err().message().starts_with("the proxy is not"));
    }

    #[test]
    fn a_wrong_proxy_of_the_environment_matters_only_where_one_is_used() {
        let lookup = |name: &str| (name == "ALL_PROXY").then(|| "socks5://proxy.example".into());
        let key = || builder(Credentials::new("t", "k", "s").into()).machine(lookup, |_| unreachable!());
        assert!(key().build().unwrap_err().message().contains("ALL_PROXY names a socks5 proxy"));
        assert!(key().no_proxy().build().is_ok());
        let local = key().base_url("http://localhost:1").grip_base_url("http://localhost:1");
        assert!(local.build().unwrap().proxy().is_none());
    }

    #[test]
    fn a_program_names_itself_in_front_of_the_library() {
        let key = || builder(Credentials::new("t", "k", "s").into());
        let ours = key().build().unwrap().user_agent().clone();
        assert!(ours.to_str().unwrap().starts_with("kpn-things-sdk/"));
        let named = key().user_agent("my-app/1.2").build().unwrap().user_agent().clone();
        assert_eq!(named.to_str().unwrap(), format!("my-app/1.2 {}", ours.to_str().unwrap()));
        let error = key().user_agent("my app\r\nx: y").build().unwrap_err();
        assert!(error.message().starts_with("user agent is not a list of products"), "{error}");
    }

    #[test]
    fn debug_shows_settings_and_no_secret() {
        let builder = builder(Credentials::new("rjsfm52t", "key", "hush").into())
            .security_context("hush")
            .proxy("http://user:hush@proxy.example");
        let debug = format!("{builder:?}");
        assert!(
            debug.contains("rjsfm52t") && debug.contains("timeout") && !debug.contains("hush"),
            "{debug}"
        );
    }

    #[test]
    fn what_is_set_on_the_builder_overrides_the_environment() {
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
        assert_eq!(config.key().audience(), "environment");
        let config = from_environment().credentials(credentials.application_id("argument")).build().unwrap();
        assert_eq!(config.key().audience(), "argument");
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
        assert!(problem("").contains("contains no certificate"));
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
