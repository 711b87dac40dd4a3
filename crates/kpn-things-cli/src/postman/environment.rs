//! A Postman environment with the variables of KPN's own collection.

use serde_json::{Value, json};
use things_core::{Credentials, Settings};

/// Returns the environment of these settings. The key secret is left empty.
pub(super) fn environment(settings: &Settings) -> Value {
    let text = |setting: &Option<String>| setting.clone().unwrap_or_default();
    let or = |setting: &Option<String>, default: &str| setting.clone().unwrap_or_else(|| default.to_owned());
    let mut variables = vec![
        variable("gripBaseUrl", &or(&settings.grip_base_url, Settings::GRIP_BASE_URL), "default"),
        variable("tenantId", &text(&settings.tenant_id), "default"),
        variable(
            "applicationId",
            &or(&settings.application_id, Credentials::DOCUMENTED_APPLICATION_ID),
            "default",
        ),
        variable("keyId", &text(&settings.key_id), "default"),
        variable("keySecret", "", "secret"),
        variable("baseUrl", &or(&settings.base_url, Settings::BASE_URL), "default"),
    ];
    variables.extend(settings.customer_id.as_deref().map(|id| variable("clientId", id, "default")));
    json!({ "name": "KPN Things", "values": variables, "_postman_variable_scope": "environment" })
}

fn variable(name: &str, value: &str, kind: &str) -> Value {
    json!({ "key": name, "value": value, "type": kind, "enabled": true })
}
