//! Builds, tests and measures the Python package, each in a virtual environment of its own below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::{Outcome, output, root, run};

/// The tests, the types, and the stubs.
pub(crate) fn test(arguments: &[String]) -> Outcome {
    let environment = Environment::make("python-tests", "python/tests/requirements.txt")?;
    environment.install(&["--profile", "dev"])?;
    run(environment.python().args(["-m", "pytest", "python/tests"]).args(arguments))?;
    // The package as it is installed: the folder beside it holds no native part.
    run(environment.python().args(["-m", "mypy", "--config-file", "python/pyproject.toml", "python/tests"]))?;
    run(environment.python().args([
        "-m",
        "mypy.stubtest",
        "kpn_things",
        "--mypy-config-file",
        "python/pyproject.toml",
    ]))?;
    run(environment.tool("basedpyright").args(["--ignoreexternal", "--verifytypes", "kpn_things"]))
}

/// The speed targets, beside the peers.
pub(crate) fn bench(targets: &[String]) -> Outcome {
    let environment = Environment::make("python-bench", "benches/python/requirements.txt")?;
    environment.install(&["--release"])?;
    run(environment.python().arg("benches/python/speed.py").args(targets))
}

/// A virtual environment.
struct Environment(PathBuf);

impl Environment {
    /// Makes it, or takes the one that is there, and installs what is required.
    fn make(name: &str, requirements: &str) -> Result<Self, String> {
        let environment = Self(root().join("target").join(name));
        let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        if !environment.0.join("bin/python").exists() {
            run(Command::new(python).args(["-m", "venv"]).arg(&environment.0))?;
        }
        let required = fs::read_to_string(root().join(requirements)).map_err(|error| error.to_string())?;
        let installed = environment.0.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == required) {
            return Ok(environment);
        }
        run(environment.python().args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--upgrade",
            "--requirement",
            requirements,
        ]))?;
        fs::write(installed, required).map_err(|error| error.to_string())?;
        Ok(environment)
    }

    /// Builds the wheel and installs it.
    fn install(&self, profile: &[&str]) -> Outcome {
        let wheels = self.0.join("wheels");
        // Only the wheel of this build shall be there.
        let _ = fs::remove_dir_all(&wheels);
        let mut maturin = self.tool("maturin");
        maturin.args(["build", "--quiet", "--locked", "--manifest-path", "python/Cargo.toml", "--out"]);
        run(maturin.arg(&wheels).args(profile))?;
        let wheel = newest(&wheels)?;
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]).arg(&wheel);
        run(&mut pip)?;
        let version = output(self.python().args(["-c", "import kpn_things; print(kpn_things.__version__)"]))?;
        println!("python: kpn-things {} from {}", version.trim(), wheel.display());
        Ok(())
    }

    fn python(&self) -> Command {
        Command::new(self.0.join("bin/python"))
    }

    /// A tool of the environment, which looks for its Python on the path.
    fn tool(&self, name: &str) -> Command {
        let folder = self.0.join("bin");
        let mut command = Command::new(folder.join(name));
        let path = env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = env::join_paths([folder].into_iter().chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }
}

fn newest(folder: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let wheel = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| format!("no wheel in {}", folder.display()))
}
