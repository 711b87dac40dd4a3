//! Refusals in many shapes, rate limits, and an identity service that hangs.

use crate::client::*;
use serde_json::Value;
use things_sim::{FaultRule, Route, Sim};

const REASON: &str = "the simulator refuses this call";

fn sim(rules: &[&str]) -> Sim {
    let rules = rules.iter().map(|rule| rule.parse().unwrap());
    rules.fold(Sim::builder(), |builder, rule: FaultRule| builder.fault(rule)).start().unwrap()
}

#[test]
fn a_call_is_refused_in_the_chosen_shape_and_has_no_effect() {
    let refused = |shape: &str| {
        let sim = sim(&[&format!("downlinks=refuse:{shape}")]);
        let answer = send(&sim, &bearer(&sim), SEND, DOWNLINK);
        assert_eq!(sim.downlinks_received(), 0);
        answer
    };
    for (shape, status, pointer) in [
        ("spring", 400, "/message"),
        ("spring-errors", 400, "/errors/0/defaultMessage"),
        ("problem", 400, "/detail"),
        ("oauth", 401, "/error_description"),
        ("spring,422", 422, "/message"),
    ] {
        let answer = refused(shape);
        let body = answer.json();
        assert_eq!((answer.status, body.pointer(pointer).and_then(Value::as_str)), (status, Some(REASON)));
        assert!(body.get("status").is_none_or(|said| *said == status), "{body}");
    }
    assert_eq!(refused("problem").header("content-type"), Some("application/problem+json"));
    assert_eq!(refused("spring").json()["path"], "/api/actuator/downlinks");
    let challenge = refused("challenge");
    assert_eq!((challenge.status, challenge.text()), (403, ""));
    assert!(challenge.header("www-authenticate").unwrap().contains(REASON));
    let page = refused("html");
    assert_eq!((page.status, page.header("content-type")), (403, Some("text/html;charset=UTF-8")));
    assert!(page.text().find(REASON).unwrap() > 900);
}

#[test]
fn a_token_can_be_refused_with_status_200() {
    let sim = sim(&["token=refuse:oauth,200"]);
    let answer = ask_token(&sim);
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["error"], body.get("access_token")),
        (200, &"invalid_client".into(), None)
    );
    assert_eq!(sim.tokens_issued(), 0);
}

#[test]
fn a_hanging_identity_service_can_be_switched_on_and_off() {
    let sim = sim(&["token=latency:0ms"]);
    let hang: FaultRule = "token=stall".parse().unwrap();
    let bearer = bearer(&sim);
    sim.add_fault(hang.clone());
    let mut wire = Wire::to(&sim);
    let body = token_body(&sim).to_string();
    wire.write(request("POST", &token_path(&sim), &[("Content-Type", "application/json")], &body));
    while sim.calls(Route::Token) < 2 {
        std::thread::yield_now();
    }
    assert_eq!(list(&sim, &bearer, "").status, 200);
    assert!(sim.remove_fault(&hang));
    assert!(!sim.remove_fault(&hang));
    assert_eq!(ask_token(&sim).status, 200);
    wire.half_close();
    assert!(wire.rest().is_empty());
}

#[test]
fn calls_beyond_the_rate_get_429_and_have_no_effect() {
    let sim = sim(&["downlinks=rate-limit:3/h"]);
    let bearer = bearer(&sim);
    let statuses: Vec<u16> = (0..5).map(|_| send(&sim, &bearer, SEND, DOWNLINK).status).collect();
    assert_eq!(statuses, [201, 201, 201, 429, 429]);
    assert_eq!(sim.downlinks_received(), 3);
    let refused = send(&sim, &bearer, SEND, DOWNLINK);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1200).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["message"], "more than 3/h requests");
    assert_eq!(list(&sim, &bearer, "").status, 200);
}
