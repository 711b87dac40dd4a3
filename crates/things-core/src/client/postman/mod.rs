//! Reads the Postman environment file in which users of KPN Things keep their settings.

mod content;
mod gap;
mod names;
mod variable;

pub use gap::PostmanGap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Settings, file_text};
use crate::error::Error;
use crate::secret::Secret;
use gap::Reason;
use variable::{Value, Variable};

/// The variables of KPN's Postman collection that have no default.
const REQUIRED: [&str; 3] = ["tenantId", "keyId", "keySecret"];

/// The variables of KPN's Postman collection that have a default.
const OPTIONAL: [&str; 3] = ["applicationId", "gripBaseUrl", "baseUrl"];

impl Settings {
    /// Reads a Postman environment file, as Postman and newman export it.
    ///
    /// Reads KPN's six variables `tenantId`, `applicationId`, `keyId`, `keySecret`, `gripBaseUrl` and `baseUrl`, whether
    /// secret or not. Ignores disabled and empty ones, and everything else. [`postman_gaps`](Settings::postman_gaps)
    /// explains which variables have no value, and why.
    ///
    /// # Errors
    ///
    /// Returns an error of the kind [`Config`](crate::ErrorKind::Config) that describes what the file is instead, names
    /// a reference such as `{{host}}` that only Postman can replace, or lists the names in a file that has none of the
    /// six. The error shows no value of the file.
    pub fn from_postman(json: &str) -> Result<Self, Error> {
        read("the Postman environment", json)
    }

    /// Reads a Postman environment file from its bytes: [`from_postman`](Settings::from_postman) with the path of the
    /// file in every message. Reads UTF-8, and UTF-16 with a byte order mark.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`from_postman`](Settings::from_postman), and one for bytes that are not text.
    pub fn from_postman_file(path: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        let text = file_text(&format!("the Postman environment file {path}"), bytes)?;
        read(path, text.expose())
    }
}

/// What Postman exports. The fields apart from `values` tell which other file of Postman was taken instead.
#[derive(Deserialize)]
struct File {
    values: Option<Vec<Variable>>,
    /// Postman's API wraps an environment in this field.
    environment: Option<Box<File>>,
    info: Option<IgnoredAny>,
    item: Option<IgnoredAny>,
    collection: Option<IgnoredAny>,
    openapi: Option<IgnoredAny>,
}

fn read(file: &str, json: &str) -> Result<Settings, Error> {
    let variables = variables(file, json)?;
    let mut settings = Settings::default();
    let mut names = 0;
    for name in REQUIRED.into_iter().chain(OPTIONAL) {
        let reason = match variable::value(name, &variables) {
            Value::Text(text) => {
                set(&mut settings, name, text);
                names += 1;
                continue;
            }
            Value::NotText => {
                return Err(Error::config(format!("{file}: the value of {name} is not a text")));
            }
            // A secret may come from elsewhere. Any other setting would be replaced by that of another account.
            Value::Reference(reference) if name != "keySecret" => {
                return Err(Error::config(format!(
                    "{file}: the value of {name} is or contains {reference}, which only Postman replaces: put the value in its place"
                )));
            }
            Value::Reference(reference) => Reason::Reference(reference),
            Value::Empty => Reason::Empty,
            Value::Disabled => Reason::Disabled,
            Value::Absent => Reason::Absent { similar: names::similar(name, &variables) },
        };
        names += usize::from(!matches!(reason, Reason::Absent { .. }));
        if REQUIRED.contains(&name) || reason == Reason::Disabled {
            settings.postman_gaps.push(PostmanGap { file: file.into(), variable: name, reason });
        }
    }
    if names == 0 {
        return Err(names::none(file, &variables));
    }
    Ok(settings)
}

/// Returns the variables in a file.
fn variables(file: &str, json: &str) -> Result<Vec<Variable>, Error> {
    const EXPORT: &str =
        "export the environment from Postman, which writes a file NAME.postman_environment.json";
    let json = json.strip_prefix('\u{FEFF}').unwrap_or(json);
    let content: File = serde_json::from_str(json).map_err(|error| {
        let what = if error.is_data() { "not a Postman environment" } else { "not JSON" };
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::config(format!("{file} is {what} ({place}): {EXPORT}"))
    })?;
    let content = match content {
        File { environment: Some(inner), .. } => *inner,
        content => content,
    };
    let what = match content {
        File { info: Some(_), item: Some(_), .. } | File { collection: Some(_), .. } => {
            "a collection of Postman, not an environment"
        }
        File { openapi: Some(_), .. } => "an OpenAPI description, not a Postman environment",
        File { values: Some(variables), .. } => return Ok(variables),
        _ => "JSON, but not a Postman environment: it has no list `values`",
    };
    Err(Error::config(format!("{file} is {what}: {EXPORT}")))
}

fn set(settings: &mut Settings, name: &str, text: Secret) {
    let slot = match name {
        "tenantId" => &mut settings.tenant_id,
        "applicationId" => &mut settings.application_id,
        "keyId" => &mut settings.key_id,
        "gripBaseUrl" => &mut settings.grip_base_url,
        "baseUrl" => &mut settings.base_url,
        _ => {
            settings.key_secret = Some(text);
            return;
        }
    };
    *slot = Some(text.expose().to_owned());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Limits;

    fn file(variables: &str) -> Result<Settings, Error> {
        Settings::from_postman_file("kpn.json", format!(r#"{{"values":[{variables}]}}"#).into_bytes())
    }

    fn refused(variables: &str) -> String {
        file(variables).unwrap_err().message().to_owned()
    }

    /// Returns the error for settings that come from this file alone.
    fn told(variables: &str) -> String {
        file(variables).unwrap().resolve(Limits::default()).unwrap_err().to_string()
    }

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
        assert_eq!((settings.base_url, settings.postman_gaps), (None, vec![]));
    }

    #[test]
    fn every_dialect_is_read() {
        let complete = |values: &str| {
            for json in [
                format!(
                    r#"{{"name":"KPN","values":[{values}],"_postman_variable_scope":"environment","_postman_exported_using":"newman/6.2.2"}}"#
                ),
                format!(r#"{{"values":[{values}],"_postman_variable_scope":"globals"}}"#),
                format!(r#"{{"environment":{{"id":"1","values":[{values}]}}}}"#),
                format!("\u{FEFF}{{\"values\":[{values}]}}"),
            ] {
                let settings = Settings::from_postman(&json).unwrap();
                let values = (settings.tenant_id, settings.key_id, settings.key_secret);
                let expected = (Some("rjsfm52t".into()), Some("4711".into()), Some(Secret::new("hush")));
                assert_eq!(values, expected, "{json}");
            }
        };
        let tenant = r#"{"key":"tenantId","value":"rjsfm52t"}"#;
        complete(&format!(
            r#"{tenant},{{"type":"any","key":"keyId","value":4711}},{{"key":"keySecret","value":"hush"}}"#
        ));
        complete(&format!(
            r#"{tenant},{{"key":"keyId","value":"shared","currentValue":"4711"}},
            {{"key":"keySecret","type":"secret","initialValue":"shared","currentValue":"hush"}}"#
        ));
        complete(&format!(
            r#"{tenant},{{"key":"keyId","value":null,"initialValue":"4711"}},
            {{"key":"keySecret","initialValue":"shared","value":"hush","currentValue":""}},
            {{"key":"keySecret","value":"old","disabled":true}}"#
        ));
        let text = format!("\u{FEFF}{{\"values\":[{tenant}]}}");
        let utf_16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let settings = Settings::from_postman_file("kpn.json", utf_16).unwrap();
        assert_eq!(settings.tenant_id.as_deref(), Some("rjsfm52t"));
    }

    #[test]
    fn another_file_is_named_for_what_it_is() {
        for (json, told) in [
            ("", "kpn.json is not JSON (line 1, column 0): export the environment"),
            ("KPN_THINGS_TENANT_ID=rjsfm52t", "kpn.json is not JSON (line 1, column 1)"),
            ("[]", "kpn.json is not a Postman environment (line 1"),
            (r#"{"values":[{"value":"x"}]}"#, "kpn.json is not a Postman environment (line 1"),
            (r#"{"values":{}}"#, "kpn.json is not a Postman environment (line 1"),
            ("{}", "kpn.json is JSON, but not a Postman environment: it has no list `values`"),
            (
                r#"{"info":{"name":"KPN"},"item":[],"variable":[{"key":"tenantId"}]}"#,
                "kpn.json is a collection of Postman, not an environment: export the environment",
            ),
            (r#"{"collection":{"info":{}}}"#, "kpn.json is a collection of Postman, not an environment"),
            (r#"{"openapi":"3.1.0","info":{}}"#, "kpn.json is an OpenAPI description"),
        ] {
            let error = Settings::from_postman_file("kpn.json", json.into()).unwrap_err();
            assert!(error.message().starts_with(told), "{json}: {error}");
        }
        let utf_16 = Settings::from_postman_file("kpn.json", b"{\0}\0".to_vec()).unwrap_err();
        assert!(utf_16.message().contains("kpn.json is UTF-16 without a byte order mark"), "{utf_16}");
    }

    #[test]
    fn a_required_variable_without_a_value_is_explained_where_it_is_missed() {
        let told = told(
            r#"{"key":"tenant_id","value":"rjsfm52t"},
               {"key":"keyId","value":"key","enabled":false},{"key":"keySecret","value":"","type":"secret"}"#,
        );
        for part in [
            "missing: tenant id (KPN_THINGS_TENANT_ID), key id (KPN_THINGS_KEY_ID), key secret",
            "kpn.json was read: ",
            "it has no tenantId, but tenant_id: rename it",
            "keyId is disabled there",
            "keySecret is empty there",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        assert!(!told.contains("point KPN_THINGS_POSTMAN_ENVIRONMENT"), "{told}");
    }

    #[test]
    fn a_gap_that_another_place_fills_is_none() {
        let settings = file(r#"{"key":"tenantId","value":"t"},{"key":"keyId","value":"k"}"#).unwrap();
        assert!(
            settings
                .clone()
                .resolve(Limits::default())
                .unwrap_err()
                .to_string()
                .contains("it has no keySecret")
        );
        let secret = Settings { key_secret: Some("hush".into()), ..Settings::default() };
        assert!(secret.clone().or(settings.clone()).resolve(Limits::default()).is_ok());
        assert!(settings.or(secret).resolve(Limits::default()).is_ok());
    }

    #[test]
    fn references_are_explained_by_name() {
        let with_secret = |value: &str| {
            format!(
                r#"{{"key":"tenantId","value":"t"}},{{"key":"keyId","value":"k"}},{{"key":"keySecret","value":"{value}"}}"#
            )
        };
        // What is in the braces may be the secret itself.
        for (value, part) in [
            (
                "{{vault:kpn-key}}",
                "the value of keySecret is the reference {{vault:kpn-key}} into Postman's vault, which the export does not contain",
            ),
            ("{{hush}}", "the value of keySecret is a reference {{...}}, which only Postman replaces"),
        ] {
            let told = told(&with_secret(value));
            assert!(told.contains(part) && !told.contains("hush"), "{told}");
        }
        assert_eq!(file(&with_secret("a{{b}}c")).unwrap().key_secret, Some("a{{b}}c".into()));
        for (variable, value, reference) in [
            ("baseUrl", "https://{{host}}/x", "{{host}}"),
            ("tenantId", "{{vault:tenant}}", "{{vault:tenant}}"),
        ] {
            assert_eq!(
                refused(&format!(r#"{{"key":"{variable}","value":"{value}"}}"#)),
                format!(
                    "kpn.json: the value of {variable} is or contains {reference}, which only Postman replaces: put the value in its place"
                )
            );
        }
    }

    #[test]
    fn a_file_with_other_names_lists_them() {
        let told = refused(
            r#"{"key":"tenant_id","value":"rjsfm52t"},{"key":"KEY-ID","value":"k"},{"key":"url","value":"hush"},
               {"key":"s/3+c=r&e%t","value":""},{"key":"","value":""}"#,
        );
        assert_eq!(
            told,
            "kpn.json was read: of tenantId, keyId, keySecret, applicationId, gripBaseUrl and baseUrl it has none; \
             it has: tenant_id (rename it to tenantId), KEY-ID (rename it to keyId), url, and 2 more"
        );
        assert!(refused("").ends_with("it has no variables"));
        let many = r#"{"key":"some-name"},"#.repeat(30);
        assert!(refused(many.trim_end_matches(',')).ends_with("and 22 more"));
    }

    #[test]
    fn errors_do_not_repeat_the_secret() {
        for value in [r#"["hush"]"#, r#"{"hush":1}"#, "true"] {
            let error = refused(&format!(r#"{{"key":"keySecret","value":{value}}}"#));
            assert_eq!(error, "kpn.json: the value of keySecret is not a text");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_settings_or_an_error(text in "\\PC{0,80}", key in "[a-zA-Z]{0,12}") {
            let _ = Settings::from_postman(&text);
            let file = serde_json::json!({"values": [{"key": key, "value": text}, {"key": "keyId"}]}).to_string();
            prop_assert!(Settings::from_postman(&file).is_ok());
        }
    }
}
