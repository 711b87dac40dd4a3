//! Our Python package beside other clients under faults: `docs/peers.md`.

use std::fs;

use crate::python::Environment;
use crate::{Outcome, root, run};

/// What the peers are called in the package index, one a line.
const REQUIREMENTS: &str = "benches/peers/requirements.txt";

/// The name of the comparison of receivers, which is a page of its own.
const RECEIVERS: &str = "receivers";

/// Runs the peers that are named, or all of them, which writes the page.
pub(crate) fn compare(names: &[String]) -> Outcome {
    if names == [RECEIVERS] {
        let environment = Environment::make("python-receivers", "benches/peers/receivers.txt")?;
        // It counts messages, and measures no time.
        environment.install(&["--profile", "dev"])?;
        return run(environment.python().arg("benches/peers/receivers.py"));
    }
    let environment = Environment::make("python-peers", "python/requirements-build.txt")?;
    let peers = fs::read_to_string(root().join(REQUIREMENTS)).map_err(|error| error.to_string())?;
    for peer in peers.lines() {
        let mut pip = environment.python();
        pip.args(["-m", "pip", "install", "--quiet", "--upgrade", peer]);
        if let Err(why) = run(&mut pip) {
            println!("peers: {peer} is left out if it is not there already: {why}");
        }
    }
    environment.install(&["--release"])?;
    run(environment.python().arg("benches/peers/compare.py").args(names))
}
