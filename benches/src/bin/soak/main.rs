//! A client under load while everything goes wrong: memory and descriptors stay as they are, no call hangs, and each
//! downlink came to what the client says of it.
//!
//! `cargo xtask soak` builds and runs it, with the Python package beside.

// What cannot go on should stop and say where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod load;
mod process;
mod report;
mod service;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // The simulator, in a process of its own: its memory is not the client's.
        ["service", seed] => {
            service::run(seed.parse().expect("a seed"));
            ExitCode::SUCCESS
        }
        [requests, clients, seed] => load::run(
            requests.parse().expect("a number of requests"),
            clients.parse().expect("a number of clients"),
            seed.parse().expect("a seed"),
        ),
        _ => {
            eprintln!("soak REQUESTS CLIENTS SEED, or soak service SEED");
            ExitCode::FAILURE
        }
    }
}
