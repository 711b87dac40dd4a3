//! A Postman collection (v2.1) of the beta API, with tests.

use serde_json::{Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

const DESCRIPTION: &str = "\
The beta API of KPN Things: request a token, list devices, send a downlink, act for a sub-customer. Made by users of KPN \
Things, from KPN's documentation; KPN did not publish or check it.

Use it with an environment that has KPN's variables `gripBaseUrl`, `tenantId`, `applicationId`, `keyId`, `keySecret` and \
`baseUrl`. Run the collection, or start with the first request: it keeps the token in the variable `accessToken`.

A downlink is sent only if the variable `devEui` is set, because it reaches a real device. The requests for a sub-customer \
are sent only if the variable `clientId` is set.";

const DEVICES: &str = "application/vnd.kpnthings.device.v1.response+json";
const DOWNLINKS: &str = "application/vnd.kpnthings.actuator.v1.response+json";
const JSON: &str = "application/json";

/// Returns the collection.
pub(super) fn collection() -> Value {
    json!({
        "info": { "name": "KPN Things, beta API", "description": DESCRIPTION, "schema": SCHEMA },
        "auth": bearer("{{accessToken}}"),
        "item": [
            request_token(),
            refuse_token(),
            list_devices(),
            send_downlink(),
            switch_context(),
            list_devices_of_customer(),
        ],
        "variable": [
            variable("accessToken", ""),
            variable("currentPage", "0"),
            variable("pageSize", "20"),
            variable("listed", "[]"),
            variable("devEui", ""),
            variable("port", "1"),
            variable("payloadHex", "0102"),
            variable("externalReference", "postman"),
            variable("clientId", ""),
        ],
    })
}

fn request_token() -> Value {
    let body = json!({
        "grant_type": "client_credentials",
        "audience": "{{applicationId}}",
        "client_id": "{{keyId}}",
        "client_secret": "{{keySecret}}",
    });
    json!({
        "name": "Request an access token",
        "event": [
            event("prerequest", include_str!("scripts/request_token.before.js")),
            event("test", include_str!("scripts/request_token.js")),
        ],
        "request": {
            "auth": { "type": "noauth" },
            "method": "POST",
            "header": [header("Content-Type", JSON)],
            "body": body_of(&body),
            "url": url("gripBaseUrl", "v2/{{tenantId}}/oidc/idp/c1/token", &[]),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

fn refuse_token() -> Value {
    json!({
        "name": "List devices with a wrong token",
        "event": [event("test", include_str!("scripts/refuse_token.js"))],
        "request": {
            "auth": bearer("wrong"),
            "method": "GET",
            "header": [header("Accept", DEVICES)],
            "url": url("baseUrl", "api/devices", &[]),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

fn list_devices() -> Value {
    let query = [
        query("currentPage", "{{currentPage}}", "The number of the page, from 0"),
        query("pageSize", "{{pageSize}}", "The number of devices per page"),
        unused("search", "Parking", "Lists devices that contain this text; case-sensitive"),
        unused("sortBy", "name", "The property to sort by"),
        unused("sortOrder", "ASC", "ASC or DESC"),
    ];
    json!({
        "name": "List devices",
        "event": [event("test", include_str!("scripts/list_devices.js"))],
        "request": {
            "method": "GET",
            "header": [header("Accept", DEVICES)],
            "url": url("baseUrl", "api/devices", &query),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

fn send_downlink() -> Value {
    let body = json!([{ "bn": "urn:dev:DEVEUI:{{devEui}}:", "n": "payloadHex", "vs": "{{payloadHex}}" }]);
    let query = [
        query("port", "{{port}}", "The LoRaWAN port, 1 to 223"),
        query("externalReference", "{{externalReference}}", "A reference of your choice"),
    ];
    json!({
        "name": "Send a downlink",
        "event": [
            event("prerequest", include_str!("scripts/send_downlink.before.js")),
            event("test", include_str!("scripts/send_downlink.js")),
        ],
        "request": {
            "method": "POST",
            "header": [header("Accept", DOWNLINKS), header("Content-Type", JSON)],
            "body": body_of(&body),
            "url": url("baseUrl", "api/actuator/downlinks", &query),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

fn switch_context() -> Value {
    json!({
        "name": "Switch to a sub-customer",
        "event": [
            event("prerequest", include_str!("scripts/switch_context.before.js")),
            event("test", include_str!("scripts/switch_context.js")),
        ],
        "request": {
            "method": "GET",
            "header": [header("Accept", JSON), header("Content-Type", JSON)],
            "url": url("baseUrl", "api/v1/lifecycle/clients/{{clientId}}/context-switch", &[]),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

fn list_devices_of_customer() -> Value {
    json!({
        "name": "List devices of the sub-customer",
        "event": [
            event("prerequest", include_str!("scripts/switch_context.before.js")),
            event("test", include_str!("scripts/list_devices_of_customer.js")),
        ],
        "request": {
            "method": "GET",
            "header": [header("Accept", DEVICES), header("x-client-id", "{{clientId}}")],
            "url": url("baseUrl", "api/devices", &[]),
        },
        "protocolProfileBehavior": no_redirects(),
    })
}

/// KPN answers 302 where a token is not accepted. The target of the redirect would receive the token.
fn no_redirects() -> Value {
    json!({ "followRedirects": false })
}

fn bearer(token: &str) -> Value {
    json!({ "type": "bearer", "bearer": [{ "key": "token", "value": token, "type": "string" }] })
}

fn event(listen: &str, script: &str) -> Value {
    let lines: Vec<&str> = script.lines().collect();
    json!({ "listen": listen, "script": { "type": "text/javascript", "exec": lines } })
}

fn header(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": value })
}

fn variable(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": value })
}

fn query(name: &str, value: &str, description: &str) -> Value {
    json!({ "key": name, "value": value, "description": description })
}

fn unused(name: &str, value: &str, description: &str) -> Value {
    json!({ "key": name, "value": value, "description": description, "disabled": true })
}

fn body_of(body: &Value) -> Value {
    json!({ "mode": "raw", "raw": format!("{body:#}"), "options": { "raw": { "language": "json" } } })
}

/// Returns an address as Postman stores it: as a whole, and in parts.
fn url(base: &str, path: &str, query: &[Value]) -> Value {
    let used = query.iter().filter(|parameter| parameter.get("disabled").is_none());
    let text = |parameter: &Value, field| {
        parameter.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let pairs: Vec<String> =
        used.map(|parameter| format!("{}={}", text(parameter, "key"), text(parameter, "value"))).collect();
    let question = if pairs.is_empty() { "" } else { "?" };
    json!({
        "raw": format!("{{{{{base}}}}}/{path}{question}{}", pairs.join("&")),
        "host": [format!("{{{{{base}}}}}")],
        "path": path.split('/').collect::<Vec<_>>(),
        "query": query,
    })
}
