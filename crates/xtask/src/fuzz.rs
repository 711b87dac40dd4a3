//! Replays the corpora of the fuzz targets, and goes on from them: for a few seconds in CI, for a day by hand.

use std::fs::{self, File};
use std::process::Command;

use crate::{Outcome, output, root, run, run_quietly};

/// Seconds for each target, unless told otherwise.
const SECONDS: u64 = 10;

pub(crate) fn fuzz(arguments: &[String]) -> Outcome {
    let Choice { seconds, targets } = Choice::read(arguments)?;
    // On any toolchain, and without libFuzzer: nothing that was found before may come back.
    let folder = root().join("target/fuzz");
    run(Command::new("cargo")
        .args(["test", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features"])
        .arg("--target-dir")
        .arg(&folder))?;
    for (tool, mend) in [
        (["cargo", "fuzz"].as_slice(), "install it with: cargo install --locked cargo-fuzz"),
        (&["c++"], "libFuzzer is built with it: install g++ or clang"),
    ] {
        let mut command = Command::new(tool.first().unwrap_or(&""));
        if !run_quietly(command.args(tool.iter().skip(1)).arg("--version")) {
            println!("fuzz: skipped: there is no {} here; {mend}", tool.join(" "));
            return Ok(());
        }
    }
    let known = output(Command::new("cargo").args(["fuzz", "list"]))?;
    if let Some(stray) = targets.iter().find(|name| !known.lines().any(|line| line == *name)) {
        return Err(format!("there is no fuzz target {stray}, but: {}", known.trim().replace('\n', ", ")));
    }
    run(Command::new("cargo").args(["fuzz", "build", "--sanitizer", "none", "--target-dir"]).arg(&folder))?;
    let chosen = known.lines().filter(|name| targets.is_empty() || targets.iter().any(|one| one == name));
    let failed: Vec<_> = chosen.filter_map(|name| go_on(name, seconds).err()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// The crate of the targets is no member of the workspace, so it is looked at by itself.
pub(crate) fn lint() -> Outcome {
    let manifest = ["--manifest-path", "fuzz/Cargo.toml"];
    run(Command::new("cargo").arg("fmt").args(manifest).arg("--check"))?;
    run(Command::new("cargo")
        .args(["clippy", "--locked", "--no-default-features", "--all-targets", "--target-dir"])
        .arg(root().join("target/fuzz"))
        .args(manifest)
        .args(["--", "-D", "warnings"]))
}

struct Choice {
    seconds: u64,
    targets: Vec<String>,
}

impl Choice {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut choice = Self { seconds: SECONDS, targets: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                let number = arguments.next().and_then(|text| text.parse().ok());
                choice.seconds =
                    number.filter(|seconds| *seconds > 0).ok_or("--seconds takes a number from 1")?;
            } else {
                choice.targets.push(argument.clone());
            }
        }
        Ok(choice)
    }
}

/// Fuzzes one target. What it finds goes to a corpus below `target`; that of the repository stays as it is.
fn go_on(name: &str, seconds: u64) -> Outcome {
    let folder = root().join("target/fuzz");
    let found = folder.join("corpus").join(name);
    let log = folder.join(format!("{name}.log"));
    let problem = |error: std::io::Error| format!("{}: {error}", log.display());
    fs::create_dir_all(&found).map_err(problem)?;
    let out = File::create(&log).map_err(problem)?;
    let mut command = Command::new("cargo");
    // The code under test is safe Rust, so no sanitizer is needed, and without one neither is a nightly compiler.
    command.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"]).arg(&folder).arg(name);
    command.arg(&found).arg(format!("fuzz/corpus/{name}"));
    command.args(["--", "-seed=1", "-max_len=4096", "-timeout=20", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}"));
    let dictionary = root().join(format!("fuzz/dictionaries/{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let status = command.current_dir(root()).stdout(out.try_clone().map_err(problem)?).stderr(out).status();
    let status = status.map_err(problem)?;
    let text = String::from_utf8_lossy(&fs::read(&log).map_err(problem)?).into_owned();
    let after = |mark: &str| text.lines().rev().find_map(|line| Some(line.split_once(mark)?.1.trim()));
    if status.success() {
        let runs = after("stat::number_of_executed_units:").unwrap_or("?");
        let edges = after(" cov: ").and_then(|rest| rest.split_whitespace().next()).unwrap_or("?");
        println!("fuzz: {name}: {runs} inputs in {seconds} s, {edges} edges reached, nothing found");
        return Ok(());
    }
    let told = text.lines().skip_while(|line| !line.contains("panicked at")).take(8).collect::<Vec<_>>();
    let again = after("Test unit written to ").map_or_else(
        || "no input was kept".to_owned(),
        |file| format!("input:  {file}\nagain:  cargo fuzz run --sanitizer none --target-dir target/fuzz {name} {file}"),
    );
    Err(format!(
        "the fuzz target {name} failed ({status})\n{}\n{again}\nlog:    {}",
        told.join("\n"),
        log.display()
    ))
}
