//! The fault matrix: runs the trials of all clients, and writes what they came to.

mod page;
mod report;
mod rows;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use self::report::Report;
use self::rows::{Proof, ROWS, Row};
use crate::python::Environment;
use crate::{Outcome, output, root, run};

/// Runs the matrix, or some of its rows.
pub(crate) fn faults(arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    let report = options.run()?;
    for row in options.rows() {
        for (client, tally) in report.of(row.name) {
            println!("faults: {} {client}: {} cases, {} violations", row.name, tally.cases, tally.violated);
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
                name if ROWS.iter().any(|row| row.name == name) => options.rows.push(name.to_owned()),
                other => {
                    return Err(format!(
                        "there is no row {other:?}: use R1 to R31, --whole, --seed N, --check"
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
        let path = root().join("target/faults.jsonl");
        let _ = fs::remove_file(&path);
        let mut failures = vec![self.trials_of_rust(&path), self.trials_of_python(&path)];
        if self.rows().any(|row| matches!(row.proof, Proof::Soak)) {
            failures.push(self.soak(&path));
        }
        let mut report = Report::read(&path)?;
        for row in self.rows() {
            if let Proof::TrialsAnd(module) = row.proof {
                failures.push(transports(row.name, module, &mut report));
            }
        }
        let failures: Vec<_> = failures.into_iter().filter_map(Result::err).collect();
        // A trial that broke off has told nothing.
        if report.violated() == 0 && !failures.is_empty() {
            return Err(failures.join("\n"));
        }
        Ok(report)
    }

    fn trials_of_rust(&self, report: &Path) -> Outcome {
        let mut command = Command::new("cargo");
        command.args([
            "test",
            "--no-fail-fast",
            "-p",
            "things-tests",
            "--test",
            "faults",
            "--test",
            "secrets",
        ]);
        command.args(self.whole.then_some("--release"));
        // One at a time: some measure times.
        command.args(["--", "--test-threads=1"]);
        command.args(self.rows.iter().map(|row| format!("{}_", row.to_lowercase())));
        run(self.envs(&mut command, report))
    }

    fn trials_of_python(&self, report: &Path) -> Outcome {
        let environment =
            Environment::for_tests(if self.whole { &["--release"] } else { &["--profile", "dev"] })?;
        let mut command = environment.python();
        command.args(["-m", "pytest", "--quiet", "python/tests", "-k"]);
        let named: Vec<_> = self.rows().map(|row| format!("{}_", row.name.to_lowercase())).collect();
        command.arg(named.join(" or "));
        run(self.envs(&mut command, report))
    }

    fn soak(&self, report: &Path) -> Outcome {
        let mut command = Command::new("cargo");
        command.args(["run", "--quiet", "-p", "xtask", "--", "soak"]);
        if !self.whole {
            command.args(["--requests", "20000", "--python-requests", "10000"]);
        }
        run(self.envs(&mut command, report))
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
            !matches!(row.proof, Proof::Open(_) | Proof::Elsewhere(_)) && report.of(row.name).next().is_none()
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
            return check(&path, &page);
        }
        fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("faults: wrote {}", path.display());
        Ok(())
    }
}

/// Tests of the network layer, which try both transports alike. Each is a case.
fn transports(row: &str, module: &str, report: &mut Report) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(["test", "-p", "things-tests", "--test", "transports", "--", &format!("{module}::")]);
    println!("xtask: {command:?}");
    let text = output(&mut command)?;
    let passed = text.lines().find_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    let passed = passed.and_then(|number| number.parse().ok()).filter(|passed| *passed > 0);
    let passed: u64 = passed.ok_or_else(|| format!("no test ran: {text}"))?;
    for client in ["reqwest", "ureq"] {
        report.tally(row, client).cases += passed;
    }
    Ok(())
}

fn check(path: &PathBuf, page: &str) -> Outcome {
    let stands = fs::read_to_string(path).unwrap_or_default();
    let differs = stands.lines().zip(page.lines()).find(|(stands, page)| stands != page);
    match differs {
        None if stands == page => Ok(()),
        None => Err(format!("{} is not what the matrix writes: run cargo xtask faults", path.display())),
        Some((stands, page)) => Err(format!(
            "{} is not what the matrix writes: run cargo xtask faults\n- {stands}\n+ {page}",
            path.display()
        )),
    }
}

/// What the figures were measured on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(env::consts::ARCH, |(_, name)| name);
    format!("{cores} cores of {model}")
}
