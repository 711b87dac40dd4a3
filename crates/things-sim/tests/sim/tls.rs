//! https, and hosts other than 127.0.0.1.

use crate::client::*;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use things_sim::{Sim, SimBuilder};

/// A directory that does not exist yet.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    directory
}

fn tls(directory: &Path) -> SimBuilder {
    Sim::builder().tls_directory(directory)
}

/// Sends a request through TLS, and returns all bytes of the response.
fn exchange(sim: &Sim, ca: &[u8], server: &str, request: &str) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(server.to_owned()).unwrap();
    let socket = TcpStream::connect(sim.addr()).unwrap();
    // Only so that a failing test does not hang.
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error.to_string()),
        _ => Ok(String::from_utf8(response).unwrap()),
    }
}

const HEALTH: &str = "GET /__sim/health HTTP/1.1\r\nConnection: close\r\n\r\n";

#[test]
fn https_needs_the_authority_of_the_directory() {
    let directory = directory("authority");
    let sim = tls(&directory).start().unwrap();
    assert_eq!(sim.url(), format!("https://{}", sim.addr()));
    let file = directory.join("ca.pem");
    assert_eq!(sim.ca_file(), Some(file.as_path()));
    let ca = fs::read(&file).unwrap();
    for server in ["localhost", "127.0.0.1", "::1"] {
        assert!(exchange(&sim, &ca, server, HEALTH).unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    }
    exchange(&sim, &ca, "sim", HEALTH).unwrap_err();
    let other = self::directory("other");
    let _other = tls(&other).start().unwrap();
    exchange(&sim, &fs::read(other.join("ca.pem")).unwrap(), "localhost", HEALTH).unwrap_err();
    assert!(!sim.environment().iter().any(|(name, _)| *name == "KPN_THINGS_ALLOW_HTTP"));
}

#[test]
fn the_authority_is_reused_and_its_key_is_private() {
    let directory = directory("reused");
    let files = ["ca.pem", "ca-key.pem"].map(|file| directory.join(file));
    let first = {
        let _sim = tls(&directory).start().unwrap();
        files.each_ref().map(|file| fs::read(file).unwrap())
    };
    let sim = tls(&directory).start().unwrap();
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), first);
    assert!(exchange(&sim, &first[0], "localhost", HEALTH).unwrap().contains("200 OK"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let modes = files.each_ref().map(|file| fs::metadata(file).unwrap().permissions().mode());
        assert_eq!([modes[0] & 0o400, modes[1] & 0o777], [0o400, 0o600]);
    }
}

#[test]
fn simulators_that_start_together_share_an_authority() {
    let directory = directory("together");
    let sims: Vec<Sim> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..8).map(|_| scope.spawn(|| tls(&directory).start().unwrap())).collect();
        starting.into_iter().map(|sim| sim.join().unwrap()).collect()
    });
    let ca = fs::read(directory.join("ca.pem")).unwrap();
    for sim in sims {
        assert!(exchange(&sim, &ca, "localhost", HEALTH).unwrap().contains("200 OK"));
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    fs::remove_file(directory.join("ca.pem")).unwrap();
    let sim = tls(&directory).start().unwrap();
    let ca = fs::read(directory.join("ca.pem")).unwrap();
    assert!(exchange(&sim, &ca, "localhost", HEALTH).unwrap().contains("200 OK"));
}

#[test]
fn files_that_do_not_belong_together_are_named() {
    let [one, two] = ["one", "two"].map(directory);
    for directory in [&one, &two] {
        drop(tls(directory).start().unwrap());
    }
    let refused = |why: &str| {
        let message = tls(&one).start().unwrap_err().to_string();
        assert!(message.contains(why) && message.contains("Remove ca.pem and ca-key.pem in"), "{message}");
    };
    fs::copy(two.join("ca.pem"), one.join("ca.pem")).unwrap();
    refused("ca.pem cannot be used");
    fs::write(one.join("ca.pem"), "nonsense").unwrap();
    refused("ca.pem cannot be used");
    fs::remove_file(one.join("ca-key.pem")).unwrap();
    fs::copy(two.join("ca.pem"), one.join("ca.pem")).unwrap();
    refused("ca.pem cannot be used: its key is missing");
    let file = tls(&two.join("ca.pem")).start().unwrap_err().to_string();
    assert!(file.contains("ca.pem"), "{file}");
}

#[test]
fn faults_work_through_tls() {
    let directory = directory("faults");
    let sim = tls(&directory)
        .fault("other@1=drop-after".parse().unwrap())
        .fault("other@2=truncate:5".parse().unwrap())
        .start()
        .unwrap();
    let ca = fs::read(directory.join("ca.pem")).unwrap();
    let ask = |request: &str| exchange(&sim, &ca, "localhost", request).unwrap();
    let close = "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(close), "");
    let (head, body) = ask(close).split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(head.starts_with("HTTP/1.1 404") && body.len() == 5, "{head} {body}");
    let answers = ask(&format!("GET /login HTTP/1.1\r\n\r\n{close}{close}"));
    assert_eq!((answers.matches("HTTP/1.1 200").count(), answers.matches("HTTP/1.1 404").count()), (1, 1));
    assert!(ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn a_client_that_speaks_plain_http_is_refused() {
    let sim = tls(&directory("plain")).start().unwrap();
    assert!(try_call(&sim, "GET", "/login", &[], "").is_none());
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn it_listens_where_it_is_told() {
    let sim = Sim::builder().host("0.0.0.0").start().unwrap();
    assert!(sim.addr().ip().is_unspecified());
    assert_eq!(sim.url(), format!("http://127.0.0.1:{}", sim.addr().port()));
    assert_eq!(call(&sim, "GET", "/login", &[], "").status, 200);
    drop(sim);
    let sim = Sim::builder().host("localhost").start().unwrap();
    assert_eq!(sim.url(), format!("http://localhost:{}", sim.addr().port()));
    let directory = directory("named");
    let sim = tls(&directory).host("127.0.0.2").start().unwrap();
    assert_eq!(sim.url(), format!("https://127.0.0.2:{}", sim.addr().port()));
    let ca = fs::read(directory.join("ca.pem")).unwrap();
    assert!(exchange(&sim, &ca, "127.0.0.2", HEALTH).unwrap().contains("200 OK"));
    let error = Sim::builder().host("192.0.2.1").port(8).start().unwrap_err().to_string();
    assert!(error.starts_with("could not listen on 192.0.2.1:8: "), "{error}");
}

#[test]
fn plain_http_to_a_named_host_is_allowed_by_the_settings() {
    let allowed = |builder: SimBuilder| {
        let environment = builder.start().unwrap().environment();
        environment.into_iter().find(|(name, _)| *name == "KPN_THINGS_ALLOW_HTTP").map(|(_, host)| host)
    };
    // The resolver knows this short form of 127.0.0.1 as a name, as it knows the name of a container.
    assert_eq!(allowed(Sim::builder().host("127.1")).as_deref(), Some("127.1"));
    assert_eq!(allowed(Sim::builder().host("localhost")), None);
    assert_eq!(allowed(Sim::builder().host("0.0.0.0")), None);
    assert_eq!(allowed(tls(&directory("allowed")).host("127.1")), None);
}
