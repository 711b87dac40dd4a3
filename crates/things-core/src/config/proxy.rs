//! The proxy for https, and the hosts that bypass it: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read in the same way
//! for every transport.

use std::ffi::OsString;
use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use super::address::known_scheme;
use crate::error::Error;
use crate::input::check_address;
use crate::secret::Secret;
use crate::transport::TransportError;

/// A proxy for https. Plain http never goes through a proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    url: Secret,
    address: String,
    direct: Vec<Direct>,
    /// Entries of `NO_PROXY` that match nothing.
    without_effect: Vec<String>,
}

impl Proxy {
    /// Creates a proxy for all https requests, such as `http://user:password@proxy.example:3128`. User and password are
    /// percent-encoded.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if this is not the address of an HTTP proxy.
    /// The error does not show the address, because it may hold a password.
    pub fn new(url: impl Into<Secret>) -> Result<Self, Error> {
        Self::named("the proxy", url.into().expose())
    }

    fn named(name: &str, text: &str) -> Result<Self, Error> {
        let (url, address) = address(text).map_err(|why| Error::config(format!("{name} {why}")))?;
        Ok(Self { url: url.into(), address, direct: Vec::new(), without_effect: Vec::new() })
    }

    /// Bypasses the proxy for these hosts: a list in the form of `NO_PROXY`.
    ///
    /// An entry is `*` (every host), a domain with all hosts below it, an IP address or a network such as `10.0.0.0/8`. A
    /// domain or address may have a port, as in `api.example:8443` or `[::1]:443`. Entries are separated by `,`, `;` or
    /// blanks.
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Self {
        for entry in entries(hosts) {
            match Direct::parse(entry) {
                Some(direct) => self.direct.push(direct),
                None => self.without_effect.push(entry.to_owned()),
            }
        }
        self
    }

    /// Reads the proxy from `HTTPS_PROXY`, or else from `ALL_PROXY`, and the hosts that bypass it from `NO_PROXY`.
    ///
    /// Each name may be in lower case; upper case takes precedence, and an empty variable counts as missing.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) if the variable is not the address of an HTTP
    /// proxy, unless `NO_PROXY` is `*`.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, Error> {
        let read = |name: &str| lookup(name)?.into_string().ok().filter(|text| !text.is_empty());
        let read = |name: &str| read(name).or_else(|| read(&name.to_lowercase()));
        let direct = read("NO_PROXY").unwrap_or_default();
        if entries(&direct).any(|entry| entry == "*") {
            return Ok(None);
        }
        let named = ["HTTPS_PROXY", "ALL_PROXY"].into_iter().find_map(|name| Some((name, read(name)?)));
        named.map(|(name, text)| Ok(Self::named(name, &text)?.except(&direct))).transpose()
    }

    /// The URL of the proxy, including user and password. Keep it out of logs.
    pub fn url(&self) -> &str {
        self.url.expose()
    }

    /// The scheme, host and port of the proxy, for errors and logs.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The entries of `NO_PROXY` that name neither a host nor a network, and so have no effect.
    pub fn without_effect(&self) -> &[String] {
        &self.without_effect
    }

    /// Completes the error of an exchange through this proxy. If nothing was sent, the error names the proxy, and the
    /// entries of `NO_PROXY` that have no effect.
    pub fn explain(&self, error: TransportError) -> TransportError {
        if !error.kind().is_unsent() {
            return error;
        }
        match &*self.without_effect {
            [] => error.through(&*self.address),
            entries => {
                error.through(format!("{} (no effect in NO_PROXY: {})", self.address, entries.join(", ")))
            }
        }
    }

    /// Whether requests to this address go through the proxy.
    pub fn serves(&self, address: &Uri) -> bool {
        let host = address.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = address.port_u16().unwrap_or(443);
        address.scheme() == Some(&Scheme::HTTPS)
            && !self.direct.iter().any(|direct| direct.is(&host.to_ascii_lowercase(), port))
    }
}

/// Returns the URL of a proxy with its scheme, and the same URL without user and password. The error is a clause that
/// shows neither user nor password.
fn address(text: &str) -> Result<(String, String), String> {
    const EXAMPLE: &str = "such as http://proxy.example:3128";
    let text = text.trim();
    check_address(text)?;
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let unsupported = || {
        let kind = known_scheme(&scheme)
            .map_or_else(|| "proxy of an unknown kind".into(), |known| format!("{known} proxy"));
        Err(format!("names a {kind}: only http:// and https:// ones are supported"))
    };
    if scheme.starts_with("socks") {
        return unsupported();
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if path.contains('@') {
        return Err(
            "has '#', '?' or '/' in its user name or password: percent-encode it (%23, %3F or %2F)".into()
        );
    }
    if path.ends_with(".pac") {
        return Err(format!(
            "is the address of a PAC script, which is not supported: set the proxy itself, {EXAMPLE}"
        ));
    }
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains('\\') {
        return Err("has '\\' in its user name: percent-encode it (%5C)".into());
    }
    let bare = format!("{scheme}://{host}");
    let known = bare.parse::<Uri>().ok().and_then(|uri| uri.into_parts().authority);
    let known = known.filter(|known| known.host().len() == host.len() || known.port_u16().is_some());
    match known.filter(|known| !known.host().is_empty() && url.parse::<Uri>().is_ok()) {
        Some(_) if matches!(&*scheme, "http" | "https") => Ok((url, bare)),
        Some(_) => unsupported(),
        None => {
            Err(format!("is not the address of a proxy, {EXAMPLE}; user and password are percent-encoded"))
        }
    }
}

/// Returns the entries of `NO_PROXY`, separated by commas, semicolons or blanks. They can be in quotes if a file of
/// variables kept them.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let quote = |char: char| matches!(char, '"' | '\'');
    let entries = list.split(|char: char| matches!(char, ',' | ';') || char.is_whitespace());
    entries.map(move |entry| entry.trim_matches(quote)).filter(|entry| !entry.is_empty())
}

/// Hosts that bypass the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    All,
    /// Names without a dot, in the notation of Windows.
    Local,
    /// A domain and all hosts below it, in lower case; on this port only, if one is set.
    Domain(String, Option<u16>),
    /// All addresses that share the first bits of this one.
    Network(IpAddr, u32, Option<u16>),
}

impl Direct {
    fn parse(entry: &str) -> Option<Self> {
        match entry {
            "*" => return Some(Self::All),
            "<local>" => return Some(Self::Local),
            _ => {}
        }
        if let Some((network, length)) = entry.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let most = if network.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network(network, length.parse().ok().filter(|length| *length <= most)?, None));
        }
        let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some(found) = address(entry) {
            return Some(Self::Network(found, 128, None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        if let Some(found) = address(host) {
            return Some(Self::Network(found, 128, port));
        }
        let domain = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let domain = domain.strip_prefix('.').unwrap_or(domain);
        let known = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_');
        let is_name = !domain.is_empty() && domain.chars().all(known) && !domain.starts_with('.');
        is_name.then(|| Self::Domain(domain.to_ascii_lowercase(), port))
    }

    /// Whether a host in lower case, without brackets, matches.
    fn is(&self, host: &str, port: u16) -> bool {
        match self {
            Self::All => true,
            Self::Local => !host.contains(['.', ':']),
            Self::Domain(domain, only) => {
                only.is_none_or(|only| only == port)
                    && host.parse::<IpAddr>().is_err()
                    && host
                        .strip_suffix(domain.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(network, length, only) => {
                only.is_none_or(|only| only == port)
                    && host.parse().is_ok_and(|address| shares_bits(*network, *length, address))
            }
        }
    }
}

/// Whether an address begins with the first bits of another one.
fn shares_bits(network: IpAddr, length: u32, address: IpAddr) -> bool {
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
    use crate::transport::TransportErrorKind;

    const PROXY: &str = "http://proxy.example:3128";

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<Proxy>, Error> {
        Proxy::from_environment(|name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_variable_for_https_takes_precedence_over_the_one_for_all() {
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
    fn no_proxy_names_domains_addresses_networks_and_ports() {
        for (entries, host, direct) in [
            ("api.kpnthings.com", "api.kpnthings.com", true),
            ("other.example, KPNthings.com", "api.kpnThings.com", true),
            ("other.example;api.kpnthings.com", "api.kpnthings.com", true),
            ("other.example\tapi.kpnthings.com", "api.kpnthings.com", true),
            ("\"api.kpnthings.com\"", "api.kpnthings.com", true),
            (".kpnthings.com", "api.kpnthings.com", true),
            ("*.kpnthings.com", "api.kpnthings.com", true),
            (".kpnthings.com", "kpnthings.com", true),
            ("things.com", "api.kpnthings.com", false),
            ("api.kpnthings.com", "kpnthings.com", false),
            ("", "api.kpnthings.com", false),
            (".", "api.kpnthings.com", false),
            ("*.", "api.kpnthings.com", false),
            ("..", "api.kpnthings.com", false),
            (".,*.", "10.1.2.3", false),
            ("api.kpnthings.com:8443", "api.kpnthings.com", true),
            (".kpnthings.com:8443", "api.kpnthings.com", true),
            ("api.kpnthings.com:443", "api.kpnthings.com", false),
            ("api.kpnthings.com:99999", "api.kpnthings.com", false),
            ("<local>", "gateway", true),
            ("<local>", "api.kpnthings.com", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:8443", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", false),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/16", "10.1.2.3", false),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("2.3", "10.1.2.3", false),
            ("::1", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("[::1]:8443", "[::1]", true),
            ("[::1]:443", "[::1]", false),
            ("fd00::/8", "[fd00::5]", true),
            ("fd00::/8", "[fe80::5]", false),
            ("10.0.0.0/8", "[::1]", false),
        ] {
            let proxy = proxy(&[("HTTPS_PROXY", PROXY), ("no_proxy", entries)]).unwrap().unwrap();
            let address = format!("https://{host}:8443/x").parse().unwrap();
            assert_eq!(proxy.serves(&address), !direct, "{entries:?} {host}");
        }
        let https = "https://api.kpnthings.com/x".parse().unwrap();
        let default = [("HTTPS_PROXY", PROXY), ("NO_PROXY", "api.kpnthings.com:443")];
        assert!(!proxy(&default).unwrap().unwrap().serves(&https));
    }

    #[test]
    fn entries_that_name_nothing_are_reported() {
        let proxy = Proxy::new(PROXY).unwrap().except("10.*, localhost, ., a.example:x, http://b.example");
        assert_eq!(proxy.without_effect(), ["10.*", ".", "a.example:x", "http://b.example"]);
        let told = |kind: TransportErrorKind| proxy.explain(kind.into()).to_string();
        assert_eq!(
            told(TransportErrorKind::Connect),
            "no connection through the proxy http://proxy.example:3128 (no effect in NO_PROXY: 10.*, ., a.example:x, http://b.example)"
        );
        assert!(!told(TransportErrorKind::Interrupted).contains("proxy"));
    }

    #[test]
    fn a_star_comes_before_everything_else() {
        for list in ["*", "localhost, *", "'*'"] {
            let socks = [("ALL_PROXY", "socks5h://proxy.example"), ("NO_PROXY", list)];
            assert!(proxy(&socks).unwrap().is_none(), "{list}");
        }
        assert!(!Proxy::new(PROXY).unwrap().except("*").serves(&Uri::from_static("https://10.1.2.3/x")));
    }

    #[test]
    fn plain_http_has_no_proxy() {
        let found = Proxy::new(PROXY).unwrap();
        assert!(!found.serves(&Uri::from_static("http://127.0.0.1:1/x")));
    }

    #[test]
    fn the_address_is_the_url_without_user_and_password() {
        for (url, address) in [
            ("http://user:pa55@proxy.example:3128/", PROXY),
            ("user:p@ss@proxy.example:3128", PROXY),
            ("HTTPS://proxy.example", "https://proxy.example"),
            ("http://CORP%5Cjan:p%40ss%23@[::1]:80", "http://[::1]:80"),
            (" http://proxy.example:3128\n", PROXY),
        ] {
            assert_eq!(Proxy::new(url).unwrap().address(), address, "{url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_it() {
        for (text, reason) in [
            ("socks5://user:pa55word@proxy.example", "names a socks5 proxy"),
            ("\"http://user:pa55word@proxy.example\"", "is in quotes"),
            ("http://user:${pa55word}@proxy.example", "a placeholder"),
            ("ftp://user:pa55word@proxy.example", "names a ftp proxy"),
            ("pa55word://proxy.example", "names a proxy of an unknown kind"),
            ("socks pa55word://proxy.example", "names a proxy of an unknown kind"),
            ("http://user:pa55word@", "is not the address"),
            ("user:pa55 word@proxy.example", "is not the address"),
            ("http://proxy.example:port", "is not the address"),
            ("http://jan:pa55#word@proxy.example", "percent-encode it (%23"),
            ("http://jan:pa55?word@proxy.example", "percent-encode it (%23"),
            ("http://jan:pa55/word@proxy.example", "percent-encode it (%23"),
            ("http://CORP\\jan:pa55word@proxy.example", "percent-encode it (%5C)"),
            ("http://wpad.example/proxy.pac", "PAC script"),
        ] {
            let error = proxy(&[("ALL_PROXY", text)]).unwrap_err().to_string();
            assert!(error.starts_with("ALL_PROXY ") && error.contains(reason), "{text}: {error}");
            assert!(!error.contains("pa55"), "{error}");
        }
        let found = Proxy::new("http://user:pa55word@proxy.example").unwrap();
        assert!(!format!("{found:?}").contains("pa55word"));
    }
}
