//! What came of it: a line for people, and one for the fault matrix.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

/// Prints it all, and says whether everything held.
pub(crate) fn end(client: &str, cases: u64, seed: u64, violations: &[String], measured: &str) -> ExitCode {
    for violation in violations.iter().take(10) {
        println!("soak: {client}: VIOLATION: {violation}");
    }
    println!("soak: {client}: {cases} requests, seed {seed}: {measured}; {} violations", violations.len());
    if let Ok(path) = env::var("THINGS_FAULTS_REPORT") {
        let shown: Vec<_> = violations.iter().take(10).collect();
        let line = json!({"row": "R28", "client": client, "cases": cases, "violated": violations.len(),
            "violations": shown, "measured": measured});
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
