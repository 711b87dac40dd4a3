use std::fs;

use things_sim::{Route, Sim};

use crate::tool::{SECRET, Tool, bare, command, file, path, run, run_with_input, simulator};

const LIST: &[&str] = &["devices", "list", "--limit", "1", "--ndjson"];

/// The options that point at a simulator, but for the secret.
fn options(sim: &Sim) -> [&str; 10] {
    let key = sim.credentials();
    [
        "--tenant-id",
        &key.tenant_id,
        "--key-id",
        &key.key_id,
        "--application-id",
        &key.application_id,
        "--grip-base-url",
        sim.url(),
        "--base-url",
        sim.url(),
    ]
}

#[test]
fn missing_settings_are_named_in_one_message() {
    for args in [LIST, &["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"]] {
        let ran = bare(args).exits(2);
        assert_eq!(ran.out, "");
        let lines: Vec<_> = ran.err.lines().collect();
        assert!(lines[0].starts_with("error: missing: tenant id (KPN_THINGS_TENANT_ID), key id"), "{ran:?}");
        assert!(lines[0].contains("KPN_THINGS_KEY_SECRET"), "{ran:?}");
        assert!(lines[1].starts_with("hint: ") && lines[1].contains("Postman"), "{ran:?}");
    }
}

#[test]
fn options_alone_and_a_secret_from_a_file_are_enough() {
    let sim = simulator().start().unwrap();
    for (name, content) in [("plain.secret", SECRET.to_owned()), ("line.secret", format!("{SECRET}\r\n"))] {
        let secret = file(name, &content);
        let args = [LIST, &options(&sim), &["--key-secret-file", &secret]].concat();
        bare(&args).exits(0);
    }
    let args = [LIST, &options(&sim), &["--key-secret-file", "/nowhere/secret"]].concat();
    bare(&args).exits(2).complains("/nowhere/secret");
}

#[test]
fn the_secret_may_come_on_standard_input() {
    let sim = simulator().start().unwrap();
    let args = [LIST, &options(&sim), &["--key-secret-file", "-"]].concat();
    run_with_input(command(&args), &format!("{SECRET}\n")).exits(0);
}

#[test]
fn standard_input_is_read_for_one_thing_alone() {
    let sim = simulator().start().unwrap();
    let twice = ["--key-secret-file", "-", "--security-context-file", "-"];
    run_with_input(command(&[LIST, &options(&sim), &twice].concat()), SECRET)
        .exits(2)
        .complains("the security context cannot be read from stdin, because the key secret is read from it");
    let post = ["api", "POST", "/x", "--data", "-", "--key-secret-file", "-"];
    run_with_input(command(&[&post[..], &options(&sim)].concat()), "{}")
        .exits(2)
        .complains("the key secret cannot be read from stdin, because the body is read from it");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn a_postman_file_is_enough_by_option_and_by_variable() {
    let sim = simulator().start().unwrap();
    let postman = file("enough.json", &sim.postman_environment());
    bare(&[LIST, &["--postman-environment", &postman]].concat()).exits(0);
    let mut command = command(LIST);
    command.env("KPN_THINGS_POSTMAN_ENVIRONMENT", &postman);
    run(command).exits(0);
}

#[test]
fn a_postman_file_that_is_none_is_named() {
    bare(&[LIST, &["--postman-environment", "/nowhere/kpn.json"]].concat())
        .exits(2)
        .complains("/nowhere/kpn.json");
    let collection = file("collection.json", r#"{"info":{},"item":[]}"#);
    bare(&[LIST, &["--postman-environment", &collection]].concat())
        .exits(2)
        .complains("collection.json is a collection of Postman, not an environment");
}

#[test]
fn options_override_variables_which_override_the_postman_file_that_they_name() {
    let sim = simulator().start().unwrap();
    let wrong = sim.postman_environment().replace("rjsfm52t", "from-file").replace("key-1", "from-file");
    let postman = file("wrong.json", &wrong);
    let mut command = command(&[LIST, &["--key-id", "key-1"]].concat());
    command.env("KPN_THINGS_TENANT_ID", "rjsfm52t").env("KPN_THINGS_KEY_ID", "from-environment");
    command.env("KPN_THINGS_POSTMAN_ENVIRONMENT", &postman);
    run(command).exits(0);
}

#[test]
fn a_postman_file_named_by_an_option_overrides_the_variables_and_the_file_that_they_name() {
    let sim = simulator().start().unwrap();
    let postman = file("right.json", &sim.postman_environment());
    let variables = [
        ("KPN_THINGS_TENANT_ID", "from-environment"),
        ("KPN_THINGS_KEY_ID", "from-environment"),
        ("KPN_THINGS_BASE_URL", "https://environment.example"),
        ("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere/kpn.json"),
    ];
    let mut list = command(&[LIST, &["--postman-environment", &postman]].concat());
    list.envs(variables);
    run(list).exits(0);
    let mut check = command(&["auth", "check", "--postman-environment", &postman]);
    check.envs(variables);
    let ran = run(check).exits(0);
    let line = ran.out.lines().find(|line| line.starts_with("key id")).unwrap();
    assert!(line.contains("key-1") && line.ends_with("right.json"), "{ran:?}");
}

#[test]
fn what_was_copied_with_a_setting_is_named_and_nothing_is_sent() {
    let sim = simulator().start().unwrap();
    for (variable, value, told) in [
        ("KPN_THINGS_KEY_SECRET", "\"s3cr3t-of-the-key\"", "key secret (KPN_THINGS_KEY_SECRET) is in quotes"),
        (
            "KPN_THINGS_KEY_SECRET",
            "<your key secret>",
            "key secret (KPN_THINGS_KEY_SECRET) is a placeholder (<...>)",
        ),
        ("KPN_THINGS_TENANT_ID", "...", "tenant id (KPN_THINGS_TENANT_ID) is a placeholder (...)"),
        ("KPN_THINGS_KEY_SECRET", "\u{2026}", "key secret (KPN_THINGS_KEY_SECRET) is a placeholder (...)"),
        ("KPN_THINGS_BASE_URL", "...", "base URL (KPN_THINGS_BASE_URL) is a placeholder (...)"),
        ("KPN_THINGS_KEY_SECRET", "\u{200b}s3cr3t-of-the-key", "a zero-width space (U+200B) at position 1"),
        ("KPN_THINGS_KEY_SECRET", "s3cr3t\u{2013}of-the-key", "a dash (U+2013) at position 7"),
        ("KPN_THINGS_KEY_ID", "'key-1'", "key id (KPN_THINGS_KEY_ID) is in quotes"),
        ("KPN_THINGS_TENANT_ID", "${TENANT}", "tenant id (KPN_THINGS_TENANT_ID) is a placeholder (${...})"),
        ("KPN_THINGS_APPLICATION_ID", "4dc82561-\u{ad}6c79", "a soft hyphen (U+00AD) at position 10"),
        ("KPN_THINGS_BASE_URL", "\"https://a.example\"", "base URL (KPN_THINGS_BASE_URL) is in quotes"),
        ("KPN_THINGS_BASE_URL", "https://a.example\r", "base URL (KPN_THINGS_BASE_URL) ends in a line break"),
        ("KPN_THINGS_BASE_URL", "https://a.example ", "base URL (KPN_THINGS_BASE_URL) ends in a space"),
        ("KPN_THINGS_GRIP_BASE_URL", "{{gripBaseUrl}}", "is a placeholder ({{...}})"),
    ] {
        let ran = sim.things_with(variable, value, LIST).exits(2).complains(told);
        assert!(!ran.err.contains("s3cr3t"), "{ran:?}");
    }
    let postman = file("placeholder.json", &sim.postman_environment().replace("rjsfm52t", "..."));
    let named = ["--postman-environment", &postman];
    let told = format!("tenant id ({postman}) is a placeholder (...)");
    bare(&[LIST, &named].concat()).exits(2).complains(&told);
    let quoted = file("quoted.secret", "'s3cr3t'\n");
    sim.things(&[LIST, &["--key-secret-file", &quoted]].concat()).exits(2).complains("key secret");
    sim.things(&[LIST, &["--customer", "<customer>"]].concat()).exits(2).complains("customer id");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn plain_http_goes_to_another_machine_only_if_it_is_named() {
    let sim = simulator().start().unwrap();
    let to = |host: &str, more: &[&str]| {
        let url = format!("http://{host}/");
        sim.things(&[LIST, &["--grip-base-url", &url, "--timeout", "1"], more].concat())
    };
    to("gateway.invalid", &[]).exits(2).complains("KPN_THINGS_ALLOW_HTTP");
    to("gateway.invalid", &["--allow-http", "other.invalid"]).exits(2).complains("plain http");
    to("gateway.invalid", &["--allow-http", "gateway.invalid"])
        .exits(1)
        .complains("POST http://gateway.invalid/");
    to("api.kpnthings.com", &["--allow-http", "api.kpnthings.com"]).exits(2).complains("which is KPN's");
}

#[test]
fn grip_v3_is_the_newer_token_endpoint_and_needs_no_tenant() {
    let sim = simulator().start().unwrap();
    let mut command = sim.command(&[LIST, &["--token-url", "grip-v3"]].concat());
    command.env_remove("KPN_THINGS_TENANT_ID");
    run(command).exits(0);
    assert_eq!(sim.requests()[0].target, "/api/v3/idp/oidc/token");
}

#[test]
fn the_proxy_of_the_environment_is_named_where_it_is_wrong_or_out_of_reach() {
    let over_https = |variable: &str, value: &str| {
        let sim = simulator().start().unwrap();
        let args = [LIST, &["--base-url", "https://api.invalid", "--timeout", "2"]].concat();
        sim.things_with(variable, value, &args)
    };
    let ran = over_https("HTTPS_PROXY", "http://jan:pa#55@127.0.0.1:1").exits(2);
    assert!(ran.err.contains("HTTPS_PROXY has '#', '?' or '/'") && !ran.err.contains("55"), "{ran:?}");
    over_https("ALL_PROXY", "socks5://127.0.0.1:1").exits(2).complains("ALL_PROXY names a socks5 proxy");
    let ran = over_https("HTTPS_PROXY", "http://jan:pa55@127.0.0.1:1").exits(1);
    assert!(
        ran.err.contains("through the proxy http://127.0.0.1:1: ") && !ran.err.contains("pa55"),
        "{ran:?}"
    );
}

#[test]
fn requests_name_the_tool_and_the_library() {
    let sim = simulator().start().unwrap();
    sim.things(LIST).exits(0);
    for request in sim.requests() {
        let agent = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
        assert!(
            agent
                .is_some_and(|(_, value)| value.starts_with("things/") && value.contains(" kpn-things-sdk/"))
        );
    }
}

#[test]
fn a_token_url_replaces_the_address_of_grip_and_the_tenant() {
    let sim = simulator().start().unwrap();
    let token_url = format!("{}/api/v3/idp/oidc/token", sim.url());
    let mut command = sim.command(&[LIST, &["--token-url", &token_url]].concat());
    command.env_remove("KPN_THINGS_TENANT_ID");
    run(command).exits(0);
    assert_eq!(sim.requests()[0].target, "/api/v3/idp/oidc/token");
}

#[test]
fn a_secret_never_goes_to_another_machine_in_the_clear() {
    let sim = simulator().start().unwrap();
    sim.things(&[LIST, &["--grip-base-url", "http://auth.example"]].concat())
        .exits(2)
        .complains("plain http");
    sim.things(&[LIST, &["--base-url", "http://10.0.0.1"]].concat()).exits(2).complains("plain http");
    assert_eq!(sim.calls_total(), 0);
}

#[test]
fn the_time_of_a_call_is_bounded() {
    let sim = simulator().fault("devices=stall".parse().unwrap()).start().unwrap();
    sim.things(&[LIST, &["--timeout", "0.2"]].concat()).exits(1).complains("GET http://127.0.0.1");
    assert_eq!(sim.calls(Route::Devices), 1);
    sim.things(&[LIST, &["--timeout", "0"]].concat()).exits(2).complains("timeout");
}

#[test]
fn certificates_come_from_a_file() {
    let sim = simulator().start().unwrap();
    let empty = path("empty.pem");
    fs::write(&empty, "").unwrap();
    sim.things(&[LIST, &["--ca-bundle", empty.to_str().unwrap()]].concat())
        .exits(2)
        .complains("contains no certificate");
    sim.things(&[LIST, &["--ca-bundle", "/nowhere/ca.pem"]].concat()).exits(2).complains("/nowhere/ca.pem");
}

#[test]
#[cfg(target_os = "linux")]
fn no_secret_stands_in_the_arguments_of_the_process() {
    // The simulator takes the token request and never answers: the tool is there to be looked at.
    let sim = simulator().fault("token=stall".parse().unwrap()).start().unwrap();
    let secret = file("arguments.secret", SECRET);
    let args = [LIST, &options(&sim), &["--key-secret-file", &secret]].concat();
    let mut child = command(&args).spawn().unwrap();
    while sim.calls(Route::Token) == 0 {
        std::thread::yield_now();
    }
    let arguments = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let arguments = String::from_utf8(arguments).unwrap();
    assert!(arguments.contains("--key-secret-file") && !arguments.contains(SECRET), "{arguments}");
}
