//! Postman environment files as users have them, and the files that the tool writes for Postman.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use things_sim::Sim;

#[cfg(unix)]
use crate::terminal::Terminal;
use crate::tool::{Ran, SECRET, Tool, bare, file, folder, in_home, path, run_with_input, simulator, things};

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
        let to_the_file = ["point KPN_THINGS_POSTMAN_ENVIRONMENT", "name the Postman environment file"];
        assert!(to_the_file.iter().all(|hint| !ran.err.contains(hint)), "{ran:?}");
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

/// A path for a file that a test lets the tool write.
fn new(name: &str) -> String {
    let path = path(name);
    let _ = fs::remove_file(&path);
    path.into_os_string().into_string().unwrap()
}

#[test]
fn the_files_in_the_repository_are_what_the_tool_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contract");
    for kind in ["collection", "environment"] {
        let name = format!("kpn-things.postman_{kind}.json");
        let written = new(&name);
        bare(&["postman", "export", &format!("--{kind}"), &written]).exits(0).complains("wrote ");
        let (written, committed) = (fs::read_to_string(written), fs::read_to_string(folder.join(&name)));
        assert_eq!(
            written.unwrap(),
            committed.unwrap(),
            "write it again: things postman export --force --{kind} contract/{name}"
        );
    }
}

#[test]
fn an_environment_has_the_settings_and_no_secret() {
    let sim = simulator().start().unwrap();
    let written = new("exported.json");
    sim.things(&["postman", "export", "--environment", &written, "--customer", "customer-1"]).exits(0);
    let text = fs::read_to_string(&written).unwrap();
    assert!(!text.contains(SECRET), "{text}");
    let file: Value = serde_json::from_str(&text).unwrap();
    let value = |name: &str| {
        let variables = file["values"].as_array().unwrap();
        variables.iter().find(|variable| variable["key"] == name).unwrap()["value"].clone()
    };
    assert_eq!([value("keyId"), value("tenantId"), value("clientId")], ["key-1", "rjsfm52t", "customer-1"]);
    assert_eq!([value("baseUrl"), value("gripBaseUrl")], [sim.url(), sim.url()]);
    let secret = file["values"].as_array().unwrap().iter().find(|variable| variable["key"] == "keySecret");
    assert_eq!(secret.unwrap(), &json!({"key": "keySecret", "value": "", "type": "secret", "enabled": true}));
    // The tool reads what it wrote, and takes the secret from elsewhere.
    let check = ["auth", "check", "--postman-environment", &written];
    bare(&check).exits(2).complains("keySecret is empty there");
    sim.things(&check).exits(0);
    assert_eq!(
        sim.things(&["postman", "export", "--environment", "-", "--customer", "customer-1"]).exits(0).out,
        text
    );
}

#[test]
fn a_file_that_exists_is_not_replaced_by_accident() {
    let existing = file("existing.json", "mine");
    let export = ["postman", "export", "--environment", &existing];
    bare(&export).exits(2).complains("existing.json exists: name another file, or add --force");
    assert_eq!(fs::read_to_string(&existing).unwrap(), "mine");
    bare(&[&export[..], &["--force"]].concat()).exits(0);
    assert!(fs::read_to_string(&existing).unwrap().starts_with("{\n"));
    let below_a_file = format!("{existing}/collection.json");
    bare(&["postman", "export", "--collection", &below_a_file]).exits(1).complains("cannot be written");
    bare(&["postman", "export"]).exits(2).complains("--environment <FILE>");
    bare(&["postman", "export", "--collection", "-", "--environment", "-"])
        .exits(2)
        .complains("name one of them");
}

#[test]
fn a_token_url_that_neither_file_holds_is_named() {
    let written = new("token-url.json");
    bare(&["postman", "export", "--environment", &written, "--token-url", "grip-v3"])
        .exits(0)
        .complains("warning: a token URL is set");
}

const LIST: &[&str] = &["devices", "list", "--limit", "1", "--ndjson"];

#[test]
fn a_file_becomes_a_profile() {
    let sim = simulator().start().unwrap();
    let home = folder("import-stores");
    let postman = file("import.json", &sim.postman_environment());
    let import = ["postman", "import", &postman];
    things(&home, &import).exits(0).complains("profile default is stored in ").complains("profiles.toml");
    assert_eq!(sim.calls_total(), 0);
    things(&home, LIST).exits(0);
    things(&home, &[&import[..], &["--profile", "staging"]].concat())
        .exits(0)
        .complains("things auth check --profile staging");
    assert_eq!(things(&home, &["auth", "profiles"]).exits(0).out, "default\nstaging\n");
    things(&home, &[LIST, &["--profile", "staging"]].concat()).exits(0);
    things(&home, &import)
        .exits(2)
        .complains("there is a profile default in ")
        .complains("use --yes to replace it");
    things(&home, &[&import[..], &["--yes"]].concat()).exits(0);
    things(&home, &["postman", "import", &postman, "--profile", "a b"]).exits(2).complains("--profile");
}

#[test]
fn a_secret_that_the_file_lacks_comes_from_elsewhere() {
    let sim = simulator().start().unwrap();
    let home = folder("import-vault");
    let vault = json!({"key": "keySecret", "value": "{{vault:kpn-key}}", "type": "secret"});
    let postman = file("import-vault.json", &with(&sim, "keySecret", vault));
    let import = ["postman", "import", &postman];
    let ran =
        things(&home, &import).exits(2).complains("the reference {{vault:kpn-key}} into Postman's vault");
    let ran = ran.complains(": key secret\n").complains("hint: --key-secret-file FILE reads the key secret");
    assert!(!ran.err.contains("environment") && !ran.err.contains("auth login"), "{ran:?}");
    let empty = json!({"key": "tenantId", "value": ""});
    let without_tenant = file("import-no-tenant.json", &with(&sim, "tenantId", empty));
    let ran = things(&home, &["postman", "import", &without_tenant]).exits(2);
    let ran = ran.complains(": tenant id\n").complains("hint: set the values in Postman");
    assert!(!ran.err.contains("--key-secret-file"), "{ran:?}");
    assert!(!home.join("kpn-things").exists());
    let from_input = [&import[..], &["--key-secret-file", "-"]].concat();
    run_with_input(in_home(&home, &from_input), &format!("{SECRET}\n")).exits(0);
    things(&home, LIST).exits(0);
}

#[test]
#[cfg(unix)]
fn a_secret_that_the_file_lacks_is_asked_for_at_a_terminal() {
    let sim = simulator().start().unwrap();
    let home = folder("import-asks");
    let empty = json!({"key": "keySecret", "value": "", "type": "secret"});
    let postman = file("import-asks.json", &with(&sim, "keySecret", empty));
    let mut terminal = Terminal::start(in_home(&home, &["postman", "import", &postman]), 200, 30);
    terminal.wait_for("keySecret is empty there");
    terminal.wait_for("Enter the key secret (it is not shown): ");
    terminal.wait_for_hidden_input();
    terminal.type_in(&format!("{SECRET}\r"));
    let left = terminal.finish();
    assert_eq!(left.status, Some(0), "{left:?}");
    assert!(!left.written.contains(SECRET), "{left:?}");
    things(&home, LIST).exits(0);
}

#[test]
fn what_is_not_imported_is_named_and_what_cannot_be_right_is_refused() {
    let sim = simulator().start().unwrap();
    let home = folder("import-refuses");
    let disabled = json!({"key": "applicationId", "value": "other", "enabled": false});
    let postman = file("import-disabled.json", &with(&sim, "applicationId", disabled));
    things(&home, &["postman", "import", &postman])
        .exits(0)
        .complains("note: applicationId is disabled in ")
        .complains("so it is not in the profile");
    let quoted = json!({"key": "keyId", "value": "'key-1'"});
    let postman = file("import-quoted.json", &with(&sim, "keyId", quoted));
    let ran = things(&home, &["postman", "import", &postman, "--yes"]).exits(2).complains("is in quotes");
    assert!(!ran.err.contains("is stored"), "{ran:?}");
    things(&home, &["postman", "import", "/nowhere/kpn.json"]).exits(2).complains("/nowhere/kpn.json");
    things(&home, &["postman", "import"]).exits(2).complains("<FILE>");
}
