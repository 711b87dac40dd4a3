//! What other programs of this machine see of the tool while it runs.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::Child;
use std::thread;

use things_sim::{FaultRule, Route, Sim};
use things_tests::canary::{Canary, assert_clean, sightings};
use things_tests::echo;

use crate::tool::{SECRET, Tool, command, file, finish, run, simulator};

const CONTEXT: &str = "context-4711";

/// A simulator that never answers a listing.
fn stalled() -> Sim {
    let rule: FaultRule = "devices=stall".parse().unwrap();
    simulator().fault(rule).start().unwrap()
}

/// What `/proc` tells of a process that waits for the service.
fn told(sim: &Sim, child: &Child, name: &str) -> Vec<u8> {
    while sim.calls(Route::Devices) == 0 {
        thread::yield_now();
    }
    fs::read(format!("/proc/{}/{name}", child.id())).unwrap()
}

#[test]
fn a_secret_from_a_file_is_in_neither_arguments_nor_environment() {
    let sim = stalled();
    let secret = file("secret-of-a-process", &format!("{SECRET}\n"));
    let context = file("context-of-a-process", CONTEXT);
    let files = ["--key-secret-file", &secret, "--security-context-file", &context];
    let mut command = sim.command(&[&["devices", "list"], &files[..]].concat());
    let mut child = command.env_remove("KPN_THINGS_KEY_SECRET").spawn().unwrap();
    for name in ["cmdline", "environ", "comm", "status"] {
        let told = told(&sim, &child, name);
        assert!(!String::from_utf8_lossy(&told).contains(CONTEXT), "{name}");
        assert_clean(name, told, &Canary::known());
    }
    let sent = sim.requests().last().unwrap().header("KPN-Things-Security-Context").unwrap().to_owned();
    assert_eq!(sent, CONTEXT);
    let children = told(&sim, &child, &format!("task/{}/children", child.id()));
    assert_eq!(String::from_utf8_lossy(&children), "", "it starts no other process that could show it");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_secret_from_the_environment_stays_there() {
    let sim = stalled();
    let mut child = sim.command(&["devices", "list"]).spawn().unwrap();
    assert_clean("cmdline", told(&sim, &child, "cmdline"), &Canary::known());
    assert!(!sightings(&told(&sim, &child, "environ"), &Canary::known()).is_empty(), "the canary is in use");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn no_log_is_written_whatever_is_asked_for() {
    let sim = simulator().start().unwrap();
    for name in ["RUST_LOG", "RUST_TRACE", "HTTP_TRACE"] {
        let mut command = sim.command(&["devices", "list", "--search", "no device"]);
        let ran = finish(command.env(name, "trace").spawn().unwrap());
        assert_eq!(ran.exits(0).err.lines().count(), 1);
    }
}

/// What the tool prints of a service that repeats what it was sent, in its headers and its body, in every encoding.
fn echoed(status: u16, refuses_token: bool, args: &[&str]) -> String {
    let origin = echo::start(status, refuses_token).unwrap();
    let mut command = command(args);
    command.envs([
        ("KPN_THINGS_TENANT_ID", "tenant"),
        ("KPN_THINGS_KEY_ID", "key-1"),
        ("KPN_THINGS_KEY_SECRET", SECRET),
        ("KPN_THINGS_SECURITY_CONTEXT", CONTEXT),
        ("KPN_THINGS_GRIP_BASE_URL", &origin),
        ("KPN_THINGS_BASE_URL", &origin),
    ]);
    let ran = run(command);
    format!("{}\n{}", ran.out, ran.err)
}

#[test]
fn a_service_that_repeats_what_it_was_sent_is_printed_without_the_secrets() {
    let context = Canary::new("the security context", CONTEXT);
    let token = Canary::new("the token", echo::TOKEN);
    let secrets: Vec<_> = Canary::known().into_iter().chain([context, token]).collect();
    let downlink = ["downlink", "send", "0059AC0000181EB6", "--port", "1", "--hex", "0102", "--json"];
    for args in [
        &["api", "GET", "/x", "--include"][..],
        &["api", "GET", "/x"],
        &["auth", "check"],
        &downlink,
        &["customer", "switch", "customer-1", "--json"],
    ] {
        for (status, refuses_token) in [(200, false), (400, false), (403, false), (500, false), (400, true)] {
            let printed = echoed(status, refuses_token, args);
            assert_clean(&format!("{args:?} {status}"), &printed, &secrets);
        }
    }
    assert!(echoed(200, false, &["api", "GET", "/x", "--include"]).contains("Bearer [redacted]"));
}
