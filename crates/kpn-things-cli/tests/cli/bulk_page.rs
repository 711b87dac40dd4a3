//! The page about bulk downlinks shows what happens: its commands run in their order, and print what is shown below them.
//!
//! A block of `console bulk` runs in one folder and against one simulator, together with those before it. `^C` is a
//! Ctrl-C while a downlink is in flight. A block of `console postgres` needs a server, where there is one.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use things_sim::{Route, Sim};
use things_tests::postgres::Server;

use crate::documents::{Document, root};
use crate::tool::{Ran, finish, folder, simulator};

const PAGE: &str = "docs/bulk-downlinks.md";

/// The id of a job as the page shows it, and its beginning.
const SHOWN: &str = "019ab2c4-5d00-7cc3-98c4-dc0c0c07398f";
const BEGINNING: &str = "019ab2c4";

/// The ledger of many machines as the page shows it.
const SHOWN_LEDGER: &str = "postgres://things@db.example/fleet";

/// Somebody who follows the page.
struct Reader<'a> {
    folder: PathBuf,
    sim: &'a Sim,
    /// The real id of the job, once it is known.
    job: Option<String>,
    /// The real ledger of many machines.
    ledger: String,
    /// The status of the last command.
    status: i32,
}

impl<'a> Reader<'a> {
    fn new(name: &str, sim: &'a Sim) -> Self {
        let folder = folder(name);
        for entry in fs::read_dir(root().join("docs/bulk-downlinks")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        Self { folder, sim, job: None, ledger: String::new(), status: 0 }
    }

    /// A command as the reader types it. `word` is what a shell does with it.
    fn shell(&self, command: &str, word: &str) -> Command {
        let mut command = match &self.job {
            Some(job) => command.replace(SHOWN, job).replace(BEGINNING, job),
            None => command.to_owned(),
        };
        command = command.replace(SHOWN_LEDGER, &self.ledger);
        let tool = Path::new(env!("CARGO_BIN_EXE_things")).parent().unwrap().to_owned();
        let path =
            [tool].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())).collect::<Vec<_>>();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec 2>&1; {word} {command}")])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", env::join_paths(path).unwrap())
            .env("HOME", &self.folder)
            .envs(self.sim.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self.ledger.is_empty() {
            shell.env("KPN_THINGS_LEDGER", &self.ledger);
        }
        shell
    }

    /// Runs a command, and returns what it printed.
    fn run(&mut self, command: &str) -> String {
        if command == "echo $?" {
            return format!("{}\n", self.status);
        }
        let Ran { status, out, .. } = finish(self.shell(command, "").spawn().unwrap());
        self.status = status;
        self.printed(&out)
    }

    /// Runs a command that is interrupted once this many requests have arrived.
    fn interrupt(&mut self, command: &str, requests: u64) -> String {
        let child = self.shell(command, "exec").spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while self.sim.calls(Route::Downlinks) < requests {
            assert!(Instant::now() < end, "{command}: there are only {} requests", self.sim.calls_total());
            thread::sleep(Duration::from_millis(1));
        }
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(2), "{output:?}");
        self.printed(&String::from_utf8(output.stdout).unwrap())
    }

    /// An output as the page shows it: with its id, without the folder, and each time the same.
    fn printed(&mut self, text: &str) -> String {
        let id = text.lines().find_map(|line| line.strip_prefix("job: ").or(is_id(line).then_some(line)));
        self.job = self.job.take().or(id.map(str::to_owned));
        let text = match &self.job {
            Some(job) => text.replace(job, SHOWN),
            None => text.to_owned(),
        };
        let home = self.folder.to_str().unwrap();
        text.replace(self.sim.url(), "https://api.kpnthings.com").replace(home, "/home/anna")
    }

    /// Runs the commands of the blocks with this mark, and compares what they print with what is shown. Returns how many
    /// there were.
    fn follow(&mut self, mark: &str) -> usize {
        let mut count = 0;
        for block in Document::read(PAGE).blocks() {
            if (block.language.as_str(), block.mark.as_str()) != ("console", mark) {
                continue;
            }
            for (command, shown) in block.commands() {
                let printed = match shown.iter().position(|line| *line == "^C") {
                    Some(_) => self.interrupt(command, INTERRUPTED),
                    None => self.run(command),
                };
                let shown: Vec<_> = shown.into_iter().filter(|line| *line != "^C").collect();
                assert_same(&shown, &printed, &format!("{block}: {command}"));
                count += 1;
            }
        }
        count
    }
}

fn is_id(line: &str) -> bool {
    line.len() == SHOWN.len() && line.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// The request during which the page interrupts the run, the one that is refused, and the one whose connection breaks.
const INTERRUPTED: u64 = 5;
const REFUSED: u64 = 7;
const LOST: u64 = 9;

#[track_caller]
fn assert_same(shown: &[&str], printed: &str, place: &str) {
    let shown: Vec<_> = shown.iter().map(|line| without_times(line)).collect();
    let lines: Vec<_> = printed.lines().filter(|line| !line.trim().is_empty()).map(without_times).collect();
    assert_eq!(shown, lines, "{place} printed\n{printed}");
}

/// A line with the same word in place of each time.
fn without_times(line: &str) -> String {
    const TIME: &str = "2026-07-01T09:30:00Z";
    let mut text = line.trim_start_matches('\u{FEFF}').trim_end().to_owned();
    let starts: Vec<_> = text.match_indices('T').map(|(place, _)| place).collect();
    for place in starts {
        let time = place.checked_sub(10).and_then(|start| text.get(start..start + TIME.len()));
        let is_time = time.is_some_and(|time| {
            let pairs = time.bytes().zip(TIME.bytes());
            pairs.into_iter().all(
                |(byte, shown)| if shown.is_ascii_digit() { byte.is_ascii_digit() } else { byte == shown },
            )
        });
        if is_time {
            text.replace_range(place - 10..place - 10 + TIME.len(), TIME);
        }
    }
    text
}

#[test]
fn the_page_is_followed_from_the_spreadsheet_to_the_last_outcome() {
    let sim = simulator()
        .fault(format!("downlinks@{INTERRUPTED}=latency:5s").parse().unwrap())
        .fault(format!("downlinks@{REFUSED}=status:400").parse().unwrap())
        .fault(format!("downlinks@{LOST}=drop-after").parse().unwrap())
        .start()
        .unwrap();
    let mut reader = Reader::new("bulk-page", &sim);
    assert!(reader.follow("bulk") > 8);
    let mut received: Vec<_> =
        sim.downlinks().into_iter().map(|downlink| downlink.external_reference).collect();
    received.sort();
    received.dedup();
    assert_eq!((received.len(), sim.downlinks_received()), (12, 12), "each downlink arrived once");
    let report = fs::read_to_string(reader.folder.join("report.csv")).unwrap();
    assert_eq!(report.lines().filter(|line| line.contains(",accepted,")).count(), 12, "{report}");
}

#[test]
fn the_page_is_followed_on_many_machines() {
    let Some(server) = Server::shared() else { return };
    let sim = simulator().start().unwrap();
    let mut reader = Reader::new("bulk-page-postgres", &sim);
    reader.ledger = server.database();
    assert!(reader.follow("postgres") > 2);
    assert_eq!(sim.downlinks_received(), 12);
}

/// An editor or Git could change what the page is about.
#[test]
fn the_fixture_is_what_excel_writes() {
    for name in ["valves-draft.csv", "valves.csv"] {
        let bytes = fs::read(root().join("docs/bulk-downlinks").join(name)).unwrap();
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").expect("there is a byte order mark");
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert!(lines.clone().all(|line| line.ends_with(b"\r") && line.contains(&b';')), "{name}");
        assert_eq!(lines.count(), 13, "{name}");
    }
}

#[test]
fn the_object_of_the_page_has_the_fields_of_real_progress() {
    let text = Document::read(PAGE).text;
    let shown = text.lines().find(|line| line.starts_with("{\"job\"")).unwrap();
    let sim = simulator().start().unwrap();
    let mut reader = Reader::new("bulk-page-progress", &sim);
    let printed = reader.run("things downlink bulk valves.csv --progress json --quiet --csv > report.csv");
    let names = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(shown), names(printed.lines().last().unwrap()));
}
