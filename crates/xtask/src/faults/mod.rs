//! The fault matrix: runs the trials of all clients, and writes what they came to.

mod page;
mod report;
mod rows;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use self::report::Report;
use self::rows::{Proof, ROWS, Row, Suite};
use crate::python::Environment;
use crate::transcript::Transcript;
use crate::{Outcome, output, root, tree};

/// The folder of the trials in Python.
const PYTHON: &str = "python/tests";

/// Runs the matrix, or some of its rows.
pub(crate) fn faults(arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    let report = options.run()?;
    for row in options.rows() {
        for (client, tally) in report.of(row.name) {
            println!("faults: {} {client}: {}, {} violations", row.name, tally.count(), tally.violated);
        }
    }
    options.complete(&report)?;
    if options.rows.is_empty() {
        options.write(&report)?;
    }
    match report.violated() {
        0 => Ok(()),
        violated => Err(format!("{violated} cases broke their promise")),
    }
}

#[derive(Default)]
struct Options {
    rows: Vec<String>,
    whole: bool,
    check: bool,
    seed: Option<String>,
    /// What the trials reported that ran already, by hand or side by side.
    from: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--whole" => options.whole = true,
                "--check" => options.check = true,
                "--seed" => options.seed = Some(arguments.next().ok_or("--seed needs a number")?.clone()),
                "--from" => options.from = Some(arguments.next().ok_or("--from needs a file")?.clone()),
                name if ROWS.iter().any(|row| row.name == name) => options.rows.push(name.to_owned()),
                other => {
                    return Err(format!(
                        "there is no row {other:?}: use R1 to R38, --whole, --seed N, --check, --from REPORT"
                    ));
                }
            }
        }
        Ok(options)
    }

    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name))
    }

    /// Runs the trials. One that fails does not keep the others from running, and is in the report.
    fn run(&self) -> Result<Report, String> {
        let mut failures = Vec::new();
        let mut report = match &self.from {
            Some(path) => Report::read(Path::new(path))?,
            None => self.trials(&mut failures)?,
        };
        for row in self.rows() {
            if let Proof::Tests(suites) = row.proof {
                let run = |suite| run_suite(row.name, suite, &mut report).err();
                failures.extend(suites.iter().filter_map(run));
            }
        }
        // A trial that broke off has told nothing.
        if report.violated() == 0 && !failures.is_empty() {
            return Err(failures.join("\n"));
        }
        Ok(report)
    }

    fn trials(&self, failures: &mut Vec<String>) -> Result<Report, String> {
        let transcript = Transcript::new("faults")?;
        let path = transcript.file("report.jsonl");
        let mut commands = vec![self.trials_of_rust()];
        if self.is_tried_in_python()? {
            let environment =
                Environment::for_tests(if self.whole { &["--release"] } else { &["--profile", "dev"] })?;
            commands.push(self.trials_of_python(&environment));
        }
        if self.rows().any(|row| matches!(row.proof, Proof::Soak)) {
            commands.push(self.soak());
        }
        for mut command in commands {
            failures.extend(transcript.run(self.envs(&mut command, &path)).err());
            failures.extend(transcript.search().err());
        }
        Report::read(&path)
    }

    fn trials_of_rust(&self) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["test", "-p", "things-tests", "--test", "faults", "--test", "secrets"])
            .args(self.whole.then_some("--release"));
        // One at a time: some measure times.
        command.args(["--", "--show-output", "--test-threads=1"]);
        command.args(self.rows.iter().map(|row| prefix(row)));
        command
    }

    /// Whether a test in Python belongs to one of the rows. Pytest fails if it finds none.
    fn is_tried_in_python(&self) -> Result<bool, String> {
        let files = tree::files(&root().join(PYTHON), "py")?;
        let mut texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
        let names: Vec<_> = self.rows().map(|row| format!("def test_{}", prefix(row.name))).collect();
        Ok(texts.any(|text| names.iter().any(|name| text.contains(name))))
    }

    fn trials_of_python(&self, environment: &Environment) -> Command {
        let mut command = environment.python();
        let names: Vec<_> = self.rows().map(|row| prefix(row.name)).collect();
        command.args(["-m", "pytest", "--quiet", PYTHON, "-k", &names.join(" or ")]);
        command
    }

    fn soak(&self) -> Command {
        let mut command = Command::new("cargo");
        command.args(["run", "--quiet", "-p", "xtask", "--", "soak"]);
        if !self.whole {
            command.args(["--requests", "20000", "--python-requests", "10000"]);
        }
        command
    }

    fn envs<'a>(&self, command: &'a mut Command, report: &Path) -> &'a mut Command {
        command.env("THINGS_FAULTS_REPORT", report);
        if self.whole {
            command.env("THINGS_FAULTS", "whole");
        }
        if let Some(seed) = &self.seed {
            command.env("THINGS_FAULTS_SEED", seed);
        }
        command
    }

    /// That every row was tried: one that nobody tried is no promise.
    fn complete(&self, report: &Report) -> Outcome {
        let untried = self.rows().filter(|row| {
            row.is_proven() && report.of(row.name).next().is_none() && !report.skipped().contains(row.name)
        });
        let untried: Vec<_> = untried.map(|row| row.name).collect();
        match untried.as_slice() {
            [] => Ok(()),
            rows => Err(format!("no trial of {}", rows.join(", "))),
        }
    }

    fn write(&self, report: &Report) -> Outcome {
        let (path, page) = if self.whole {
            let seed = self.seed.as_deref().unwrap_or("1");
            (root().join("docs/faults-whole.md"), page::of_whole(report, &machine(), seed))
        } else {
            (root().join("docs/faults.md"), page::of_ci(report))
        };
        if self.check {
            return check(&path, &page, report.skipped());
        }
        if !report.skipped().is_empty() {
            return Err(format!(
                "{} is not written: a program is missing for some of its rows",
                path.display()
            ));
        }
        fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("faults: wrote {}", path.display());
        Ok(())
    }
}

/// What the names of a row's tests begin with, in Python after `test_`.
fn prefix(row: &str) -> String {
    format!("{}_", row.to_lowercase())
}

/// Runs tests that stand elsewhere.
fn run_suite(row: &str, suite: &Suite, report: &mut Report) -> Outcome {
    let Suite { package, target, names, .. } = suite;
    let mut command = Command::new("cargo");
    command.args(["test", "-p", package, "--test", target, "--", names]);
    println!("xtask: {command:?}");
    let text = output(&mut command)?;
    // `test result: ok. 5 passed; ...`
    let count = |line: &str| line.split_once(" passed")?.0.split(' ').next_back()?.parse().ok();
    let passed: u64 = text.lines().find_map(count).unwrap_or(0);
    if passed == 0 {
        return Err(format!("{command:?} ran no test: {text}"));
    }
    for client in suite.clients {
        report.tally(row, client).tests += passed;
    }
    Ok(())
}

/// Compares the page that stands with the one of this run, apart from rows that could not be tried as a whole.
fn check(path: &Path, page: &str, skipped: &BTreeSet<String>) -> Outcome {
    let is_compared = |line: &&str| !skipped.iter().any(|row| line.starts_with(&format!("| {row} |")));
    let stands = fs::read_to_string(path).unwrap_or_default();
    let (old, new): (Vec<_>, Vec<_>) =
        (stands.lines().filter(is_compared).collect(), page.lines().filter(is_compared).collect());
    if old == new {
        return Ok(());
    }
    let removed = old.iter().filter(|line| !new.contains(line)).map(|line| format!("\n- {line}"));
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| format!("\n+ {line}"));
    let lines: String = removed.chain(added).collect();
    Err(format!("{} is not what the matrix writes: run cargo xtask faults{lines}", path.display()))
}

/// What the figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(env::consts::ARCH, |(_, name)| name);
    format!("{cores} cores of {model}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_tried_in_python_if_a_test_there_has_its_name() {
        for (row, is_tried) in [("R1", true), ("R21", true), ("R22", true), ("R38", false)] {
            let options = Options { rows: vec![row.to_owned()], ..Options::default() };
            assert_eq!(options.is_tried_in_python(), Ok(is_tried), "{row}");
        }
        assert_eq!(Options::default().is_tried_in_python(), Ok(true));
    }
}
