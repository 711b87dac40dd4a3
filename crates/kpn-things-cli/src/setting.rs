//! Every setting, with its name in each place that it can come from.

use things_core::{Credentials, Secret, Settings};

/// The settings of one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) settings: Settings,
    /// Path of a file of certificates, in PEM.
    pub(crate) ca_bundle: Option<String>,
}

impl From<Settings> for Values {
    fn from(settings: Settings) -> Self {
        Self { settings, ca_bundle: None }
    }
}

impl Values {
    /// Fills missing settings from those of a place of lower precedence.
    pub(crate) fn or(self, lower: Self) -> Self {
        Self { settings: self.settings.or(lower.settings), ca_bundle: self.ca_bundle.or(lower.ca_bundle) }
    }
}

/// A setting. It can always come from an option and from a profile.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) option: &'static str,
    pub(crate) variable: Option<&'static str>,
    /// The key in a profile.
    pub(crate) key: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) necessity: Necessity,
    pub(crate) is_secret: bool,
    pub(crate) get: fn(&Values) -> Option<Secret>,
    pub(crate) set: fn(&mut Values, String),
}

/// Whether a client needs a value for a setting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Necessity {
    Optional,
    Required,
    /// Only if there is no token URL, which contains it.
    WithoutTokenUrl,
}

impl Setting {
    /// Whether values without this setting are incomplete.
    pub(crate) fn is_missing(&self, values: &Values) -> bool {
        let required = match self.necessity {
            Necessity::Optional => false,
            Necessity::Required => true,
            Necessity::WithoutTokenUrl => values.settings.token_url.is_none(),
        };
        required && (self.get)(values).is_none_or(|value| value.expose().is_empty())
    }

    /// Whether the token URL among these values replaces this setting.
    pub(crate) fn is_replaced(&self, values: &Values) -> bool {
        let part = self.necessity == Necessity::WithoutTokenUrl || self.key == GRIP_BASE_URL.key;
        part && values.settings.token_url.is_some() && (self.get)(values).is_none()
    }
}

/// A setting that most of the others resemble.
const PLAIN: Setting = Setting {
    name: "",
    option: "",
    variable: None,
    key: "",
    default: None,
    necessity: Necessity::Optional,
    is_secret: false,
    get: |_| None,
    set: |_, _| {},
};

pub(crate) const TENANT_ID: Setting = Setting {
    name: "tenant id",
    option: "--tenant-id",
    variable: Some("KPN_THINGS_TENANT_ID"),
    key: "tenant_id",
    necessity: Necessity::WithoutTokenUrl,
    get: |values| text(&values.settings.tenant_id),
    set: |values, text| values.settings.tenant_id = Some(text),
    ..PLAIN
};

pub(crate) const KEY_ID: Setting = Setting {
    name: "key id",
    option: "--key-id",
    variable: Some("KPN_THINGS_KEY_ID"),
    key: "key_id",
    necessity: Necessity::Required,
    get: |values| text(&values.settings.key_id),
    set: |values, text| values.settings.key_id = Some(text),
    ..PLAIN
};

pub(crate) const KEY_SECRET: Setting = Setting {
    name: "key secret",
    option: "--key-secret-file",
    variable: Some("KPN_THINGS_KEY_SECRET"),
    key: "key_secret",
    necessity: Necessity::Required,
    is_secret: true,
    get: |values| values.settings.key_secret.clone(),
    set: |values, text| values.settings.key_secret = Some(text.into()),
    ..PLAIN
};

const GRIP_BASE_URL: Setting = Setting {
    name: "GRIP base URL",
    option: "--grip-base-url",
    variable: Some("KPN_THINGS_GRIP_BASE_URL"),
    key: "grip_base_url",
    default: Some("https://auth.grip-on-it.com"),
    get: |values| text(&values.settings.grip_base_url),
    set: |values, text| values.settings.grip_base_url = Some(text),
    ..PLAIN
};

/// All settings, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    TENANT_ID,
    KEY_ID,
    KEY_SECRET,
    Setting {
        name: "application id",
        option: "--application-id",
        variable: Some("KPN_THINGS_APPLICATION_ID"),
        key: "application_id",
        default: Some(Credentials::DOCUMENTED_APPLICATION_ID),
        get: |values| text(&values.settings.application_id),
        set: |values, text| values.settings.application_id = Some(text),
        ..PLAIN
    },
    GRIP_BASE_URL,
    Setting {
        name: "token URL",
        option: "--token-url",
        variable: Some("KPN_THINGS_TOKEN_URL"),
        key: "token_url",
        get: |values| text(&values.settings.token_url),
        set: |values, text| values.settings.token_url = Some(text),
        ..PLAIN
    },
    Setting {
        name: "base URL",
        option: "--base-url",
        variable: Some("KPN_THINGS_BASE_URL"),
        key: "base_url",
        default: Some("https://api.kpnthings.com"),
        get: |values| text(&values.settings.base_url),
        set: |values, text| values.settings.base_url = Some(text),
        ..PLAIN
    },
    Setting {
        name: "plain http",
        option: "--allow-http",
        variable: Some("KPN_THINGS_ALLOW_HTTP"),
        key: "allow_http",
        get: |values| text(&Some(values.settings.allow_http.join(", ")).filter(|hosts| !hosts.is_empty())),
        set: |values, text| {
            let hosts = text.split([',', ' ']).filter(|host| !host.is_empty());
            values.settings.allow_http = hosts.map(str::to_owned).collect();
        },
        ..PLAIN
    },
    Setting {
        name: "customer id",
        option: "--customer",
        variable: Some("KPN_THINGS_CUSTOMER_ID"),
        key: "customer_id",
        get: |values| text(&values.settings.customer_id),
        set: |values, text| values.settings.customer_id = Some(text),
        ..PLAIN
    },
    Setting {
        name: "security context",
        option: "--security-context-file",
        variable: Some("KPN_THINGS_SECURITY_CONTEXT"),
        key: "security_context",
        is_secret: true,
        get: |values| values.settings.security_context.clone(),
        set: |values, text| values.settings.security_context = Some(text.into()),
        ..PLAIN
    },
    Setting {
        name: "CA bundle",
        option: "--ca-bundle",
        key: "ca_bundle",
        get: |values| text(&values.ca_bundle),
        set: |values, text| values.ca_bundle = Some(text),
        ..PLAIN
    },
];

fn text(value: &Option<String>) -> Option<Secret> {
    value.as_deref().map(Secret::from)
}
