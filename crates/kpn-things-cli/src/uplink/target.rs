//! Where messages are posted to: a server of the user.

use std::env;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderName, HeaderValue, Request, Uri};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::failure::Failure;

/// The time for a post and its response.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The hosts that plain http may go to, next to this machine.
const ALLOW_HTTP: &str = "KPN_THINGS_ALLOW_HTTP";

/// Headers that are about one connection, and are not passed on.
const OF_CONNECTION: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING];

/// The URL of a server. Redirects are not followed.
#[derive(Clone)]
pub(super) struct Target {
    url: Uri,
    agent: Agent,
}

impl Target {
    /// Checks the URL that an option names.
    pub(super) fn new(option: &str, url: &str) -> Result<Self, Failure> {
        let url = parse(url).map_err(|why| Failure::Usage(format!("{option} {why}")))?;
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::PlatformVerifier);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent("")
            .tls_config(tls.build());
        Ok(Self { url, agent: agent.build().into() })
    }

    /// Posts a message, and returns the status of the response, or why there is none.
    pub(super) fn post<'h>(
        &self,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        body: &[u8],
    ) -> Result<u16, String> {
        let mut request = Request::post(&self.url);
        for (name, value) in headers {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_bytes(value).map_err(|error| error.to_string())?;
            if !OF_CONNECTION.contains(&name) {
                request = request.header(name, value);
            }
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.agent.run(request).map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    }

    /// The URL as messages show it: a query can contain a secret.
    pub(super) fn name(&self) -> String {
        let authority = self.url.authority().map(ToString::to_string).unwrap_or_default();
        format!("{}://{authority}{}", self.url.scheme_str().unwrap_or_default(), self.url.path())
    }
}

fn parse(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("is not a URL: {error}"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err("is not an absolute URL: start it with https://, or with http:// for this machine".into());
    };
    if authority.as_str().contains('@') {
        return Err("contains a user name or password: remove it".into());
    }
    if *scheme == Scheme::HTTP && !is_allowed(authority.host()) {
        return Err(format!(
            "is plain http to another machine, which would show the messages on the way: use https://, or name the host in \
             {ALLOW_HTTP} if the network in between is yours"
        ));
    }
    if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
        return Err("has an unknown scheme: use https://".into());
    }
    Ok(uri)
}

/// Whether plain http may go to this host.
fn is_allowed(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let allowed = env::var(ALLOW_HTTP).unwrap_or_default();
    is_loopback || allowed.split(',').any(|allowed| allowed.trim().eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_alone() {
        for url in [
            "https://example.com/kpn?key=1",
            "http://localhost:3000/",
            "http://127.0.0.2/",
            "http://[::1]:1/",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
        for (url, why) in [
            ("http://example.com/", "is plain http to another machine"),
            ("http://localhost.example.com/", "is plain http to another machine"),
            ("example.com", "is not an absolute URL"),
            ("ftp://example.com/", "has an unknown scheme"),
            ("https://me:word@example.com/", "contains a user name or password"),
            ("https://exam ple/", "is not a URL"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.starts_with(why), "{url}: {error}");
        }
    }
}
