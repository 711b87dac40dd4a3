use std::fs;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use things_receiver::Receiver;
use things_tests::authority::Authority;
use things_uplink::{TOKEN_HEADER, sign};
use tokio::net::TcpListener;

use crate::running::{Running, SECRET, bodies, client_of, inbox, read_bytes, verifier};

#[tokio::test]
async fn a_message_arrives_over_tls() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("an authority"));
    let (certificate, key) = authority.files("localhost");
    let paths = [folder.path().join("cert.pem"), folder.path().join("key.pem")];
    fs::write(&paths[0], certificate).unwrap();
    fs::write(&paths[1], key).unwrap();
    let builder = Receiver::builder(verifier(), inbox(folder.path())).tls(&paths[0], &paths[1]);
    let running = Running::start(builder).await;
    let url = format!("https://localhost:{}/", running.address.port());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let client = client_of(roots, |builder| builder.resolve("localhost", running.address));
    let post = client.post(url).header(TOKEN_HEADER, sign(SECRET, b"[]")).body("[]");
    assert_eq!(post.send().await.unwrap().status(), 204);
    // Who speaks no TLS is not served, and disturbs nobody.
    let mut plain = running.connect("POST / HTTP/1.1\r\n\r\n").await;
    assert!(!read_bytes(&mut plain).await.starts_with(b"HTTP/1.1 2"));
    assert_eq!(bodies(folder.path()), ["[]"]);
    running.end().await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("an authority"));
    let path = |name: &str| folder.path().join(name);
    let (certificate, key) = authority.files("localhost");
    fs::write(path("cert.pem"), certificate).unwrap();
    fs::write(path("key.pem"), &key).unwrap();
    fs::write(path("other.pem"), authority.files("localhost").1).unwrap();
    fs::write(path("empty.pem"), "").unwrap();
    for (certificate, key, named, hint) in [
        ("missing.pem", "key.pem", "could not read", "the certificate first"),
        ("empty.pem", "key.pem", "contains no certificate", "the certificate first"),
        ("cert.pem", "empty.pem", "could not read", "the private key of the certificate"),
        ("cert.pem", "other.pem", "could not use", "the private key of the certificate"),
    ] {
        let inbox = inbox(folder.path());
        let built = Receiver::builder(verifier(), inbox).tls(path(certificate), path(key)).build();
        let error = built.unwrap_err();
        assert!(error.message().contains(named), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
        assert!(!error.to_string().contains("PRIVATE"), "{error}");
    }
}

#[tokio::test]
async fn plain_http_is_served_to_others_only_behind_a_proxy() {
    for (behind_proxy, is_served) in [(false, false), (true, true)] {
        let folder = tempfile::tempdir().unwrap();
        let builder = Receiver::builder(verifier(), inbox(folder.path())).behind_proxy(behind_proxy);
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let served = builder.build().unwrap().serve(listener, std::future::ready(())).await;
        assert_eq!(served.is_ok(), is_served);
        if let Err(error) = served {
            assert!(error.message().starts_with("plain http on 0.0.0.0:"), "{error}");
        }
    }
}
