//! Faults over the wire.

use crate::client::*;
use std::time::{Duration, Instant};
use things_sim::{Fault, FaultRule, Route, Sim, When};

fn sim(rules: &[&str]) -> Sim {
    let rules = rules.iter().map(|rule| rule.parse().unwrap());
    rules.fold(Sim::builder(), |builder, rule: FaultRule| builder.fault(rule)).start().unwrap()
}

#[test]
fn an_answer_can_be_replaced_before_and_after_processing() {
    let sim = sim(&[
        "downlinks@1=status:503,Retry-After:2",
        r#"downlinks@2=status-after:500,X-Trace:a\,b,body:{"oops":1}"#,
        "downlinks@3=status:418,Content-Type:text/plain,body:teapot",
        "downlinks@4=status:204,body:never sent",
    ]);
    let bearer = bearer(&sim);
    let mut wire = Wire::to(&sim);
    let mut send = || {
        wire.write(request("POST", SEND, &send_headers(&bearer), DOWNLINK));
        wire.read().unwrap()
    };
    let first = send();
    assert_eq!((first.status, first.header("retry-after"), first.text()), (503, Some("2"), ""));
    assert_eq!(sim.downlinks_received(), 0);
    let second = send();
    assert_eq!((second.status, second.header("x-trace"), second.text()), (500, Some("a,b"), r#"{"oops":1}"#));
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert_eq!(sim.downlinks_received(), 1);
    let third = send();
    assert_eq!(
        (third.status, third.header("content-type"), third.text()),
        (418, Some("text/plain"), "teapot")
    );
    assert_eq!(send().status, 204);
    assert_eq!(send().status, 201);
    assert_eq!(sim.downlinks_received(), 2);
    assert_eq!(sim.calls(Route::Downlinks), 5);
}

#[test]
fn a_connection_can_be_dropped_before_and_after_processing() {
    let sim = sim(&["downlinks@1=drop-before", "downlinks@2=drop-after"]);
    let bearer = bearer(&sim);
    for processed in [0, 1] {
        let mut wire = Wire::to(&sim);
        wire.write(request("POST", SEND, &send_headers(&bearer), DOWNLINK));
        assert!(wire.rest().is_empty());
        assert_eq!(sim.downlinks_received(), processed);
    }
    assert_eq!(sim.calls(Route::Downlinks), 2);
    assert_eq!(sim.calls_total(), 3);
}

#[test]
fn an_answer_can_be_cut_short() {
    let sim = sim(&["devices@1=truncate:100", "devices@2=truncate:0", "devices@3=truncate:1000000"]);
    let bearer = bearer(&sim);
    for sent in [100, 0, usize::MAX] {
        let mut wire = Wire::to(&sim);
        wire.write(request("GET", "/api/devices", &[("Authorization", &bearer), ("Accept", DEVICES)], ""));
        let head = wire.read_head().unwrap();
        let declared: usize = head.header("content-length").unwrap().parse().unwrap();
        assert!(declared > 1000);
        assert_eq!(wire.rest().len(), sent.min(declared));
    }
    assert_eq!(list(&sim, &bearer, "").status, 200);
}

#[test]
fn a_stalled_call_is_never_answered_and_its_connection_stays_open() {
    let sim = sim(&["downlinks@1=stall", "downlinks@2=stall-after"]);
    let bearer = bearer(&sim);
    for processed in [0, 1] {
        let mut wire = Wire::to(&sim);
        wire.write(request("POST", SEND, &send_headers(&bearer), DOWNLINK));
        // The simulator answers others meanwhile, and closes only once this client is done.
        while sim.calls(Route::Downlinks) <= processed || sim.downlinks_received() < processed {
            std::thread::yield_now();
        }
        assert_eq!(list(&sim, &bearer, "").status, 200);
        wire.half_close();
        assert!(wire.rest().is_empty());
        assert_eq!(sim.downlinks_received(), processed);
    }
}

#[test]
fn tokens_can_be_revoked_under_a_call() {
    let sim = sim(&["devices@2=revoke"]);
    let first = bearer(&sim);
    assert_eq!(list(&sim, &first, "").status, 200);
    assert_eq!(list(&sim, &first, "").status, 302);
    assert_eq!(list(&sim, &first, "").status, 302);
    assert_eq!(list(&sim, &bearer(&sim), "").status, 200);
}

#[test]
fn latency_is_no_shorter_than_said_and_adds_up() {
    let sim = sim(&["devices=latency:20ms", "devices@2=latency:15ms"]);
    let bearer = bearer(&sim);
    for least in [20, 35] {
        let start = Instant::now();
        assert_eq!(list(&sim, &bearer, "").status, 200);
        assert!(start.elapsed() >= Duration::from_millis(least));
    }
}

#[test]
fn faults_come_and_go_while_it_runs() {
    let sim = Sim::builder().start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "").status, 200);
    let fault = Fault::Status { status: 500, headers: Vec::new(), body: None, processed: false };
    sim.add_fault(FaultRule { route: None, when: When::Calls(1..=1), fault: fault.clone() });
    sim.add_fault(FaultRule { route: Some(Route::Devices), when: When::Every(2), fault });
    let statuses: Vec<u16> = (0..5).map(|_| list(&sim, &bearer, "").status).collect();
    assert_eq!(statuses, [500, 500, 200, 500, 200]);
    sim.clear_faults();
    assert!((0..4).all(|_| list(&sim, &bearer, "").status == 200));
}

#[test]
fn the_token_and_unknown_routes_fail_too() {
    let sim = sim(&["token@1=status:503", "context-switch=status:502", "other=status:504"]);
    assert_eq!(ask_token(&sim).status, 503);
    assert_eq!(ask_token(&sim).status, 200);
    assert_eq!(switch(&sim, "", "x").status, 502);
    assert_eq!(call(&sim, "GET", "/any", &[], "").status, 504);
}
