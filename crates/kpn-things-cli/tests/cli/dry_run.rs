//! `--dry-run`: the requests of a command as a script, which does the same when it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use things_sim::{DEFAULT_CUSTOMER, Sim};

use crate::tool::{Ran, SECRET, Tool, bare, command, file, path, run, simulator};

const EUI: &str = "0059AC0000181EB6";
const RAW: &[&str] = &["downlink", "send", EUI, "--port", "1", "--hex", "0102"];

/// Runs the script of a dry run with the real curl.
fn pasted(sim: &Sim, args: &[&str]) -> Ran {
    let script = sim.things(&[args, &["--dry-run"]].concat()).exits(0).out;
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin").envs(sim.environment());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run(shell)
}

#[test]
fn a_script_makes_the_call_of_its_command() {
    let sim = simulator().devices(3).start().unwrap();
    let ran = pasted(&sim, &[RAW, &["--reference", "it's \"$HOME\" & é"]].concat()).exits(0);
    assert_eq!(ran.err, "HTTP 201\n");
    let downlink = sim.downlinks().pop().unwrap();
    assert_eq!(downlink.external_reference.as_deref(), Some("it's \"$HOME\" & é"));
    assert_eq!(
        downlink.records,
        json!([{"bn": format!("urn:dev:DEVEUI:{EUI}:"), "n": "payloadHex", "vs": "0102"}])
    );
    let ran = pasted(&sim, &["devices", "list", "--search", "a & b"]).exits(0);
    assert_eq!(ran.json()["content"], json!([]));
    assert!(sim.requests().last().unwrap().target.contains("search=a%20%26%20b"));
    assert_eq!(pasted(&sim, &["api", "/api/devices"]).exits(0).json()["totalElements"], 3);
    let ran = pasted(&sim, &["api", "/api/devices", "--customer", DEFAULT_CUSTOMER]).exits(0);
    // The context switch answers first.
    assert!(ran.out.ends_with('}') && ran.out.contains("\"totalElements\":3"), "{ran:?}");
    assert_eq!(
        pasted(&sim, &["customer", "switch", DEFAULT_CUSTOMER]).exits(0).json()["clientId"],
        DEFAULT_CUSTOMER
    );
}

#[test]
fn an_empty_header_is_sent_by_curl_too() {
    let args = ["api", "/api/devices", "--header", "X-Empty:", "--dry-run"];
    let sim = simulator().start().unwrap();
    // After a colon without a value, curl sends no header.
    sim.things(&args).exits(0).prints("--header 'x-empty;'");
}

#[test]
fn a_body_that_is_no_text_is_refused_in_a_script() {
    let sim = simulator().start().unwrap();
    let body = path("dry-run-binary");
    for bytes in [&b"\xff\xfe"[..], b"a\0b"] {
        fs::write(&body, bytes).unwrap();
        let data = format!("@{}", body.display());
        let args =
            ["api", "/x", "--header", "Content-Type: application/octet-stream", "--data", &data, "--dry-run"];
        let ran = sim
            .things(&args)
            .exits(2)
            .complains("error: the body is no text, and a script can hold only text");
        assert_eq!(ran.out, "");
    }
}

#[test]
fn a_script_ends_at_the_first_thing_that_fails() {
    let sim = simulator().start().unwrap();
    let script = sim.things(&[RAW, &["--dry-run"]].concat()).exits(0).out;
    for name in ["KPN_THINGS_KEY_SECRET", "KPN_THINGS_KEY_ID"] {
        // Without the setting, its variable is needed.
        let mut without = sim.command(&[RAW, &["--dry-run"]].concat());
        let script = run({
            without.env_remove(name);
            without
        })
        .exits(0)
        .out;
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin").envs(sim.environment());
        shell.env_remove(name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = run(shell);
        assert!(ran.status != 0 && ran.err.contains(&format!("{name}: is not set")), "{ran:?}");
    }
    assert_eq!(sim.calls_total(), 0);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin").envs(sim.environment());
    shell.env("KPN_THINGS_KEY_SECRET", "another-secret").stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = run(shell);
    assert!(ran.status != 0 && ran.err.contains("GRIP returned no access token"), "{ran:?}");
    assert_eq!(sim.downlinks_received(), 0);
    let refusing = simulator().without_access().start().unwrap();
    assert_eq!(pasted(&refusing, RAW).err, "HTTP 302\n");
    let ran = pasted(&sim, &["api", "/api/nothing"]);
    assert!(ran.status != 0 && ran.out.contains("error"), "{ran:?}");
}

#[test]
fn a_dry_run_sends_nothing() {
    let sim = simulator().start().unwrap();
    for args in [
        RAW,
        &["devices", "list"],
        &["devices", "list", "--verified"],
        &["customer", "switch", DEFAULT_CUSTOMER],
        &["api", "POST", "/lora/downlinks", "--data", "{}"],
        &["api", "/devices", "--all"],
    ] {
        sim.things(&[args, &["--dry-run"]].concat())
            .exits(0)
            .complains("dry run: nothing was sent")
            .prints("curl ");
    }
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn a_dry_run_sends_nothing_and_needs_nothing() {
    let sim = simulator().start().unwrap();
    let context = file("dry.context", "context-4711");
    let ran = sim.things(&[RAW, &["--dry-run", "--security-context-file", &context]].concat()).exits(0);
    assert_eq!(sim.calls_total(), 0);
    assert!(!ran.out.contains("4711"), "{ran:?}");
    let ran =
        ran.prints("$KPN_THINGS_KEY_SECRET").prints("Bearer $TOKEN").prints("$KPN_THINGS_SECURITY_CONTEXT");
    ran.complains("nothing was sent");
    let ran = bare(&[RAW, &["--dry-run", "--key-secret-file", "/nowhere/secret"]].concat()).exits(0);
    ran.prints("$KPN_THINGS_TENANT_ID")
        .prints("$KPN_THINGS_KEY_ID")
        .prints("https://api.kpnthings.com/api/actuator");
    bare(&["downlink", "send", "nonsense", "--port", "1", "--hex", "01", "--dry-run"]).exits(2);
}

/// Prints its arguments and its input to a file, one a line, and answers with a token.
const FAKE_CURL: &str = r#"#!/bin/sh
{
  printf 'curl\n'
  for argument in "$@"; do printf '%s\n' "$argument"; done
  case " $* " in *" @- "*) printf 'input: '; cat; printf '\n' ;; esac
} >> "$CURL_LOG"
printf '{"token_type":"Bearer", "access_token": "t.0-k_n", "expires_in":3600}\n'
"#;

#[test]
fn a_dry_run_can_be_pasted_into_a_shell() {
    let folder = path("fake-curl");
    fs::create_dir_all(&folder).unwrap();
    let curl = folder.join("curl");
    fs::write(&curl, FAKE_CURL).unwrap();
    fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).unwrap();
    let log = folder.join("log");
    let _ = fs::remove_file(&log);

    let reference = "it's \"$HOME\" `id` \\ é & !";
    let ca_bundle = file("it's a bundle.pem", "");
    let script = run(command(
        &[RAW, &["--dry-run", "--reference", reference, "--customer", "c-1", "--ca-bundle", &ca_bundle]]
            .concat(),
    ));
    let script = script.exits(0).out;
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("CURL_LOG", &log)
        .env("KPN_THINGS_TENANT_ID", "rjsfm52t")
        .env("KPN_THINGS_KEY_ID", "key-1")
        .env("KPN_THINGS_KEY_SECRET", SECRET);
    let checked = shell.args(["-n", "-c", &script]).status().unwrap();
    assert!(checked.success());
    let mut shell_again = Command::new("/bin/sh");
    shell_again.args(["-e", "-u", "-c", &script]).env_clear();
    shell_again.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(shell_again.output().unwrap().status.success());

    let log = fs::read_to_string(&log).unwrap();
    let calls: Vec<Vec<&str>> = log.split("curl\n").skip(1).map(|call| call.lines().collect()).collect();
    let [token, switch, downlink] = &calls[..] else { panic!("{log}") };
    let body = token.last().unwrap().strip_prefix("input: ").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(body).unwrap(),
        json!({"grant_type": "client_credentials", "audience": "4dc82561-f65f-523g-dek9-6c79ec314f02",
            "client_id": "key-1", "client_secret": SECRET})
    );
    assert!(token.contains(&"https://auth.grip-on-it.com/v2/rjsfm52t/oidc/idp/c1/token"), "{log}");
    assert!(!log.replace(body, "").contains(SECRET), "the secret is an argument: {log}");
    for call in &calls {
        assert!(call.contains(&&*ca_bundle), "{log}");
    }
    assert!(
        switch.contains(&"https://api.kpnthings.com/api/v1/lifecycle/clients/c-1/context-switch"),
        "{log}"
    );
    assert!(switch.contains(&"GET") && downlink.contains(&"POST"), "{log}");
    for argument in [
        "authorization: Bearer t.0-k_n",
        "x-client-id: c-1",
        "content-type: application/json",
        "accept: application/vnd.kpnthings.actuator.v1.response+json",
        r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#,
        "https://api.kpnthings.com/api/actuator/downlinks?port=1&externalReference=it%27s%20%22%24HOME%22%20%60id%60%20%5C%20%C3%A9%20%26%20%21",
    ] {
        assert!(downlink.contains(&argument), "{argument}: {log}");
    }
}

#[test]
fn a_dry_run_names_the_variables_that_its_script_needs() {
    let sim = simulator().start().unwrap();
    let args = [RAW, &["--dry-run"]].concat();
    let ready = "dry run: nothing was sent. The script reads the secrets from environment variables";
    assert_eq!(sim.things(&args).exits(0).err, format!("{ready}\n"));
    let to_set = |ran: Ran, names: &str| {
        assert_eq!(ran.exits(0).err, format!("{ready}: set {names} before you run it\n"));
    };
    let postman = file("dry-run.json", &sim.postman_environment());
    let of_a_file = [&args[..], &["--postman-environment", &postman]].concat();
    to_set(bare(&of_a_file), "KPN_THINGS_KEY_SECRET");
    // The variable has the secret of another account.
    let mut other = command(&of_a_file);
    other.env("KPN_THINGS_KEY_SECRET", "of-another-account");
    to_set(run(other), "KPN_THINGS_KEY_SECRET");
    to_set(bare(&args), "KPN_THINGS_TENANT_ID and KPN_THINGS_KEY_ID and KPN_THINGS_KEY_SECRET");
}
