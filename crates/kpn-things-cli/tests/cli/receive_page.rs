//! The page about uplinks shows what happens: its commands run in their order, and print what is shown below them.
//!
//! Receivers run in the background until the page starts the same one again. A block of `console postgres` needs a server,
//! where there is one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use things_tests::postgres::Server;
use things_tests::receiving::SECRET;

use crate::documents::Document;
use crate::page::{Shell, assert_same};

const PAGE: &str = "docs/receive-data.md";

/// The ledger of many machines as the page shows it.
const SHOWN_STORE: &str = "postgres://things@db.example/fleet";

/// Somebody who follows the page.
struct Reader {
    shell: Shell,
    /// The receivers that run, by their commands.
    receivers: Vec<(String, Running)>,
}

/// A receiver in the background.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Reader {
    fn new(name: &str) -> Self {
        Self { shell: Shell::new(name, None), receivers: Vec::new() }
    }

    /// Starts a receiver on any free port, and returns what it prints until it is ready.
    fn serve(&mut self, command: &str) -> String {
        if let Some(running) = self.receivers.iter().position(|(known, _)| known == command) {
            self.interrupt(running);
        }
        let shown = if command.contains(":8081") { "127.0.0.1:8081" } else { "127.0.0.1:8080" };
        let words = format!("{} --listen 127.0.0.1:0", command.replace(" --listen 127.0.0.1:8081", ""));
        let mut child = self.shell.command(&words, "exec").spawn().unwrap();
        let out = child.stdout.as_mut().unwrap();
        // What it prints later is left in the pipe.
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let text: Vec<_> = lines.by_ref().take(5).collect();
        let url = text.first().expect("it prints its URL").clone();
        let address = url.strip_prefix("http://").unwrap_or_else(|| panic!("{text:?}"));
        self.shell.types(shown, address);
        self.shell.sees(address, shown);
        self.receivers.push((command.to_owned(), Running(child)));
        text.join("\n")
    }

    /// Ends a receiver as Ctrl-C does.
    fn interrupt(&mut self, running: usize) {
        let (_, mut receiver) = self.receivers.remove(running);
        let child = &mut receiver.0;
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("stopped: all confirmed messages are stored\n"), "{rest}");
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
                let printed = match command.starts_with("things uplink serve") {
                    true => self.serve(command),
                    false => self.shell.run(command),
                };
                let place = format!("{block}: {command}");
                // A table is as wide as what arrived first.
                let is_followed = command.contains("--follow");
                let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
                let printed = self.shell.printed(&printed);
                if is_followed {
                    let shown: Vec<_> = shown.iter().map(|line| squeezed(line)).collect();
                    let shown: Vec<_> = shown.iter().map(String::as_str).collect();
                    let lines: Vec<_> = printed.lines().map(squeezed).collect();
                    assert_same(&shown, &lines.join("\n"), &place);
                } else {
                    assert_same(&shown, &printed, &place);
                }
                count += 1;
            }
        }
        count
    }
}

#[test]
fn the_page_is_followed_from_the_secret_to_the_second_start() {
    assert!(Reader::new("receive-page").follow("receive") > 10);
}

#[test]
fn the_page_is_followed_on_a_shared_database() {
    let Some(server) = Server::shared() else { return };
    let mut reader = Reader::new("receive-page-postgres");
    let store = server.database();
    reader.shell.types(SHOWN_STORE, &store);
    reader.shell.sees(&store, SHOWN_STORE);
    std::fs::write(reader.shell.folder.join("destination.secret"), format!("active={SECRET}\n")).unwrap();
    assert!(reader.follow("postgres") > 5);
}
