use std::net::{Ipv4Addr, TcpListener};

use things_sim::{DEFAULT_CUSTOMER, FaultRule, Sim};

use crate::tool::{Ran, SECRET, Tool, bare, file, run_with_input, simulator};

const CHECK: &[&str] = &["auth", "check"];

#[test]
fn a_good_key_is_ok_step_by_step() {
    let sim = simulator().start().unwrap();
    let ran = sim.things(CHECK).exits(0);
    assert_eq!(ran.err, "");
    let ran = ran.prints("ok      settings").prints("ok      access token").prints("ok      KPN Things");
    let secret = format!("******** ({} characters)", SECRET.len());
    ran.prints(&secret).prints("KPN_THINGS_KEY_SECRET").prints("rjsfm52t");
}

#[test]
fn a_wrong_setting_is_named() {
    let sim = simulator().start().unwrap();
    for (name, value, status, step, suspect) in [
        ("KPN_THINGS_TENANT_ID", "other", 3, "failed  access token", "tenant id"),
        ("KPN_THINGS_KEY_ID", "other", 3, "failed  access token", "key id or the key secret"),
        ("KPN_THINGS_KEY_SECRET", "other", 3, "failed  access token", "key id or the key secret"),
        ("KPN_THINGS_APPLICATION_ID", "other", 3, "failed  access token", "application id"),
        ("KPN_THINGS_CUSTOMER_ID", "other", 1, "failed  context switch", "customer id"),
    ] {
        let ran = sim.things_with(name, value, CHECK).exits(status);
        assert!(ran.err.starts_with("likely cause: "), "{ran:?}");
        ran.prints(step).complains(suspect).complains(name);
    }
}

#[test]
fn a_key_without_access_is_told_from_a_wrong_one() {
    let sim = simulator().without_access().start().unwrap();
    let ran = sim.things(CHECK).exits(3);
    ran.prints("ok      access token").prints("failed  KPN Things: 302").complains("no access to KPN Things");
}

#[test]
fn no_network_is_told() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let sim = simulator().start().unwrap();
    sim.things_with("KPN_THINGS_GRIP_BASE_URL", &closed, CHECK)
        .exits(1)
        .prints("failed  access token")
        .complains("network")
        .complains("KPN_THINGS_GRIP_BASE_URL");
    sim.things_with("KPN_THINGS_BASE_URL", &closed, CHECK)
        .exits(1)
        .prints("ok      access token")
        .complains("network")
        .complains("KPN_THINGS_BASE_URL");
}

/// The fault, and what is suspected of it.
fn with_fault(fault: &str) -> Ran {
    let rule: FaultRule = fault.parse().unwrap();
    simulator().fault(rule).start().unwrap().things(CHECK)
}

#[test]
fn a_service_that_is_not_well_is_no_wrong_setting() {
    with_fault("token=status:500").exits(1).complains("GRIP is not available");
    with_fault("devices=status:500").exits(1).complains("KPN Things is not available");
}

#[test]
fn other_answers_are_told_apart() {
    with_fault("token=status:302,Location:/login").exits(3).complains("GRIP's address");
    with_fault("token=status:200,body:<html>").exits(1).complains("GRIP's address");
    with_fault("token=status:401").exits(3).complains("key id or the key secret");
    with_fault("devices=status:403").exits(1).complains("may not list devices");
    with_fault("devices=status:404").exits(1).complains("the API's address");
    with_fault("devices=status:200,body:<html>").exits(1).complains("the API's address");
}

#[test]
fn missing_settings_are_named_in_one_message() {
    let ran = bare(CHECK).exits(2);
    assert_eq!(ran.out.matches("  missing\n").count(), 3, "{ran:?}");
    let error = ran.err.lines().next().unwrap();
    for name in ["KPN_THINGS_TENANT_ID", "KPN_THINGS_KEY_ID", "KPN_THINGS_KEY_SECRET"] {
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn each_setting_is_shown_with_its_source() {
    let sim = simulator().start().unwrap();
    let postman = file("source.json", &sim.postman_environment());
    let context = file("source.context", "context-4711");
    let mut command = crate::tool::command(&[
        "auth",
        "check",
        "--postman-environment",
        &postman,
        "--key-id",
        "key-1",
        "--key-secret-file",
        "-",
        "--security-context-file",
        &context,
    ]);
    command.env("KPN_THINGS_CUSTOMER_ID", DEFAULT_CUSTOMER);
    let ran = run_with_input(command, &format!("{SECRET}\n")).exits(0);
    let source = |setting: &str| {
        let line = ran.out.lines().find(|line| line.starts_with(setting)).unwrap();
        line.rsplit("  ").next().unwrap().to_owned()
    };
    assert_eq!(source("key id"), "--key-id");
    assert_eq!(source("key secret"), "--key-secret-file");
    assert_eq!(source("security context"), "--security-context-file");
    assert_eq!(source("customer id"), "KPN_THINGS_CUSTOMER_ID");
    assert_eq!(source("tenant id"), postman);
    assert!(!ran.out.contains("4711"), "{ran:?}");
}

#[test]
fn what_replaces_the_tenant_is_shown_in_its_place() {
    let sim: Sim = simulator().start().unwrap();
    let mut command = sim.command(CHECK);
    command
        .env_remove("KPN_THINGS_TENANT_ID")
        .env_remove("KPN_THINGS_GRIP_BASE_URL")
        .env("KPN_THINGS_TOKEN_URL", format!("{}/api/v3/idp/oidc/token", sim.url()));
    let ran = crate::tool::run(command).exits(0).prints("token URL");
    assert!(!ran.out.contains("missing") && !ran.out.contains("GRIP base URL"), "{ran:?}");
}

#[test]
fn an_address_that_is_one_path_too_long_gets_a_hint() {
    let sim = simulator().start().unwrap();
    let api = format!("{}/api", sim.url());
    let token = format!("{}/v2/rjsfm52t/oidc/idp/c1/token", sim.url());
    for (variable, url, hint) in [
        ("KPN_THINGS_BASE_URL", &api, "hint: the base URL must not end in /api"),
        ("KPN_THINGS_GRIP_BASE_URL", &token, "hint: KPN_THINGS_GRIP_BASE_URL is a token URL"),
    ] {
        let ran = sim.things_with(variable, url, &["auth", "check"]);
        assert!(ran.out.contains(hint), "{ran:?}");
    }
}

#[test]
fn every_value_that_is_overridden_is_listed() {
    let sim = simulator().start().unwrap();
    let postman = file("shadowed.json", &sim.postman_environment());
    let args = ["auth", "check", "--postman-environment", &postman, "--tenant-id", "rjsfm52t"];
    let mut command = sim.command(&args);
    command.env("KPN_THINGS_KEY_ID", "of-production").env("KPN_THINGS_PROFILE", "production");
    let ran = crate::tool::run(command).exits(0);
    for note in [
        format!("note    tenant id: also in {postman}, not used (same value)\n"),
        "note    tenant id: also in KPN_THINGS_TENANT_ID, not used (same value)\n".to_owned(),
        "note    key id: also in KPN_THINGS_KEY_ID, not used\n".to_owned(),
        "note    key secret: also in KPN_THINGS_KEY_SECRET, not used (same value)\n".to_owned(),
        format!(
            "note    profile production: named by a variable, not used, because an option names {postman}\n"
        ),
    ] {
        assert!(ran.out.contains(&note), "{note}{ran:?}");
    }
    let quiet = sim.things(CHECK).exits(0);
    assert!(!quiet.out.contains("not used"), "{quiet:?}");
}

#[test]
fn a_variable_that_is_no_setting_is_named_with_the_one_that_is_meant() {
    let sim = simulator().start().unwrap();
    let told = |name: &str| sim.things_with(name, "x", CHECK).exits(0).out;
    let meant = "note    KPN_THINGS_TENANT is not a setting, not used: did you mean KPN_THINGS_TENANT_ID?\n";
    assert!(told("KPN_THINGS_TENANT").contains(meant));
    assert!(told("KPN_THINGS_ZZZ").contains("note    KPN_THINGS_ZZZ is not a setting, not used\n"));
    assert!(!told("KPN_THINGS_LOG").contains("KPN_THINGS_LOG"));
}

#[test]
fn a_context_switch_is_a_step_of_the_check() {
    let sim = simulator().start().unwrap();
    let ran = sim.things_with("KPN_THINGS_CUSTOMER_ID", DEFAULT_CUSTOMER, CHECK).exits(0);
    ran.prints(&format!("ok      context switch: this API key may act for customer {DEFAULT_CUSTOMER}\n"));
    assert!(!sim.things(CHECK).exits(0).out.contains("context switch"));
}

#[test]
fn a_check_can_be_read_by_a_program() {
    let sim = simulator().start().unwrap();
    let json = &["auth", "check", "--json"];
    let found = sim.things_with("KPN_THINGS_TENANT", "x", json).exits(0).json();
    assert_eq!(found["settings"][0]["value"], "rjsfm52t");
    assert_eq!(found["settings"][0]["source"], "KPN_THINGS_TENANT_ID");
    assert_eq!(found["unknown_variables"][0]["did_you_mean"], "KPN_THINGS_TENANT_ID");
    let steps = found["steps"].as_array().unwrap();
    assert!(steps.len() == 3 && steps.iter().all(|step| step["ok"] == true), "{found}");
    assert!(found["likely_cause"].is_null());
    let ran = sim.things_with("KPN_THINGS_KEY_ID", "other", json).exits(3);
    assert_eq!(ran.json()["steps"][1]["ok"], false);
    assert!(ran.json()["likely_cause"].as_str().unwrap().contains("KPN_THINGS_KEY_ID"), "{ran:?}");
    let ran = bare(json).exits(2);
    assert_eq!(ran.json()["steps"][0]["name"], "settings");
}

#[test]
fn what_can_be_told_of_a_secret_is() {
    let sim = simulator().start().unwrap();
    sim.things(CHECK).exits(0).prints("note    key secret: it starts with a letter and ends with a symbol\n");
    sim.things_with("KPN_THINGS_KEY_SECRET", "wrong", CHECK)
        .exits(3)
        .prints("ends with a letter; it is too short to be redacted in messages\n")
        .prints("******** (5 characters)")
        .prints("secret");
}

#[test]
fn a_short_word_as_a_secret_takes_no_word_out_of_a_message() {
    let ran = simulator().start().unwrap().things_with("KPN_THINGS_KEY_SECRET", "wrong", CHECK).exits(3);
    assert!(!ran.out.contains("redacted]"), "{ran:?}");
}

#[test]
fn https_to_a_server_without_it_is_explained() {
    let sim = simulator().start().unwrap();
    let url = sim.url().replace("http://", "https://");
    let ran = sim.things_with("KPN_THINGS_GRIP_BASE_URL", &url, CHECK).exits(1);
    let ran = ran.prints("the server does not speak TLS\n").complains("use http://127.0.0.1");
    assert!(!ran.out.contains("io: ") && !ran.out.contains("InvalidContentType"), "{ran:?}");
}

#[test]
fn an_address_that_is_too_long_is_the_likely_cause() {
    let sim = simulator().start().unwrap();
    let api = format!("{}/api", sim.url());
    let ran = sim.things_with("KPN_THINGS_BASE_URL", &api, CHECK).exits(1);
    ran.complains("likely cause: the base URL must not end in /api");
}

#[test]
fn an_error_of_settings_is_told_once() {
    let ran = bare(CHECK).exits(2).prints("failed  settings\n");
    assert_eq!(format!("{}{}", ran.out, ran.err).matches("missing: ").count(), 1, "{ran:?}");
}

#[test]
fn an_ordinary_secret_needs_no_note() {
    let sim = Sim::builder().start().unwrap();
    let ran = sim.things(CHECK).exits(0);
    assert!(!ran.out.contains("key secret: "), "{ran:?}");
}
