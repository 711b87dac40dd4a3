//! Where a broker is.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::ReceiverError;

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
}

impl Broker {
    /// Reads `mqtts://host:port`, or `mqtt://host:port` on this machine. The default ports are 8883 and 1883.
    pub(super) fn parse(text: &str) -> Result<Self, ReceiverError> {
        const FORM: &str = "use mqtts://host:port";
        let wrong = |reason: &str| ReceiverError::new(format!("the broker {reason}")).with_hint(FORM);
        let url = Url::parse(text).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user name or a password in its URL").with_hint(
                "put them into the credentials file, because other users can read command lines",
            ));
        }
        let is_encrypted = match url.scheme() {
            "mqtts" => true,
            "mqtt" => false,
            _ => return Err(wrong("begins with neither mqtts:// nor mqtt://")),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has more than a host and a port"));
        }
        let (host, is_loopback) = match url.host() {
            Some(Host::Ipv4(address)) => (address.to_string(), IpAddr::V4(address).is_loopback()),
            Some(Host::Ipv6(address)) => (address.to_string(), IpAddr::V6(address).is_loopback()),
            // The host of an unknown scheme is not parsed as an address.
            Some(Host::Domain(name)) if !name.is_empty() => {
                let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
                (name.to_owned(), is_address || name == "localhost")
            }
            _ => return Err(wrong("has no host")),
        };
        if !is_encrypted && !is_loopback {
            return Err(wrong("is on another machine, and plain MQTT shows the password and all messages"));
        }
        let port = url.port().unwrap_or(if is_encrypted { 8883 } else { 1883 });
        Ok(Self { host, port, is_encrypted })
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_scheme_a_host_and_a_port() {
        for (text, broker) in [
            ("mqtts://broker.example", "mqtts://broker.example:8883"),
            ("mqtts://broker.example:443/", "mqtts://broker.example:443"),
            ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
            ("mqtt://localhost:1884", "mqtt://localhost:1884"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884"),
        ] {
            assert_eq!(Broker::parse(text).unwrap().to_string(), broker);
        }
    }

    #[test]
    fn what_would_show_a_password_is_refused() {
        for (text, reason) in [
            ("broker.example", "is not a URL"),
            ("http://broker.example", "begins with neither"),
            ("mqtt://broker.example", "plain MQTT shows the password"),
            ("mqtt://10.0.0.1:1883", "plain MQTT shows the password"),
            ("mqtts://anna:hunter2@broker.example", "has a user name or a password in its URL"),
            ("mqtts://broker.example/things", "has more than a host and a port"),
            ("mqtts://", "has no host"),
        ] {
            let error = Broker::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
    }
}
