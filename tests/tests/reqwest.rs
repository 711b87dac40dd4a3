//! Every scenario with things-reqwest, over real sockets.

use things_tests::{Failure, Scenario, socket};

fn run(name: &str) -> Result<(), Failure> {
    socket::run_reqwest(&Scenario::load(name)?)
}

include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));
