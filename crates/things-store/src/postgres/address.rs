//! The address of a database: the parts of its URL.

use std::fmt;

use things_core::LedgerError;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls_improved::MakeRustlsConnect;

use super::failure::Failure;
use super::password::{Found, Wanted};
use super::tls::{self, Mode};
use crate::url;

/// A server, a database on it, and how to connect to it. Shows no password.
#[derive(Clone)]
pub(crate) struct Address {
    config: Config,
    /// `None`: without TLS.
    tls: Option<MakeRustlsConnect>,
    /// Why no password was found, if that needs to be said.
    advice: Option<String>,
}

impl Address {
    /// Reads a URL. `find` looks for a password if it has none.
    pub(crate) fn parse(url: &str, find: impl FnOnce(&Wanted<'_>) -> Found) -> Result<Self, LedgerError> {
        if !url::is_postgres(url)? {
            return Err(LedgerError::new(
                "the URL of the database must begin with postgres:// or postgresql://",
            ));
        }
        let (base, query) = url::split(url);
        let (ours, theirs): (Vec<_>, Vec<_>) =
            query.into_iter().partition(|(name, _)| ["sslmode", "sslrootcert"].contains(&name.as_str()));
        let value = |wanted: &str| {
            ours.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let mode: Mode = value("sslmode").unwrap_or("prefer").parse()?;
        let theirs: Vec<_> =
            theirs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mark = if theirs.is_empty() { "" } else { "?" };
        // Neither the URL nor the library's error is shown beyond its reason, which names the option.
        let config: Config =
            format!("{base}{mark}{}", theirs.join("&")).parse().map_err(|error: tokio_postgres::Error| {
                let reason =
                    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                LedgerError::new(format!("the URL of the database is not valid: {reason}"))
                    .hint("it looks like postgresql://USER@HOST:5432/DATABASE?sslmode=verify-full")
            })?;
        Self::new(config, mode, value("sslrootcert"), find)
    }

    fn new(
        mut config: Config,
        mode: Mode,
        roots: Option<&str>,
        find: impl FnOnce(&Wanted<'_>) -> Found,
    ) -> Result<Self, LedgerError> {
        let hosts = config.get_hosts();
        let is_local = |host: &Host| !matches!(host, Host::Tcp(_));
        if hosts.is_empty() {
            return Err(LedgerError::new("the URL of the database names no host"));
        }
        if hosts.iter().any(is_local) && !hosts.iter().all(is_local) {
            return Err(LedgerError::new("the URL of the database names a host and a Unix socket")
                .hint("name only hosts, or only sockets"));
        }
        // There is no TLS on a Unix socket.
        let mode = if hosts.iter().all(is_local) { Mode::Disable } else { mode };
        let is_direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let tls = tls::connector(mode, roots, is_direct)?;
        config.ssl_mode(match mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        if config.get_application_name().is_none() {
            config.application_name("kpn-things");
        }
        let mut advice = None;
        if config.get_password().is_none() {
            let found = find(&Wanted::of(&config));
            advice = found.advice;
            if let Some(password) = found.password {
                config.password(password);
            }
        }
        Ok(Self { config, tls, advice })
    }

    /// Connects, and starts the task that moves the bytes.
    pub(crate) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Failure> {
        // What the connection ends with is what its next statement fails with.
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, tokio::spawn(async { drop(connection.await) })))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(async { drop(connection.await) })))
            }
        }
    }

    /// The error of a connection that could not be opened, which names the server.
    pub(crate) fn failed(&self, failure: Failure) -> LedgerError {
        let is_refusal = failure.is_refusal();
        let error = LedgerError::from(failure);
        let message = format!("could not connect to {self}: {}", error.message());
        // The server may be back soon, but not the password.
        let named = if error.is_temporary() && !is_refusal {
            LedgerError::temporary(message)
        } else {
            LedgerError::new(message)
        };
        match self.advice.as_deref().filter(|_| is_refusal).or(error.advice()) {
            Some(hint) => named.hint(hint),
            None => named,
        }
    }
}

/// The server and the database.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = Wanted::of(&self.config);
        write!(f, "PostgreSQL at {}:{}/{}", wanted.host, wanted.port, wanted.database)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, LedgerError> {
        Address::parse(url, |_| Found::default())
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let address = parse("postgres://valve:s3cret@db.example/ledger?sslmode=disable").unwrap();
        assert_eq!(address.config.get_password(), Some(b"s3cret".as_slice()));
        assert_eq!(format!("{address:?}"), "Address(\"PostgreSQL at db.example:5432/ledger\")");
        for url in [
            "postgres://valve:s3cret@db.example/ledger?sslmode=never",
            "postgres://valve:s3cret@db.example/ledger?sslcert=a",
            "postgres://valve:s3cret@db.example:port/ledger",
            "postgres://valve:s3cret@/ledger",
            "postgres://valve:s3cret@",
        ] {
            let error = parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_url_says_how_to_connect() {
        let address = parse("postgres://valve@db.example/ledger").unwrap();
        assert_eq!(address.config.get_ssl_mode(), SslMode::Prefer);
        let address =
            parse("postgres://valve@db.example/ledger?sslmode=verify-full&connect_timeout=3").unwrap();
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(address.config.get_connect_timeout().map(|time| time.as_secs()), Some(3));
        let address = parse("postgres://valve@%2Frun%2Fpostgresql/ledger?sslmode=verify-full").unwrap();
        assert!(address.tls.is_none(), "there is no TLS on a Unix socket");
        let error = parse("postgres://valve@db.example/ledger?sslcert=a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the URL of the database is not valid: unknown option `sslcert`; it looks like \
             postgresql://USER@HOST:5432/DATABASE?sslmode=verify-full"
        );
    }
}
