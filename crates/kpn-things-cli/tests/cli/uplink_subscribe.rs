//! `things uplink subscribe`, with a real broker.

use std::time::{Duration, Instant};

use things_store::inbox::{Message, Source, read_inbox};
use things_tests::authority::Authority;
use things_tests::broker::{Access, Broker};

use crate::tool::{Ran, bare, command, file, folder};
use crate::uplink_process::Receiving;

/// A store that does not exist yet.
fn store(name: &str) -> String {
    folder(name).join("uplinks.db").into_os_string().into_string().unwrap()
}

fn arguments<'a>(url: &'a str, store: &'a str) -> [&'a str; 8] {
    ["uplink", "subscribe", "--broker", url, "--topic", "things/#", "--store", store]
}

fn subscribe(broker: &Broker, store: &str) -> Receiving {
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    let subscriber = Receiving::start(command(&arguments(&url, store)));
    assert_eq!(subscriber.url, url);
    subscriber
}

fn messages(store: &str) -> Vec<Message> {
    read_inbox(store).unwrap().read(0, 100_000).unwrap()
}

/// Waits until this many messages are stored.
fn wait_for(store: &str, count: usize) {
    let end = Instant::now() + Duration::from_secs(60);
    while messages(store).len() < count {
        assert!(Instant::now() < end, "{} of {count} messages are stored", messages(store).len());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn messages_are_stored_as_they_come_with_their_topic() {
    let Some(broker) = Broker::start(Access::Open) else { return };
    let store = store("subscribe");
    let subscriber = subscribe(&broker, &store);
    let payloads = [b"[{\"n\":\"a:b\",\"v\":1}]".to_vec(), vec![0xff, 0, b'\n'], Vec::new()];
    // Nothing says that equal payloads are one message.
    broker.publish("things/one", payloads.iter().chain(&payloads[..1]).cloned());
    wait_for(&store, 4);
    let ran = subscriber.stop("-TERM").exits(0);
    assert!(ran.err.ends_with("stopped: all acknowledged messages are stored\n"), "{ran:?}");
    let stored = messages(&store);
    let bodies: Vec<_> = stored.iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies, [&payloads[..], &payloads[..1]].concat());
    for message in stored {
        assert_eq!((message.source, message.label), (Source::Mqtt, None));
        let headers: Vec<_> = message.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected: [(&str, &[u8]); 3] =
            [("mqtt-topic", b"things/one"), ("mqtt-qos", b"1"), ("mqtt-retain", b"false")];
        assert_eq!(headers, expected);
    }
    let read = bare(&["uplink", "read", "--store", &store, "--ndjson"]).exits(0);
    assert_eq!(read.out.matches(r#""source":"mqtt""#).count(), 4, "{read:?}");
}

#[test]
fn a_subscriber_that_is_killed_loses_nothing() {
    const COUNT: usize = 3_000;
    let Some(broker) = Broker::start(Access::Open) else { return };
    let store = store("subscribe-kill");
    let mut subscriber = subscribe(&broker, &store);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            broker.publish("things/kill", (0..COUNT).map(|number| number.to_string().into_bytes()));
        });
        for kill in 1..=5 {
            wait_for(&store, kill * COUNT / 10);
            subscriber.send("-KILL");
            subscriber.end();
            subscriber = subscribe(&broker, &store);
        }
    });
    let end = Instant::now() + Duration::from_secs(60);
    let is_missing = || {
        let stored: std::collections::HashSet<_> =
            messages(&store).into_iter().map(|message| message.body).collect();
        (0..COUNT).find(|number| !stored.contains(number.to_string().as_bytes()))
    };
    while let Some(missing) = is_missing() {
        assert!(Instant::now() < end, "message {missing} is lost");
        std::thread::sleep(Duration::from_millis(20));
    }
    subscriber.stop("-TERM").exits(0);
}

#[test]
fn a_broker_that_restarts_is_connected_to_again() {
    let Some(mut broker) = Broker::start(Access::Open) else { return };
    let store = store("subscribe-restart");
    let mut subscriber = subscribe(&broker, &store);
    broker.publish("things/a", [b"before".to_vec()]);
    wait_for(&store, 1);
    broker.stop();
    subscriber.wait_for("warning: no connection to mqtt://127.0.0.1");
    broker.run();
    broker.publish("things/a", [b"after".to_vec()]);
    wait_for(&store, 2);
    subscriber.stop("-INT").exits(0);
}

#[test]
fn a_broker_is_trusted_by_its_certificate() {
    let folder = folder("subscribe-tls");
    let authority = Authority::new("brokers");
    let (certificate, key, roots) =
        (folder.join("cert.pem"), folder.join("key.pem"), folder.join("roots.pem"));
    let files = authority.files("127.0.0.1");
    std::fs::write(&certificate, files.0).unwrap();
    std::fs::write(&key, files.1).unwrap();
    std::fs::write(&roots, authority.pem()).unwrap();
    let Some(broker) = Broker::start(Access::Tls(&certificate, &key)) else { return };
    let (store, url) = (store("subscribe-tls-store"), format!("mqtts://127.0.0.1:{}", broker.port()));
    let arguments = arguments(&url, &store);
    let trusting = [&arguments[..], &["--ca-bundle", roots.to_str().unwrap()]].concat();
    let subscriber = Receiving::start(command(&trusting));
    assert_eq!(subscriber.url, url);
    subscriber.stop("-TERM").exits(0);
    let mut other = command(&arguments).spawn().unwrap();
    let mut err = std::io::BufReader::new(other.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("no connection to") {
        assert_ne!(std::io::BufRead::read_line(&mut err, &mut seen).unwrap(), 0, "{seen}");
    }
    assert!(seen.contains("certificate"), "{seen}");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_password_that_the_broker_refuses_ends_it_with_the_reason() {
    let Some(broker) = Broker::start(Access::Closed) else { return };
    let (store, url) = (store("subscribe-password"), format!("mqtt://127.0.0.1:{}", broker.port()));
    let credentials = file("broker-credentials.txt", "# of the broker\nusername=anna\npassword=hunter2=\n");
    let arguments = [&arguments(&url, &store)[..], &["--credentials-file", &credentials]].concat();
    let ran = bare(&arguments).exits(1).complains("refuses the user name or the password");
    assert!(ran.err.contains("hint: check the credentials file") && !ran.err.contains("hunter2"), "{ran:?}");
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_sent() {
    let store = store("subscribe-refused");
    let refused = |url: &str, more: &[&str], reason: &str| -> Ran {
        bare(&[&arguments(url, &store)[..], more].concat()).exits(2).complains(reason)
    };
    refused("broker.example", &[], "the broker is not a URL");
    refused("mqtt://broker.example", &[], "plain MQTT shows the password and all messages");
    let ran = refused("mqtts://anna:hunter2@broker.example", &[], "has a user name or a password in its URL");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    refused("mqtts://broker.example", &["--client-id", "a b"], "the client id \"a b\" cannot be used");
    for (text, reason) in [
        ("anna\n", "line 1 is neither username=... nor password=..."),
        ("username=anna\n", "needs a line username=... and a line password=..."),
        ("username=anna\nusername=bea\npassword=x\n", "line 2 repeats an earlier one"),
        ("username=anna\npassword=\n", "the password is empty, or too long"),
    ] {
        let credentials = file("broker-wrong.txt", text);
        let ran = refused("mqtts://broker.example", &["--credentials-file", &credentials], reason);
        assert!(!ran.err.contains("anna") || text == "anna\n", "{ran:?}");
    }
}
