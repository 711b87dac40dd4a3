//! The HTTPS destination that uplinks are posted to.

use super::error::UplinkError;
use super::token::sign;
use crate::random::{Random, seed_for};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderName, HeaderValue, Request, Uri};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

/// The header of the token.
pub(crate) const TOKEN: &str = "Things-Message-Token";
const PLUG: &str = "Things-Plug-UUID";

/// The longest part of a response that is read, so that the connection can be used again.
const RESPONSE: u64 = 1 << 20;

/// An HTTPS destination: where uplinks are posted to, and the secret that signs them. `Debug` does not show the secret.
///
/// Each post has the headers `Things-Message-Token`, `Things-Plug-UUID` and `Content-Type: application/json`. Redirects are
/// not followed, and no proxy is used.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    url: String,
    secret: String,
    plug_uuid: Option<String>,
    headers: Vec<(String, String)>,
    retry_pause: Duration,
    timeout: Duration,
    certificates: Option<Vec<u8>>,
}

impl Destination {
    /// Creates a destination. The URL begins with `https://` or `http://`.
    pub fn new(url: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            secret: secret.into(),
            plug_uuid: None,
            headers: Vec::new(),
            retry_pause: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            certificates: None,
        }
    }

    /// Sets the value of `Things-Plug-UUID`. Default: a UUID that depends on the URL.
    #[must_use]
    pub fn plug_uuid(mut self, uuid: impl Into<String>) -> Self {
        self.plug_uuid = Some(uuid.into());
        self
    }

    /// Adds a header to each post.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the pause before the first retry. The second pause is twice as long. Default: 1 s, which is a guess: the
    /// pauses of KPN Things are unknown.
    #[must_use]
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.retry_pause = pause;
        self
    }

    /// Sets how long one post may take. Default: 10 s, which is a guess.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts only the certificates in this PEM text. Default: the certificates that this machine trusts.
    #[must_use]
    pub fn certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates = Some(pem.into());
        self
    }

    /// Checks the settings.
    pub(crate) fn check(&self) -> Result<(), UplinkError> {
        self.open().map(|_| ())
    }

    /// Checks the settings, and prepares the connections.
    pub(super) fn open(&self) -> Result<Target, UplinkError> {
        let url: Uri = self.url.parse().map_err(|_| UplinkError::new("the destination is not a URL"))?;
        if !matches!(url.scheme_str(), Some("https" | "http")) || url.host().is_none_or(str::is_empty) {
            return Err(UplinkError::new(
                "the destination must be a URL that begins with https:// or http://",
            ));
        }
        if self.secret.is_empty() {
            return Err(UplinkError::new("the secret of the destination is empty"));
        }
        let plug = || Random::new(seed_for(0, &self.url)).uuid();
        let plug = (PLUG.to_owned(), self.plug_uuid.clone().unwrap_or_else(plug));
        let content_type = ("Content-Type".to_owned(), "application/json".to_owned());
        let headers = [content_type, plug].into_iter().chain(self.headers.iter().cloned());
        let headers = headers.map(|(name, value)| {
            let wrong = |_| UplinkError::new(format!("the header `{}` is not valid", name.escape_debug()));
            Ok((
                HeaderName::try_from(&name).map_err(|_| ()).map_err(wrong)?,
                HeaderValue::try_from(&value).map_err(|_| ()).map_err(wrong)?,
            ))
        });
        Ok(Target {
            url,
            secret: self.secret.clone(),
            headers: headers.collect::<Result<_, UplinkError>>()?,
            retry_pause: self.retry_pause,
            agent: self.agent()?,
        })
    }

    fn agent(&self) -> Result<Agent, UplinkError> {
        let roots = match &self.certificates {
            None => RootCerts::PlatformVerifier,
            Some(pem) => {
                let items = parse_pem(pem).filter_map(|item| match item {
                    Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => {
                        Some(Err(UplinkError::new(format!("the certificates cannot be read: {error}"))))
                    }
                });
                items.collect::<Result<Vec<_>, _>>()?.into()
            }
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(roots);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("things-sim/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(self.timeout))
            .max_idle_connections_per_host(64)
            .tls_config(tls.build());
        Ok(Agent::new_with_config(agent.build()))
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("plug_uuid", &self.plug_uuid)
            .field("retry_pause", &self.retry_pause)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A destination that was checked, with its connections.
pub(super) struct Target {
    url: Uri,
    secret: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) retry_pause: Duration,
    agent: Agent,
}

impl Target {
    /// Returns the token of a body, signed with the secret and this text after it.
    pub(super) fn token(&self, body: &[u8], after_secret: &str) -> String {
        sign(&format!("{}{after_secret}", self.secret), body)
    }

    /// Posts a body with these tokens. Returns the status of the response.
    ///
    /// # Errors
    ///
    /// Returns why there was no response.
    pub(super) fn post(&self, tokens: &[String], body: &[u8]) -> Result<u16, String> {
        let mut request = Request::post(&self.url);
        for token in tokens {
            request = request.header(TOKEN, token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.agent.run(request).map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        drain(response.into_body());
        Ok(status)
    }
}

/// Reads the rest of a response, so that its connection can be used again. The status counts, whatever follows it.
fn drain(mut body: Body) {
    let _ = body.with_config().limit(RESPONSE).read_to_vec();
}
