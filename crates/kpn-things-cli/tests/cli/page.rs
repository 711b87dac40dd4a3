//! A page of the documents, whose commands run in their order and print what is shown below them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::documents::root;
use crate::tool::{Ran, finish, folder};

/// The shell of somebody who follows a page, in a folder of its own.
pub(crate) struct Shell {
    pub(crate) folder: PathBuf,
    variables: Vec<(String, String)>,
    /// What the page shows, and what the reader types instead.
    typed: Vec<(String, String)>,
    /// What is printed, and what the page shows instead.
    seen: Vec<(String, String)>,
    /// The status of the last command.
    status: i32,
}

impl Shell {
    /// A shell whose home is its folder. `files`: the folder with what the page is about.
    pub(crate) fn new(name: &str, files: Option<&str>) -> Self {
        let folder = folder(name);
        for entry in files.into_iter().flat_map(|files| fs::read_dir(root().join(files)).unwrap()) {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        let home = folder.to_str().unwrap().to_owned();
        let seen = vec![(home.clone(), "/home/anna".to_owned())];
        Self { folder, variables: vec![("HOME".into(), home)], typed: Vec::new(), seen, status: 0 }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The reader types `real` where the page shows `shown`.
    pub(crate) fn types(&mut self, shown: &str, real: &str) {
        self.typed.retain(|(known, _)| known != shown);
        self.typed.push((shown.to_owned(), real.to_owned()));
    }

    /// The page shows `shown` where `real` is printed.
    pub(crate) fn sees(&mut self, real: &str, shown: &str) {
        self.seen.push((real.to_owned(), shown.to_owned()));
    }

    /// A command as the reader types it. `word` is what the shell does with it.
    pub(crate) fn command(&self, command: &str, word: &str) -> Command {
        let command = replaced(command, &self.typed);
        let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
        let path =
            [tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())).collect::<Vec<_>>();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec 2>&1; {word} {command}")])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", env::join_paths(path).unwrap())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    /// Runs a command, and returns what it printed.
    pub(crate) fn run(&mut self, command: &str) -> String {
        if command == "echo $?" {
            return format!("{}\n", self.status);
        }
        let Ran { status, out, .. } = finish(self.command(command, "").spawn().unwrap());
        self.status = status;
        out
    }

    /// An output as the page shows it.
    pub(crate) fn printed(&self, text: &str) -> String {
        replaced(text, &self.seen)
    }
}

fn replaced(text: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Asserts that a command printed what the page shows. Times differ.
#[track_caller]
pub(crate) fn assert_same(shown: &[&str], printed: &str, place: &str) {
    let shown: Vec<_> = shown.iter().map(|line| without_times(line)).collect();
    let lines: Vec<_> = printed.lines().filter(|line| !line.trim().is_empty()).map(without_times).collect();
    assert_eq!(shown, lines, "{place} printed\n{printed}");
}

/// A line with the same digits in each time.
fn without_times(line: &str) -> String {
    const TIME: &str = "2026-07-01T09:30:00";
    let mut text = line.trim_start_matches('\u{FEFF}').trim_end().to_owned();
    let starts: Vec<_> = text.match_indices('T').filter_map(|(place, _)| place.checked_sub(10)).collect();
    for start in starts {
        let end = start + TIME.len();
        let is_time = text.get(start..end).is_some_and(|time| {
            let pairs = time.bytes().zip(TIME.bytes());
            pairs.into_iter().all(
                |(byte, shown)| if shown.is_ascii_digit() { byte.is_ascii_digit() } else { byte == shown },
            )
        });
        if is_time {
            text.replace_range(start..end, TIME);
            let fraction = text.get(end..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            text.replace_range(
                end..end + usize::from(digits > 0) + digits,
                &".000000000"[..usize::from(digits > 0) + digits],
            );
        }
    }
    text
}
