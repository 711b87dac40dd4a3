//! Whom both transports trust.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc;

use rcgen::{CertificateParams, date_time_ymd};
use rustls::HandshakeKind;
use things_core::{ErrorKind, Outcome, RawCall};

use crate::child;
use crate::client::{Client, fails, settings};
use things_tests::authority::{Authority, self_signed};
use things_tests::server::{Server, Tls, answer, answer_last, read_request};

const HOST: &str = "127.0.0.1";

fn serve(mut stream: Tls<TcpStream>) {
    while read_request(&mut stream).is_some() {
        answer(&mut stream, "{}");
    }
}

#[test]
fn who_cannot_prove_to_be_the_host_gets_nothing() {
    let ours = Authority::new("ours");
    let mut expired = CertificateParams::new([HOST.to_owned()]).unwrap();
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    for (case, certificate) in [
        ("expired", ours.server_with(expired)),
        ("another host", ours.server("api.kpnthings.com")),
        ("self-signed", self_signed(HOST)),
        ("unknown authority", Authority::new("ours").server(HOST)),
    ] {
        let server = Server::start_tls(certificate, serve);
        let config = settings(&server.https()).ca_bundle(ours.pem()).build().unwrap();
        fails(case, &config, ErrorKind::Connect, Outcome::NotSent);
    }
    let server = Server::start_tls(ours.server(HOST), serve);
    let platform = settings(&server.https()).build().unwrap();
    fails("not in the platform's store", &platform, ErrorKind::Connect, Outcome::NotSent);
}

#[test]
fn an_own_authority_is_trusted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::start_tls(ours.server(HOST), serve);
    let bundle = theirs.pem() + &ours.pem();
    for client in Client::both(&settings(&server.https()).ca_bundle(bundle).build().unwrap()) {
        client.call(&RawCall::get("/")).unwrap();
    }
}

#[test]
fn a_session_is_resumed() {
    let ours = Authority::new("ours");
    let (kinds, seen) = mpsc::channel();
    let server = Server::start_tls(ours.server(HOST), move |mut stream| {
        read_request(&mut stream);
        kinds.send(stream.conn.handshake_kind().unwrap()).unwrap();
        answer_last(&mut stream, "{}");
    });
    for client in Client::both(&settings(&server.https()).ca_bundle(ours.pem()).build().unwrap()) {
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            client.call(&RawCall::get("/")).unwrap();
            assert_eq!(seen.recv().unwrap(), expected, "{client:?}");
        }
    }
}

/// Where certificates come from files; elsewhere the system has its own.
#[cfg(target_os = "linux")]
#[test]
fn a_system_without_certificates_can_do_plain_http_and_is_told_what_https_needs() {
    let plain = Server::start(|mut stream| {
        while read_request(&mut stream).is_some() {
            answer(&mut stream, "{}");
        }
    });
    let ours = Authority::new("ours");
    let server = Server::start_tls(ours.server(HOST), serve);
    let nothing = [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
    for transport in ["ureq", "reqwest"] {
        assert_eq!(child::post(transport, &plain.http(), "", &nothing), "{}", "{transport}");
        assert_eq!(child::post(transport, &server.https(), &ours.pem(), &nothing), "{}", "{transport}");
        let outcome = child::post(transport, &server.https(), "", &nothing);
        let way_out = "install the CA certificates of your system, or set a CA bundle";
        assert!(outcome.contains(way_out), "{transport}: {outcome}");
    }
}

#[test]
fn the_certificates_that_the_environment_names_are_trusted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = Server::start_tls(ours.server(HOST), serve);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (authority, outcome) in [(&ours, "{}"), (&theirs, "Connect Some(NotSent)")] {
        let file = folder.join(format!("{}.pem", outcome.len()));
        fs::write(&file, authority.pem()).unwrap();
        for transport in ["ureq", "reqwest"] {
            let variables = [("SSL_CERT_FILE", file.to_str().unwrap()), ("SSL_CERT_DIR", "/nowhere")];
            let found = child::post(transport, &server.https(), "", &variables);
            assert!(found.starts_with(outcome), "{transport}: {found}");
        }
    }
}
