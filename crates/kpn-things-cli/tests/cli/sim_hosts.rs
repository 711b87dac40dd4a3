//! `things sim` on https, and on addresses that other machines reach.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use serde_json::Value;

use crate::tool::{Ran, bare, command, path, run};

const THINGS: &str = env!("CARGO_BIN_EXE_things");

/// A simulator as a process of its own, its settings, and what it said on stderr when it ended.
struct Simulator {
    process: Child,
    settings: Value,
}

impl Simulator {
    fn start(args: &[&str]) -> Self {
        let mut process = command(&[&["sim", "--json"], args].concat()).spawn().unwrap();
        let mut json = String::new();
        for line in BufReader::new(process.stdout.as_mut().unwrap()).lines().map_while(Result::ok) {
            json += &line;
            if line == "}" {
                break;
            }
        }
        Self { process, settings: serde_json::from_str(&json).unwrap() }
    }

    fn tool(&self, args: &[&str]) -> Ran {
        let mut command: Command = command(args);
        for (name, value) in self.settings.as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        run(command)
    }

    fn said(mut self) -> String {
        self.process.kill().unwrap();
        let mut said = String::new();
        self.process.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_tool_trusts_the_authority_that_it_names() {
    let directory = path("authority");
    let directory = directory.to_str().unwrap();
    let sim = Simulator::start(&["--tls-dir", directory]);
    assert!(sim.settings["KPN_THINGS_BASE_URL"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    let ca = format!("{directory}/ca.pem");
    sim.tool(&["devices", "list", "--ca-bundle", &ca]).exits(0);
    let refused = sim.tool(&["devices", "list"]);
    assert_ne!(refused.status, 0, "{refused:?}");
    let said = sim.said();
    assert!(said.contains(&format!("auth check --ca-bundle '{ca}'\n")), "{said}");
}

#[test]
fn a_command_trusts_it_without_an_option() {
    let directory = path("authority-of-command");
    let sim = ["sim", "--tls-dir", directory.to_str().unwrap(), "--devices", "3", "--"];
    let ran = bare(&[&sim[..], &[THINGS, "devices", "list", "--ndjson"]].concat()).exits(0);
    assert_eq!(ran.out.lines().count(), 3);
}

#[test]
fn every_address_can_be_served() {
    let sim = Simulator::start(&["--host", "0.0.0.0"]);
    sim.tool(&["devices", "list"]).exits(0);
    let said = sim.said();
    assert!(said.contains("KPN_THINGS_ALLOW_HTTP"), "{said}");
    bare(&["sim", "--host", "192.0.2.1"]).exits(1).complains("could not listen on 192.0.2.1");
}
