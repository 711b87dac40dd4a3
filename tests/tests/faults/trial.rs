//! What a test of the matrix has found: how many cases, and which of them broke the promise.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use serde_json::{Value, json};

/// One row of the matrix with one client. Ends with [`Trial::end`].
#[must_use]
pub(crate) struct Trial {
    row: &'static str,
    client: &'static str,
    seed: u64,
    cases: u64,
    violations: Vec<String>,
    measured: Option<String>,
}

impl Trial {
    pub(crate) fn new(row: &'static str, client: &'static str) -> Self {
        let seed = env::var("THINGS_FAULTS_SEED").map_or(1, |text| text.parse().expect("a number"));
        Self { row, client, seed, cases: 0, violations: Vec::new(), measured: None }
    }

    /// What the chance of this trial begins with. The same for every client.
    pub(crate) fn random(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed)
    }

    /// Counts a case, and keeps what broke the promise.
    pub(crate) fn case(&mut self, result: Result<(), String>) {
        self.cases += 1;
        self.violations.extend(result.err());
    }

    /// Counts a case that keeps the promise if this holds; `violation` tells what happened if it does not.
    pub(crate) fn holds(&mut self, kept: bool, violation: impl FnOnce() -> String) {
        self.case(if kept { Ok(()) } else { Err(violation()) });
    }

    /// Says what was measured, for the reader of a whole run: machines differ in it.
    pub(crate) fn measured(&mut self, text: impl Into<String>) {
        self.measured = Some(text.into());
    }

    /// Reports that there was nothing to try it with.
    pub(crate) fn skip(self) {
        report(&json!({"row": self.row, "client": self.client, "skipped": true}));
    }

    /// Reports, and fails if a promise was broken.
    pub(crate) fn end(self) {
        let Self { row, client, seed, cases, violations, measured } = self;
        assert!(cases > 0, "{row} {client}: a trial without a case proves nothing");
        let shown: Vec<_> = violations.iter().take(10).collect();
        report(&json!({"row": row, "client": client, "cases": cases, "violated": violations.len(),
            "violations": shown, "measured": measured}));
        let shown: Vec<_> = violations.iter().take(10).map(String::as_str).collect();
        assert!(
            violations.is_empty(),
            "{row} {client}: {} of {cases} cases broke the promise (THINGS_FAULTS_SEED={seed}):\n  {}",
            violations.len(),
            shown.join("\n  ")
        );
    }
}

/// Adds a line to the report, if there is to be one.
fn report(line: &Value) {
    let Ok(report) = env::var("THINGS_FAULTS_REPORT") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(report).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// How many cases: the share that CI runs, or the whole.
pub(crate) fn share(of_ci: u64, whole: u64) -> u64 {
    if env::var("THINGS_FAULTS").is_ok_and(|text| text == "whole") { whole } else { of_ci }
}
