//! Connections with TLS, as `sslmode` says.

use std::fs;

use things_store::{LedgerError, PostgresStore};
use things_tests::authority::Authority;
use things_tests::postgres::Server;

#[test]
fn the_sslmode_decides_which_server_is_trusted() {
    let Some(server) = Server::start() else { return };
    let (authority, other) = (Authority::new("ours"), Authority::new("theirs"));
    let (certificate, key) = authority.files("localhost");
    server.file("server.crt", &certificate);
    server.file("server.key", &key);
    server.file("pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
    server.configure("listen_addresses = '127.0.0.1'\nssl = on\n");
    server.restart();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ours, theirs) = (file("ours.pem", &authority.pem()), file("theirs.pem", &other.pem()));
    let (empty, missing) = (file("empty.pem", ""), folder.path().join("missing.pem").display().to_string());
    let port = server.port();
    let connect = |host: &str, mode: &str, roots: Option<&str>| -> Result<(), LedgerError> {
        let roots = roots.map(|roots| format!("&sslrootcert={roots}")).unwrap_or_default();
        let url = format!("postgresql://things@{host}:{port}/postgres?sslmode={mode}{roots}");
        PostgresStore::connect(&url).map(drop)
    };
    for (host, mode, roots) in [
        ("localhost", "prefer", None),
        ("localhost", "require", None),
        ("localhost", "require", Some(&ours)),
        ("localhost", "verify-ca", Some(&ours)),
        ("localhost", "verify-full", Some(&ours)),
        ("127.0.0.1", "prefer", None),
        ("127.0.0.1", "require", Some(&ours)),
        ("127.0.0.1", "verify-ca", Some(&ours)),
    ] {
        let result = connect(host, mode, roots.map(String::as_str));
        result.unwrap_or_else(|error| panic!("{host} {mode} {roots:?}: {error}"));
    }
    for (host, mode, roots, words) in [
        // The server has no line for a connection without TLS.
        ("localhost", "disable", None, "no pg_hba.conf entry"),
        ("localhost", "require", Some(&theirs), "certificate"),
        ("localhost", "verify-ca", Some(&theirs), "certificate"),
        ("localhost", "verify-full", Some(&theirs), "certificate"),
        ("127.0.0.1", "verify-full", Some(&ours), "certificate"),
        ("localhost", "verify-full", None, "certificate"),
        ("localhost", "verify-ca", None, "sslmode=verify-ca needs sslrootcert"),
        ("localhost", "prefer", Some(&ours), "checks no certificate"),
        ("localhost", "verify-full", Some(&empty), "cannot be used"),
        ("localhost", "verify-full", Some(&missing), "cannot be used"),
        ("localhost", "allow", None, "sslmode \"allow\""),
    ] {
        let error = connect(host, mode, roots.map(String::as_str));
        let error = error.err().unwrap_or_else(|| panic!("{host} {mode} {roots:?} was accepted"));
        assert!(error.to_string().contains(words), "{host} {mode} {roots:?}: {error}");
    }
    assert_eq!(
        server.sql("postgres", "select count(*) from kpn_things.job"),
        "0",
        "the tables were created through TLS"
    );
}
