//! Traces of the system calls of a process, in the form of strace.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A way to trace a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracer {
    /// strace, which sees every call.
    Strace,
    /// A library that is loaded into the process, where no process can be traced. It sees the calls through the C library.
    Library,
}

/// What to trace of a process.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// How many bytes of what is sent and received.
    pub length: usize,
    /// Whether to name the files of descriptors.
    pub paths: bool,
    /// Whether to trace what is received.
    pub received: bool,
}

impl Tracer {
    /// The ways that there are here. Prints what cannot be used, and why.
    pub fn all() -> Vec<Self> {
        let usable = |tracer: &Self| match tracer.obstacle() {
            None => true,
            Some(obstacle) => {
                eprintln!(
                    "skipped: the order of system calls is not traced by {tracer:?}, because {obstacle}"
                );
                false
            }
        };
        [Self::Strace, Self::Library].into_iter().filter(usable).collect()
    }

    fn obstacle(self) -> Option<String> {
        let (name, check) = match self {
            Self::Strace => ("strace", ["-o", "/dev/null", "true"].as_slice()),
            Self::Library => ("cc", ["--version"].as_slice()),
        };
        match Command::new(name).args(check).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => None,
            Ok(_) if self == Self::Strace => {
                Some("this system does not allow processes to be traced".to_owned())
            }
            Ok(status) => Some(format!("{name} ended with {status}")),
            Err(error) => Some(format!("{name} cannot be run: {error}")),
        }
    }

    /// A command that runs a program and writes its calls to a file.
    ///
    /// # Panics
    ///
    /// If the library cannot be built.
    #[allow(clippy::expect_used)]
    pub fn command(self, log: &Path, calls: Calls, program: impl AsRef<OsStr>) -> Command {
        if self == Self::Library {
            let (source, library) = (log.with_extension("c"), log.with_extension("so"));
            fs::write(&source, include_str!("tracer.c")).expect("the folder can be written");
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
            assert!(compiler.status().expect("there is a compiler").success(), "the library can be built");
            let mut command = Command::new(program);
            command.env("LD_PRELOAD", library).env("THINGS_TRACE", log);
            command.env("THINGS_TRACE_LENGTH", calls.length.to_string());
            command.envs(calls.paths.then_some(("THINGS_TRACE_PATHS", "1")));
            command.envs(calls.received.then_some(("THINGS_TRACE_RECEIVED", "1")));
            return command;
        }
        let received = if calls.received { ",read,readv,recvfrom" } else { "" };
        let mut command = Command::new("strace");
        command.args(["-f", "-s", &calls.length.to_string()]).args(calls.paths.then_some("-y"));
        command.args(["-e", &format!("trace=fsync,fdatasync,write,writev,sendto,sendmsg{received}"), "-o"]);
        command.arg(log).arg(program);
        command
    }
}
