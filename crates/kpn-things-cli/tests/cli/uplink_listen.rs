//! `things uplink listen` and `things uplink replay`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use things_tests::receiving::{SECRET, stored};

use crate::tool::{bare, file, path};
use crate::uplink_process::{Receiving, secret_and_store};

const BODY: &str = r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"temperature","u":"Cel","v":21.50}]"#;
const FORGED: &str = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]";

#[test]
fn each_message_is_shown_and_a_refused_one_with_its_reason() {
    let (secret, _) = secret_and_store("listen");
    let receiver = Receiving::listen(&secret, &["--ndjson"]);
    assert_eq!(receiver.poster().post(BODY).unwrap(), 204);
    let refused = receiver.raw(FORGED);
    assert!(
        refused.starts_with("HTTP/1.1 401") && refused.contains("no header Things-Message-Token"),
        "{refused}"
    );
    assert!(
        receiver.raw("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").starts_with("HTTP/1.1 405")
    );
    assert_eq!(receiver.poster().post(BODY).unwrap(), 204, "nothing is kept, so nothing is a duplicate");
    let ran = receiver.stop("-INT").exits(0);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0]["device"], &rows[0]["label"]), (&"0059AC0000181EB6".into(), &"active".into()));
    assert!(ran.out.contains("\"value\":21.50"), "{ran:?}");
    assert_eq!((&rows[1]["message"], &rows[1]["label"]), (&2.into(), &Value::Null));
    let reason = rows[1]["error"].as_str().unwrap();
    assert!(reason.starts_with("refused: the request has no header Things-Message-Token"), "{reason}");
    assert_eq!(ran.err, "3 messages, 1 refused\n");
}

#[test]
fn a_recording_is_posted_again_with_its_token_or_signed_anew() {
    let (secret, _) = secret_and_store("record");
    let recording = path("record.ndjson").into_os_string().into_string().unwrap();
    let _ = fs::remove_file(&recording);
    let mut receiver = Receiving::listen(&secret, &["--record", &recording, "--limit", "3"]);
    let mut poster = receiver.poster();
    assert_eq!((poster.post(BODY).unwrap(), poster.post("not SenML").unwrap()), (204, 204));
    assert!(receiver.raw(FORGED).starts_with("HTTP/1.1 401"));
    receiver.end().exits(0).complains("3 messages, 1 refused");
    assert_eq!(fs::metadata(&recording).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&recording).unwrap().lines().count(), 2, "the refused one is not recorded");

    let (_, store) = secret_and_store("replay");
    let receiver = Receiving::serve(&secret, &store);
    let replay =
        |url: &str, more: &[&str]| bare(&[&["uplink", "replay", &recording, "--to", url], more].concat());
    let url = format!("{}/kpn?key=hidden", receiver.url);
    let ran = replay(&url, &[]).exits(0).complains("2 messages delivered to http://127.0.0.1:");
    assert!(!ran.err.contains("hidden"), "{ran:?}");
    assert_eq!(ran.out.lines().filter(|line| line.ends_with("  204")).count(), 2, "{ran:?}");
    receiver.stop("-TERM").exits(0);
    assert_eq!(stored(&store), [(BODY.to_owned(), 1), ("not SenML".to_owned(), 1)].into());

    let other = file("replay-other.secret", "active=another-secret\n");
    let (_, store) = secret_and_store("replay-anew");
    let receiver = Receiving::serve(&other, &store);
    let ran = replay(&receiver.url, &[]).exits(1);
    let ran = ran.complains("error: 2 of 2 messages had no 2xx response").prints("  401");
    assert!(!ran.err.contains(SECRET), "{ran:?}");
    replay(&receiver.url, &["--secret-file", &other]).exits(0);
    receiver.stop("-TERM").exits(0);
    assert_eq!(stored(&store).len(), 2);
}

#[test]
fn a_message_is_passed_on_and_the_status_comes_back() {
    let (secret, store) = secret_and_store("forward");
    let target = Receiving::serve(&secret, &store);
    let receiver = Receiving::listen(&secret, &["--forward-to", &target.url]);
    assert_eq!(receiver.poster().post(BODY).unwrap(), 204);
    target.stop("-TERM").exits(0);
    assert_eq!(stored(&store)[BODY], 1);
    assert_eq!(receiver.poster().post(BODY).unwrap(), 502, "nobody listens any more");
    let ran = receiver.stop("-TERM").exits(0);
    assert!(ran.err.contains("warning: message 2: could not post to http://127.0.0.1:"), "{ran:?}");

    let other = file("forward-changed.secret", "active=another-secret\n");
    let (_, store) = secret_and_store("forward-other");
    let target = Receiving::serve(&other, &store);
    let receiver = Receiving::listen(&secret, &["--forward-to", &target.url]);
    assert_eq!(receiver.poster().post(BODY).unwrap(), 401);
    let ran = receiver.stop("-TERM").exits(0);
    assert!(ran.err.contains("responded with 401"), "{ran:?}");
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_posted() {
    let (secret, _) = secret_and_store("listen-wrong");
    let broken = file("broken.ndjson", "\n{\"received\":\"x\",\"label\":null,\"headers\":[]}\n");
    for (args, reason) in [
        (&["listen", "--secret-file", &secret, "--listen", "0.0.0.0:0"][..], "or use --behind-proxy"),
        (
            &["listen", "--secret-file", &secret, "--forward-to", "http://example.com/"],
            "--forward-to is plain http to another machine",
        ),
        (&["listen", "--secret-file", &secret, "--record", "/nowhere/file"], "could not write /nowhere/file"),
        (&["listen"], "--secret-file"),
        (
            &["replay", &broken, "--to", "http://127.0.0.1:1/"],
            "line 2 is not a recorded message: there must be either `body` or `body_base64`\nhint: ",
        ),
        (&["replay", &secret, "--to", "http://127.0.0.1:1/"], "line 1 is not a recorded message"),
        (&["replay", &broken, "--to", "example.com"], "--to is not an absolute URL"),
        (&["replay", "/nowhere/file", "--to", "http://127.0.0.1:1/"], "cannot be read from /nowhere/file"),
    ] {
        bare(&[&["uplink"], args].concat()).exits(2).complains(reason);
    }
}
