//! Runs the tool.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use things_sim::{Sim, SimBuilder, SimCredentials};
use things_tests::canary::{Canary, assert_clean};

/// Everything that a form, a URL, JSON or a shell would have to escape.
pub(crate) const SECRET: &str = "s/3+c=r&e%t'\" \\$x`!";

/// What a run of the tool left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts the exit status, and that no secret and no token is anywhere in what was written.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert_clean("the output", format!("{}\n{}", self.out, self.err), &Canary::known());
        self
    }

    #[track_caller]
    pub(crate) fn complains(self, part: &str) -> Self {
        assert!(self.err.contains(part), "{part:?} is not in {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, part: &str) -> Self {
        assert!(self.out.contains(part), "{part:?} is not in {self:?}");
        self
    }
}

/// The tool in an environment of its own, without a home folder.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_things"));
    command
        .args(args)
        .env_clear()
        // Not even root can create a folder there, so that no test finds the token of another one.
        .env("HOME", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run(mut command: Command) -> Ran {
    finish(command.spawn().unwrap())
}

pub(crate) fn finish(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().expect("the tool was not killed"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the tool, which reads this on its standard input.
pub(crate) fn run_with_input(mut command: Command, input: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // It may have ended, because its arguments are wrong.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    finish(child)
}

/// Runs the tool without any setting.
pub(crate) fn bare(args: &[&str]) -> Ran {
    run(command(args))
}

/// The tool where this folder holds the profiles.
pub(crate) fn in_home(home: &Path, args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("XDG_CONFIG_HOME", home);
    command
}

/// Runs the tool where this folder holds the profiles.
pub(crate) fn things(home: &Path, args: &[&str]) -> Ran {
    run(in_home(home, args))
}

/// A simulator whose key has a secret that is hard to carry.
pub(crate) fn simulator() -> SimBuilder {
    Sim::builder().credentials(SimCredentials {
        tenant_id: "rjsfm52t".into(),
        application_id: "4dc82561-f65f-523g-dek9-6c79ec314f02".into(),
        key_id: "key-1".into(),
        key_secret: SECRET.into(),
    })
}

pub(crate) trait Tool {
    /// The tool with the environment that points at this simulator.
    fn command(&self, args: &[&str]) -> Command;

    fn things(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// The same, with one variable set otherwise.
    fn things_with(&self, name: &str, value: impl AsRef<OsStr>, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env(name, value);
        run(command)
    }
}

impl Tool for Sim {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.envs(self.environment());
        command
    }
}

/// A file for one test; the name is the test's own.
pub(crate) fn file(name: &str, content: &str) -> String {
    let path = path(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// An empty folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = path(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}
