//! What the simulator remembers.

use crate::client::*;
use things_sim::Sim;

#[test]
fn requests_are_kept_with_secrets_masked() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    let token = bearer.strip_prefix("Bearer ").unwrap();
    let secret = sim.credentials().key_secret.clone();
    let target = format!("/odd/%20path?secret={secret}");
    call(
        &sim,
        "DELETE",
        &target,
        &[("Authorization", &bearer), ("X-Secret", &secret), ("x-Plain", "é")],
        "body",
    );
    call(&sim, "GET", "/", &[("authorization", token)], "");
    let requests = sim.requests();
    assert_eq!(requests.len(), 3);
    let odd = &requests[1];
    assert_eq!((odd.method.as_str(), odd.target.as_str()), ("DELETE", "/odd/%20path?secret=***"));
    assert_eq!(odd.header("AUTHORIZATION"), Some("Bearer ***"));
    assert_eq!(odd.header("x-secret"), Some("***"));
    assert!(odd.headers.contains(&("x-Plain".to_owned(), "é".to_owned())));
    assert_eq!(odd.body_length, 4);
    assert_eq!(requests[2].header("authorization"), Some("***"));
    let shown = format!("{requests:?} {sim:?}");
    assert!(!shown.contains(token) && !shown.contains(&secret));
}

#[test]
fn only_the_newest_are_kept() {
    let sim = Sim::builder().keep_requests(2).keep_downlinks(2).start().unwrap();
    let bearer = bearer(&sim);
    for reference in 0..5 {
        send(&sim, &bearer, &format!("{SEND}&externalReference={reference}"), DOWNLINK);
    }
    let numbers: Vec<u64> = sim.downlinks().iter().map(|downlink| downlink.number).collect();
    assert_eq!(numbers, [4, 5]);
    assert_eq!(sim.downlinks_received(), 5);
    let targets: Vec<String> = sim.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, [format!("{SEND}&externalReference=3"), format!("{SEND}&externalReference=4")]);

    let sim = Sim::builder().keep_requests(0).keep_downlinks(0).start().unwrap();
    send(&sim, &self::bearer(&sim), SEND, DOWNLINK);
    assert!(sim.requests().is_empty() && sim.downlinks().is_empty());
    assert_eq!(sim.downlinks_received(), 1);
}
