//! Uplinks that the simulator posts.

use crate::client::*;
use crate::destination::{SECRET, Server, token};
use serde_json::{Value, json};
use std::time::Duration;
use things_sim::{
    Destination, Measurement, PostedUplink, Sim, SimBuilder, UplinkFault, UplinkOutcome, UplinkSpec,
};

const EUI: &str = "0059AC0000181EB6";

fn uplink() -> UplinkSpec {
    UplinkSpec::lora(EUI, 1, [1, 2])
}

fn sim(server: &Server, faults: &[&str]) -> Sim {
    let builder = Sim::builder().uplink_destination(server.destination());
    let rules = faults.iter().map(|rule| rule.parse().unwrap());
    rules.fold(builder, SimBuilder::fault).start().unwrap()
}

fn statuses(uplink: &PostedUplink) -> Vec<Option<u16>> {
    uplink.attempts.iter().map(|attempt| attempt.status).collect()
}

fn names(body: &[u8]) -> Vec<String> {
    let records: Vec<Value> = serde_json::from_slice(body).unwrap();
    let names = records.iter().filter_map(|record| record["n"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn a_post_has_the_headers_and_the_token_of_kpn() {
    let server = Server::start(&[]);
    let destination = server.destination().plug_uuid("plug-1").header("X-Customer", "7");
    let sim = Sim::builder().uplink_destination(destination).start().unwrap();
    let posted = sim.post_uplink(&UplinkSpec { time: Some(1_765_739_960.26), ..uplink() }).unwrap();
    let arrived = server.next();
    assert_eq!(arrived.target, "/uplinks?from=kpn");
    assert_eq!(
        std::str::from_utf8(&arrived.body).unwrap(),
        r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"payload","vs":"0102"},{"n":"port","v":1.0}]"#
    );
    assert!(arrived.is_signed());
    assert_eq!(arrived.values("content-type"), ["application/json"]);
    assert_eq!(
        (arrived.values("things-plug-uuid"), arrived.values("x-customer")),
        (vec!["plug-1"], vec!["7"])
    );
    assert_eq!((posted.outcome, statuses(&posted)), (UplinkOutcome::Delivered, vec![Some(204)]));
    assert_eq!((posted.number, posted.device.as_deref()), (1, Some("urn:dev:DEVEUI:0059AC0000181EB6:")));
    assert_eq!(posted.body, arrived.body);
    assert_eq!(sim.uplinks(), [posted]);
}

#[test]
fn every_2xx_is_delivered() {
    let server = Server::start(&[200, 201, 202, 299]);
    let sim = sim(&server, &[]);
    for _ in 0..4 {
        assert_eq!(sim.post_uplink(&uplink()).unwrap().outcome, UplinkOutcome::Delivered);
    }
}

#[test]
fn anything_but_a_2xx_is_retried_with_the_same_bytes() {
    let server = Server::start(&[503, 0, 200, 302]);
    let sim = sim(&server, &[]);
    let posted = sim.post_uplink(&uplink()).unwrap();
    assert_eq!(
        (posted.outcome, statuses(&posted)),
        (UplinkOutcome::Delivered, vec![Some(503), None, Some(200)])
    );
    assert!(posted.attempts[1].error.is_some());
    let bodies = [server.next().body, server.next().body, server.next().body];
    assert!(bodies.iter().all(|body| *body == posted.body));
    // A redirect is not followed.
    assert_eq!(statuses(&sim.post_uplink(&uplink()).unwrap()), [Some(302), Some(204)]);
}

#[test]
fn a_message_is_discarded_after_three_posts() {
    let server = Server::start(&[404, 500, 401, 204]);
    let sim = sim(&server, &[]);
    let posted = sim.post_uplink(&uplink()).unwrap();
    assert_eq!(
        (posted.outcome, statuses(&posted)),
        (UplinkOutcome::Discarded, vec![Some(404), Some(500), Some(401)])
    );
    assert_eq!(server.rest().len(), 3);
    let unreachable = Destination::new("http://127.0.0.1:1/", SECRET).retry_pause(Duration::ZERO);
    sim.set_uplink_destination(Some(&unreachable)).unwrap();
    let posted = sim.post_uplink(&uplink()).unwrap();
    assert_eq!((posted.outcome, statuses(&posted)), (UplinkOutcome::Discarded, vec![None; 3]));
}

#[test]
fn faults_forge_a_post() {
    let server = Server::start(&[]);
    let faults = [
        "uplink@1=wrong-secret",
        "uplink@2=altered-body",
        "uplink@3=doubled-header",
        "uplink@4=no-header",
        "any=stall",
    ];
    let sim = sim(&server, &faults);
    let [wrong, altered, doubled, none, right] = [(); 5].map(|()| {
        let posted = sim.post_uplink(&uplink()).unwrap();
        (posted, server.next())
    });
    assert_eq!(wrong.1.values("things-message-token").len(), 1);
    assert!(!wrong.1.is_signed() && wrong.1.body == wrong.0.body);
    assert_eq!(altered.1.values("things-message-token"), [token(SECRET, &altered.0.body)]);
    assert!(altered.1.body != altered.0.body && !names(&altered.1.body).is_empty());
    let twice = token(SECRET, &doubled.1.body);
    assert_eq!(doubled.1.values("things-message-token"), [&twice, &twice]);
    assert!(none.1.values("things-message-token").is_empty());
    assert!(right.1.is_signed() && right.0.attempts[0].faults.is_empty());
    assert_eq!(none.0.attempts[0].faults, [UplinkFault::NoHeader]);
}

#[test]
fn a_delivered_message_can_be_posted_once_more() {
    let server = Server::start(&[503, 204, 500]);
    let sim = sim(&server, &["uplink=duplicate"]);
    let posted = sim.post_uplink(&uplink()).unwrap();
    assert_eq!(
        (posted.outcome, statuses(&posted)),
        (UplinkOutcome::Delivered, vec![Some(503), Some(204), Some(500)])
    );
    let duplicates: Vec<bool> = posted.attempts.iter().map(|attempt| attempt.duplicate).collect();
    assert_eq!(duplicates, [false, false, true]);
    let posts = server.rest();
    assert_eq!(posts.len(), 3);
    assert!(posts.iter().all(|post| post.is_signed() && post.body == posted.body));
}

#[test]
fn a_device_answers_a_downlink() {
    let server = Server::start(&[]);
    let sim = sim(&server, &[]);
    let bearer = bearer(&sim);
    assert_eq!(send(&sim, &bearer, "/api/actuator/downlinks?port=7", DOWNLINK).status, 201);
    let answer = server.next();
    let records: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(records[0]["bn"], "urn:dev:DEVEUI:0059AC0000181EB6:");
    assert_eq!(records[1], json!({ "n": "payload", "vs": "0102" }));
    assert_eq!(records[2], json!({ "n": "port", "v": 7.0 }));
    assert_eq!(send(&sim, &bearer, SEND, "nonsense").status, 400);
    assert!(sim.wait_for_uplinks(1, Duration::from_secs(20)));
    assert_eq!(sim.uplinks().len(), 1);

    let silent =
        Sim::builder().uplink_destination(server.destination()).without_uplink_answers().start().unwrap();
    assert_eq!(send(&silent, &self::bearer(&silent), SEND, DOWNLINK).status, 201);
    assert!(silent.uplinks().is_empty());
    let nowhere = Sim::builder().start().unwrap();
    assert_eq!(send(&nowhere, &self::bearer(&nowhere), SEND, DOWNLINK).status, 201);
    assert!(nowhere.uplinks().is_empty());
}

#[test]
fn devices_post_at_a_rate() {
    let server = Server::start(&[]);
    let builder =
        Sim::builder().uplink_destination(server.destination()).uplink_rate("500/s".parse().unwrap());
    let sim = builder.start().unwrap();
    assert!(sim.wait_for_uplinks(30, Duration::from_secs(20)));
    for _ in 0..30 {
        assert!(server.next().is_signed());
    }
    assert!(sim.uplinks().iter().all(|uplink| uplink.device.is_some()));
}

#[test]
fn stopping_does_not_wait_for_retries() {
    let server = Server::start(&[503]);
    let destination = server.destination().retry_pause(Duration::from_secs(3600));
    let sim = Sim::builder().uplink_destination(destination).start().unwrap();
    let posted = std::thread::scope(|scope| {
        let posting = scope.spawn(|| sim.post_uplink(&uplink()).unwrap());
        server.next();
        sim.stop();
        posting.join().unwrap()
    });
    assert_eq!(posted.outcome, UplinkOutcome::Pending);
}

#[test]
fn wrong_settings_are_explained_without_the_secret() {
    for (url, secret, why) in [
        ("127.0.0.1:80", "s3cret", "begins with https:// or http://"),
        ("ftp://host/", "s3cret", "begins with https:// or http://"),
        ("http://", "s3cret", "not a URL"),
        ("http://127.0.0.1/", "", "the secret of the destination is empty"),
    ] {
        let destination = Destination::new(url, secret);
        let error = Sim::builder().uplink_destination(destination).start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(why), "{error}");
    }
    let wrong = Destination::new("http://127.0.0.1/", "s3cret").header("a b", "s3cret");
    let sim = Sim::builder().start().unwrap();
    let error = sim.set_uplink_destination(Some(&wrong)).unwrap_err().to_string();
    assert_eq!(error, "the header `a b` is not valid");
    let shown = format!("{wrong:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(sim.post_uplink(&uplink()).unwrap_err().to_string().contains("no destination"));
}

#[test]
fn neither_payload_nor_values_are_shown() {
    let server = Server::start(&[]);
    let posted = sim(&server, &[]).post_uplink(&UplinkSpec::lora(EUI, 1, [0xC0, 0xFF, 0xEE])).unwrap();
    let shown =
        format!("{posted:?} {:?}", UplinkSpec::measured(EUI, [Measurement::number("t", "Cel", 47.11)]));
    assert!(!shown.contains("c0ffee") && !shown.contains("47.11"), "{shown}");
}

fn control(sim: &Sim, method: &str, target: &str, body: &str) -> (u16, Value) {
    let answer = call(sim, method, &format!("/__sim/{target}"), &[], body);
    (answer.status, answer.json())
}

#[test]
fn uplinks_are_posted_and_listed_by_the_control_api() {
    let server = Server::start(&[503]);
    let sim = Sim::builder().start().unwrap();
    let body = r#"{"device":"0059AC0000181EB6","port":1,"payload":"0102","time":1}"#;
    let (status, refused) = control(&sim, "POST", "uplinks", body);
    assert!(status == 400 && refused["message"].as_str().unwrap().contains("no destination"), "{refused}");

    let destination = json!({
        "url": server.url(), "secret": SECRET, "plug_uuid": "p", "headers": { "X": "y" }, "retry_pause": 0,
    });
    assert_eq!(control(&sim, "PUT", "destination", &destination.to_string()).0, 200);
    let (status, posted) = control(&sim, "POST", "uplinks", body);
    let attempt = |status| json!({ "status": status, "error": null, "faults": [], "duplicate": false });
    let expected = json!({
        "number": 1,
        "device": "urn:dev:DEVEUI:0059AC0000181EB6:",
        "body": r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.0},{"n":"payload","vs":"0102"},{"n":"port","v":1.0}]"#,
        "outcome": "delivered",
        "attempts": [attempt(503), attempt(204)],
    });
    assert_eq!((status, &posted), (201, &expected));
    assert_eq!(server.next().values("x"), ["y"]);
    let listed = control(&sim, "GET", "uplinks?wait_for=1", "").1;
    assert_eq!(listed, json!({ "created": 1, "delivered": 1, "discarded": 0, "uplinks": [expected] }));

    // The destination stays, because the receiver goes on.
    assert_eq!(control(&sim, "POST", "reset", "").0, 200);
    assert_eq!(control(&sim, "GET", "uplinks", "").1["created"], 0);
    assert_eq!(control(&sim, "POST", "uplinks", body).1["outcome"], "delivered");
    assert_eq!(control(&sim, "DELETE", "uplinks", "").0, 200);
    assert_eq!(sim.uplinks(), []);
    assert_eq!(control(&sim, "DELETE", "destination", "").0, 200);
    assert_eq!(control(&sim, "POST", "uplinks", body).0, 400);

    for (target, body, why) in [
        ("uplinks", "{", "EOF"),
        ("uplinks", r#"{"prt":1}"#, "unknown field `prt`"),
        ("destination", r#"{"url":"http://h/"}"#, "missing field `secret`"),
        ("destination", r#"{"url":"x","secret":"s3cret"}"#, "begins with https://"),
        ("destination", r#"{"url":"http://h/","secret":"s3cret","retry_pause":-1}"#, "retry_pause"),
    ] {
        let method = if target == "uplinks" { "POST" } else { "PUT" };
        let (status, refused) = control(&sim, method, target, body);
        let message = refused["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(why) && !message.contains("s3cret"), "{message}");
    }
}

#[test]
fn tls_destinations_are_verified() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let receiver = Sim::builder().tls_directory(directory.path()).start().unwrap();
    let destination =
        Destination::new(format!("{}/hook", receiver.url()), SECRET).retry_pause(Duration::ZERO);
    let trusting = destination.clone().certificates(std::fs::read(directory.path().join("ca.pem")).unwrap());
    let sim = Sim::builder().uplink_destination(trusting).start().unwrap();
    // The other simulator has no such path. Its certificate was accepted.
    assert_eq!(statuses(&sim.post_uplink(&uplink()).unwrap()), [Some(404); 3]);
    sim.set_uplink_destination(Some(&destination)).unwrap();
    assert_eq!(statuses(&sim.post_uplink(&uplink()).unwrap()), [None; 3]);
    let error = sim
        .set_uplink_destination(Some(&destination.certificates("-----BEGIN CERTIFICATE-----")))
        .unwrap_err();
    assert!(error.to_string().contains("certificates"), "{error}");
}
