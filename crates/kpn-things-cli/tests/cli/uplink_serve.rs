//! `things uplink serve`.

use std::io::Write;
use std::net::TcpStream;

use things_tests::authority::Authority;
use things_tests::receiving::{SECRET, stored};

use crate::tool::{Tool, bare, command, file, folder, run, simulator};
use crate::uplink_process::{Receiving, secret_and_store};

const GET: &str = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[test]
fn a_confirmed_message_is_stored_once_and_a_signal_ends_in_order() {
    let (secret, store) = secret_and_store("serve");
    for (signal, round) in [("-TERM", 1), ("-INT", 2)] {
        let receiver = Receiving::serve(&secret, &store);
        let mut poster = receiver.poster();
        for body in ["[1]", "not json", "[1]"] {
            assert_eq!(poster.post(body).unwrap(), 204);
        }
        assert!(receiver.raw(&format!("GET /health {GET}")).contains(" 200 "));
        assert!(receiver.raw(&format!("GET /metrics {GET}")).contains("things_receiver_requests_total"));
        let forged = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]";
        assert!(receiver.raw(forged).starts_with("HTTP/1.1 401"));
        let url = receiver.url.clone();
        let ran = receiver.stop(signal).exits(0);
        assert!(ran.err.contains(&format!("Health: {url}/health\n")), "{ran:?}");
        assert!(ran.err.ends_with("stopped: all confirmed messages are stored\n"), "{ran:?}");
        assert!(!ran.err.contains(SECRET), "{ran:?}");
        let stored = stored(&store);
        assert_eq!((stored.len(), stored["[1]"], stored["not json"]), (2, 1, 1), "round {round}");
    }
}

#[test]
fn equal_messages_are_all_stored_where_the_user_says_so() {
    let (secret, store) = secret_and_store("serve-all");
    let args = ["uplink", "serve", "--listen", "127.0.0.1:0", "--secret-file", &secret];
    let mut command = command(&[&args[..], &["--duplicates-within", "0", "--quiet"]].concat());
    command.env("KPN_THINGS_STORE", &store);
    let receiver = Receiving::start(command);
    let mut poster = receiver.poster();
    assert_eq!((poster.post("[1]").unwrap(), poster.post("[1]").unwrap()), (204, 204));
    receiver.stop("-TERM").exits(0);
    assert_eq!(stored(&store)["[1]"], 2);
}

#[test]
fn a_second_signal_does_not_wait_for_open_requests() {
    let (secret, store) = secret_and_store("serve-twice");
    let mut receiver = Receiving::serve(&secret, &store);
    let mut stream = TcpStream::connect(receiver.address()).unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
        .unwrap();
    // The response shows that the request is open.
    let mut head = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 100");
    receiver.send("-TERM");
    receiver.wait_for("stopping: ");
    assert_eq!(receiver.stop("-TERM").status, -1);
}

#[test]
fn https_is_served_with_a_certificate() {
    let (secret, store) = secret_and_store("serve-https");
    let (certificate, key) = Authority::new("an authority").files("localhost");
    let (certificate, key) = (file("serve-cert.pem", &certificate), file("serve-key.pem", &key));
    let args = ["uplink", "serve", "--listen", "0.0.0.0:0", "--secret-file", &secret, "--store", &store];
    let receiver =
        Receiving::start(command(&[&args[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat()));
    assert!(receiver.url.starts_with("https://0.0.0.0:"), "{}", receiver.url);
    assert!(!receiver.raw(&format!("GET /health {GET}")).contains("HTTP/"), "plain http gets no response");
    receiver.stop("-TERM").exits(0);
    bare(&[&args[..], &["--tls-cert", &key, "--tls-key", &key]].concat())
        .exits(1)
        .complains("contains no certificate\nhint: ");
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_received() {
    let (secret, store) = secret_and_store("serve-wrong");
    let empty = file("serve-empty.secret", "# none\n");
    let dir = folder("serve-dir").into_os_string().into_string().unwrap();
    for (args, status, reason) in [
        (
            &["--secret-file", "/nowhere/key", "--store", &store][..],
            2,
            "the secret cannot be read from /nowhere/key",
        ),
        (&["--secret-file", &empty, "--store", &store], 2, "the secret file has no secret"),
        (
            &["--secret-file", &secret],
            2,
            "no store is named\nhint: use --store uplinks.db, or set KPN_THINGS_STORE",
        ),
        (&["--secret-file", &secret, "--store", ""], 2, "--store is empty"),
        (&["--secret-file", &secret, "--store", &dir], 1, "error: "),
        (
            &["--secret-file", &secret, "--store", &store, "--listen", "0.0.0.0:0"],
            2,
            "can be read by others\nhint: listen on 127.0.0.1, or use --tls-cert",
        ),
        (&["--secret-file", &secret, "--store", &store, "--listen", "8080"], 2, "could not listen on 8080: "),
        (&["--secret-file", &secret, "--store", &store, "--tls-key", &secret], 2, "--tls-cert"),
    ] {
        bare(&[&["uplink", "serve"], args].concat()).exits(status).complains(reason);
    }
    assert!(!std::path::Path::new(&store).exists());
}

#[test]
fn the_password_of_a_database_is_neither_accepted_on_the_command_line_nor_shown() {
    let (secret, _) = secret_and_store("serve-password");
    let url = "postgres://things:pass-word-9@127.0.0.1:1/fleet";
    let args = ["uplink", "serve", "--listen", "127.0.0.1:0", "--secret-file", &secret];
    let ran =
        bare(&[&args[..], &["--store", url]].concat()).exits(2).complains("KPN_THINGS_STORE for an inbox");
    assert!(!ran.err.contains("pass-word-9"), "{ran:?}");
    let mut command = command(&args);
    command.env("KPN_THINGS_STORE", url);
    let ran = run(command).exits(1);
    assert!(ran.err.starts_with("error: ") && !ran.err.contains("pass-word-9"), "{ran:?}");
}

#[test]
fn the_variable_of_the_store_is_known() {
    let sim = simulator().start().unwrap();
    let ran = sim.things_with("KPN_THINGS_STORE", "uplinks.db", &["auth", "check"]).exits(0);
    assert!(!ran.out.contains("KPN_THINGS_STORE") && !ran.err.contains("KPN_THINGS_STORE"), "{ran:?}");
}
