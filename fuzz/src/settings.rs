//! `settings`: what users set. The bytes are read as a Postman environment file, as variables of the environment, one
//! `NAME=value` a line, and as a CA bundle. `{secret}` stands for a secret that nothing shows.

use std::collections::HashMap;
use std::ffi::OsString;

use http::Uri;
use things_core::{Builder, Config, Credentials, Error, Limits, Proxy, Settings};

use crate::account::{SECRET, assert_hidden, escaped};

/// Reads the bytes as settings.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let postman = Settings::from_postman(&text.replace("{secret}", &escaped(SECRET)));
    let text = text.replace("{secret}", SECRET);
    let variables: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let lookup = |name: &str| variables.get(name).map(OsString::from);
    let environment = Settings::from_environment(lookup).unwrap();
    match postman {
        Ok(postman) => {
            check(postman.clone().resolve(Limits::default()), &lookup);
            check(environment.clone().or(postman).resolve(Limits::default()), &lookup);
        }
        Err(error) => assert_hidden(&error, &[SECRET]),
    }
    check(environment.clone().resolve(Limits::default()), &lookup);
    // With what is missing, so that addresses alone are worth something.
    let complete = environment.or(Credentials::new("rjsfm52t", "the-key-id", SECRET).into());
    assert!(!format!("{complete:?}").contains(SECRET));
    check(complete.resolve(Limits::default()), &lookup);
    let bundle =
        Builder::new(Credentials::new("rjsfm52t", "the-key-id", SECRET), Ok).ca_bundle(data.to_vec());
    if let Ok(config) = bundle.build() {
        assert!(config.ca_bundle().is_some_and(|certificates| !certificates.is_empty()));
    }
}

/// A configuration never sends a secret in the clear, and what is wrong with the settings does not show it.
fn check(config: Result<Config, Error>, lookup: &dyn Fn(&str) -> Option<OsString>) {
    let config = match config {
        Ok(config) => config,
        Err(error) => return assert_hidden(&error, &[SECRET]),
    };
    assert!(!format!("{config:?}").contains(SECRET));
    let base_url: Uri = config.base_url().parse().unwrap();
    let allowed = lookup("KPN_THINGS_ALLOW_HTTP").unwrap_or_default().into_string().unwrap();
    for address in [config.token_url(), &base_url] {
        let host = address.host().unwrap();
        assert!(!host.is_empty(), "{address}");
        assert!(!address.authority().unwrap().as_str().contains('@'), "{address}");
        assert_eq!(address.query(), None);
        match address.scheme_str() {
            Some("https") => {}
            Some("http") => assert!(
                host.eq_ignore_ascii_case("localhost")
                    || host.starts_with("127.")
                    || host == "[::1]"
                    || is_one(host)
                    || allowed.split([',', ' ']).any(|allowed| host.eq_ignore_ascii_case(allowed)),
                "{address}"
            ),
            other => panic!("{other:?} in {address}"),
        }
        let port =
            address.authority().unwrap().as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        assert_eq!(port.is_some(), address.port_u16().is_some(), "{address}");
    }
    match Proxy::from_environment(lookup) {
        Ok(Some(proxy)) => {
            let direct = ["NO_PROXY", "no_proxy"].map(|name| lookup(name).unwrap_or_default());
            let named = direct.iter().any(|direct| direct.to_string_lossy().contains(proxy.url()));
            assert!(named || !proxy.url().contains('@') || !format!("{proxy:?}").contains(proxy.url()));
            let address: Uri = proxy.url().parse().unwrap();
            assert!(matches!(address.scheme_str(), Some("http" | "https")));
            let hosts = ["api.kpnthings.com", "192.0.2.1", "[2001:db8::1]", "localhost"];
            for address in hosts.map(|host| format!("https://{host}/x").parse().unwrap()) {
                let _ = proxy.serves(&address);
            }
            assert!(!proxy.serves(&Uri::from_static("http://127.0.0.1/x")));
        }
        Ok(None) => {}
        Err(error) => assert_hidden(&error, &[SECRET]),
    }
}

/// Other spellings of the address of this machine.
fn is_one(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare.parse().is_ok_and(|address: std::net::Ipv6Addr| address.is_loopback())
}
