//! `things uplink read`.

use std::io::BufRead;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};
use things_tests::postgres::Server;

use crate::tool::{Ran, bare, command, run};
use crate::uplink_process::{Receiving, secret_and_store};

const MESSAGES: [&str; 4] = [
    r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"temperature","u":"Cel","v":21.50},{"n":"door","vb":true},{"n":"latitude","v":51.9},{"n":"longitude","v":4.4}]"#,
    r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9,"n":"payload","vs":"0102"},{"n":"port","v":1.0}]"#,
    r#"{"not":"senml"}"#,
    r#"[{"bn":"urn:dev:DVNUUID:5b9c3d6e-7a41-4f7e-9c55-0123456789ab:","bt":1.76573996026E9,"n":"payload","vs":"5e10"},{"n":"port","v":300},{"n":"raw","vd":"AQI"},{"n":"count","v":12345678901234567890}]"#,
];

/// A store with these messages.
fn stored(name: &str, messages: &[&str]) -> String {
    let (secret, store) = secret_and_store(name);
    let receiver = Receiving::serve(&secret, &store);
    let mut poster = receiver.poster();
    for message in messages {
        assert_eq!(poster.post(message).unwrap(), 204);
    }
    receiver.stop("-TERM").exits(0);
    store
}

fn read(store: &str, args: &[&str]) -> Ran {
    run(reading(store, args))
}

fn reading(store: &str, args: &[&str]) -> Command {
    let mut command = command(&[&["uplink", "read"], args].concat());
    command.env("KPN_THINGS_STORE", store);
    command
}

/// The output with one time of receipt.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| word.len() == 24 && word.ends_with('Z');
    let line = |line: &str| {
        let words = line.split_inclusive([' ', ',', '"']).map(|word| {
            let (text, end) = word.split_at(word.len().saturating_sub(1));
            if is_time(text) { format!("2026-07-01T09:30:00.123Z{end}") } else { word.to_owned() }
        });
        words.collect::<String>()
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_consumer_gets_each_message_once_and_in_order() {
    let store = stored("read", &MESSAGES);
    let ran = read(&store, &["--limit", "3"]).exits(0);
    assert_snapshot!("read", timeless(&ran.out));
    assert_eq!(ran.err, "3 new messages for the consumer things, up to message 3\n");
    let ran = read(&store, &["--raw"]).exits(0);
    assert_eq!(ran.out, format!("{}\n", MESSAGES[3]));
    let ran = read(&store, &[]).exits(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "0 new messages for the consumer things\n"));
    let ran = read(&store, &["--consumer", "other", "--raw"]).exits(0);
    assert_eq!(ran.out, MESSAGES.map(|message| format!("{message}\n")).concat());
}

#[test]
fn ndjson_has_the_view_of_each_message_or_its_error() {
    let store = stored("read-ndjson", &MESSAGES);
    let ran = read(&store, &["--ndjson"]).exits(0);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(
        (&rows[0]["message"], &rows[0]["label"], &rows[0]["source"]),
        (&json!(1), &json!("active"), &json!("http"))
    );
    assert_eq!(rows[0]["device"], "0059AC0000181EB6");
    assert_eq!(rows[0]["measurements"][0]["time"], "2025-12-14T19:19:20.260000000Z");
    assert_eq!((&rows[0]["latitude"], &rows[0]["error"]), (&json!(51.9), &Value::Null));
    assert_eq!(
        (&rows[1]["port"], &rows[1]["payload"], &rows[1]["measurements"]),
        (&json!(1), &json!("0102"), &json!([]))
    );
    assert!(rows[2]["error"].as_str().unwrap().contains("array"), "{}", rows[2]);
    assert_eq!((&rows[3]["port"], &rows[3]["payload"]), (&Value::Null, &json!("5e10")));
    assert!(rows[3]["error"].as_str().unwrap().contains("(port) is not a whole number"), "{}", rows[3]);
    // A number keeps its digits.
    assert!(
        ran.out.contains(r#""unit":"Cel","value":21.50,"#) && ran.out.contains(":12345678901234567890,"),
        "{ran:?}"
    );
}

#[test]
fn measurements_are_rows_as_a_data_frame_has_them() {
    let store = stored("read-rows", &MESSAGES);
    let csv = read(&store, &["--measurements", "--csv", "--consumer", "csv"]).exits(0);
    assert_snapshot!("read_measurements_as_csv", timeless(&csv.out));
    let ndjson = read(&store, &["--measurements", "--ndjson", "--consumer", "ndjson"]).exits(0);
    assert_snapshot!("read_measurements_as_ndjson", timeless(&ndjson.out));
    let table = read(&store, &["--measurements"]).exits(0);
    assert_snapshot!("read_measurements", timeless(&table.out));
}

#[test]
fn a_follower_prints_what_arrives_and_ends_by_a_signal() {
    let (secret, store) = secret_and_store("follow");
    let receiver = Receiving::serve(&secret, &store);
    let mut poster = receiver.poster();
    assert_eq!(poster.post("[1]").unwrap(), 204);
    let mut follower = Receiving::start(reading(&store, &["--follow", "--raw"]));
    // The first line of its output.
    assert_eq!(follower.url, "[1]");
    assert_eq!(poster.post("[2]").unwrap(), 204);
    let mut line = String::new();
    follower.out.read_line(&mut line).unwrap();
    assert_eq!(line, "[2]\n");
    let ran = follower.stop("-INT").exits(0);
    assert_eq!(ran.err, "2 new messages for the consumer things, up to message 2\n");
    assert_eq!(read(&store, &["--raw"]).out, "");
    receiver.stop("-TERM").exits(0);
}

#[test]
fn a_follower_waits_for_a_database_that_is_away() {
    let Some(server) = Server::start() else { return };
    let (secret, _) = secret_and_store("follow-away");
    let store = server.database();
    let receiver = Receiving::serve(&secret, &store);
    let mut poster = receiver.poster();
    assert_eq!(poster.post("[1]").unwrap(), 204);
    let mut follower = Receiving::start(reading(&store, &["--follow", "--raw"]));
    assert_eq!(follower.url, "[1]");
    server.crash();
    follower.wait_for("warning: waiting for the inbox: ");
    server.up();
    // The receiver connects again, and a sender tries again until then.
    while poster.post("[2]").unwrap() != 204 {}
    let mut line = String::new();
    follower.out.read_line(&mut line).unwrap();
    assert_eq!(line, "[2]\n");
    follower.stop("-INT").exits(0);
    receiver.stop("-TERM").exits(0);
}

#[test]
fn a_message_that_could_not_be_written_is_printed_again() {
    let store = stored("read-full", &MESSAGES);
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let mut reader = reading(&store, &["--ndjson"]);
    reader.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    run(reader).exits(1).complains("the output cannot be written");
    assert_eq!(read(&store, &["--ndjson"]).exits(0).out.lines().count(), 4);
}

#[test]
fn what_cannot_be_read_is_named() {
    let nothing = crate::tool::path("no-such-store.db").into_os_string().into_string().unwrap();
    read(&nothing, &[]).exits(1).complains("there is no inbox").complains("hint: check its name");
    bare(&["uplink", "read"]).exits(2).complains("no store is named");
    bare(&["uplink", "read", "--raw", "--measurements"]).exits(2);
    let store = stored("read-consumer", &[]);
    read(&store, &["--consumer", ""]).exits(1).complains("the name of the consumer is not valid\nhint: ");
}
