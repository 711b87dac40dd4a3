//! The API key that the simulator accepts.

use crate::random::Random;
use serde_json::json;
use std::fmt;

/// An API key, its tenant, and the application it requests. `Debug` does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SimCredentials {
    /// The GRIP tenant id.
    pub tenant_id: String,
    /// The id of the service, sent as `audience`.
    pub application_id: String,
    /// The id of the API key, sent as `client_id`.
    pub key_id: String,
    /// The secret of the API key, sent as `client_secret`.
    pub key_secret: String,
}

impl SimCredentials {
    /// Generates credentials from a seed. The secret contains characters that a form or a URL would have to escape, and
    /// begins with a text that is easy to find wherever it appears.
    pub(crate) fn from_seed(seed: u64) -> Self {
        const SLUG: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
        let mut random = Random::new(seed);
        let slug = |random: &mut Random, length| random.text(SLUG, length);
        Self {
            tenant_id: slug(&mut random, 8),
            application_id: format!(
                "{}-{}-523g-dek9-{}",
                slug(&mut random, 8),
                slug(&mut random, 4),
                slug(&mut random, 12)
            ),
            key_id: random.uuid(),
            key_secret: format!("simulated/+={}", slug(&mut random, 32)),
        }
    }

    pub(crate) fn environment(&self, url: &str) -> Vec<(&'static str, String)> {
        vec![
            ("KPN_THINGS_TENANT_ID", self.tenant_id.clone()),
            ("KPN_THINGS_KEY_ID", self.key_id.clone()),
            ("KPN_THINGS_KEY_SECRET", self.key_secret.clone()),
            ("KPN_THINGS_APPLICATION_ID", self.application_id.clone()),
            ("KPN_THINGS_GRIP_BASE_URL", url.to_owned()),
            ("KPN_THINGS_BASE_URL", url.to_owned()),
        ]
    }

    pub(crate) fn postman_environment(&self, url: &str) -> String {
        let variable =
            |key, value, kind| json!({ "key": key, "value": value, "type": kind, "enabled": true });
        let file = json!({
            "name": "KPN Things simulator",
            "values": [
                variable("gripBaseUrl", url, "default"),
                variable("tenantId", &self.tenant_id, "default"),
                variable("applicationId", &self.application_id, "default"),
                variable("keyId", &self.key_id, "default"),
                variable("keySecret", &self.key_secret, "secret"),
                variable("baseUrl", url, "default"),
            ],
            "_postman_variable_scope": "environment",
        });
        format!("{file:#}\n")
    }
}

impl fmt::Debug for SimCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimCredentials")
            .field("tenant_id", &self.tenant_id)
            .field("application_id", &self.application_id)
            .field("key_id", &self.key_id)
            .field("key_secret", &"***")
            .finish()
    }
}
