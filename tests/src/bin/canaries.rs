//! Fails where the output of the tests holds a secret or a token that they work with: `canaries FILE ...`.

use std::env;
use std::fs;
use std::process::ExitCode;

use things_tests::canary::{Canary, sightings};

fn main() -> ExitCode {
    let canaries = Canary::known();
    let mut found = 0;
    for path in env::args().skip(1) {
        let Ok(output) = fs::read(&path) else {
            eprintln!("canaries: {path} cannot be read");
            return ExitCode::FAILURE;
        };
        let seen = sightings(&output, &canaries);
        seen.iter().for_each(|sighting| println!("canaries: {path}, {sighting}"));
        println!("canaries: {} bytes of {path}: {} secrets or tokens", output.len(), seen.len());
        found += seen.len();
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
