//! Postman environment files as users have them.

use serde_json::{Value, json};
use things_sim::Sim;

use crate::tool::{Ran, SECRET, bare, file, simulator};

/// The environment file of a simulator, with the variable of this name replaced.
fn with(sim: &Sim, name: &str, variable: Value) -> String {
    let mut file: Value = serde_json::from_str(&sim.postman_environment()).unwrap();
    let variables = file["values"].as_array_mut().unwrap();
    *variables.iter_mut().find(|variable| variable["key"] == name).unwrap() = variable;
    file.to_string()
}

fn check(name: &str, content: &str) -> Ran {
    bare(&["auth", "check", "--postman-environment", &file(name, content)])
}

#[test]
fn a_required_variable_without_a_value_is_explained() {
    let sim = simulator().start().unwrap();
    for (name, variable, told) in [
        (
            "keySecret",
            json!({"key": "key_secret", "value": SECRET}),
            "it has no keySecret, but key_secret: rename it",
        ),
        (
            "tenantId",
            json!({"key": "Tenant ID", "value": "t"}),
            "it has no tenantId, but Tenant ID: rename it",
        ),
        ("keyId", json!({"key": "id", "value": "key-1"}), "it has no keyId"),
        (
            "keyId",
            json!({"key": "keyId", "value": "key-1", "enabled": false}),
            "keyId is disabled there: enable it",
        ),
        (
            "keyId",
            json!({"key": "keyId", "value": "key-1", "disabled": true}),
            "keyId is disabled there: enable it",
        ),
        ("keySecret", json!({"key": "keySecret", "value": "", "type": "secret"}), "keySecret is empty there"),
        (
            "keySecret",
            json!({"key": "keySecret", "value": "{{vault:kpn-key}}"}),
            "the value of keySecret is the reference {{vault:kpn-key}} into Postman's vault",
        ),
    ] {
        let ran = check("gap.json", &with(&sim, name, variable)).exits(2).complains("error: missing: ");
        assert!(ran.err.contains("gap.json was read: ") && ran.err.contains(told), "{told}: {ran:?}");
        assert!(!ran.err.contains("point KPN_THINGS_POSTMAN_ENVIRONMENT"), "{ran:?}");
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn what_is_no_environment_of_kpn_is_named_for_what_it_is() {
    let sim = simulator().start().unwrap();
    let names =
        r#"{"values":[{"key":"tenant_id","value":"rjsfm52t"},{"key":"url","value":"https://a.example"}]}"#;
    let host = json!({"key": "baseUrl", "value": "https://{{host}}"});
    for (content, told) in [
        (
            names.to_owned(),
            "of tenantId, keyId, keySecret, applicationId, gripBaseUrl and baseUrl it has none; it has: tenant_id (rename it to tenantId), url",
        ),
        (
            with(&sim, "baseUrl", host),
            "the value of baseUrl is or contains {{host}}, which only Postman replaces",
        ),
        (r#"{"info":{},"item":[]}"#.to_owned(), "is a collection of Postman, not an environment"),
        ("export KPN_THINGS_TENANT_ID=t".to_owned(), "is not JSON (line 1, column 1)"),
    ] {
        check("other.json", &content).exits(2).complains("other.json").complains(told);
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn current_values_and_the_form_of_newman_are_read() {
    let sim = simulator().start().unwrap();
    for variable in [
        json!({"key": "keySecret", "value": "shared", "currentValue": SECRET, "type": "secret"}),
        json!({"key": "keySecret", "initialValue": "shared", "value": SECRET}),
        json!({"key": "keySecret", "initialValue": SECRET, "value": null, "type": "any"}),
    ] {
        check("dialect.json", &with(&sim, "keySecret", variable)).exits(0);
    }
}
