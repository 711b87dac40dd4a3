//! What the tests print: shown as it comes, kept below `target/transcripts`, and searched for the secrets and tokens that
//! the tests work with.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::{Outcome, root, run};

/// The output of the tests of one language.
pub(crate) struct Transcript(PathBuf);

impl Transcript {
    /// An empty one.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let folder = root().join("target/transcripts").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    /// A file that a command itself writes to.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs a command, shows what it prints, and keeps it.
    pub(crate) fn run(&self, command: &mut Command) -> Outcome {
        println!("xtask: {command:?}");
        command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match self.follow(command) {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{command:?} ended with {status}")),
            Err(error) => Err(format!("{command:?} could not be run: {error}")),
        }
    }

    fn follow(&self, command: &mut Command) -> io::Result<ExitStatus> {
        let (out, err) = (File::create(self.file("out.txt"))?, File::create(self.file("err.txt"))?);
        let mut child = command.spawn()?;
        let copies = [
            child.stdout.take().map(|from| thread::spawn(|| copy(from, io::stdout(), out))),
            child.stderr.take().map(|from| thread::spawn(|| copy(from, io::stderr(), err))),
        ];
        for copy in copies.into_iter().flatten() {
            copy.join().unwrap_or_else(|_| Err(io::Error::other("its output could not be copied")))?;
        }
        child.wait()
    }

    /// Fails if a secret or a token is anywhere in it.
    pub(crate) fn search(&self) -> Outcome {
        let files = fs::read_dir(&self.0).map_err(|error| error.to_string())?;
        let files = files.filter_map(Result::ok).map(|entry| entry.path());
        run(Command::new("cargo")
            .args(["run", "--quiet", "-p", "things-tests", "--bin", "canaries", "--"])
            .args(files))
    }
}

fn copy(mut from: impl Read, mut shown: impl Write, mut kept: impl Write) -> io::Result<()> {
    let mut buffer = [0; 1 << 13];
    loop {
        let length = match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => length,
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        kept.write_all(bytes)?;
        shown.write_all(bytes)?;
        shown.flush()?;
    }
}
