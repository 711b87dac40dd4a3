//! A call in a process of its own, for what holds for a whole process: the environment, and its limits.

use std::env;
use std::process::Command;

use http::Method;
use things_core::{Error, RawCall};

use crate::client::{Client, settings};

/// What a call of a child has to know, and its name in the environment of the child.
const TRANSPORT: &str = "THINGS_TESTS_TRANSPORT";
const BASE_URL: &str = "THINGS_TESTS_BASE_URL";
const CA_BUNDLE: &str = "THINGS_TESTS_CA_BUNDLE";

/// What no process inherits.
const INHERITED: [&str; 8] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Posts to `/` with a transport, in a process with these variables, and tells what came of it in one line.
pub(crate) fn post(transport: &str, base_url: &str, ca_bundle: &str, variables: &[(&str, &str)]) -> String {
    let told = [(TRANSPORT, transport), (BASE_URL, base_url), (CA_BUNDLE, ca_bundle)];
    run("child::post_of_a_child", told.iter().chain(variables).copied())
}

/// Runs an ignored test of this program, and gives what it printed after its name.
pub(crate) fn run<'a>(test: &str, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    for name in INHERITED {
        command.env_remove(name);
    }
    let output = command.envs(variables).output().unwrap();
    let (printed, complaint) =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).into();
    let outcome = printed.split_once(OUTCOME).and_then(|(_, rest)| rest.lines().next());
    outcome.unwrap_or_else(|| panic!("{test} told nothing: {printed}{complaint}")).to_owned()
}

/// Before what a child tells.
const OUTCOME: &str = "outcome: ";

pub(crate) fn tell(outcome: &str) {
    println!("\n{OUTCOME}{outcome}");
}

#[test]
#[ignore = "a part of other tests, in a process of its own"]
fn post_of_a_child() {
    let variable = |name| env::var(name).unwrap_or_default();
    let read = |path: &str| std::fs::read(path);
    let mut settings = settings(&variable(BASE_URL)).machine(|name| env::var_os(name), read);
    if !variable(CA_BUNDLE).is_empty() {
        settings = settings.ca_bundle(variable(CA_BUNDLE));
    }
    let call = RawCall::new(Method::POST, "/");
    let client = settings.build().and_then(|config| Client::try_new(&variable(TRANSPORT), config));
    let outcome = client.and_then(|client| client.call(&call));
    tell(&match outcome {
        Ok(answer) => String::from_utf8(answer.body.to_vec()).unwrap(),
        Err(error) => describe(&error),
    });
}

/// Everything that an error shows.
fn describe(error: &Error) -> String {
    let mut text = format!("{:?} {:?}: {error} {error:?}", error.kind(), error.outcome());
    let mut cause = error.cause().map(|cause| cause as &dyn std::error::Error);
    while let Some(error) = cause {
        text += &format!("; {error} {error:?}");
        cause = error.source();
    }
    text
}
