//! Addresses of services. The checks ensure that a secret never crosses a network in the clear.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};

use crate::input::{InputError, check_address, check_target};

/// The address of a service: scheme, authority, and a path without a trailing `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    /// Parses `https`, or `http` to this machine or to one of the hosts in `allow_http`; no user, query or fragment.
    /// The error is a clause that follows the name of the setting.
    pub(crate) fn parse(text: &str, allow_http: &[String]) -> Result<Self, String> {
        check_address(text)?;
        if text.contains('#') {
            return Err("has a fragment (#...)".into());
        }
        let uri: Uri = text.parse().map_err(|error| format!("is not a URL: {error}"))?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("is not an absolute URL: start it with https://".into());
        };
        if authority.as_str().contains('@') {
            return Err("contains a user name or password: remove it".into());
        }
        if authority.host().is_empty() {
            return Err("names no host".into());
        }
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err("has a port that is no number from 0 to 65535".into());
        }
        check_host(authority.host())?;
        if scheme == Scheme::HTTP {
            let allowed = || allow_http.iter().any(|host| authority.host().eq_ignore_ascii_case(host));
            if !is_loopback(authority.host()) && !allowed() {
                return Err("is plain http to another machine, which would show the secret on the way: use https://, or name the host in KPN_THINGS_ALLOW_HTTP if the network in between is yours".into());
            }
        } else if scheme != Scheme::HTTPS {
            let named = known_scheme(scheme.as_str());
            return Err(named.map_or_else(
                || "has an unknown scheme: use https://".into(),
                |scheme| format!("has the scheme {scheme}: use https://"),
            ));
        }
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        if path.contains('?') {
            return Err("has a query (?...)".into());
        }
        Ok(Self { scheme, authority, prefix: path.trim_end_matches('/').to_owned() })
    }

    /// Returns the address of `target`: a path that starts with `/`, or a whole URL below this one.
    ///
    /// # Errors
    ///
    /// Returns an error if the target is on another server, which must not get the token, or is not a path.
    pub(crate) fn join(&self, target: &str) -> Result<Uri, InputError> {
        check_target(target)?;
        let refuse = |why: String| Err(InputError::new("path", why));
        let target = match target.split_once("://") {
            _ if target.starts_with('/') => [self.prefix.as_str(), target].concat(),
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                let path = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(path);
                if !self.is_at(scheme, authority) {
                    // An error must show neither a user nor a password, and an unescaped one can hold a '/'.
                    let host = authority.rsplit('@').next().filter(|_| !path.contains('@'));
                    let place = host.and_then(|host| Some(format!("{}://{host}", known_scheme(scheme)?)));
                    let place = place.as_deref().unwrap_or("another server");
                    return refuse(format!(
                        "is a URL on {place}, and the base URL is {self}: the token goes to no other server"
                    ));
                }
                match path.strip_prefix(self.prefix.as_str()) {
                    Some(below) if below.is_empty() || below.starts_with('?') => {
                        format!("{}/{below}", self.prefix)
                    }
                    Some(below) if below.starts_with('/') => path.to_owned(),
                    _ => return refuse(format!("is a URL that is not below the base URL, {self}")),
                }
            }
            _ => return refuse("does not start with '/'".into()),
        };
        let make = || {
            let mut parts = Parts::default();
            parts.scheme = Some(self.scheme.clone());
            parts.authority = Some(self.authority.clone());
            parts.path_and_query = Some(PathAndQuery::from_maybe_shared(Bytes::from(target))?);
            Ok(Uri::from_parts(parts)?)
        };
        make().or_else(|_: http::Error| refuse("does not make a URL".into()))
    }

    /// Returns the URL of a path on this server, from its root.
    pub(crate) fn at_root(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.authority)
    }

    /// Whether scheme, host and port of a URL are those of this address.
    fn is_at(&self, scheme: &str, authority: &str) -> bool {
        let Ok(scheme) = scheme.to_ascii_lowercase().parse::<Scheme>() else { return false };
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let known = if self.scheme == Scheme::HTTP { 80 } else { 443 };
        let port = |authority: &Authority| match authority.as_str() == authority.host() {
            true => Some(known),
            // A port that is not a number counts as missing, and differs from ours.
            false => authority.port_u16(),
        };
        self.scheme == scheme
            && !authority.as_str().contains('@')
            && self.authority.host().eq_ignore_ascii_case(authority.host())
            && port(&self.authority) == port(&authority)
    }

    pub(crate) fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether both have the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority == other.authority
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

/// Returns a scheme that an error may show. The part before `://` can be any text, such as a secret that was pasted into
/// the wrong variable.
pub(super) fn known_scheme(scheme: &str) -> Option<&'static str> {
    const KNOWN: [&str; 12] = [
        "http", "https", "socks", "socks4", "socks4a", "socks5", "socks5h", "ftp", "ws", "wss", "mqtt",
        "mqtts",
    ];
    KNOWN.into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
}

/// Rejects a host that HTTP libraries read in different ways, or that fails only when they connect. The error is a
/// clause.
fn check_host(host: &str) -> Result<(), String> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let parsed = address.parse::<Ipv6Addr>();
        return parsed.map(|_| ()).map_err(|_| "names a host in brackets that is no IPv6 address".into());
    }
    let known = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_');
    if !host.chars().all(known) {
        return Err("names a host with a character that no host name has".into());
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if number && host.parse::<Ipv4Addr>().is_err() {
        return Err("names a host that ends in a number and is no IPv4 address".into());
    }
    Ok(())
}

/// Accepts only the bare name of a host that plain http may go to. The error is a clause that follows the name.
pub(crate) fn check_allowed_host(host: &str) -> Result<(), String> {
    const OF_KPN: [&str; 3] = ["kpnthings.com", "grip-on-it.com", "kpn.com"];
    check_address(host)?;
    if host.parse::<Authority>().map_or(true, |authority| authority.host() != host)
        || check_host(host).is_err()
    {
        return Err("has an entry that is not the bare name of a host, such as gateway.local".into());
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let below =
        |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if OF_KPN.into_iter().any(below) {
        return Err(format!("names {host}, which is KPN's: its addresses are https"));
    }
    Ok(())
}

/// Whether a host is this machine, judged by its name or address alone, without a DNS lookup.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<BaseUrl, String> {
        BaseUrl::parse(text, &[])
    }

    #[test]
    fn plain_http_is_never_allowed_to_a_host_of_kpn() {
        for host in
            ["api.kpnthings.com", "API.KPNThings.com.", "kpnthings.com", "grip-on-it.com", "x.y.kpn.com"]
        {
            assert!(check_allowed_host(host).unwrap_err().contains("which is KPN's"), "{host}");
        }
        for host in ["sim", "gateway.local", "notkpn.com", "kpn.com.example"] {
            assert_eq!(check_allowed_host(host), Ok(()));
        }
    }

    #[test]
    fn a_whole_url_of_the_same_server_is_its_path() {
        let base = parse("https://api.kpnthings.com").unwrap();
        for (target, address) in [
            (
                "https://api.kpnthings.com/devices?cursor=a%2F",
                "https://api.kpnthings.com/devices?cursor=a%2F",
            ),
            ("HTTPS://API.kpnthings.com:443/devices", "https://api.kpnthings.com/devices"),
            ("https://api.kpnthings.com", "https://api.kpnthings.com/"),
            ("https://api.kpnthings.com?a=https://b", "https://api.kpnthings.com/?a=https://b"),
            ("/a?next=https://evil.example/", "https://api.kpnthings.com/a?next=https://evil.example/"),
        ] {
            assert_eq!(base.join(target).unwrap(), address, "{target}");
        }
        let below = parse("http://127.0.0.1:8080/proxy").unwrap();
        assert_eq!(below.join("http://127.0.0.1:8080/proxy/x").unwrap(), "http://127.0.0.1:8080/proxy/x");
        for bad in ["http://127.0.0.1:8080/x", "http://127.0.0.1:8080/proxyx", "http://127.0.0.1:8080"] {
            assert!(below.join(bad).unwrap_err().to_string().contains("not below the base URL"), "{bad}");
        }
    }

    #[test]
    fn the_url_of_another_server_is_refused_by_name() {
        let base = parse("https://api.kpnthings.com").unwrap();
        for (bad, named) in [
            ("https://evil.example/devices", "https://evil.example"),
            ("http://api.kpnthings.com/devices", "http://api.kpnthings.com"),
            ("https://api.kpnthings.com:8443/x", "https://api.kpnthings.com:8443"),
            ("https://api.kpnthings.com@evil.example/x", "https://evil.example"),
            ("https://user:hush@api.kpnthings.com/x", "https://api.kpnthings.com"),
            ("https://user:hush/x@api.kpnthings.com/x", "another server"),
            ("hush://api.kpnthings.com", "another server"),
            ("https://api.kpnthings.com.evil.example", "https://api.kpnthings.com.evil.example"),
            ("https://api.kpnthings.com:x/", "https://api.kpnthings.com:x"),
        ] {
            let error = base.join(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("is a URL on {named},")), "{bad}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
        for bad in [
            "https://api.kpnthings.com\\@evil.example/",
            "/a/../b",
            "https://api.kpnthings.com/%2e%2E/b",
            "/a#b",
            "/\r",
        ] {
            assert!(base.join(bad).is_err(), "{bad}");
        }
        for bad in ["", "devices", "?a=b", "mailto:x"] {
            assert!(base.join(bad).unwrap_err().to_string().contains("does not start with '/'"), "{bad}");
        }
    }

    #[test]
    fn plain_http_goes_to_hosts_that_are_named_exactly() {
        let allowed = ["Gateway.local".to_owned(), "10.1.2.3".into(), "[fd00::5]".into()];
        for good in ["http://gateway.local:8080/x", "http://10.1.2.3", "http://[fd00::5]:80"] {
            assert!(BaseUrl::parse(good, &allowed).is_ok(), "{good}");
        }
        for bad in ["http://a.gateway.local", "http://local", "http://10.1.2.4", "http://api.kpnthings.com"] {
            assert!(BaseUrl::parse(bad, &allowed).unwrap_err().contains("plain http"), "{bad}");
        }
    }

    #[test]
    fn only_bare_names_of_hosts_that_are_not_of_kpn_can_be_allowed() {
        for good in ["gateway.local", "10.1.2.3", "[fd00::5]", "notkpn.com", "kpn.com.example"] {
            assert_eq!(check_allowed_host(good), Ok(()), "{good}");
        }
        for bad in
            ["*", "*.local", "http://a.local", "a.local:80", "a/b", "fd00::5", "10.0.0.0/8", "a@b", "é"]
        {
            assert!(check_allowed_host(bad).unwrap_err().contains("bare name"), "{bad}");
        }
        for bad in ["api.kpnthings.com", "KPNthings.com", "auth.grip-on-it.com.", "x.kpn.com"] {
            assert!(check_allowed_host(bad).unwrap_err().contains("is KPN's"), "{bad}");
        }
        assert!(check_allowed_host("\"a.local\"").unwrap_err().contains("in quotes"));
    }

    #[test]
    fn paths_are_joined_once() {
        for base in ["https://api.kpnthings.com", "https://api.kpnthings.com/"] {
            let uri = parse(base).unwrap().join("/api/devices?currentPage=0").unwrap();
            assert_eq!(uri, "https://api.kpnthings.com/api/devices?currentPage=0");
        }
        let uri = parse("http://127.0.0.1:8080/proxy/").unwrap().join("/x").unwrap();
        assert_eq!(uri, "http://127.0.0.1:8080/proxy/x");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in ["http://localhost:1", "http://LOCALHOST", "http://127.8.0.1", "http://[::1]:80"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.kpnthings.com",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            assert!(parse(bad).err().unwrap().contains("plain http"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (bad, reason) in [
            ("", "is empty"),
            ("\"https://a.example\"", "is in quotes"),
            ("https://a.example ", "ends in a space"),
            ("https://a.example\r", "ends in a line break"),
            ("https://a\u{200B}.example", "a zero-width space (U+200B) at position 10"),
            ("https://${HOST}/x", "a placeholder (${...})"),
            ("{{baseUrl}}", "a placeholder ({{...}})"),
            ("https://10.0.0.256", "no IPv4 address"),
            ("https://1.2.3", "no IPv4 address"),
            ("https://0x7f.1", "no IPv4 address"),
            ("https://a.0x7f", "no IPv4 address"),
            ("https://0177.0.0.1", "no IPv4 address"),
            ("https://a%2eb", "not a URL"),
            ("https://a!b", "no host name has"),
            ("https://[::g]", ""),
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
            let why = parse(bad).err().unwrap();
            assert!(why.contains(reason), "{bad:?}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in "(https?://)?\\PC{0,30}") {
            if let Ok(base) = parse(&text) {
                let again = parse(&base.to_string());
                prop_assert!(again.is_ok_and(|again| again == base));
                prop_assert!(base.join("/api/devices?currentPage=0").is_ok());
            }
        }
    }
}
