use std::sync::Arc;

use things_receiver::Receiver;
use things_uplink::{TOKEN_HEADER, sign};
use tokio::task::JoinSet;

use crate::gate::{Gate, Next};
use crate::running::{RETIRING, Running, SECRET, bodies, client, post, stored, verifier};

#[tokio::test]
async fn a_message_is_stored_as_it_was_received_and_then_confirmed() {
    let (running, folder) = Running::with_defaults().await;
    // Neither JSON nor UTF-8: what it is will be decided when it is read.
    let body: Vec<u8> = (0..=255).collect();
    let request = client().post(running.url("/any/path?query=1"));
    let request = request.header(TOKEN_HEADER, sign(SECRET, &body)).header("Things-Plug-UUID", "7e6c");
    let request =
        request.header("Authorization", "Basic c2VjcmV0").header("X-Twice", "1").header("X-Twice", "2");
    let response = request.body(body.clone()).send().await.unwrap();
    assert_eq!(response.status(), 204);
    let messages = stored(folder.path());
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!((&message.body, message.label.as_deref()), (&body, Some("active")));
    assert_eq!(message.source.as_str(), "http");
    let values = |wanted: &str| -> Vec<_> {
        let found = message.headers.iter().filter(|(name, _)| name == wanted);
        found.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).collect()
    };
    assert_eq!(values("things-plug-uuid"), ["7e6c"]);
    assert_eq!(values(TOKEN_HEADER), [sign(SECRET, &body)]);
    assert_eq!(values("authorization"), ["***"]);
    assert_eq!(values("x-twice"), ["1", "2"]);
    running.end().await;
}

#[tokio::test]
async fn a_retry_is_confirmed_and_stored_once() {
    let (running, folder) = Running::with_defaults().await;
    for _ in 0..3 {
        assert_eq!(running.post("[]").await.status(), 204);
    }
    assert_eq!(bodies(folder.path()), ["[]"]);
    assert_eq!(running.metric("things_receiver_stored_total").await, Some(1.0));
    assert_eq!(running.metric("things_receiver_duplicates_total").await, Some(2.0));
    running.end().await;
}

#[tokio::test]
async fn a_message_without_the_right_token_is_refused_with_its_reason() {
    let (running, folder) = Running::with_defaults().await;
    let right = sign(SECRET, b"[]");
    let mut wrong = right.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let cases: [&[&str]; 6] =
        [&[], &[&right, &right], &[&right[1..]], &[&right.replace(|_| true, "z")], &[&wrong], &[""]];
    for tokens in cases {
        let mut request = client().post(running.url("/")).body("[]");
        for token in tokens {
            request = request.header(TOKEN_HEADER, *token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{tokens:?}");
        assert_eq!(response.headers()["www-authenticate"], "Things-Message-Token");
        let reason = response.text().await.unwrap();
        assert_eq!(reason.lines().count(), 1, "{reason}");
        assert!(!reason.contains(&right), "{reason} shows the token that was expected");
    }
    // The body is part of what is signed.
    let request = client().post(running.url("/")).header(TOKEN_HEADER, &right).body("[ ]");
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(bodies(folder.path()), [""; 0]);
    assert_eq!(running.metric("things_receiver_requests_total{status=\"401\"}").await, Some(7.0));
    running.end().await;
}

#[tokio::test]
async fn the_metrics_show_that_a_retiring_secret_is_in_use() {
    let (running, _folder) = Running::with_defaults().await;
    running.post("[1]").await;
    let request = client().post(running.url("/")).header(TOKEN_HEADER, sign(RETIRING, b"[2]")).body("[2]");
    assert_eq!(request.send().await.unwrap().status(), 204);
    for label in ["active", "retiring"] {
        let metric = format!("things_receiver_verified_total{{label=\"{label}\"}}");
        assert_eq!(running.metric(&metric).await, Some(1.0));
    }
    running.end().await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let (running, _folder) = Running::with_defaults().await;
    for (method, path) in [("GET", "/"), ("PUT", "/uplinks"), ("DELETE", "/health"), ("PATCH", "/metrics")] {
        let response = client().request(method.parse().unwrap(), running.url(path)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
        assert_eq!(response.text().await.unwrap(), "messages are posted: use the method POST\n");
    }
    running.end().await;
}

#[tokio::test]
async fn a_store_that_fails_gets_503_until_it_works_again() {
    let (gate, folder) = (Gate::default(), tempfile::tempdir().unwrap());
    let running = Running::start(Receiver::builder(verifier(), gate.inbox(folder.path()))).await;
    gate.next([Next::Fail, Next::Fail]);
    let response = running.post("[1]").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"5".parse().unwrap())
    );
    assert_eq!(response.text().await.unwrap(), "the disk is full\n");
    assert_eq!(running.text("/health").await, (503, "the disk is full\n".to_owned()));
    assert_eq!(running.text("/health").await, (200, "ok\n".to_owned()));
    assert_eq!(running.post("[1]").await.status(), 204);
    assert_eq!(bodies(folder.path()), ["[1]"]);
    running.end().await;
}

#[tokio::test]
async fn a_panic_of_the_store_gets_503_and_the_health_shows_it() {
    let (gate, folder) = (Gate::default(), tempfile::tempdir().unwrap());
    let running = Running::start(Receiver::builder(verifier(), gate.inbox(folder.path()))).await;
    gate.next([Next::Panic]);
    for body in ["[1]", "[2]"] {
        assert_eq!(running.post(body).await.status(), 503);
    }
    assert_eq!(running.text("/health").await, (503, "the writer has ended\n".to_owned()));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_concurrent_messages_are_all_stored_once() {
    let (running, folder) = Running::with_defaults().await;
    let (client, url) = (client(), Arc::new(running.url("/")));
    let mut posts = JoinSet::new();
    for number in 0..1_000 {
        let (client, url) = (client.clone(), Arc::clone(&url));
        posts.spawn(async move { post(&client, &url, format!("[{number}]")).await.status().as_u16() });
    }
    let statuses = posts.join_all().await;
    assert!(statuses.iter().all(|status| *status == 204), "{statuses:?}");
    let mut found = bodies(folder.path());
    found.sort();
    let mut expected: Vec<_> = (0..1_000).map(|number| format!("[{number}]")).collect();
    expected.sort();
    assert_eq!(found, expected);
    running.end().await;
}
