//! Every scenario on the virtual clock.

use things_tests::{Failure, Scenario, simulated};

fn run(name: &str) -> Result<(), Failure> {
    simulated::run(&Scenario::load(name)?)
}

include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));
