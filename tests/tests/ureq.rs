//! Every scenario with things-ureq, over real sockets.

use things_tests::{Failure, Scenario, socket};

fn run(name: &str) -> Result<(), Failure> {
    socket::run_ureq(&Scenario::load(name)?)
}

include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));
