//! Compares the simulator with the description of the API and with the Postman collection, which are in `contract/`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::python::Environment;
use crate::{Outcome, built, cargo, root, run};

/// The sub-customer that the description has as an example.
const CUSTOMER: &str = "79658ca8-f1ba-4c25-b824-93813e9fba76";

/// Values for the collection, which sends no downlink and does no context switch without them.
const TARGETS: [&str; 4] =
    ["--env-var", "devEui=0059AC0000181EB6", "--env-var", "clientId=79658ca8-f1ba-4c25-b824-93813e9fba76"];

/// What the simulator does wrong, and a test of the collection that fails because of it.
const WRONG: [(&[&str], &str); 8] = [
    (&["--fault", "token=status:500"], "GRIP returns 200"),
    (&["--fault", "token=refuse:oauth,200"], "the response has an access token"),
    (&["--fault", "devices=status:500"], "page 0 is returned with 200"),
    (&["--fault", "devices@3=status:500"], "page 1 is returned with 200"),
    (&["--quirk", "envelope:no-totals"], "page 0 has the totals"),
    (&["--quirk", "envelope:content-only"], "page 0 says which page it is, and whether it is the last"),
    (&["--fault", "downlinks=status:400"], "the downlink is accepted"),
    (&["--fault", "context-switch=status:403"], "the API key may act for the sub-customer"),
];

/// Validates the description, and runs it and the collection against the simulator.
pub(crate) fn contract() -> Outcome {
    cargo(&["build", "--quiet", "-p", "kpn-things-cli"])?;
    let contract = Contract {
        things: built("debug", "things")?,
        files: root().join("contract"),
        folder: root().join("target/contract"),
    };
    fs::create_dir_all(&contract.folder)
        .map_err(|error| format!("{}: {error}", contract.folder.display()))?;
    let environment = Environment::make("contract-venv", "contract/requirements.txt")?;
    contract.description(&environment)?;
    let newman = contract.newman()?;
    contract.collection(&newman)?;
    contract.readme(&environment, &newman)
}

struct Contract {
    things: PathBuf,
    /// The folder in the repository.
    files: PathBuf,
    /// The folder for what the tools write.
    folder: PathBuf,
}

impl Contract {
    /// The OpenAPI description: valid, and the simulator does what it says.
    fn description(&self, environment: &Environment) -> Outcome {
        let description = self.files.join("openapi.yaml");
        run(environment.python().args(["-m", "openapi_spec_validator"]).arg(&description))?;
        reasons(&description)?;
        let schemathesis = |sim: &[&str], options: &[&str]| {
            let mut command = self.against_simulator(sim, &environment.tool("st"));
            command.arg("--config-file").arg(self.files.join("schemathesis.toml")).arg("run");
            command.arg(&description).args(options).env("PYTHONPATH", &self.files);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        println!("contract: schemathesis runs contract/openapi.yaml against things sim");
        succeed(&mut schemathesis(&[], &[]))?;
        let wrong = ["--fault", "devices=status:500"];
        let quick = ["--include-operation-id", "listDevices", "--phases", "examples"];
        match output(&mut schemathesis(&wrong, &quick))? {
            (true, text) => Err(format!("schemathesis does not notice {wrong:?}:\n{text}")),
            (false, text) if !text.contains("Server error") => {
                Err(format!("schemathesis fails for another reason than {wrong:?}:\n{text}"))
            }
            (false, _) => {
                println!("contract: schemathesis notices {}", wrong.join(" "));
                Ok(())
            }
        }
    }

    /// The Postman collection: it passes, and fails where the simulator does something wrong.
    fn collection(&self, newman: &Path) -> Outcome {
        self.passes(newman, &[], &TARGETS)?;
        // Nothing that acts is sent before somebody names its target, so these faults do not matter.
        let acts = ["--fault", "downlinks=status:500", "--fault", "context-switch=status:500"];
        self.passes(newman, &acts, &[])?;
        for (wrong, test) in WRONG {
            let (passed, failed, text) = self.run_collection(newman, wrong, &TARGETS)?;
            if passed || !failed.iter().any(|failed| failed == test) {
                return Err(format!("{wrong:?}: the test {test:?} of the collection does not fail:\n{text}"));
            }
            println!("contract: newman notices {}: {test}", wrong.join(" "));
        }
        Ok(())
    }

    fn passes(&self, newman: &Path, sim: &[&str], values: &[&str]) -> Outcome {
        let (passed, failed, text) = self.run_collection(newman, sim, values)?;
        if !passed || !failed.is_empty() {
            return Err(format!("the collection fails against things sim {sim:?}:\n{text}"));
        }
        println!("contract: newman passes against {}", [&["things sim"], sim].concat().join(" "));
        Ok(())
    }

    /// Runs the collection. Returns whether newman succeeded, the tests that failed, and what newman printed.
    fn run_collection(
        &self,
        newman: &Path,
        sim: &[&str],
        values: &[&str],
    ) -> Result<(bool, Vec<String>, String), String> {
        let environment = self.folder.join("simulator.postman_environment.json");
        let report = self.folder.join("newman.json");
        // A report of an earlier run would hide that there is none of this one.
        let _ = fs::remove_file(&report);
        let postman = environment.to_string_lossy();
        let mut command = self.against_simulator(
            &[&["--devices", "50", "--postman", &postman], sim].concat(),
            &Command::new(newman),
        );
        command.arg("run").arg(self.files.join("kpn-things.postman_collection.json"));
        command.arg("--environment").arg(&environment).args(values);
        command.args(["--color", "off", "--timeout-request", "10000"]);
        command.args(["--reporters", "cli,json", "--reporter-json-export"]).arg(&report);
        let (passed, text) = output(&mut command)?;
        let content =
            fs::read(&report).map_err(|error| format!("newman wrote no report ({error}):\n{text}"))?;
        let content: Value = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
        let failures = content.pointer("/run/failures").and_then(Value::as_array);
        let failures = failures.ok_or_else(|| format!("the report of newman lists no failures:\n{text}"))?;
        let tests = failures.iter().filter_map(|failure| failure.pointer("/error/test")?.as_str());
        Ok((passed, tests.map(str::to_owned).collect(), text))
    }

    /// The blocks of the README that are marked `contract`: their commands run, and print what is shown below them.
    fn readme(&self, environment: &Environment, newman: &Path) -> Outcome {
        let folder = self.folder.join("readme");
        let trouble = |error: std::io::Error| format!("{}: {error}", folder.display());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("contract")).map_err(trouble)?;
        for entry in fs::read_dir(&self.files).map_err(trouble)?.filter_map(Result::ok) {
            if entry.path().is_file() {
                fs::copy(entry.path(), folder.join("contract").join(entry.file_name())).map_err(trouble)?;
            }
        }
        let python = environment.python();
        let programs = [self.things.as_path(), newman, Path::new(python.get_program())];
        let programs = programs.into_iter().filter_map(Path::parent);
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(programs.map(Path::to_owned).chain(env::split_paths(&path)))
            .map_err(|error| error.to_string())?;
        let text = fs::read_to_string(self.files.join("README.md")).map_err(trouble)?;
        let mut count = 0;
        for block in text.split("```console contract\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
            let script: String = commands.map(|command| format!("{command}\n")).collect();
            let mut shell = Command::new("sh");
            shell.args(["-e", "-c", &script]).current_dir(&folder).env("PATH", &path);
            let (passed, printed) = output(&mut shell)?;
            let mut shown = block.lines().filter(|line| !line.starts_with("$ "));
            let missing = shown.find(|line| printed.lines().all(|printed| printed != *line));
            if !passed || missing.is_some() {
                return Err(format!("contract/README.md: {script}does not print what is shown:\n{printed}"));
            }
            count += 1;
        }
        if count == 0 {
            return Err("contract/README.md has no block that is marked `contract`".into());
        }
        println!("contract: {count} blocks of contract/README.md run");
        Ok(())
    }

    /// A command that runs a program against a simulator of its own, which ends with it.
    fn against_simulator(&self, sim: &[&str], program: &Command) -> Command {
        let mut command = Command::new(&self.things);
        command.args(["sim", "--customer", &format!("{CUSTOMER}=5")]).args(sim);
        command.arg("--").arg(program.get_program()).current_dir(&self.folder);
        command
    }

    /// The path of newman, which is installed if it is not there.
    fn newman(&self) -> Result<PathBuf, String> {
        let folder = root().join("target/contract-npm");
        let installed = folder.join("installed.json");
        let newman = folder.join("node_modules/.bin/newman");
        let trouble = |error: std::io::Error| format!("{}: {error}", folder.display());
        let lock = fs::read(self.files.join("package-lock.json")).map_err(trouble)?;
        if newman.exists() && fs::read(&installed).is_ok_and(|text| text == lock) {
            return Ok(newman);
        }
        fs::create_dir_all(&folder).map_err(trouble)?;
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(self.files.join(name), folder.join(name)).map_err(trouble)?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"]);
        run(npm.arg(&folder))?;
        fs::write(installed, lock).map_err(trouble)?;
        Ok(newman)
    }
}

/// Checks that the description gives a reason below each mark of what is inferred.
fn reasons(description: &Path) -> Outcome {
    let text = fs::read_to_string(description).map_err(|error| error.to_string())?;
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let marks = || lines.windows(2).enumerate().filter(|(_, pair)| pair.first() == Some(&"x-inferred: true"));
    let reason = |line: &&str| line.starts_with("x-inferred-reason: ");
    match marks().find(|(_, pair)| !pair.last().is_some_and(reason)) {
        Some((number, _)) => Err(format!("{}:{}: no x-inferred-reason", description.display(), number + 1)),
        None => {
            println!("contract: {} marks of what is inferred, each with its reason", marks().count());
            Ok(())
        }
    }
}

/// Runs a command in its own folder, and fails if it does.
fn succeed(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(error) => Err(format!("{command:?} could not be run: {error}")),
    }
}

/// Returns whether a command succeeded, and what it printed.
fn output(command: &mut Command) -> Result<(bool, String), String> {
    let output = command.output().map_err(|error| format!("{command:?} could not be run: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}
