//! The host that the simulator listens on, and its name in the URL.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// An address or a name of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Host(String);

impl Default for Host {
    fn default() -> Self {
        Self(Ipv4Addr::LOCALHOST.to_string())
    }
}

impl Host {
    pub(crate) fn new(host: &str) -> Self {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Self(address.unwrap_or(host).to_owned())
    }

    pub(crate) fn bind(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((self.0.as_str(), port)).map_err(|error| {
            let message = format!("could not listen on {}: {error}", self.authority(port));
            io::Error::new(error.kind(), message)
        })
    }

    /// The name or the address that clients use. `0.0.0.0` and `::` mean every address of this machine, and clients use the loopback.
    pub(crate) fn name(&self) -> String {
        match self.0.parse() {
            Ok(address) => reachable(address).to_string(),
            Err(_) => self.0.clone(),
        }
    }

    /// The host as a URL writes it.
    pub(crate) fn in_url(&self) -> String {
        match self.name() {
            address if address.contains(':') => format!("[{address}]"),
            name => name,
        }
    }

    pub(crate) fn authority(&self, port: u16) -> String {
        format!("{}:{port}", self.in_url())
    }

    /// Whether clients send plain http to this host without a permission, because it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.name();
        name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

/// Returns an address of this machine that leads to a listener on the given address.
pub(crate) fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

/// Returns a socket address of this machine that leads to the listener.
pub(crate) fn reachable_socket(listener: SocketAddr) -> SocketAddr {
    SocketAddr::new(reachable(listener.ip()), listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_has_a_host_that_clients_can_use() {
        for (host, authority, loopback) in [
            ("127.0.0.1", "127.0.0.1:8", true),
            ("0.0.0.0", "127.0.0.1:8", true),
            ("::", "[::1]:8", true),
            ("[::1]", "[::1]:8", true),
            ("localhost", "localhost:8", true),
            ("192.0.2.1", "192.0.2.1:8", false),
            ("2001:db8::1", "[2001:db8::1]:8", false),
            ("sim", "sim:8", false),
        ] {
            let host = Host::new(host);
            assert_eq!((host.authority(8).as_str(), host.is_loopback()), (authority, loopback), "{host:?}");
        }
    }
}
