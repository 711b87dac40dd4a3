//! The request log: one exchange for each handled request.

use crate::client::*;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use things_sim::{Exchange, Fault, Route, Sim};

/// A simulator with these faults, and its exchanges.
fn logged(faults: &[&str]) -> (Sim, Receiver<Exchange>) {
    let (sender, exchanges) = mpsc::channel();
    let mut builder = Sim::builder().on_exchange(move |exchange| sender.send(exchange.clone()).unwrap());
    for fault in faults {
        builder = builder.fault(fault.parse().unwrap());
    }
    (builder.start().unwrap(), exchanges)
}

fn next(exchanges: &Receiver<Exchange>) -> Exchange {
    exchanges.recv_timeout(Duration::from_secs(20)).unwrap()
}

#[test]
fn each_request_is_one_line() {
    let (sim, exchanges) = logged(&["downlinks@2-3=drop-after", "downlinks@2=latency:1ms"]);
    let bearer = bearer(&sim);
    let token = format!("POST {} 200", token_path(&sim));
    assert_eq!(next(&exchanges).to_string(), token);
    let page = list(&sim, &bearer, "?pageSize=2&search=Caf%C3%A9");
    let exchange = next(&exchanges);
    assert_eq!(exchange.to_string(), "GET /api/devices?pageSize=2&search=Caf%C3%A9 200");
    assert_eq!((exchange.route, exchange.body_length), (Route::Devices, page.body.len()));

    let target = format!("{SEND}&externalReference=valve-42");
    assert_eq!(send(&sim, &bearer, &target, DOWNLINK).status, 201);
    let line = "POST /api/actuator/downlinks 201 0059AC0000181EB6 port 1 0102 ref=valve-42";
    assert_eq!(next(&exchanges).to_string(), line);
    for faults in ["[faults drop-after latency:1ms]", "[fault drop-after]"] {
        assert!(try_call(&sim, "POST", &target, &send_headers(&bearer), DOWNLINK).is_none());
        assert_eq!(next(&exchanges).to_string(), format!("{line} no response {faults}"));
    }
    assert_eq!(send(&sim, &bearer, "/api/actuator/downlinks", "nonsense").status, 400);
    assert_eq!(next(&exchanges).to_string(), "POST /api/actuator/downlinks 400");
}

#[test]
fn a_fault_that_keeps_a_request_from_being_processed_leaves_no_status() {
    let (sim, exchanges) = logged(&["token@1=drop-before", "token@2=stall", "token@3=status:503"]);
    assert!(try_call(&sim, "POST", &token_path(&sim), &[], "{}").is_none());
    let exchange = next(&exchanges);
    assert_eq!((exchange.status, exchange.sent, exchange.faults), (None, false, vec![Fault::DropBefore]));
    let mut stalled = Wire::to(&sim);
    stalled.write(request("POST", &token_path(&sim), &[], "{}"));
    let line = format!("POST {} - no response [fault stall]", token_path(&sim));
    assert_eq!(next(&exchanges).to_string(), line);
    assert_eq!(ask_token(&sim).status, 503);
    assert_eq!(next(&exchanges).status, Some(503));
}

#[test]
fn the_log_shows_neither_secrets_nor_control_characters() {
    let (sim, exchanges) = logged(&[]);
    let bearer = bearer(&sim);
    let secret = &sim.credentials().key_secret;
    let token = bearer.strip_prefix("Bearer ").unwrap();
    next(&exchanges);
    let target = format!("/{secret}?access_token={token}");
    // Each request has its own connection, so that only waiting keeps the lines in order.
    let line = || {
        let exchange = next(&exchanges);
        format!("{exchange} {exchange:?}")
    };
    call(&sim, "GET", &target, &[("Authorization", &bearer)], secret);
    let unknown = line();
    let reference = format!("externalReference={token}%1B%5B2Jb%0A");
    send(&sim, &bearer, &format!("{SEND}&{reference}"), &DOWNLINK.replace("0102", secret));
    let sent = line();
    list(&sim, &bearer, &format!("?search={token}"));
    let lines = [unknown, sent, line()];
    assert!(lines[0].starts_with("GET /*** 404"), "{}", lines[0]);
    assert!(lines.iter().all(|line| !line.contains(secret) && !line.contains(token)), "{lines:?}");
    assert!(lines[1].contains(r"port 1 *** ref=***\u{1b}[2Jb\n"), "{}", lines[1]);
    assert!(lines[2].starts_with("GET /api/devices?search=*** 200"), "{}", lines[2]);
}
