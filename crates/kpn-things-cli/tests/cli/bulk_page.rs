//! The page about bulk downlinks shows what happens: its commands run in their order, and print what is shown below them.
//!
//! A block of `console bulk` runs in one folder and against one simulator, together with those before it. `^C` is a
//! Ctrl-C while a downlink is in flight. A block of `console postgres` needs a server, where there is one.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use things_sim::{Route, Sim};
use things_tests::postgres::Server;

use crate::documents::{Document, root};
use crate::page::{Shell, assert_same};
use crate::tool::simulator;

const PAGE: &str = "docs/bulk-downlinks.md";

/// The id of a job as the page shows it, and its beginning.
const SHOWN: &str = "019ab2c4-5d00-7cc3-98c4-dc0c0c07398f";
const BEGINNING: &str = "019ab2c4";

/// The ledger of many machines as the page shows it.
const SHOWN_LEDGER: &str = "postgres://things@db.example/fleet";

/// Somebody who follows the page.
struct Reader<'a> {
    shell: Shell,
    sim: &'a Sim,
    /// Whether the id of the job is known.
    has_job: bool,
}

impl<'a> Reader<'a> {
    fn new(name: &str, sim: &'a Sim) -> Self {
        let mut shell = Shell::new(name, Some("docs/bulk-downlinks"));
        for (name, value) in sim.environment() {
            shell.set(name, &value);
        }
        shell.sees(sim.url(), "https://api.kpnthings.com");
        Self { shell, sim, has_job: false }
    }

    /// Uses this ledger of many machines where the page shows one.
    fn share(&mut self, ledger: &str) {
        self.shell.types(SHOWN_LEDGER, ledger);
        self.shell.set("KPN_THINGS_LEDGER", ledger);
    }

    /// Runs a command, and returns what it printed.
    fn run(&mut self, command: &str) -> String {
        let out = self.shell.run(command);
        self.printed(&out)
    }

    /// Runs a command that is interrupted once this many requests have arrived.
    fn interrupt(&mut self, command: &str, requests: u64) -> String {
        let child = self.shell.command(command, "exec").spawn().unwrap();
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
        if let Some(id) = id.filter(|_| !self.has_job) {
            self.has_job = true;
            self.shell.types(SHOWN, id);
            self.shell.types(BEGINNING, id);
            self.shell.sees(id, SHOWN);
        }
        self.shell.printed(text)
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
    let report = fs::read_to_string(reader.shell.folder.join("report.csv")).unwrap();
    assert_eq!(report.lines().filter(|line| line.contains(",accepted,")).count(), 12, "{report}");
}

#[test]
fn the_page_is_followed_on_many_machines() {
    let Some(server) = Server::shared() else { return };
    let sim = simulator().start().unwrap();
    let mut reader = Reader::new("bulk-page-postgres", &sim);
    reader.share(&server.database());
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
