use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use serde_json::Value;
use things_sim::{ChangeRule, FaultRule, Quirk};

use crate::tool::{Ran, bare, command, file, path, run, run_with_input};

const THINGS: &str = env!("CARGO_BIN_EXE_things");

/// A simulator as a process of its own, which ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a simulator, and reads its output up to and with the line that begins so.
fn start(args: &[&str], last: &str) -> (Process, String) {
    let mut process = Process(command(&[&["sim"], args].concat()).spawn().unwrap());
    let mut text = String::new();
    for line in BufReader::new(process.0.stdout.as_mut().unwrap()).lines() {
        let line = line.unwrap();
        text.push_str(&line);
        text.push('\n');
        if line.starts_with(last) {
            break;
        }
    }
    (process, text)
}

fn with(variables: &Value, args: &[&str]) -> Ran {
    let mut command = command(args);
    for (name, value) in variables.as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    run(command)
}

#[test]
fn a_shell_takes_its_settings_instead_of_those_of_an_account() {
    let (mut process, exports) = start(&["--devices", "7"], "export KPN_THINGS_BASE_URL");
    let script = format!("{exports}\"$THINGS\" devices list --ndjson");
    let shell = Command::new("/bin/sh")
        .args(["-e", "-u", "-c", &script])
        .env("THINGS", env!("CARGO_BIN_EXE_things"))
        .env("KPN_THINGS_CUSTOMER_ID", "8c5f9e0e-0000-4000-8000-000000000000")
        .env("KPN_THINGS_SECURITY_CONTEXT", "context")
        .env("KPN_THINGS_TOKEN_URL", "https://grip.invalid/token")
        .env("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere/postman.json")
        .env("KPN_THINGS_PROFILE", "production")
        .output()
        .unwrap();
    assert!(shell.status.success(), "{shell:?}");
    assert_eq!(String::from_utf8(shell.stdout).unwrap().lines().count(), 7);
    process.0.kill().unwrap();
    let mut words = String::new();
    process.0.stderr.as_mut().unwrap().read_to_string(&mut words).unwrap();
    assert!(words.contains("until it is interrupted") && words.contains("things auth check"), "{words}");
}

#[test]
fn json_and_postman_files_are_for_programs() {
    let postman = path("sim.json");
    let (_process, json) = start(&["--format", "json", "--postman", postman.to_str().unwrap()], "}");
    let variables: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(variables["KPN_THINGS_CUSTOMER_ID"], "");
    with(&variables, &["auth", "check"]).exits(0);
    bare(&["auth", "check", "--postman-environment", postman.to_str().unwrap()]).exits(0);
    assert!(fs::read_to_string(&postman).unwrap().contains("gripBaseUrl"));
}

#[test]
fn every_option_arrives() {
    let (_process, json) = start(
        &[
            "--json",
            "--seed",
            "7",
            "--devices",
            "30",
            "--page-size-cap",
            "10",
            "--token-life",
            "60",
            "--expires-in",
            "text",
            "--downlink-answer",
            "no-content",
            "--customer",
            "mine=4",
            "--fault",
            "downlinks@2=drop-after",
        ],
        "}",
    );
    let variables: Value = serde_json::from_str(&json).unwrap();
    let ran = with(&variables, &["devices", "list", "--json", "--page-size", "30"]).exits(0);
    assert_eq!(ran.err, "30 devices, proven complete with 5 requests\n");
    with(&variables, &["devices", "list", "--customer", "mine"]).exits(0).complains("4 devices");
    let send = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
    assert_eq!(with(&variables, &send).exits(0).json()["status"], 204);
    with(&variables, &send).exits(4);
}

#[test]
fn the_log_has_one_line_per_request() {
    let (mut process, json) = start(&["--json", "--log", "--fault", "devices@1=latency:1ms"], "}");
    let variables: Value = serde_json::from_str(&json).unwrap();
    with(&variables, &["devices", "list", "--search", "no such"]).exits(0);
    let send =
        ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01", "--reference", "valve-42"];
    with(&variables, &send).exits(0);
    process.0.kill().unwrap();
    let mut log = String::new();
    process.0.stderr.as_mut().unwrap().read_to_string(&mut log).unwrap();
    let listed = log.lines().find(|line| line.contains("GET /api/devices?")).unwrap();
    assert!(listed.ends_with(" 200 [fault latency:1ms]"), "{log}");
    let sent = "POST /api/actuator/downlinks 201 0059AC0000181EB6 port 1 01 ref=valve-42";
    assert!(log.lines().any(|line| line == sent), "{log}");
    assert!(!log.contains(variables["KPN_THINGS_KEY_SECRET"].as_str().unwrap()));
}

#[test]
fn tenants_share_a_simulator() {
    let (_process, json) = start(&["--json", "--any-tenant", "--devices", "3"], "}");
    let mut variables: Value = serde_json::from_str(&json).unwrap();
    for tenant in ["suite-a", "suite-b"] {
        variables["KPN_THINGS_TENANT_ID"] = tenant.into();
        with(&variables, &["devices", "list"]).exits(0).complains("3 devices");
    }
}

#[test]
fn devices_change_and_are_listed_in_undocumented_ways() {
    let args = ["--json", "--devices", "30", "--quirk", "envelope:page-impl", "--quirk", "shared-names:3"];
    let (_process, json) = start(&[&args[..], &["--change", "2=remove:5"]].concat(), "}");
    let variables: Value = serde_json::from_str(&json).unwrap();
    let lists = [30, 25].map(|devices| {
        let ran = with(&variables, &["devices", "list", "--ndjson"]).exits(0);
        assert_eq!(ran.out.lines().count(), devices);
        ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].to_string()).collect()
    });
    let names: &HashSet<String> = &lists[0];
    assert_eq!(names.len(), 10);
}

#[test]
fn the_help_lists_what_the_library_reads() {
    let help = bare(&["sim", "--help"]).exits(0).out;
    for (error, start, end) in [
        ("any=x".parse::<FaultRule>().unwrap_err().to_string(), "A fault is", "A change of"),
        ("1=x".parse::<ChangeRule>().unwrap_err().to_string(), "A change of", "A QUIRK"),
        ("x".parse::<Quirk>().unwrap_err().to_string(), "A QUIRK", ""),
    ] {
        let part = help.split_once(start).unwrap().1;
        let part = if end.is_empty() { part } else { part.split_once(end).unwrap().0 };
        let (_, examples) = error.split_once("use ").unwrap();
        for example in examples.replace(" or ", ", ").split(", ") {
            let name = example.split([':', '[']).next().unwrap();
            assert!(part.contains(name) || name == "page-size-cap", "{name}: {part}");
        }
    }
}

#[test]
fn a_key_without_access_is_refused() {
    let (_process, json) = start(&["--json", "--without-access", "--expires-in", "absent"], "}");
    with(&serde_json::from_str(&json).unwrap(), &["devices", "list"]).exits(3);
}

#[test]
fn a_wrong_rule_is_explained() {
    bare(&["sim", "--fault", "downlinks@2=drop-aftr"]).exits(2).complains(
        "error: invalid value 'downlinks@2=drop-aftr' for '--fault <RULE>': unknown fault `drop-aftr`\n  \
           downlinks@2=drop-aftr\n              \
                       ^^^^^^^^^ did you mean `drop-after`?\n  \
           use latency:20ms, ",
    );
}

#[test]
fn uplinks_are_posted_to_a_destination() {
    // A simulator stands for the receiver: it records each request.
    let receiver = things_sim::Sim::builder().start().unwrap();
    let url = format!("{}/hook", receiver.url());
    let secret = file("uplink-secret.txt", "# mine\nactive=MYKEY2\n");
    let own = file("own-secret.txt", "0123456789abcdefghijABCDEFGHIJ\n");
    let own = format!("3f2504e0-4f89-41d3-9a0c-0305e82c3301={own}");
    let options = ["--uplink-to", &url, "--uplink-secret-file", &secret, "--uplink-rate", "100/s"];
    let more = ["--uplink-header", "X-Mine: 7", "--uplink-pause", "0", "--own-device", &own, "--log"];
    let (mut process, json) = start(&[&["--json"][..], &options, &more].concat(), "}");
    assert!(serde_json::from_str::<Value>(&json).is_ok());
    // The receiver responds with 404, so each message is posted three times.
    while receiver.calls_total() < 6 {
        std::thread::yield_now();
    }
    process.0.kill().unwrap();
    let posted = receiver.requests();
    assert!(posted.iter().all(|post| (post.method.as_str(), post.target.as_str()) == ("POST", "/hook")));
    assert_eq!(posted[0].header("x-mine"), Some("7"));
    assert_eq!(posted[0].header("things-message-token").unwrap().len(), 64);
    let mut log = String::new();
    process.0.stderr.as_mut().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.lines().any(|line| line.starts_with("uplink ") && line.ends_with(" 404 pending")), "{log}");
    assert!(!log.contains("MYKEY2"));
}

#[test]
fn what_cannot_be_right_is_refused() {
    let secret = file("sim-secret.txt", "a-secret");
    let own_device = format!("x={secret}");
    for (args, reason) in [
        (&["--fault", "downlinks=explode"][..], "unknown fault `explode`"),
        (&["--fault", "nonsense"], "unknown route `nonsense`"),
        (&["--change", "remove:1"], "WHEN is missing"),
        (&["--quirk", "envelope:xml"], "unknown value `xml`"),
        (&["--expires-in", "never"], "[possible values: number, text, absent]"),
        (&["--customer", "x"], "use ID=N"),
        (&["--customer", "=1"], "use ID=N"),
        (&["--customer", "mine=5000001"], "use a number from 0 to 5,000,000"),
        (&["--devices", "100000000000"], "use a number from 0 to 5,000,000"),
        (&["--devices=-1"], "--devices"),
        (&["--page-size-cap", "0"], "use a number from 1"),
        (&["--token-life", "0"], "longer than 0 seconds"),
        (&["--token-life=-1"], "--token-life"),
        (&["--port", "65536"], "65535"),
        (&["--uplink-to", "http://127.0.0.1/"], "--uplink-secret-file"),
        (&["--uplink-to", "http://127.0.0.1/", "--uplink-secret-file", "/nowhere/key"], "/nowhere/key"),
        (&["--uplink-to", "host", "--uplink-secret-file", &secret], "begins with https:// or http://"),
        (&["--own-device", "x"], "use UUID=FILE"),
        (&["--own-device", &own_device], "30 to 100 letters and digits"),
        (&["--device-file", "/nowhere/fleet.ndjson"], "/nowhere/fleet.ndjson: "),
    ] {
        bare(&[&["sim"], args].concat()).exits(2).complains(reason);
    }
    // Nobody, root included, can create a file below a file.
    let nowhere = format!("{}/sim.json", file("no-folder", ""));
    bare(&["sim", "--postman", &nowhere]).exits(1).complains(&format!("could not write {nowhere}: "));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = bare(&["sim", "--port", &port]).exits(1);
    ran.complains(&format!("error: port {port} is in use")).complains("hint: choose another one with --port");
}

#[test]
fn a_listed_fleet_is_simulated_again() {
    let fleet = bare(&["sim", "--devices", "50", "--", THINGS, "devices", "list", "--ndjson"]).exits(0).out;
    let fleet = fleet.replace("}\n", ",\"iccid\":89314404000123456789}\n");
    let path = file("fleet.ndjson", &fleet);
    let list = ["--", THINGS, "devices", "list", "--ndjson"];
    let again = bare(&[&["sim", "--device-file", &path][..], &list].concat()).exits(0);
    assert!(again.out == fleet, "{again:?}");
    let piped =
        run_with_input(command(&[&["sim", "--device-file", "-"][..], &list].concat()), &fleet).exits(0);
    assert!(piped.out == fleet, "{piped:?}");

    let first = fleet.lines().next().unwrap();
    let twice = file("twice.ndjson", &format!("{fleet}{first}\n"));
    let ran = bare(&["sim", "--device-file", &twice]).exits(2);
    ran.complains(&format!("error: {twice}, line 51: the uuid ")).complains("is also on line 1\n");
}

#[test]
fn a_strict_simulator_refuses_downlinks_to_unknown_devices() {
    let fleet = file("strict.ndjson", r#"{"uuid":"u-1","name":"Valve","eui":"0059AC0000181EB6"}"#);
    let send = |eui| {
        let sim = ["sim", "--strict-devices", "--device-file", &fleet, "--", THINGS];
        let send = ["downlink", "send", eui, "--port", "1", "--hex", "01"];
        bare(&[&sim[..], &send].concat())
    };
    send("0059AC0000181EB6").exits(0);
    send("0059AC0000181EB7").exits(1).complains("no device has the DevEUI 0059AC0000181EB7");
}
