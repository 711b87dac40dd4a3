//! Proxies, as the environment or the program names them: the same cases for both transports.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use std::time::Duration;

use rustls::ServerConfig;
use things_core::{ErrorKind, RawCall, RetryPolicy};

use crate::child;
use crate::client::{Client, settings};
use things_tests::authority::Authority;
use things_tests::server::{Server, answer, read_request, tls};

const HOST: &str = "127.0.0.1";
const TRANSPORTS: [&str; 2] = ["ureq", "reqwest"];

/// What a proxy that is asked for a tunnel does.
enum Manner {
    /// It is the other end of the tunnel itself.
    Serve(Arc<ServerConfig>),
    /// It answers with this head.
    Refuse(&'static str),
    /// It closes.
    Drop,
}

/// A proxy, and what it was asked.
fn proxy(manner: Manner) -> (Server, Receiver<String>) {
    let (asked, heads) = mpsc::channel();
    (Server::start(move |stream| manner.meet(stream, &asked)), heads)
}

impl Manner {
    fn meet(&self, mut stream: impl Read + Write, asked: &Sender<String>) {
        let Some(request) = read_request(&mut stream) else { return };
        let _ = asked.send(request.head);
        match self {
            Self::Serve(certificate) => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                let mut stream = tls(certificate, stream);
                if read_request(&mut stream).is_some() {
                    answer(&mut stream, "by the proxy");
                }
            }
            Self::Refuse(head) => drop(stream.write_all(head.as_bytes())),
            Self::Drop => {}
        }
    }
}

/// A server that is not behind a proxy.
fn direct(certificate: Arc<ServerConfig>) -> Server {
    Server::start_tls(certificate, |mut stream| {
        if read_request(&mut stream).is_some() {
            answer(&mut stream, "directly");
        }
    })
}

#[test]
fn https_goes_through_the_proxy_that_the_environment_names() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    let (proxy, asked) = proxy(Manner::Serve(ours.server(HOST)));
    let (url, unused) = (proxy.http(), "http://127.0.0.1:1");
    let bare = proxy.address.to_string();
    for transport in TRANSPORTS {
        for (variables, through) in [
            (&[("HTTPS_PROXY", &*url)][..], true),
            (&[("https_proxy", &url)], true),
            (&[("ALL_PROXY", &url)], true),
            (&[("all_proxy", &url)], true),
            (&[("HTTPS_PROXY", &url), ("ALL_PROXY", unused)], true),
            (&[("HTTPS_PROXY", &bare)], true),
            (&[("HTTPS_PROXY", &url), ("NO_PROXY", "api.kpnthings.com")], true),
            (&[("HTTPS_PROXY", &url), ("no_proxy", "10.0.0.0/8,27.0.0.1")], true),
            (&[("HTTPS_PROXY", ""), ("ALL_PROXY", "")], false),
            (&[("HTTP_PROXY", unused), ("http_proxy", unused)], false),
            (&[("HTTPS_PROXY", unused), ("NO_PROXY", "127.0.0.1")], false),
            (&[("HTTPS_PROXY", unused), ("no_proxy", "10.1.2.3, 127.0.0.0/8")], false),
            (&[("ALL_PROXY", unused), ("NO_PROXY", "*")], false),
            (&[("ALL_PROXY", "socks5h://127.0.0.1:1"), ("NO_PROXY", "*")], false),
            (&[("HTTPS_PROXY", unused), ("NO_PROXY", &server.address.to_string())], false),
            (&[("HTTPS_PROXY", &url), ("NO_PROXY", "127.0.0.1:1")], true),
            (&[("HTTPS_PROXY", &url), ("NO_PROXY", ".,*.")], true),
        ] {
            let outcome = child::post(transport, &server.https(), &ours.pem(), variables);
            let expected = if through { "by the proxy" } else { "directly" };
            assert_eq!(outcome, expected, "{transport}: {variables:?}");
            let heads: Vec<_> = asked.try_iter().collect();
            assert_eq!(heads.len(), usize::from(through), "{transport}: {variables:?}");
            for head in heads {
                assert!(head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address)), "{head}");
                assert!(!head.to_lowercase().contains("authorization"), "{head}");
            }
        }
    }
}

#[test]
fn a_proxy_may_be_behind_tls() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    let (manner, (asked, heads)) = (Manner::Serve(ours.server(HOST)), mpsc::channel());
    let proxy = Server::start_tls(ours.server(HOST), move |stream| manner.meet(stream, &asked));
    for transport in TRANSPORTS {
        let variables = [("HTTPS_PROXY", &*proxy.https())];
        let outcome = child::post(transport, &server.https(), &ours.pem(), &variables);
        assert_eq!(outcome, "by the proxy", "{transport}");
        assert_eq!(heads.try_iter().count(), 1, "{transport}");
    }
}

#[test]
fn user_and_password_are_for_the_proxy_and_for_nobody_else() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    for (manner, outcome) in [
        (Manner::Serve(ours.server(HOST)), "by the proxy"),
        (Manner::Refuse(REFUSAL), "Connect Some(NotSent)"),
        (Manner::Drop, "Connect Some(NotSent)"),
    ] {
        let (proxy, asked) = proxy(manner);
        let url = format!("http://user:pa55%40word@{}", proxy.address);
        for transport in TRANSPORTS {
            let found = child::post(transport, &server.https(), &ours.pem(), &[("HTTPS_PROXY", &url)]);
            assert!(found.starts_with(outcome), "{transport}: {found}");
            assert!(!found.contains("pa55") && !found.contains(CREDENTIALS), "{transport}: {found}");
            let head = asked.recv().unwrap();
            assert!(head.contains(&format!(": Basic {CREDENTIALS}\r\n")), "{transport}: {head}");
        }
    }
}

/// `user:pa55@word`, in Base64.
const CREDENTIALS: &str = "dXNlcjpwYTU1QHdvcmQ=";
const REFUSAL: &str = "HTTP/1.1 407 Proxy Authentication Required\r\n\
    proxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n";

#[test]
fn an_error_on_the_way_names_the_proxy_without_its_password() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    let (refusing, _asked) = proxy(Manner::Refuse(REFUSAL));
    let (busy, _heads) = proxy(Manner::Refuse("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
    let closed = "127.0.0.1:1".parse().unwrap();
    for (address, told) in [
        (refusing.address, "no connection, refused by the proxy"),
        (busy.address, "no connection through the proxy"),
        (closed, "no connection through the proxy"),
    ] {
        let url = format!("http://user:pa55word@{address}");
        for transport in TRANSPORTS {
            let variables = [("HTTPS_PROXY", &*url), ("NO_PROXY", "10.*")];
            let found = child::post(transport, &server.https(), &ours.pem(), &variables);
            let named = format!("{told} http://{address} (no effect in NO_PROXY: 10.*): ");
            assert!(found.contains(&named), "{transport}: {found}");
            assert!(!found.contains("pa55"), "{transport}: {found}");
        }
    }
}

#[test]
fn a_proxy_that_wants_another_password_is_asked_once() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    for (transport, status, connections) in [
        ("ureq", "407", 1),
        ("reqwest", "407", 1),
        ("ureq", "403", 1),
        // reqwest does not tell a 403 from a 502.
        ("reqwest", "403", 3),
        ("ureq", "502", 3),
        ("reqwest", "502", 3),
    ] {
        let head = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        let (proxy, asked) = proxy(Manner::Refuse(head.leak()));
        let config = settings(&server.https())
            .retry(RetryPolicy { base_delay: Duration::from_millis(1), ..Default::default() })
            .ca_bundle(ours.pem())
            .proxy(proxy.http());
        let error = Client::new(transport, config.build().unwrap()).call(&RawCall::get("/")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(asked.try_iter().count(), connections, "{transport}: {status}: {error}");
    }
}

#[test]
fn a_proxy_can_be_set_and_refused_in_code() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    let (proxy, asked) = proxy(Manner::Serve(ours.server(HOST)));
    let variable = |_: &str| Some("http://127.0.0.1:1".into());
    let base = || settings(&server.https()).ca_bundle(ours.pem()).machine(variable, |_| unreachable!());
    for (config, expected, head) in
        [(base().proxy(proxy.http()), "by the proxy", true), (base().no_proxy(), "directly", false)]
    {
        for client in Client::both(&config.user_agent("my-app/1.2").build().unwrap()) {
            let answer = client.call(&RawCall::get("/")).unwrap();
            assert_eq!(answer.body, expected, "{client:?}");
            let heads: Vec<_> = asked.try_iter().collect();
            assert_eq!(heads.len(), usize::from(head));
            assert!(heads.iter().all(|head| head.contains(": my-app/1.2 kpn-things-sdk/")), "{heads:?}");
        }
    }
}

#[test]
fn a_proxy_that_makes_no_tunnel_is_no_connection() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    let unknown = Authority::new("unknown");
    for (case, manner) in [
        ("407", Manner::Refuse(REFUSAL)),
        ("403", Manner::Refuse("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")),
        ("502", Manner::Refuse("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")),
        ("no HTTP", Manner::Refuse("SSH-2.0-OpenSSH_9.9\r\n")),
        ("closed", Manner::Drop),
        ("a tunnel to somebody else", Manner::Serve(unknown.server(HOST))),
    ] {
        let (proxy, _asked) = proxy(manner);
        for transport in TRANSPORTS {
            let variables = [("HTTPS_PROXY", &*proxy.http())];
            let outcome = child::post(transport, &server.https(), &ours.pem(), &variables);
            assert!(outcome.starts_with("Connect Some(NotSent)"), "{transport}: {case}: {outcome}");
        }
    }
    for transport in TRANSPORTS {
        let variables = [("HTTPS_PROXY", "http://127.0.0.1:1")];
        let outcome = child::post(transport, &server.https(), &ours.pem(), &variables);
        assert!(outcome.starts_with("Connect Some(NotSent)"), "{transport}: closed port: {outcome}");
    }
}

#[test]
fn plain_http_never_goes_through_a_proxy() {
    let server = Server::start(|mut stream| {
        while read_request(&mut stream).is_some() {
            answer(&mut stream, "directly");
        }
    });
    for transport in TRANSPORTS {
        for url in ["http://127.0.0.1:1", "socks5://127.0.0.1:1", "no address"] {
            let variables =
                ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"].map(|name| (name, url));
            let outcome = child::post(transport, &server.http(), "", &variables);
            assert_eq!(outcome, "directly", "{transport}: {url}");
        }
    }
}

#[test]
fn a_proxy_of_another_kind_is_refused_and_not_passed_by() {
    let ours = Authority::new("ours");
    let server = direct(ours.server(HOST));
    for transport in TRANSPORTS {
        let variables = [("ALL_PROXY", "socks5://user:pa55word@127.0.0.1:1")];
        let outcome = child::post(transport, &server.https(), &ours.pem(), &variables);
        assert!(outcome.starts_with("Config None: ALL_PROXY names a socks5 proxy"), "{transport}: {outcome}");
        assert!(!outcome.contains("pa55word"), "{transport}: {outcome}");
    }
}
