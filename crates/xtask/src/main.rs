//! What CI and contributors run: `cargo xtask COMMAND`.

mod contract;
mod dependencies;
mod faults;
mod floors;
mod fuzz;
mod mutants;
mod peers;
mod pictures;
mod public_api;
mod python;
mod soak;
mod transcript;
mod transports;
mod tree;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::UNIX_EPOCH;
use std::{env, fs};

use transcript::Transcript;

const HELP: &str = "\
cargo xtask test            all tests of the workspace, of the Python package, and the guards
cargo xtask test --python [PYTEST ARGUMENT ...]
                            those of the Python package alone
cargo xtask lint            rustfmt, clippy with warnings denied, rustdoc with warnings denied
cargo xtask guard           the architecture's promises: core without IO, its public API without 0.x crates,
                            thin transports, a rust-version that holds, licences
cargo xtask bench [S1 ...]  the speed targets, ours beside code written by hand
cargo xtask bench --python [S4 ...]
                            those of the Python package, beside its peers
cargo xtask faults [--whole] [--seed N] [R1 ...]
                            the fault matrix; writes docs/faults.md. With --check: that the page is what it would write
cargo xtask contract        the simulator against the OpenAPI description (schemathesis) and the Postman collection (newman)
                            in contract/; needs npm
cargo xtask soak [--requests N] [--python-requests N] [--clients N] [--seed N]
                            a million requests with faults, 200,000 of Python, 1,000 clients made and dropped: steady
                            memory and descriptors, no hang, every downlink accounted for
cargo xtask peers [PEER ...]
                            the Python package beside other clients under faults, which writes docs/peers.md
cargo xtask peers receivers the receiver beside others that are killed, which writes docs/receivers.md
cargo xtask fuzz [TARGET ...] [--seconds N]
                            the fuzz targets: their corpora, and N seconds further (10) for each
cargo xtask mutants [--list | --iterate] [FILE ...]
                            what could be changed in the core without a test noticing: 95 % are caught, and
                            docs/mutants.md, which it writes, says why the rest is not; takes an hour
cargo xtask pictures [--check]
                            the pictures of the documents, docs/pictures; with --check: that they are up to date
cargo xtask package         what would be published: each crate, and the source distribution for Python
";

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => test(rest),
        Some("lint") => lint(),
        Some("guard") => guard(),
        Some("bench") => bench(rest),
        Some("faults") => faults::faults(rest),
        Some("contract") => contract::contract(),
        Some("soak") => soak::soak(rest),
        Some("peers") => peers::compare(rest),
        Some("fuzz") => fuzz::fuzz(rest),
        Some("mutants") => mutants::mutants(rest),
        Some("pictures") => pictures::pictures(rest),
        Some("package") => package(),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(format!("there is no command {other:?}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> Outcome {
    if let Some(arguments) = of_python(arguments) {
        return python::test(arguments);
    }
    guard()?;
    // The command line tool is what some tests run, so it has to be there first.
    cargo(&["build", "--workspace", "--all-targets"])?;
    pictures::pictures(&["--check".into()])?;
    let transcript = Transcript::new("rust")?;
    transcript.run(Command::new("cargo").args(["test", "--workspace", "--", "--show-output"]))?;
    transcript.search()?;
    // What is part of the fault matrix runs with it.
    python::test(&["--ignore=python/tests/faults".into()])?;
    contract::contract()?;
    faults::faults(&["--check".into()])
}

/// What follows `--python`.
fn of_python(arguments: &[String]) -> Option<&[String]> {
    arguments.split_first().filter(|(first, _)| *first == "--python").map(|(_, rest)| rest)
}

fn lint() -> Outcome {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    // The faults, which `cargo test` leaves to `cargo xtask faults`, are none of all targets.
    cargo(&["clippy", "--workspace", "--test", "faults", "--", "-D", "warnings"])?;
    fuzz::lint()?;
    run(Command::new("cargo")
        .args(["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

fn guard() -> Outcome {
    floors::guard()?;
    dependencies::guard()?;
    transports::guard()?;
    public_api::guard()?;
    pictures::guard()?;
    if run_quietly(Command::new("cargo").args(["deny", "--version"])) {
        return cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]);
    }
    println!("guard: licences and sources not checked: cargo install --locked cargo-deny");
    Ok(())
}

fn bench(targets: &[String]) -> Outcome {
    if let Some(targets) = of_python(targets) {
        return python::bench(targets);
    }
    run(Command::new("cargo").args(["run", "--quiet", "--release", "-p", "things-bench", "--"]).args(targets))
}

/// The crates that are published, in the order in which they are.
const PUBLISHED: [&str; 9] = [
    "things-senml",
    "things-uplink",
    "things-core",
    "things-store",
    "things-ureq",
    "things-reqwest",
    "things-sim",
    "things-receiver",
    "kpn-things-cli",
];

fn package() -> Outcome {
    // Where crates depend on each other, cargo unpacks them in its home, in a folder named after the path of this one, and
    // takes what is there already: at a path that was used before, a crate is built against an older state of another.
    let packages = root().join("target/packages");
    let _ = fs::remove_dir_all(&packages);
    let since_1970 =
        UNIX_EPOCH.elapsed().map_err(|error| format!("the clock stands before 1970: {error}"))?;
    let unused = packages.join(since_1970.as_nanos().to_string());
    let mut command = Command::new("cargo");
    command.args(["package", "--allow-dirty", "--target-dir"]).arg(unused);
    // What they depend on was built for the tests. Before Cargo 1.91 it is built again.
    command.env("CARGO_BUILD_BUILD_DIR", root().join("target"));
    PUBLISHED.iter().for_each(|name| {
        command.args(["-p", name]);
    });
    run(&mut command)?;
    python::package()
}

fn cargo(arguments: &[&str]) -> Outcome {
    run(Command::new("cargo").args(arguments))
}

fn run(command: &mut Command) -> Outcome {
    println!("xtask: {command:?}");
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} could not be run: {error}")),
    }
}

fn run_quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .current_dir(root())
        .output()
        .map_err(|error| format!("{command:?} could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{command:?} printed no UTF-8: {error}"))
}

/// A program that was built in this profile, next to this one.
fn built(profile: &str, name: &str) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let target = this.ancestors().nth(2).ok_or("xtask is not in a target folder")?;
    Ok(target.join(profile).join(name))
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
