//! The proxy that the environment names, read as every transport reads it.

use std::ffi::OsString;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::config::Config;
use crate::error::Error;
use crate::secret::Secret;

/// A proxy for https. Plain http goes to this machine alone, and never through a proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    url: Secret,
    direct: Vec<String>,
}

impl Config {
    /// The proxy of `HTTPS_PROXY` or `ALL_PROXY`, less the hosts of `NO_PROXY`; each name may be in lower case.
    ///
    /// Where no address is https they are not looked at. The core has no environment: `lookup` is the caller's.
    pub fn proxy(&self, lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Proxy>, Error> {
        let read = |name: &str| lookup(name)?.into_string().ok().filter(|text| !text.is_empty());
        let read = |name: &str| read(name).or_else(|| read(&name.to_lowercase()));
        let named = ["HTTPS_PROXY", "ALL_PROXY"].into_iter().find_map(|name| Some((name, read(name)?)));
        let Some((name, text)) = named.filter(|_| self.has_https()) else { return Ok(None) };
        let url = address(&text).map_err(|why| Error::config(format!("{name} {why}")))?;
        let direct = read("NO_PROXY").unwrap_or_default();
        let direct = direct.split([',', ' ']).filter(|entry| !entry.is_empty()).map(str::to_owned).collect();
        Ok(Some(Proxy { url: url.into(), direct }))
    }
}

impl Proxy {
    /// Its address, user and password included. Keep it out of logs.
    pub fn url(&self) -> &str {
        self.url.expose()
    }

    /// Whether requests to this address go through it.
    pub fn serves(&self, address: &Uri) -> bool {
        let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        address.scheme() == Some(&Scheme::HTTPS) && !self.direct.iter().any(|entry| matches(entry, host))
    }
}

/// The address of a proxy, with its scheme. The error is a clause that does not show it, for it may hold a password.
fn address(text: &str) -> Result<String, String> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Option<Uri> = url.parse().ok();
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(url),
        Some(scheme) => Err(format!("names a {scheme} proxy: only http:// and https:// ones are supported")),
        None => Err("is not the address of a proxy, such as http://proxy.example:3128".into()),
    }
}

/// Whether an entry of `NO_PROXY` names this host: `*`, a domain with all below it, an address, or a network.
fn matches(entry: &str, host: &str) -> bool {
    if let Ok(address) = host.parse() {
        return entry == "*" || contains(entry, address);
    }
    let domain = entry.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    host.strip_suffix(&domain).is_some_and(|rest| domain.is_empty() || rest.is_empty() || rest.ends_with('.'))
}

fn contains(network: &str, address: IpAddr) -> bool {
    let (network, length) = network.split_once('/').unwrap_or((network, "128"));
    let (Ok(network), Ok(length)) = (network.parse(), length.parse::<u32>()) else { return false };
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let different = network.to_bits() ^ address.to_bits();
            different.checked_shr(32_u32.saturating_sub(length)).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let different = network.to_bits() ^ address.to_bits();
            different.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Builder;
    use crate::config::Credentials;

    const PROXY: &str = "http://proxy.example:3128";

    fn config(base_url: &str) -> Config {
        let credentials = Credentials::new("rjsfm52t", "key", "hush");
        Builder::new(credentials, Ok).base_url(base_url).token_url("http://127.0.0.1/token").build().unwrap()
    }

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<Proxy>, Error> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        config("https://api.kpnthings.com").proxy(lookup)
    }

    #[test]
    fn the_variable_for_https_goes_before_the_one_for_all() {
        let url = |variables: &[_]| proxy(variables).unwrap().map(|proxy| proxy.url().to_owned());
        assert_eq!(url(&[]), None);
        assert_eq!(url(&[("HTTP_PROXY", PROXY)]), None);
        assert_eq!(url(&[("HTTPS_PROXY", "")]), None);
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(url(&[(name, PROXY)]).as_deref(), Some(PROXY), "{name}");
        }
        let both = [("ALL_PROXY", "http://other.example"), ("https_proxy", PROXY)];
        assert_eq!(url(&both).as_deref(), Some(PROXY));
        assert_eq!(url(&[("HTTPS_PROXY", "proxy.example:3128")]).as_deref(), Some(PROXY));
    }

    #[test]
    fn no_proxy_names_domains_addresses_and_networks() {
        for (entries, host, direct) in [
            ("*", "api.kpnthings.com", true),
            ("api.kpnthings.com", "api.kpnthings.com", true),
            ("other.example, KPNthings.com", "api.kpnThings.com", true),
            (".kpnthings.com", "api.kpnthings.com", true),
            ("*.kpnthings.com", "api.kpnthings.com", true),
            (".kpnthings.com", "kpnthings.com", true),
            ("things.com", "api.kpnthings.com", false),
            ("api.kpnthings.com", "kpnthings.com", false),
            ("", "api.kpnthings.com", false),
            ("*", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/16", "10.1.2.3", false),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("2.3", "10.1.2.3", false),
            ("::1", "[::1]", true),
            ("fd00::/8", "[fd00::5]", true),
            ("fd00::/8", "[fe80::5]", false),
            ("10.0.0.0/8", "[::1]", false),
        ] {
            let proxy = proxy(&[("HTTPS_PROXY", PROXY), ("no_proxy", entries)]).unwrap().unwrap();
            let address = format!("https://{host}:8443/x").parse().unwrap();
            assert_eq!(proxy.serves(&address), !direct, "{entries:?} {host}");
        }
    }

    #[test]
    fn plain_http_has_no_proxy() {
        let found = proxy(&[("ALL_PROXY", PROXY)]).unwrap().unwrap();
        assert!(!found.serves(&Uri::from_static("http://127.0.0.1:1/x")));
        let local = config("http://localhost:1").proxy(|_| Some("nonsense://".into()));
        assert!(local.unwrap().is_none());
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for (text, reason) in [
            ("socks5://user:pa55word@proxy.example", "names a socks5 proxy"),
            ("http://user:pa55word@", "is not the address"),
            ("user:pa55 word@proxy.example", "is not the address"),
        ] {
            let error = proxy(&[("ALL_PROXY", text)]).unwrap_err().to_string();
            assert!(error.starts_with("ALL_PROXY ") && error.contains(reason), "{error}");
            assert!(!error.contains("pa55"), "{error}");
        }
        let found = proxy(&[("HTTPS_PROXY", "http://user:pa55word@proxy.example")]).unwrap();
        assert!(!format!("{found:?}").contains("pa55word"));
    }
}
