use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::post;
use http::StatusCode;
use things_receiver::extract::VerifiedUplink;
use things_uplink::{TOKEN_HEADER, Verifier, sign};
use tokio::net::TcpListener;

use crate::running::{RETIRING, SECRET, client, verifier};

/// A service of somebody else, which keeps what it gets in memory.
#[derive(Clone)]
struct Service {
    verifier: Arc<Verifier>,
    received: Arc<Mutex<Vec<(String, usize)>>>,
}

impl FromRef<Service> for Arc<Verifier> {
    fn from_ref(service: &Service) -> Self {
        Arc::clone(&service.verifier)
    }
}

async fn uplink(State(service): State<Service>, message: VerifiedUplink) -> StatusCode {
    assert!(!format!("{message:?}").contains("humidity"), "{message:?}");
    service.received.lock().unwrap().push((message.label, message.body.len()));
    StatusCode::ACCEPTED
}

#[tokio::test]
async fn a_handler_gets_what_is_verified_and_nothing_else() {
    let service = Service { verifier: Arc::new(verifier().body_limit(1_000)), received: Arc::default() };
    let received = Arc::clone(&service.received);
    let app: Router = Router::new().route("/uplinks", post(uplink)).with_state(service);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/uplinks", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    let body = "[{\"n\":\"humidity\",\"v\":1}]";
    for (secret, body, status) in [
        (Some(SECRET), body.to_owned(), 202),
        (Some(RETIRING), body.to_owned(), 202),
        (Some("another secret"), body.to_owned(), 401),
        (None, body.to_owned(), 401),
        (Some(SECRET), "x".repeat(1_000), 202),
        (Some(SECRET), "x".repeat(1_001), 413),
    ] {
        let request = client().post(&url);
        let request = match secret {
            Some(secret) => request.header(TOKEN_HEADER, sign(secret, body.as_bytes())),
            None => request,
        };
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.text().await.unwrap().lines().count(), usize::from(status != 202));
    }
    let expected = [("active", 24), ("retiring", 24), ("active", 1_000)];
    let received = received.lock().unwrap();
    assert!(received.iter().map(|(label, length)| (label.as_str(), *length)).eq(expected), "{received:?}");
    server.abort();
}
