//! Mutation testing by cargo-mutants: what could be changed in the core without any test noticing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, output, root, run};

/// What the tests must catch, of a hundred mutants that compile.
const REQUIRED: f64 = 95.0;

/// The same for the files that keep the promises of the client: one token request for all, no downlink twice, no device
/// missing, no secret shown.
const PROMISES: [&str; 5] = ["slot.rs", "flow/", "status.rs", "listing/", "redaction.rs"];
const REQUIRED_OF_PROMISES: f64 = 97.0;

/// The tests that a mutant is tried with, the quickest first: the next are for those that are missed by all before.
const ROUNDS: [&[&str]; 3] = [
    &["--package=things-core", "--package=things-senml", "--lib"],
    &["--package=things-tests", "--test=virtual_clock"],
    &["--package=things-tests", "--test=simulation", "--test=bulk"],
];

/// Quick to build and to run, and the same every time. The tests run ten times as fast with a little optimisation, and
/// building with it takes no longer.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
    ("PROPTEST_CASES", "64"),
    ("PROPTEST_RNG_SEED", "1"),
    ("THINGS_SEEDS", "500"),
];

/// Seconds for the tests of one mutant. They take one or two: what takes so much longer does not end.
const TIMEOUT: &str = "--timeout=30";

/// The figures, which are written here, and the list of what is missed, with a reason each, which is not.
const PAGE: &str = "docs/mutants.md";

const BEGIN: &str = "<!-- begin: written by cargo xtask mutants -->\n";
const END: &str = "<!-- end -->\n";

/// Tries all mutants, or those of the named files; with `--iterate` only those that were not caught before.
pub(crate) fn mutants(arguments: &[String]) -> Outcome {
    let (options, files): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with("--"));
    let all = list()?;
    let wanted: Vec<&String> = all.iter().filter(|mutant| is_of(mutant, &files)).collect();
    let iterate = match options.as_slice() {
        [] => false,
        ["--iterate"] => true,
        ["--list"] => {
            wanted.iter().for_each(|mutant| println!("{mutant}"));
            return Ok(());
        }
        other => return Err(format!("{other:?}: there are --list and --iterate")),
    };
    let mut record = Record::read(&all);
    record.0.retain(|mutant, verdict| !is_of(mutant, &files) || (iterate && *verdict != Verdict::Missed));
    for tests in ROUNDS {
        let alive = wanted.iter().filter(|mutant| !record.settles(mutant));
        let files: BTreeSet<&str> = alive.map(|mutant| file(mutant)).collect();
        if !files.is_empty() {
            record.round(tests, &files)?;
        }
    }
    let untried: BTreeSet<&str> = all
        .iter()
        .filter(|mutant| !record.0.contains_key(*mutant))
        .map(|mutant| short(file(mutant)))
        .collect();
    // A file counts once all of its mutants were tried.
    record.0.retain(|mutant, _| !untried.contains(short(file(mutant))));
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let (before, rest) = page.split_once(BEGIN).ok_or(format!("{PAGE} has no place for the figures"))?;
    let (_, after) = rest.split_once(END).ok_or(format!("{PAGE} has no end of the figures"))?;
    let figures = record.figures(&untried)?;
    println!("{figures}");
    fs::write(path, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
        .map_err(|error| error.to_string())?;
    record.compare(after, &untried)?;
    record.suffices()
}

/// All mutants: file, line, column, and what is changed.
fn list() -> Result<Vec<String>, String> {
    let list = output(Command::new("cargo").args(["mutants", "--list", "--colors=never"]));
    let list = list.map_err(|error| format!("{error}\nneeded: cargo install --locked cargo-mutants"))?;
    Ok(list.lines().map(str::to_owned).collect())
}

fn file(mutant: &str) -> &str {
    mutant.split(':').next().unwrap_or_default()
}

fn is_of(mutant: &str, files: &[&str]) -> bool {
    files.is_empty() || files.iter().any(|name| file(mutant).ends_with(name))
}

/// A mutant as the page names it: without line and column, which move with every edit.
fn named(mutant: &str) -> String {
    let change = mutant.splitn(4, ':').nth(3).unwrap_or_default();
    format!("{}:{change}", short(file(mutant)))
}

fn short(file: &str) -> &str {
    file.split_once("/src/").map_or(file, |(_, file)| file)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Caught,
    TimedOut,
    Unviable,
    Missed,
}

impl Verdict {
    /// Where cargo-mutants says it.
    const FILES: [(&str, Self); 4] = [
        ("caught.txt", Self::Caught),
        ("timeout.txt", Self::TimedOut),
        ("unviable.txt", Self::Unviable),
        ("missed.txt", Self::Missed),
    ];
}

/// What came of each mutant, as far as it was tried.
struct Record(BTreeMap<String, Verdict>);

impl Record {
    fn folder() -> PathBuf {
        root().join("target/mutants")
    }

    /// What earlier runs found of the mutants that there still are.
    fn read(all: &[String]) -> Self {
        let all: BTreeSet<&str> = all.iter().map(String::as_str).collect();
        let mut record = Self(BTreeMap::new());
        for (name, verdict) in Verdict::FILES {
            let text = fs::read_to_string(Self::folder().join(name)).unwrap_or_default();
            let known = text.lines().filter(|mutant| all.contains(mutant));
            record.0.extend(known.map(|mutant| (mutant.to_owned(), verdict)));
        }
        record
    }

    fn write(&self) -> Outcome {
        Verdict::FILES.iter().try_for_each(|(name, verdict)| {
            let text: String = self.of(*verdict).map(|mutant| format!("{mutant}\n")).collect();
            fs::write(Self::folder().join(name), text).map_err(|error| error.to_string())
        })
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, found)| **found == verdict).map(|(mutant, _)| mutant.as_str())
    }

    /// Whether no further test needs to try this mutant.
    fn settles(&self, mutant: &str) -> bool {
        self.0.get(mutant).is_some_and(|verdict| *verdict != Verdict::Missed)
    }

    /// Tries what is alive in these files with these tests.
    fn round(&mut self, tests: &[&str], files: &BTreeSet<&str>) -> Outcome {
        let results = Self::folder().join("mutants.out");
        let _ = fs::remove_dir_all(&results);
        fs::create_dir_all(&results).map_err(|error| error.to_string())?;
        let settled = self.0.keys().filter(|mutant| self.settles(mutant));
        let settled: String = settled.map(|mutant| format!("{mutant}\n")).collect();
        fs::write(results.join("previously_caught.txt"), settled).map_err(|error| error.to_string())?;
        // What is built for one mutant serves the next.
        let environment = |command: &mut Command| {
            command.envs(ENVIRONMENT).env("CARGO_TARGET_DIR", Self::folder().join("build"));
        };
        // cargo-mutants would try the unchanged code with the tests of things-core alone.
        let mut unchanged = Command::new("cargo");
        unchanged.args(["test", "--quiet"]).args(tests);
        environment(&mut unchanged);
        run(&mut unchanged)?;
        let mut command = Command::new("cargo");
        command.args(["mutants", "--iterate", "--baseline=skip", "--jobs=1", "--cap-lints=true", TIMEOUT]);
        command.arg("--output").arg(Self::folder());
        command.args(files.iter().map(|file| format!("--re=^{file}:")));
        for argument in tests {
            match argument.strip_prefix("--package=") {
                Some(package) => command.arg(format!("--test-package={package}")),
                None => command.arg(format!("--cargo-arg={argument}")),
            };
        }
        environment(&mut command);
        println!("xtask: {command:?}");
        let status = command.current_dir(root()).status().map_err(|error| error.to_string())?;
        // 2: some are missed; 3: for some the time ran out.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(format!("cargo mutants ended with {status}"));
        }
        for (name, verdict) in Verdict::FILES {
            let text = fs::read_to_string(results.join(name)).map_err(|error| error.to_string())?;
            // It tries deleted fields of other files too.
            let wanted = text.lines().filter(|mutant| files.contains(file(mutant)));
            self.0.extend(wanted.map(|mutant| (mutant.to_owned(), verdict)));
        }
        self.write()
    }

    /// Checks that enough is caught.
    fn suffices(&self) -> Outcome {
        let is_promise = |mutant: &str| PROMISES.iter().any(|start| short(file(mutant)).starts_with(start));
        for (promises, required) in [(true, REQUIRED_OF_PROMISES), (false, REQUIRED)] {
            let verdicts = self.0.iter().filter(|(mutant, _)| is_promise(mutant) == promises);
            let verdicts: Vec<_> = verdicts.map(|(_, verdict)| verdict).collect();
            let caught = percentage(&verdicts);
            if !verdicts.is_empty() && caught < required {
                let which = if promises { PROMISES.join(", ") } else { "the other files".to_owned() };
                return Err(format!("{caught:.1} % of the mutants of {which} are caught, not {required} %"));
            }
        }
        Ok(())
    }

    /// The table of the page, by file.
    fn figures(&self, untried: &BTreeSet<&str>) -> Result<String, String> {
        let mut files: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
        for (mutant, verdict) in &self.0 {
            files.entry(short(file(mutant))).or_default().push(verdict);
        }
        files.insert("all", self.0.values().collect());
        let tool = output(Command::new("cargo").args(["mutants", "--version"]))?;
        let rustc = output(Command::new("rustc").arg("--version"))?;
        let day = output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
        let rustc: Vec<&str> = rustc.split_whitespace().take(2).collect();
        let mut text = format!("{}, by {} and {}:\n\n", day.trim(), tool.trim(), rustc.join(" "));
        text.push_str(
            "| file | mutants | unviable | caught | by timeout | missed | caught, of the viable |\n",
        );
        text.push_str("|---|---|---|---|---|---|---|\n");
        // "all" sorts before the files, and is their sum.
        for (file, verdicts) in
            files.iter().filter(|(file, _)| **file != "all").chain(files.get_key_value("all"))
        {
            let count = |wanted| verdicts.iter().filter(|verdict| ***verdict == wanted).count();
            let (caught, timed_out) = (count(Verdict::Caught), count(Verdict::TimedOut));
            let (unviable, missed) = (count(Verdict::Unviable), count(Verdict::Missed));
            let _ = writeln!(
                text,
                "| {file} | {} | {unviable} | {caught} | {timed_out} | {missed} | {:.1} % |",
                verdicts.len(),
                percentage(verdicts)
            );
        }
        if !untried.is_empty() {
            let untried: Vec<_> = untried.iter().copied().collect();
            let _ = writeln!(text, "\nNot tried since they changed: {}.", untried.join(", "));
        }
        Ok(text)
    }

    /// What is missed has a reason in the list of the page, and nothing else has.
    fn compare(&self, page: &str, untried: &BTreeSet<&str>) -> Outcome {
        let entries = page.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
        let entries = entries.filter(|entry| !untried.contains(entry.split(':').next().unwrap_or_default()));
        let mut listed: Vec<String> = entries.map(str::to_owned).collect();
        let mut reasonless = Vec::new();
        for mutant in self.of(Verdict::Missed) {
            match listed.iter().position(|entry| *entry == named(mutant)) {
                Some(place) => drop(listed.swap_remove(place)),
                None => reasonless.push(mutant),
            }
        }
        if reasonless.is_empty() && listed.is_empty() {
            return Ok(());
        }
        Err(format!(
            "missed, without a reason in {PAGE}: {reasonless:#?}\nin {PAGE}, and caught: {listed:#?}"
        ))
    }
}

fn percentage(verdicts: &[&Verdict]) -> f64 {
    let count =
        |wanted: &[Verdict]| verdicts.iter().filter(|verdict| wanted.contains(verdict)).count() as f64;
    let viable = [Verdict::Caught, Verdict::TimedOut, Verdict::Missed];
    100.0 * count(&viable[..2]) / count(&viable).max(1.0)
}
