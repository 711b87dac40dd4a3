//! Several tenants in one simulator.

use crate::client::*;
use serde_json::json;
use things_sim::{Route, Sim};

/// A token of a tenant, as a value of `Authorization`.
fn token_of(sim: &Sim, tenant: &str) -> String {
    let target = format!("/v2/{tenant}/oidc/idp/c1/token");
    let headers = [("Content-Type", "application/json")];
    let answer = call(sim, "POST", &target, &headers, &token_body(sim).to_string());
    assert_eq!(answer.status, 200);
    format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
}

fn control(sim: &Sim, method: &str, target: &str, body: &str) -> serde_json::Value {
    let answer = call(sim, method, &format!("/__sim/{target}"), &[], body);
    assert!(answer.status < 300, "{answer:?}");
    answer.json()
}

#[test]
fn each_tenant_has_its_own_devices_faults_and_records() {
    let sim = Sim::builder().devices(3).any_tenant().start().unwrap();
    let [a, b] = ["a", "b"].map(|tenant| token_of(&sim, tenant));
    assert_eq!(list(&sim, &a, "").json(), list(&sim, &b, "").json());

    control(&sim, "POST", "faults?tenant=a", "downlinks=status:503");
    control(&sim, "PUT", "devices?tenant=b", r#"{"name":"only"}"#);
    assert_eq!(send(&sim, &a, SEND, DOWNLINK).status, 503);
    assert_eq!(send(&sim, &b, SEND, DOWNLINK).status, 201);
    assert_eq!([&a, &b].map(|token| names(&list(&sim, token, "").json()).len()), [3, 1]);
    for (tenant, downlinks, requests) in [("a", 0, 4), ("b", 1, 4), ("c", 0, 0)] {
        assert_eq!(control(&sim, "GET", &format!("downlinks?tenant={tenant}"), "")["received"], downlinks);
        assert_eq!(control(&sim, "GET", &format!("requests?tenant={tenant}"), "")["received"], requests);
    }
    assert_eq!((sim.downlinks_received(), sim.calls_total(), sim.device_count()), (0, 0, 3));
    let default = &sim.credentials().tenant_id;
    assert_eq!(control(&sim, "GET", "health", "")["tenants"], json!([default, "a", "b", "c"]));

    control(&sim, "POST", "reset?tenant=b", "");
    assert_eq!([&a, &b].map(|token| names(&list(&sim, token, "").json()).len()), [3, 3]);
    assert_eq!(send(&sim, &a, SEND, DOWNLINK).status, 503);
}

#[test]
fn a_tenant_revokes_only_its_own_tokens() {
    let sim = Sim::builder().any_tenant().start().unwrap();
    let [a, b] = ["a", "b"].map(|tenant| token_of(&sim, tenant));
    control(&sim, "POST", "faults?tenant=a", "devices=revoke");
    assert_eq!([&a, &b].map(|token| list(&sim, token, "").status), [302, 200]);
    // A revoked token still names its tenant, so the refused call is recorded there.
    assert_eq!(control(&sim, "GET", "requests?tenant=a&route=devices", "")["received"], 1);
    assert_eq!(sim.calls(Route::Devices), 0);
}

#[test]
fn the_log_names_the_tenant() {
    let (sender, lines) = std::sync::mpsc::channel();
    let builder = Sim::builder().any_tenant();
    let sim =
        builder.on_exchange(move |exchange| sender.send(exchange.to_string()).unwrap()).start().unwrap();
    token_of(&sim, "suite-a");
    let line = lines.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!(line, "POST /v2/suite-a/oidc/idp/c1/token 200 [tenant suite-a]");
}

#[test]
fn requests_without_a_tenant_belong_to_the_default_one() {
    let sim = Sim::builder().any_tenant().start().unwrap();
    let body = token_body(&sim).to_string();
    let answer = call(&sim, "POST", "/api/v3/idp/oidc/token", &[("Content-Type", "application/json")], &body);
    assert_eq!(answer.status, 200);
    for bearer in ["", "Bearer x", "Bearer e30.e30.e30", "Bearer e30.eyJ0ZW5hbnQiOiJ6In0.e30"] {
        assert_eq!(list(&sim, bearer, "").status, 302);
    }
    assert_eq!((sim.calls(Route::Token), sim.calls(Route::Devices)), (1, 4));
}

#[test]
fn a_thousand_tenants_are_the_limit() {
    let sim = Sim::builder().devices(1).any_tenant().start().unwrap();
    let mut wire = Wire::to(&sim);
    for tenant in 1..=1000 {
        wire.write(format!("GET /__sim/faults?tenant={tenant} HTTP/1.1\r\n\r\n"));
        assert_eq!(wire.read().unwrap().status, if tenant < 1000 { 200 } else { 404 });
    }
    token_of(&sim, "999");
}

#[test]
fn without_the_option_other_tenants_are_unknown() {
    let sim = Sim::builder().start().unwrap();
    let headers = [("Content-Type", "application/json")];
    let answer = call(&sim, "POST", "/v2/a/oidc/idp/c1/token", &headers, &token_body(&sim).to_string());
    assert_eq!(answer.status, 404);
}
