//! Tokens.

use crate::client::*;
use serde_json::{Value, json};
use std::time::Duration;
use things_sim::{ExpiresIn, Route, Sim, SimCredentials};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

#[test]
fn a_token_is_granted_on_both_paths() {
    let sim = Sim::builder().start().unwrap();
    let body = token_body(&sim).to_string();
    for path in [token_path(&sim), "/api/v3/idp/oidc/token".to_owned()] {
        let answer = call(&sim, "POST", &path, &JSON, &body);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let answer = answer.json();
        assert_eq!(answer["expires_in"], 3600);
        let token = answer["access_token"].as_str().unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        let base64url = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        assert!(parts.iter().all(|part| part.len() > 20 && part.chars().all(base64url)), "{token}");
        assert_eq!(list(&sim, &format!("Bearer {token}"), "").status, 200);
    }
    assert_eq!(sim.tokens_issued(), 2);
    assert_eq!(sim.calls(Route::Token), 2);
}

#[test]
fn only_json_with_the_known_key_gets_one() {
    let sim = Sim::builder().start().unwrap();
    let path = token_path(&sim);
    let with = |field: &str, value: Value| {
        let mut body = token_body(&sim);
        body[field] = value;
        body.to_string()
    };
    for (status, error, body) in [
        (400, "unsupported_grant_type", with("grant_type", json!("password"))),
        (401, "invalid_client", with("client_id", json!("other"))),
        (401, "invalid_client", with("client_secret", json!("other"))),
        (400, "invalid_target", with("audience", json!("other"))),
        (400, "invalid_request", with("audience", Value::Null)),
        (400, "invalid_request", with("client_secret", json!(7))),
        (400, "invalid_request", "grant_type=client_credentials".to_owned()),
        (400, "invalid_request", "[]".to_owned()),
        (400, "invalid_request", String::new()),
    ] {
        let answer = call(&sim, "POST", &path, &JSON, &body);
        assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{body}");
    }
    let body = token_body(&sim).to_string();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(call(&sim, "POST", &path, &form, &body).status, 400);
    assert_eq!(call(&sim, "POST", &path, &[], &body).status, 400);
    assert_eq!(call(&sim, "POST", "/v2/other/oidc/idp/c1/token", &JSON, &body).status, 404);
    let get = call(&sim, "GET", &path, &JSON, "");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(sim.tokens_issued(), 0);
}

#[test]
fn the_life_is_told_in_the_chosen_way() {
    let told = |expires_in| {
        let sim = Sim::builder().token_life(Duration::from_secs(90)).expires_in(expires_in).start().unwrap();
        ask_token(&sim).json().get("expires_in").cloned()
    };
    assert_eq!(told(ExpiresIn::Number), Some(json!(90)));
    assert_eq!(told(ExpiresIn::Text), Some(json!("90")));
    assert_eq!(told(ExpiresIn::Absent), None);
    assert_eq!(told(ExpiresIn::Verbatim(json!(-1e12))), Some(json!(-1e12)));
}

#[test]
fn an_expired_token_is_refused() {
    let sim = Sim::builder().token_life(Duration::ZERO).start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "").status, 302);
    let forever = Sim::builder().token_life(Duration::MAX).start().unwrap();
    assert_eq!(list(&forever, &self::bearer(&forever), "").status, 200);
}

#[test]
fn every_call_without_a_live_token_is_sent_to_the_login_page() {
    let sim = Sim::builder().start().unwrap();
    let good = bearer(&sim);
    let other = bearer(&Sim::builder().start().unwrap());
    let login = format!("{}/login", sim.url());
    let calls = [
        ("GET", "/api/devices"),
        ("POST", "/api/actuator/downlinks?port=1"),
        ("GET", "/api/v1/lifecycle/clients/x/context-switch"),
        ("GET", "/api/nothing"),
    ];
    for (method, target) in calls {
        let refused = |answer: &Answer| answer.status == 302 && answer.header("location") == Some(&login);
        assert!(refused(&call(&sim, method, target, &[], "")));
        for value in ["", "Bearer", "Bearer ", "Bearer x.y.z", &good.replace("Bearer", "Basic"), &other] {
            let answer = call(&sim, method, target, &[("Authorization", value)], "");
            assert!(refused(&answer), "{value} {answer:?}");
        }
        assert_ne!(call(&sim, method, target, &[("Authorization", &good)], "").status, 302);
    }
    let page = call(&sim, "GET", "/login", &[], "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html;charset=UTF-8")));
    sim.revoke_tokens();
    assert_eq!(list(&sim, &good, "").status, 302);
    assert_eq!(list(&sim, &bearer(&sim), "").status, 200);
}

#[test]
fn a_key_without_access_gets_a_token_and_302() {
    let sim = Sim::builder().without_access().start().unwrap();
    let bearer = bearer(&sim);
    assert_eq!(list(&sim, &bearer, "").status, 302);
    assert_eq!(send(&sim, &bearer, SEND, DOWNLINK).status, 302);
    assert!(sim.downlinks().is_empty());
}

#[test]
fn credentials_can_be_given_and_their_secret_is_not_shown() {
    let known = SimCredentials {
        tenant_id: "a b/ü".to_owned(),
        application_id: "app".to_owned(),
        key_id: "key".to_owned(),
        key_secret: "/+=&%\"canary".to_owned(),
    };
    let builder = Sim::builder().credentials(known.clone());
    assert!(!format!("{known:?} {builder:?}").contains("canary"));
    let sim = builder.start().unwrap();
    assert!(!format!("{sim:?}").contains("canary"));
    let body = token_body(&sim).to_string();
    let answer = call(&sim, "POST", "/v2/a%20b%2F%C3%BC/oidc/idp/c1/token", &JSON, &body);
    assert_eq!(answer.status, 200);

    let environment: Vec<_> = sim.environment();
    assert!(environment.contains(&("KPN_THINGS_KEY_SECRET", known.key_secret.clone())));
    assert!(environment.contains(&("KPN_THINGS_BASE_URL", sim.url().to_owned())));
    assert_eq!(environment.len(), 6);
    let file: Value = serde_json::from_str(&sim.postman_environment()).unwrap();
    let variables = file["values"].as_array().unwrap();
    let find = |key| variables.iter().find(|variable| variable["key"] == key).unwrap();
    assert_eq!(
        find("keySecret"),
        &json!({ "key": "keySecret", "value": known.key_secret, "type": "secret", "enabled": true })
    );
    for (key, value) in [
        ("gripBaseUrl", sim.url()),
        ("tenantId", &known.tenant_id),
        ("applicationId", &known.application_id),
        ("keyId", &known.key_id),
        ("baseUrl", sim.url()),
    ] {
        assert_eq!(find(key), &json!({ "key": key, "value": value, "type": "default", "enabled": true }));
    }
}
