//! Responses that repeat secrets.

use crate::client::*;
use things_sim::{FaultRule, Sim};

fn call_with_context(sim: &Sim, bearer: &str) -> Answer {
    let headers =
        [("Authorization", bearer), ("Accept", DEVICES), ("KPN-Things-Security-Context", "secret context")];
    call(sim, "GET", "/api/devices", &headers, "")
}

fn sim(rule: &str) -> Sim {
    Sim::builder().fault(rule.parse::<FaultRule>().unwrap()).start().unwrap()
}

#[test]
fn headers_repeat_the_secrets_of_any_response() {
    let sim = sim("devices=echo:header");
    let bearer = bearer(&sim);
    let served = call_with_context(&sim, &bearer);
    assert_eq!(served.status, 200);
    let refused = call_with_context(&sim, "Bearer wrong");
    assert_eq!(refused.status, 302);
    for (answer, sent) in [(served, bearer.as_str()), (refused, "Bearer wrong")] {
        assert_eq!(answer.header("x-echo-authorization"), Some(sent));
        assert_eq!(answer.header("x-echo-kpn-things-security-context"), Some("secret context"));
        assert_eq!(answer.header("x-echo-key-secret"), Some(sim.credentials().key_secret.as_str()));
    }
}

#[test]
fn a_body_repeats_the_secrets() {
    let sim = sim("any@2-=echo:body");
    let bearer = bearer(&sim);
    let answer = call_with_context(&sim, &bearer);
    let body = answer.json();
    let message = body["message"].as_str().unwrap();
    assert_eq!(answer.status, 400);
    for secret in [bearer.as_str(), "secret context", sim.credentials().key_secret.as_str()] {
        assert!(message.contains(secret), "{message}");
    }
    let token = ask_token(&sim);
    assert_eq!(token.status, 400);
    assert!(token.text().contains(&sim.credentials().key_secret));
}
