//! Reads the Postman environment file in which users of KPN Things keep their settings.

use serde::Deserialize;
use serde_json::Value;

use super::Settings;
use crate::error::Error;
use crate::secret::Secret;

#[derive(Deserialize)]
struct Environment {
    values: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    key: String,
    #[serde(default)]
    value: Value,
    enabled: Option<bool>,
}

impl Settings {
    /// Reads a Postman environment file, as Postman exports it.
    ///
    /// Reads those of KPN's six variables `tenantId`, `applicationId`, `keyId`, `keySecret`, `gripBaseUrl` and
    /// `baseUrl` that are enabled and not empty, whether secret or not. Ignores everything else.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) that describes what the file is instead. The
    /// error shows no value of the file.
    pub fn from_postman(json: &str) -> Result<Self, Error> {
        let json = json.strip_prefix('\u{FEFF}').unwrap_or(json);
        let environment: Environment = serde_json::from_str(json).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::config(format!("not a Postman environment file ({place}): export the environment, not the collection, from Postman"))
        })?;
        let mut settings = Self::default();
        for Variable { key, value, enabled } in environment.values {
            let slot = match key.as_str() {
                "tenantId" => &mut settings.tenant_id,
                "applicationId" => &mut settings.application_id,
                "keyId" => &mut settings.key_id,
                "gripBaseUrl" => &mut settings.grip_base_url,
                "baseUrl" => &mut settings.base_url,
                "keySecret" => {
                    if enabled != Some(false) {
                        settings.key_secret = text(&key, value)?.map(Secret::new);
                    }
                    continue;
                }
                _ => continue,
            };
            if enabled != Some(false) {
                *slot = text(&key, value)?;
            }
        }
        Ok(settings)
    }
}

/// Returns the text of a variable, or `None` if it is empty.
fn text(key: &str, value: Value) -> Result<Option<String>, Error> {
    match value {
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Null => Ok(None),
        _ => Err(Error::config(format!("the value of {key} in the Postman environment file is not a text"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_six_variables_are_read_and_disabled_ones_skipped() {
        let settings = Settings::from_postman(
            r#"{"id":"1","name":"KPN Things","values":[
              {"key":"gripBaseUrl","value":"https://auth.grip-on-it.com","type":"default","enabled":true},
              {"key":"tenantId","value":"old","enabled":false},
              {"key":"tenantId","value":"rjsfm52t","type":"default","enabled":true},
              {"key":"applicationId","value":"4dc82561-f65f-523g-dek9-6c79ec314f02","type":"any"},
              {"key":"keyId","value":"key","type":"default","enabled":true},
              {"key":"keySecret","value":"a/s+e=c&r%t","type":"secret","enabled":true},
              {"key":"baseUrl","value":"","enabled":true},
              {"key":"other","value":{"a":1},"enabled":true}],
             "_postman_variable_scope":"environment"}"#,
        )
        .unwrap();
        assert_eq!(settings.grip_base_url.as_deref(), Some("https://auth.grip-on-it.com"));
        assert_eq!(settings.tenant_id.as_deref(), Some("rjsfm52t"));
        assert_eq!(settings.application_id.as_deref(), Some("4dc82561-f65f-523g-dek9-6c79ec314f02"));
        assert_eq!(settings.key_id.as_deref(), Some("key"));
        assert_eq!(settings.key_secret, Some(Secret::new("a/s+e=c&r%t")));
        assert_eq!(settings.base_url, None);
    }

    #[test]
    fn another_file_is_named_for_what_it_is_not() {
        for bad in ["", "[]", r#"{"info":{},"item":[]}"#, r#"{"values":[{"value":"x"}]}"#] {
            let error = Settings::from_postman(bad).unwrap_err();
            assert!(error.message().starts_with("not a Postman environment file"), "{error}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_secret() {
        let error =
            Settings::from_postman(r#"{"values":[{"key":"keySecret","value":["hush"]}]}"#).unwrap_err();
        assert!(error.message().contains("keySecret") && !error.to_string().contains("hush"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_settings_or_an_error(text in "\\PC{0,80}", key in "[a-zA-Z]{0,12}") {
            let _ = Settings::from_postman(&text);
            let file = serde_json::json!({"values": [{"key": key, "value": text}]}).to_string();
            prop_assert!(Settings::from_postman(&file).is_ok());
        }
    }
}
