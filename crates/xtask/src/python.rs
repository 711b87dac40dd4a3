//! Builds, tests and measures the Python package, each in a virtual environment of its own below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::transcript::Transcript;
use crate::{Outcome, cargo, output, root, run, run_quietly};

/// The tests, the types, the stubs, and the wheel on every interpreter that there is.
pub(crate) fn test(arguments: &[String]) -> Outcome {
    let environment = Environment::make("python-tests", "python/tests/requirements.txt")?;
    let wheel = environment.install(&["--profile", "dev"])?;
    // Machines that share a ledger are processes of the tool, next to a database server of the tests.
    cargo(&["build", "--quiet", "--workspace", "--all-targets"])?;
    let transcript = Transcript::new("python")?;
    // The report holds what pytest captured, logs at the most verbose level included.
    let mut pytest = environment.python();
    pytest.args([
        "-m",
        "pytest",
        "python/tests",
        "--log-level=DEBUG",
        "-o",
        "junit_logging=all",
        "--junit-xml",
    ]);
    transcript.run(pytest.arg(transcript.file("report.xml")).args(arguments))?;
    transcript.search()?;
    // The package as it is installed: the folder beside it holds no native part.
    run(environment.python().args(["-m", "mypy", "--config-file", "python/pyproject.toml", "python/tests"]))?;
    run(environment.python().args([
        "-m",
        "mypy.stubtest",
        "kpn_things",
        "--mypy-config-file",
        "python/pyproject.toml",
    ]))?;
    run(environment.tool("basedpyright").args(["--ignoreexternal", "--verifytypes", "kpn_things"]))?;
    ["3.10", "3.11", "3.12", "3.13", "3.14"].iter().try_for_each(|version| smoke(version, &wheel))
}

/// Installs the one wheel for another interpreter, and runs the first lines of the README there.
fn smoke(version: &str, wheel: &Path) -> Outcome {
    let Some(python) = interpreter(version) else {
        println!("python: no Python {version} here, so the wheel was not tried on it");
        return Ok(());
    };
    let environment = Environment(root().join(format!("target/python-{version}")));
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment.0))?;
    run(environment.python().args(["-m", "pip", "install", "--quiet", "--no-deps"]).arg(wheel))?;
    run(environment.python().arg("python/tests/smoke.py"))
}

/// An interpreter of this version: on the path, or one of pyenv's.
fn interpreter(version: &str) -> Option<PathBuf> {
    let runs = |python: &Path| run_quietly(Command::new(python).args(["-c", "import venv"]));
    let pyenv = env::var_os("PYENV_ROOT").map(PathBuf::from).unwrap_or_default().join("versions");
    let versions = fs::read_dir(pyenv).into_iter().flatten().filter_map(Result::ok);
    let named =
        versions.filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{version}.")));
    let candidates = [PathBuf::from(format!("python{version}"))];
    candidates
        .into_iter()
        .chain(named.map(|entry| entry.path().join("bin/python")))
        .find(|python| runs(python))
}

/// That the source distribution builds, away from the repository.
pub(crate) fn package() -> Outcome {
    let environment = Environment::make("python-package", "python/requirements-build.txt")?;
    let folder = environment.0.join("dist");
    let _ = fs::remove_dir_all(&folder);
    run(environment
        .tool("maturin")
        .args(["sdist", "--manifest-path", "python/Cargo.toml", "--out"])
        .arg(&folder))?;
    let sdist = only(&folder, "gz")?;
    let mut pip = environment.python();
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]).arg(&folder).arg(sdist);
    // What is tried is that it builds, not how fast it is. What it depends on was built for the tests.
    pip.env("MATURIN_PEP517_ARGS", "--profile dev").env("CARGO_TARGET_DIR", root().join("target"));
    run(&mut pip)?;
    println!("python: {} was built from the source distribution", only(&folder, "whl")?.display());
    Ok(())
}

/// The speed targets, beside the peers.
pub(crate) fn bench(targets: &[String]) -> Outcome {
    let environment = Environment::make("python-bench", "benches/python/requirements.txt")?;
    environment.install(&["--release"])?;
    run(environment.python().arg("benches/python/speed.py").args(targets))
}

/// The load through both clients.
pub(crate) fn soak(release: bool, arguments: &[String], service: &Path) -> Outcome {
    let environment = Environment::for_tests(if release { &["--release"] } else { &["--profile", "dev"] })?;
    let run = |client| {
        let mut python = environment.python();
        run(python.args(["benches/python/soak.py", client]).args(arguments).arg(service))
    };
    [run("sync"), run("async")].into_iter().collect()
}

/// A virtual environment.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// That of the tests, with the package as this profile builds it.
    pub(crate) fn for_tests(profile: &[&str]) -> Result<Self, String> {
        let environment = Self::make("python-tests", "python/tests/requirements.txt")?;
        environment.install(profile)?;
        Ok(environment)
    }

    /// Makes it, or takes the one that is there, and installs what is required.
    pub(crate) fn make(name: &str, requirements: &str) -> Result<Self, String> {
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
    pub(crate) fn install(&self, profile: &[&str]) -> Result<PathBuf, String> {
        let wheels = self.0.join("wheels");
        // Only the wheel of this build shall be there.
        let _ = fs::remove_dir_all(&wheels);
        let mut maturin = self.tool("maturin");
        maturin.args(["build", "--quiet", "--locked", "--manifest-path", "python/Cargo.toml", "--out"]);
        run(maturin.arg(&wheels).args(profile))?;
        let wheel = only(&wheels, "whl")?;
        let mut pip = self.python();
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"]).arg(&wheel);
        run(&mut pip)?;
        let version = output(self.python().args(["-c", "import kpn_things; print(kpn_things.__version__)"]))?;
        println!("python: kpn-things {} from {}", version.trim(), wheel.display());
        Ok(wheel)
    }

    pub(crate) fn python(&self) -> Command {
        Command::new(self.0.join("bin/python"))
    }

    /// A tool of the environment, which looks for its Python on the path.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let folder = self.0.join("bin");
        let mut command = Command::new(folder.join(name));
        let path = env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = env::join_paths([folder].into_iter().chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }
}

/// The file in a folder that ends so.
fn only(folder: &Path, extension: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.ok_or_else(|| format!("no .{extension} in {}", folder.display()))
}
