//! What people write without a library: a token call, and a loop over the pages, with reqwest and serde_json.

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    pub(crate) content: Vec<Device>,
    pub(crate) last: bool,
}

/// Owned strings; fields that are not known here are dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    pub(crate) uuid: String,
    #[expect(dead_code, reason = "read to compare like with like")]
    pub(crate) name: String,
    #[expect(dead_code, reason = "read to compare like with like")]
    pub(crate) description: Option<String>,
    #[expect(dead_code, reason = "read to compare like with like")]
    pub(crate) metadata: Value,
    #[serde(rename = "deviceSpecificationUUID")]
    #[expect(dead_code, reason = "read to compare like with like")]
    pub(crate) device_specification_uuid: Option<String>,
    #[expect(dead_code, reason = "read to compare like with like")]
    pub(crate) barcode: Option<String>,
}

/// Where the simulator is, and the key it takes.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) url: String,
    pub(crate) tenant_id: String,
    pub(crate) application_id: String,
    pub(crate) key_id: String,
    pub(crate) key_secret: String,
}

pub(crate) fn client() -> reqwest::Client {
    // Fails when it is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

/// All devices, one page at a time.
pub(crate) async fn list(client: &reqwest::Client, account: &Account) -> Vec<Device> {
    let body = json!({"grant_type": "client_credentials", "audience": account.application_id,
        "client_id": account.key_id, "client_secret": account.key_secret});
    let answer = client
        .post(format!("{}/v2/{}/oidc/idp/c1/token", account.url, account.tenant_id))
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let token: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let token = token["access_token"].as_str().unwrap();
    let mut devices = Vec::new();
    for number in 0.. {
        let answer = client
            .get(format!("{}/api/devices?currentPage={number}", account.url))
            .header("Accept", "application/vnd.kpnthings.device.v1.response+json")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let page: Page = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        devices.extend(page.content);
        if page.last {
            break;
        }
    }
    devices
}
