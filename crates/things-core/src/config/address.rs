//! Addresses of services, checked so that a secret never crosses a network in the clear.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// The address of a service: scheme, authority, and a path without its last `/`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    /// `https`, or `http` to this machine; no user, query or fragment. The error is a clause after the name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('#') {
            return Err("has a fragment (#...)".into());
        }
        let uri: Uri = text.parse().map_err(|error| format!("is not a URL: {error}"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("is not an absolute URL: start it with https://".into());
        };
        if authority.as_str().contains('@') {
            return Err("holds a user name or password: leave it out".into());
        }
        if authority.host().is_empty() {
            return Err("names no host".into());
        }
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err("has a port that is no number from 0 to 65535".into());
        }
        if scheme == Scheme::HTTP {
            if !is_loopback(authority.host()) {
                return Err(
                    "is plain http to another machine, which would show the secret on the way: use https://"
                        .into(),
                );
            }
        } else if scheme != Scheme::HTTPS {
            return Err(format!("has the scheme {scheme}: use https://"));
        }
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        if path.contains('?') {
            return Err("has a query (?...)".into());
        }
        Ok(Self { scheme, authority, prefix: path.trim_end_matches('/').to_owned() })
    }

    /// The address of `target`, which starts with `/`.
    pub(crate) fn join(&self, target: String) -> Result<Uri, http::Error> {
        let target = if self.prefix.is_empty() { target } else { format!("{}{target}", self.prefix) };
        let path = PathAndQuery::from_maybe_shared(Bytes::from(target))?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether both name the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority == other.authority
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

/// Whether a host is this machine, by its name or address alone: nothing is looked up.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_joined_once() {
        for base in ["https://api.kpnthings.com", "https://api.kpnthings.com/"] {
            let uri = BaseUrl::parse(base).unwrap().join("/api/devices?currentPage=0".into()).unwrap();
            assert_eq!(uri, "https://api.kpnthings.com/api/devices?currentPage=0");
        }
        let uri = BaseUrl::parse("http://127.0.0.1:8080/proxy/").unwrap().join("/x".into()).unwrap();
        assert_eq!(uri, "http://127.0.0.1:8080/proxy/x");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in ["http://localhost:1", "http://LOCALHOST", "http://127.8.0.1", "http://[::1]:80"] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.kpnthings.com",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            assert!(BaseUrl::parse(bad).err().unwrap().contains("plain http"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (bad, reason) in [
            ("", "not a URL"),
            ("api.kpnthings.com", "not an absolute URL"),
            ("/api", "not an absolute URL"),
            ("ftp://api.kpnthings.com", "scheme"),
            ("https://user:pass@api.kpnthings.com", "user name"),
            ("https://api.kpnthings.com/?a=b", "query"),
            ("https://api.kpnthings.com/#a", "fragment"),
            ("https://a b", "not a URL"),
            ("https://:443", "no host"),
            ("https://a.example:99999", "a port that is no number"),
            ("https://[::1]:", "a port that is no number"),
        ] {
            let why = BaseUrl::parse(bad).err().unwrap();
            assert!(why.contains(reason), "{bad:?}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in "(https?://)?\\PC{0,30}") {
            if let Ok(base) = BaseUrl::parse(&text) {
                let again = BaseUrl::parse(&base.to_string());
                prop_assert!(again.is_ok_and(|again| again == base));
                prop_assert!(base.join("/api/devices?currentPage=0".into()).is_ok());
            }
        }
    }
}
