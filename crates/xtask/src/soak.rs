//! The load: a million requests with faults through the client of Rust, a fifth of that through those of Python.

use std::env;
use std::process::Command;

use crate::{Outcome, built, python, run};

const WHOLE: u64 = 1_000_000;
const WHOLE_OF_PYTHON: u64 = 200_000;

/// From so many requests on a release is built.
const WORTH_A_RELEASE: u64 = 100_000;

/// Runs each client, also after one that failed.
pub(crate) fn soak(arguments: &[String]) -> Outcome {
    let load = Load::parse(arguments)?;
    let release = load.requests.max(load.python_requests) >= WORTH_A_RELEASE;
    let mut build = Command::new("cargo");
    run(build
        .args(["build", "--quiet", "-p", "things-bench", "--bin", "soak"])
        .args(release.then_some("--release")))?;
    let program = built(if release { "release" } else { "debug" }, "soak")?;
    let mut outcomes = Vec::new();
    if load.requests > 0 {
        outcomes.push(run(Command::new(&program).args(load.arguments(load.requests))));
    }
    if load.python_requests > 0 {
        let arguments = load.arguments(load.python_requests / 2);
        outcomes.push(python::soak(release, &arguments, &program));
    }
    let failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

struct Load {
    requests: u64,
    /// Half of them by the blocking client, half by the async one.
    python_requests: u64,
    clients: u64,
    seed: u64,
}

impl Load {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let seed = env::var("THINGS_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let mut load = Self { requests: WHOLE, python_requests: WHOLE_OF_PYTHON, clients: 1_000, seed };
        for pair in arguments.chunks(2) {
            let number = pair.get(1).and_then(|number| number.parse().ok());
            let (name, slot) = match pair.first().map(String::as_str) {
                Some(name @ "--requests") => (name, &mut load.requests),
                Some(name @ "--python-requests") => (name, &mut load.python_requests),
                Some(name @ "--clients") => (name, &mut load.clients),
                Some(name @ "--seed") => (name, &mut load.seed),
                other => {
                    let other = other.unwrap_or_default();
                    return Err(format!("{other:?}: use --requests, --python-requests, --clients, --seed"));
                }
            };
            *slot = number.ok_or_else(|| format!("{name} needs a number"))?;
        }
        Ok(load)
    }

    fn arguments(&self, requests: u64) -> [String; 3] {
        [requests, self.clients, self.seed].map(|number| number.to_string())
    }
}
