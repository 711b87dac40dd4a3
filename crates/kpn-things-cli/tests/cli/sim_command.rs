//! `things sim -- COMMAND`: the command runs against the simulator, and never against an account.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::Command;

use things_sim::{DEFAULT_CUSTOMER, Sim};

use crate::terminal::Terminal;
use crate::tool::{Ran, Tool, bare, command, file, finish, folder, run};

const THINGS: &str = env!("CARGO_BIN_EXE_things");

/// The tool in the environment of an account, which another simulator plays.
fn beside_an_account(account: &Sim, args: &[&str]) -> Ran {
    let mut command = account.command(args);
    command
        .env("KPN_THINGS_CUSTOMER_ID", DEFAULT_CUSTOMER)
        .env("KPN_THINGS_SECURITY_CONTEXT", "context")
        .env("KPN_THINGS_TOKEN_URL", format!("{}/v2/t/oidc/idp/c1/token", account.url()))
        .env("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere/postman.json")
        .env("KPN_THINGS_PROFILE", "production");
    run(command)
}

#[test]
fn a_command_never_touches_the_account_of_the_environment() {
    let account = Sim::builder().devices(11).start().unwrap();
    let list = ["sim", "--devices", "22", "--", THINGS, "devices", "list", "--ndjson"];
    let ran = beside_an_account(&account, &list).exits(0);
    assert_eq!(ran.out.lines().count(), 22);
    assert!(!ran.err.contains("simulator"), "{ran:?}");

    let send = ["sim", "--", THINGS, "downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "01"];
    beside_an_account(&account, &send).exits(0);
    assert_eq!(account.calls_total(), 0);
}

#[test]
fn its_environment_has_the_settings_of_the_simulator_and_no_others() {
    let account = Sim::builder().start().unwrap();
    // The values stay out of the output, because the secret is one of them.
    let script = "env | cut -d = -f 1; echo $KPN_THINGS_BASE_URL";
    let ran = beside_an_account(&account, &["sim", "--", "/bin/sh", "-c", script]).exits(0);
    let mut names: Vec<_> = ran.out.lines().filter(|name| name.starts_with("KPN_THINGS_")).collect();
    names.sort_unstable();
    let mut expected: Vec<_> = account.environment().into_iter().map(|(name, _)| name).collect();
    expected.extend(["KPN_THINGS_LEDGER", "KPN_THINGS_TOKEN_CACHE"]);
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(!ran.out.contains(account.url()), "{ran:?}");
    assert_eq!(ran.err, "");
}

#[test]
fn its_access_token_ends_with_the_simulator() {
    let (cache, temporary) = (folder("sim-cache"), folder("sim-temporary"));
    let script = "\"$0\" devices list --ndjson && \"$0\" devices list --ndjson && ls $KPN_THINGS_TOKEN_CACHE";
    let mut command = command(&["sim", "--log", "--devices", "1", "--", "/bin/sh", "-c", script, THINGS]);
    command.env("XDG_CACHE_HOME", &cache).env("TMPDIR", &temporary).env("PATH", "/usr/bin:/bin");
    let ran = run(command).exits(0).prints(".json\n");
    assert_eq!(ran.err.lines().filter(|line| line.ends_with("/token 200")).count(), 1, "{ran:?}");
    for folder in [cache, temporary] {
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{folder:?}");
    }
}

#[test]
fn its_ledger_ends_with_the_simulator() {
    let (home, temporary) = (folder("sim-ledger"), folder("sim-ledger-temporary"));
    let valves = home.join("valves.csv");
    fs::write(&valves, "dev_eui,port,hex\n0059AC0000181EB6,1,01\n").unwrap();
    let run_bulk = || {
        let mut command = command(&["sim", "--", THINGS, "downlink", "bulk", valves.to_str().unwrap()]);
        command.env("XDG_STATE_HOME", home.join("state")).env("TMPDIR", &temporary);
        command.env("KPN_THINGS_LEDGER", home.join("ledger.db"));
        run(command).exits(0)
    };
    // Of the first run, the second one knows nothing.
    run_bulk();
    run_bulk();
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "only the file is there");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_command_is_found_on_the_path_and_keeps_other_variables() {
    let mut command = command(&["sim", "--", "sh", "-c", "echo $COLOUR"]);
    command.env("PATH", "/usr/bin:/bin").env("COLOUR", "green");
    run(command).exits(0).prints("green\n");
}

#[test]
fn the_tool_ends_with_the_status_of_the_command() {
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let ran = bare(&["sim", "--devices", "1", "--", "/bin/sh", "-c", script]).exits(status);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{script}");
    }
}

#[test]
fn a_command_that_cannot_run_is_named() {
    bare(&["sim", "--", "no-such-command", "-x"]).exits(127).complains("no-such-command: command not found");
    bare(&["sim", "--", "things devices list"]).exits(127).complains("things sim -- sh -c");
    let text = file("not-a-program", "hello");
    bare(&["sim", "--", &text]).exits(126).complains(&text);
}

#[test]
fn settings_are_printed_or_passed_to_a_command_but_not_both() {
    bare(&["sim", "--format", "fish", "--", "true"]).exits(2).complains("--format");
    bare(&["sim", "--json", "--", "true"]).exits(2).complains("--json");
}

#[test]
fn signals_go_on_to_the_command() {
    for signal in ["INT", "TERM"] {
        let script = format!(
            "trap 'kill $!; echo ended by {signal}; exit 9' {signal}; sleep 60 >/dev/null 2>&1 & echo ready; wait"
        );
        let mut command = command(&["sim", "--", "/bin/sh", "-c", &script]);
        // Away from a terminal, whose Ctrl-C would reach both.
        let mut child = command.env("PATH", "/usr/bin:/bin").process_group(0).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        line.clear();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, format!("ended by {signal}\n"));
        assert_eq!(finish(child).exits(9).err, "");
    }
}

#[test]
fn ctrl_c_in_a_terminal_interrupts_the_command_once() {
    let script = "n=0; trap 'n=$((n+1)); kill $!; echo interrupted' INT; sleep 60 & echo ready; wait; \
                  read line; echo $n times; exit 9";
    let mut terminal = Terminal::start(command(&["sim", "--", "/bin/sh", "-c", script]), 80, 24);
    terminal.wait_for("ready");
    terminal.type_in("\x03");
    terminal.wait_for("interrupted");
    terminal.type_in("\r");
    terminal.wait_for("1 times");
    assert_eq!(terminal.finish().status, Some(9));
}

#[test]
fn a_long_start_is_announced_on_a_terminal() {
    let mut terminal = Terminal::start(command(&["sim", "--devices", "500000"]), 80, 24);
    terminal.wait_for("Generating 500,000 devices ...");
}

#[test]
fn the_log_level_of_python_is_no_setting_of_an_account() {
    let mut command =
        command(&["sim", "--", "/bin/sh", "-c", "echo $KPN_THINGS_LOG $KPN_THINGS_CUSTOMER_ID"]);
    command.env("KPN_THINGS_LOG", "debug").env("KPN_THINGS_CUSTOMER_ID", DEFAULT_CUSTOMER);
    assert_eq!(run(command).exits(0).out, "debug\n");
}

#[test]
fn a_forgotten_separator_in_front_of_a_command_gets_a_tip() {
    for args in
        [&["sim", "things", "devices", "list", "--ndjson"][..], &["-v", "sim", "--devices", "3", "pytest"]]
    {
        let ran = bare(args).exits(2);
        ran.complains("tip: to run a command against the simulator, put -- in front of it: things sim -- ");
    }
    for args in [&["sim", "--unknown"][..], &["devices", "list", "things"]] {
        let ran = bare(args).exits(2);
        assert!(!ran.err.contains("against the simulator"), "{ran:?}");
    }
}
