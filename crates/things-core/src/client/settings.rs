//! The settings of a user, and how they become a configuration.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use http::HeaderValue;

use super::PostmanGap;
use crate::config::{Access, BaseUrl, Config, Credentials, Limits, PRODUCT, check_allowed_host};
use crate::error::Error;
use crate::ingestion::{DeviceSecret, Post};
use crate::input::{check_opaque, check_segment, header_value};
use crate::secret::{Secret, secret_bytes};

/// Settings, each of which can be missing. [`Settings::or`] merges two sets of them.
///
/// End a literal with `..Default::default()`, because later versions may add fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `KPN_THINGS_TENANT_ID`: the slug of the GRIP tenant, such as `rjsfm52t`.
    pub tenant_id: Option<String>,
    /// `KPN_THINGS_KEY_ID`: the id of the API key.
    pub key_id: Option<String>,
    /// `KPN_THINGS_KEY_SECRET`: the secret of the API key.
    pub key_secret: Option<Secret>,
    /// `KPN_THINGS_APPLICATION_ID`: the id of the service that tokens are for; by default the one in KPN's
    /// documentation.
    pub application_id: Option<String>,
    /// `KPN_THINGS_GRIP_BASE_URL`: the identity service; by default `https://auth.grip-on-it.com`.
    pub grip_base_url: Option<String>,
    /// `KPN_THINGS_TOKEN_URL`: the full URL of the token endpoint, which replaces the one made of GRIP's base URL and
    /// tenant; or [`grip-v3`](Settings::GRIP_V3).
    pub token_url: Option<String>,
    /// `KPN_THINGS_BASE_URL`: the API; by default `https://api.kpnthings.com`.
    pub base_url: Option<String>,
    /// `KPN_THINGS_CUSTOMER_ID`: the sub-customer to act for.
    pub customer_id: Option<String>,
    /// `KPN_THINGS_SECURITY_CONTEXT`: sent verbatim as `KPN-Things-Security-Context`; its format is not documented.
    pub security_context: Option<Secret>,
    /// `KPN_THINGS_ALLOW_HTTP`: hosts other than this machine that plain http may go to, named exactly, without a port.
    pub allow_http: Vec<String>,
    /// `KPN_THINGS_POSTMAN_ENVIRONMENT`: the path of a Postman environment file. It must be read before
    /// [`resolve`](Settings::resolve): see [`or_postman_file`](Settings::or_postman_file).
    pub postman_environment: Option<String>,
    /// The variables without a value in a Postman environment file that was read: required ones, and others that are
    /// disabled. The error for a missing setting explains them.
    pub postman_gaps: Vec<PostmanGap>,
}

/// The maximum time limit. HTTP libraries cannot add a longer one to a point in time, and it would limit nothing.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Settings {
    /// The default address of GRIP, the identity service.
    pub const GRIP_BASE_URL: &'static str = "https://auth.grip-on-it.com";

    /// The default address of the API.
    pub const BASE_URL: &'static str = "https://api.kpnthings.com";

    /// A token URL that stands for `/api/v3/idp/oidc/token` at GRIP's base URL, which needs no tenant.
    ///
    /// A public integration uses this endpoint. KPN does not document it.
    pub const GRIP_V3: &'static str = "grip-v3";

    /// Reads the `KPN_THINGS_*` variables through `lookup`. An empty variable counts as missing.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if a variable is not UTF-8.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let read = |name: &str| match lookup(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(Error::config(format!("{name} is not UTF-8"))),
        };
        Ok(Self {
            tenant_id: read("KPN_THINGS_TENANT_ID")?,
            key_id: read("KPN_THINGS_KEY_ID")?,
            key_secret: read("KPN_THINGS_KEY_SECRET")?.map(Secret::new),
            application_id: read("KPN_THINGS_APPLICATION_ID")?,
            grip_base_url: read("KPN_THINGS_GRIP_BASE_URL")?,
            token_url: read("KPN_THINGS_TOKEN_URL")?,
            base_url: read("KPN_THINGS_BASE_URL")?,
            customer_id: read("KPN_THINGS_CUSTOMER_ID")?,
            security_context: read("KPN_THINGS_SECURITY_CONTEXT")?.map(Secret::new),
            allow_http: read("KPN_THINGS_ALLOW_HTTP")?
                .unwrap_or_default()
                .split([',', ' '])
                .filter(|host| !host.is_empty())
                .map(str::to_owned)
                .collect(),
            postman_environment: read("KPN_THINGS_POSTMAN_ENVIRONMENT")?,
            postman_gaps: Vec::new(),
        })
    }

    /// Fills missing settings from settings of lower precedence.
    ///
    /// The token URL and GRIP's base URL are one decision: if either is set here, both come from here. Only
    /// [`GRIP_V3`](Settings::GRIP_V3) combines with a base URL from the other settings.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let is_preset = |url: &Option<String>| url.as_deref() == Some(Self::GRIP_V3);
        let (grip_base_url, token_url) = match (self.grip_base_url, self.token_url) {
            (None, None) => (lower.grip_base_url, lower.token_url),
            (None, token) if is_preset(&token) => (lower.grip_base_url, token),
            (grip, None) if is_preset(&lower.token_url) => (grip, lower.token_url),
            set => set,
        };
        Self {
            tenant_id: self.tenant_id.or(lower.tenant_id),
            key_id: self.key_id.or(lower.key_id),
            key_secret: self.key_secret.or(lower.key_secret),
            application_id: self.application_id.or(lower.application_id),
            grip_base_url,
            token_url,
            base_url: self.base_url.or(lower.base_url),
            customer_id: self.customer_id.or(lower.customer_id),
            security_context: self.security_context.or(lower.security_context),
            allow_http: if self.allow_http.is_empty() { lower.allow_http } else { self.allow_http },
            postman_environment: self.postman_environment.or(lower.postman_environment),
            postman_gaps: [self.postman_gaps, lower.postman_gaps].concat(),
        }
    }

    /// Fills missing settings from the Postman environment file that these settings name, if any.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if `read` fails or the file is not a Postman
    /// environment.
    pub fn or_postman_file(mut self, read: impl FnOnce(&str) -> io::Result<Vec<u8>>) -> Result<Self, Error> {
        let Some(path) = self.postman_environment.take() else { return Ok(self) };
        Ok(self.or(Self::of_postman_file(path, read)?))
    }

    /// Reads the settings of the Postman environment file at a path.
    pub(super) fn of_postman_file(
        path: String,
        read: impl FnOnce(&str) -> io::Result<Vec<u8>>,
    ) -> Result<Self, Error> {
        let bytes = read(&path).map_err(|error| {
            Error::config(format!("the Postman environment file {path} cannot be read: {error}"))
        })?;
        Self::from_postman_file(&path, bytes)
    }

    /// Checks all settings.
    ///
    /// # Errors
    ///
    /// Returns one error of the kind [`Config`](crate::ErrorKind::Config) that names everything that is missing or wrong.
    pub fn resolve(self, mut limits: Limits) -> Result<Config, Error> {
        let mut problems = Problems::default();
        problems.find_missing(&self);
        if let Some(path) = &self.postman_environment {
            problems.add(format!("the Postman environment file {path} is named and was not read"));
        }
        let tenant_id = self.tenant_id.unwrap_or_default();
        let key_id = self.key_id.unwrap_or_default();
        let key_secret = self.key_secret.unwrap_or_else(|| Secret::new(""));
        if !tenant_id.is_empty() {
            problems.check(check_segment("tenant id (KPN_THINGS_TENANT_ID)", &tenant_id));
        }
        if !key_id.is_empty() {
            problems.check(check_opaque("key id (KPN_THINGS_KEY_ID)", &key_id));
        }
        if !key_secret.expose().is_empty() {
            problems.check(check_opaque("key secret (KPN_THINGS_KEY_SECRET)", key_secret.expose()));
        }
        if let Some(id) = &self.application_id {
            problems.check(check_opaque("application id (KPN_THINGS_APPLICATION_ID)", id));
        }
        for host in &self.allow_http {
            let named = check_allowed_host(host).map_err(|why| format!("KPN_THINGS_ALLOW_HTTP {why}"));
            problems.check(named);
        }
        let allowed = &self.allow_http;
        let grip = self.grip_base_url.as_deref().unwrap_or(Self::GRIP_BASE_URL);
        let grip = problems.url("GRIP base URL (KPN_THINGS_GRIP_BASE_URL)", grip, allowed);
        let base_url = self.base_url.as_deref().unwrap_or(Self::BASE_URL);
        let base_url = problems.url("base URL (KPN_THINGS_BASE_URL)", base_url, allowed);
        let at_grip = |path: &str| grip.as_ref().and_then(|grip| grip.join(path).ok());
        let token_url = match self.token_url.as_deref() {
            Some(Self::GRIP_V3) => at_grip("/api/v3/idp/oidc/token"),
            Some(text) => {
                let parsed = problems.url("token URL (KPN_THINGS_TOKEN_URL)", text, allowed);
                let contradiction =
                    |grip: &BaseUrl| parsed.as_ref().is_some_and(|token| !token.same_origin(grip));
                if self.grip_base_url.is_some() && grip.as_ref().is_some_and(contradiction) {
                    problems.add("token URL (KPN_THINGS_TOKEN_URL) and GRIP base URL (KPN_THINGS_GRIP_BASE_URL) name different servers: set one of them");
                }
                text.parse().ok()
            }
            None => at_grip(&format!("/v2/{tenant_id}/oidc/idp/c1/token")),
        };
        let customer = self.customer_id.and_then(|id| {
            problems.check(check_segment("customer id (KPN_THINGS_CUSTOMER_ID)", &id))?;
            id.parse().ok()
        });
        let security_context = self.security_context.and_then(|context| {
            let name = "security context (KPN_THINGS_SECURITY_CONTEXT)";
            problems.check(check_opaque(name, context.expose()))?;
            let mut value = problems.check(
                header_value(secret_bytes(context.expose().into())).map_err(|why| format!("{name} {why}")),
            )?;
            value.set_sensitive(true);
            Some(value)
        });
        problems.limits(&mut limits);
        problems.end()?;
        let tenant_id = Some(tenant_id).filter(|id| !id.is_empty());
        let credentials = Credentials { tenant_id, key_id, key_secret, application_id: self.application_id };
        match (token_url, base_url) {
            (Some(token_url), Some(base_url)) => Ok(Config {
                access: Access::Key(credentials),
                token_url,
                base_url,
                customer,
                security_context,
                limits,
                ca_bundle: None,
                proxy: None,
                user_agent: HeaderValue::from_static(PRODUCT),
            }),
            _ => Err(Error::config("the tenant id does not make a URL")),
        }
    }

    /// Checks the settings of a device that posts its own measurements.
    pub(super) fn resolve_device(self, secret: DeviceSecret, mut limits: Limits) -> Result<Config, Error> {
        let mut problems = Problems::default();
        for host in &self.allow_http {
            problems.check(check_allowed_host(host).map_err(|why| format!("allow_http {why}")));
        }
        let address = self.base_url.as_deref().unwrap_or(Post::BASE_URL);
        let base_url = problems.url("base URL of the device", address, &self.allow_http);
        problems.limits(&mut limits);
        let left = Self { base_url: None, allow_http: Vec::new(), ..self };
        if left != Self::default() {
            problems.add(
                "a device has its own secret: a setting for API keys, tenants or customers does not apply",
            );
        }
        problems.end()?;
        match (address.parse(), base_url) {
            (Ok(token_url), Some(base_url)) => Ok(Config {
                access: Access::Device(secret),
                token_url,
                base_url,
                customer: None,
                security_context: None,
                limits,
                ca_bundle: None,
                proxy: None,
                user_agent: HeaderValue::from_static(PRODUCT),
            }),
            _ => Err(Error::config("the base URL of the device is not a URL")),
        }
    }
}

impl From<Credentials> for Settings {
    fn from(credentials: Credentials) -> Self {
        Self {
            tenant_id: credentials.tenant_id,
            key_id: Some(credentials.key_id),
            key_secret: Some(credentials.key_secret),
            application_id: credentials.application_id,
            ..Self::default()
        }
    }
}

/// Collects all mistakes, so that a user can fix them at once.
#[derive(Default)]
struct Problems {
    missing: Vec<&'static str>,
    /// Why a Postman environment file has no value for what is missing.
    gaps: Vec<PostmanGap>,
    wrong: Vec<String>,
}

impl Problems {
    /// Checks the limits, and shortens those that are too long.
    fn limits(&mut self, limits: &mut Limits) {
        for (name, duration) in [
            ("connect timeout", &mut limits.connect_timeout),
            ("attempt timeout", &mut limits.attempt_timeout),
            ("timeout", &mut limits.timeout),
            ("refresh timeout", &mut limits.refresh_timeout),
        ] {
            if duration.is_zero() {
                self.add(format!("{name} is zero: nothing could be sent"));
            }
            *duration = LONGEST.min(*duration);
        }
        if limits.max_pages == 0 {
            self.add("the number of pages is bounded by 0: nothing could be listed");
        }
        if let Some(problem) = limits.retry.problem() {
            self.add(problem);
        }
    }

    fn find_missing(&mut self, settings: &Settings) {
        let absent = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        if absent(&settings.tenant_id) && settings.token_url.is_none() {
            self.miss("tenant id (KPN_THINGS_TENANT_ID)", "tenantId", settings);
        }
        if absent(&settings.key_id) {
            self.miss("key id (KPN_THINGS_KEY_ID)", "keyId", settings);
        }
        if settings.key_secret.as_ref().is_none_or(|secret| secret.expose().is_empty()) {
            self.miss("key secret (KPN_THINGS_KEY_SECRET)", "keySecret", settings);
        }
    }

    fn miss(&mut self, name: &'static str, variable: &str, settings: &Settings) {
        self.missing.push(name);
        let gaps = settings.postman_gaps.iter().filter(|gap| gap.variable() == variable);
        self.gaps.extend(gaps.cloned());
    }

    fn add(&mut self, problem: impl Into<String>) {
        self.wrong.push(problem.into());
    }

    fn check<T, E: ToString>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(error.to_string())).ok()
    }

    fn url(&mut self, name: &str, text: &str, allow_http: &[String]) -> Option<BaseUrl> {
        BaseUrl::parse(text, allow_http).map_err(|why| self.add(format!("{name} {why}"))).ok()
    }

    fn end(mut self) -> Result<(), Error> {
        let hint = (!self.missing.is_empty()).then(|| self.hint());
        if !self.missing.is_empty() {
            self.wrong.insert(0, format!("missing: {}", self.missing.join(", ")));
        }
        if self.wrong.is_empty() {
            return Ok(());
        }
        Err(Error::config(self.wrong.join("; ")).with(|report| report.hint = hint))
    }

    /// Where to set what is missing.
    fn hint(&self) -> String {
        if self.gaps.is_empty() {
            return "set them in the environment, or point KPN_THINGS_POSTMAN_ENVIRONMENT at the Postman environment file of KPN's documentation".into();
        }
        let files = self.gaps.chunk_by(|gap, next| gap.file() == next.file()).filter_map(|gaps| {
            let reasons: Vec<String> = gaps.iter().map(ToString::to_string).collect();
            Some(format!("{} was read: {}", gaps.first()?.file(), reasons.join("; ")))
        });
        let files: Vec<String> = files.collect();
        format!("{}. Change the file, or set what is missing in the environment", files.join(". "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Settings {
        let pairs: HashMap<_, _> = pairs.iter().copied().collect();
        Settings::from_environment(|name| pairs.get(name).map(Into::into)).unwrap()
    }

    const COMPLETE: &[(&str, &str)] = &[
        ("KPN_THINGS_TENANT_ID", "rjsfm52t"),
        ("KPN_THINGS_KEY_ID", "key"),
        ("KPN_THINGS_KEY_SECRET", "a/s+e=c&r%t"),
    ];

    fn complete() -> Settings {
        environment(COMPLETE)
    }

    fn problem(settings: Settings) -> String {
        settings.resolve(Limits::default()).unwrap_err().to_string()
    }

    #[test]
    fn three_settings_make_a_configuration() {
        let config = complete().resolve(Limits::default()).unwrap();
        assert_eq!(config.token_url, "https://auth.grip-on-it.com/v2/rjsfm52t/oidc/idp/c1/token");
        assert_eq!(config.base_url(), "https://api.kpnthings.com");
        assert_eq!(config.key().audience(), "4dc82561-f65f-523g-dek9-6c79ec314f02");
    }

    #[test]
    fn all_that_is_missing_is_named_in_one_message() {
        let message = problem(environment(&[("KPN_THINGS_KEY_ID", "")]));
        for name in ["KPN_THINGS_TENANT_ID", "KPN_THINGS_KEY_ID", "KPN_THINGS_KEY_SECRET", "Postman"] {
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_named_in_one_message() {
        let mut settings = complete();
        settings.tenant_id = Some("../evil".into());
        settings.key_secret = Some("secret\n".into());
        settings.base_url = Some("http://api.kpnthings.com".into());
        settings.security_context = Some("a\r\nb".into());
        settings.customer_id = Some("a/b".into());
        let message = problem(settings);
        for part in ["tenant id", "line break", "plain http", "security context", "customer id"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("secret\n"));
    }

    #[test]
    fn a_token_url_needs_no_tenant() {
        let mut settings = complete();
        settings.tenant_id = None;
        settings.token_url = Some("https://auth.grip-on-it.com/api/v3/idp/oidc/token".into());
        let config = settings.resolve(Limits::default()).unwrap();
        assert_eq!(config.token_url, "https://auth.grip-on-it.com/api/v3/idp/oidc/token");
    }

    #[test]
    fn grip_v3_is_a_path_at_grip_wherever_grip_is() {
        let preset = || environment(&[("KPN_THINGS_TOKEN_URL", "grip-v3")]);
        let elsewhere = || environment(&[("KPN_THINGS_GRIP_BASE_URL", "https://grip.example")]);
        let key = || Settings::from(Credentials::without_tenant("key", "hush"));
        for (settings, token_url) in [
            (preset().or(key()), "https://auth.grip-on-it.com/api/v3/idp/oidc/token"),
            (preset().or(elsewhere()).or(key()), "https://grip.example/api/v3/idp/oidc/token"),
            (elsewhere().or(preset()).or(key()), "https://grip.example/api/v3/idp/oidc/token"),
        ] {
            assert_eq!(settings.resolve(Limits::default()).unwrap().token_url, token_url);
        }
        assert!(problem(key()).contains("missing: tenant id"));
    }

    #[test]
    fn what_was_copied_with_the_value_is_named_in_every_setting() {
        type Set = fn(&mut Settings, String);
        let set: [(&str, Set); 8] = [
            ("tenant id", |settings, text| settings.tenant_id = Some(text)),
            ("key id", |settings, text| settings.key_id = Some(text)),
            ("key secret", |settings, text| settings.key_secret = Some(text.into())),
            ("application id", |settings, text| settings.application_id = Some(text)),
            ("customer id", |settings, text| settings.customer_id = Some(text)),
            ("security context", |settings, text| settings.security_context = Some(text.into())),
            ("GRIP base URL", |settings, text| settings.grip_base_url = Some(text)),
            ("base URL", |settings, text| settings.base_url = Some(text)),
        ];
        for (name, set) in set {
            for (text, told) in [
                ("\"https://hush.example\"", "is in quotes"),
                ("https://hush.example\n", "ends in a line break"),
                ("https://hush.example ", "ends in a space"),
                ("https://hush\u{200B}.example", "a zero-width space (U+200B) at position 13"),
                ("https://hush\u{2011}a.example", "a typographic hyphen (U+2011) at position 13"),
                ("https://hush\u{A0}.example", "a no-break space (U+00A0)"),
                ("<https://hush.example>", "is a placeholder (<...>)"),
                ("${HUSH}", "is a placeholder (${...})"),
                ("{{hush}}", "is a placeholder ({{...}})"),
            ] {
                let mut settings = complete();
                set(&mut settings, text.into());
                let message = problem(settings);
                assert!(message.starts_with(name) && message.contains(told), "{text:?}: {message}");
                assert!(!message.to_lowercase().contains("hush"), "{message}");
            }
        }
    }

    #[test]
    fn plain_http_needs_the_name_of_its_host() {
        let mut settings = environment(&[
            ("KPN_THINGS_BASE_URL", "http://gateway.local/kpn"),
            ("KPN_THINGS_ALLOW_HTTP", "other.local, gateway.local"),
        ])
        .or(complete());
        assert_eq!(
            settings.clone().resolve(Limits::default()).unwrap().base_url(),
            "http://gateway.local/kpn"
        );
        settings.allow_http = vec!["api.kpnthings.com".into()];
        let message = problem(settings);
        assert!(
            message.contains("KPN_THINGS_ALLOW_HTTP names api.kpnthings.com, which is KPN's"),
            "{message}"
        );
        assert!(message.contains("plain http"), "{message}");
    }

    #[test]
    fn a_postman_file_that_nobody_read_is_an_error() {
        let settings = Settings { postman_environment: Some("kpn.json".into()), ..complete() };
        assert!(problem(settings).contains("kpn.json is named and was not read"));
    }

    #[test]
    fn two_identity_services_contradict_each_other() {
        let mut settings = complete();
        settings.token_url = Some("https://a.example/token".into());
        settings.grip_base_url = Some("https://b.example".into());
        assert!(problem(settings.clone()).contains("different servers"));
        settings.grip_base_url = Some("https://a.example".into());
        assert_eq!(settings.resolve(Limits::default()).unwrap().token_url, "https://a.example/token");
    }

    #[test]
    fn a_higher_layer_wins_and_decides_where_tokens_come_from() {
        let high = environment(&[
            ("KPN_THINGS_KEY_ID", "high"),
            ("KPN_THINGS_TOKEN_URL", "https://high.example/token"),
        ]);
        let low =
            environment(&[("KPN_THINGS_KEY_ID", "low"), ("KPN_THINGS_GRIP_BASE_URL", "https://low.example")])
                .or(complete());
        let config = high.or(low).resolve(Limits::default()).unwrap();
        assert_eq!(config.key().key_id, "high");
        assert_eq!(config.token_url, "https://high.example/token");
        assert_eq!(config.key().tenant_id.as_deref(), Some("rjsfm52t"));
    }

    #[test]
    fn debug_masks_secrets() {
        let mut settings = complete();
        settings.security_context = Some("context-4711".into());
        let config = settings.clone().resolve(Limits::default()).unwrap();
        for text in [format!("{settings:?}"), format!("{config:?}")] {
            assert!(!text.contains("a/s+e=c&r%t") && !text.contains("4711"), "{text}");
        }
    }

    #[test]
    fn bounds_of_nothing_are_refused() {
        let limits = Limits { timeout: Duration::ZERO, ..Limits::default() };
        assert!(complete().resolve(limits).unwrap_err().to_string().contains("timeout is zero"));
        let limits = Limits { attempt_timeout: Duration::MAX, ..Limits::default() };
        assert_eq!(complete().resolve(limits).unwrap().limits.attempt_timeout, LONGEST);
    }
}
