//! A receiver that is killed: each message that it acknowledged is in the inbox, once. And the order of what it asks of the
//! system: no message is acknowledged before it is on the disk, which no `kill -9` can show.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use things_store::inbox::read_inbox;
use things_tests::postgres::Server;
use things_tests::tracer::{Calls, Tracer};

/// The number of kills per store. `THINGS_KILLS` sets another one.
fn kills() -> u64 {
    std::env::var("THINGS_KILLS").map_or(10, |kills| kills.parse().expect("THINGS_KILLS is a number"))
}

/// Reads `received` or `acknowledged`, and the first and the last number of its batch.
fn batch(line: &str) -> Option<(&str, u64, u64)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.parse().ok()?, words.next()?.trim_end().parse().ok()?))
}

/// Kills a process that appends, again and again, and returns how many messages it has acknowledged.
fn kill_again_and_again(name: &str) -> u64 {
    // The first message that was not acknowledged, which the next process appends first.
    let mut next = 0;
    for round in 0..kills() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_append"));
        command.arg(name).args([&next.to_string(), "1000000"]).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        // Before or after a commit, and not always after the same number of them.
        let (mut left, wanted) = (round * 13 % 40 + 1, ["acknowledged", "received"][(round % 2) as usize]);
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        while left > 0 {
            let line = lines.next().expect("it appends until it is killed").unwrap();
            let (word, _, last) = batch(&line).unwrap_or_else(|| panic!("{line}"));
            if word == "acknowledged" {
                next = last + 1;
            }
            left -= u64::from(word == wanted);
        }
        process.kill().unwrap();
        process.wait().unwrap();
        // What it reported until it was killed.
        for line in lines.map_while(Result::ok) {
            if let Some(("acknowledged", _, last)) = batch(&line) {
                next = last + 1;
            }
        }
        let mut inbox = read_inbox(name).unwrap();
        let stored = inbox.read(0, usize::MAX).unwrap();
        let numbers: Vec<u64> =
            stored.iter().map(|message| str::from_utf8(&message.body).unwrap().parse().unwrap()).collect();
        let distinct: HashSet<_> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "a message is stored twice");
        let missing: Vec<_> = (0..next).filter(|number| !distinct.contains(number)).collect();
        assert_eq!(missing, [0; 0], "acknowledged, and not stored");
        assert!(stored.iter().map(|message| message.id).eq(1..=stored.len() as u64));
    }
    next
}

#[test]
fn a_killed_receiver_keeps_what_it_acknowledged_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db").display().to_string();
    assert!(kill_again_and_again(&path) > kills());
}

#[test]
fn a_killed_receiver_keeps_what_it_acknowledged_on_postgresql() {
    let Some(server) = Server::shared() else { return };
    assert!(kill_again_and_again(&server.database()) > kills());
}

/// What a trace shows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    acknowledged: usize,
    /// The first numbers of the batches whose messages were not on the disk when they were acknowledged.
    early: Vec<u64>,
}

impl Trace {
    /// Reads the lines of strace with the paths of files, which are in the order of what happened. Only a log that was written to
    /// the disk counts.
    fn read(text: &str) -> Self {
        let (mut trace, mut is_synced) = (Self::default(), false);
        // The threads that wait for the log.
        let mut waiting = HashSet::new();
        for line in text.lines() {
            let thread = line.split(' ').next().unwrap_or_default();
            if line.contains("sync(") {
                let is_log = line.contains("-wal>");
                if is_log && line.ends_with("<unfinished ...>") {
                    waiting.insert(thread);
                }
                is_synced |= is_log && line.ends_with("= 0");
            } else if line.contains("sync resumed>") {
                is_synced |= waiting.remove(thread) && line.ends_with("= 0");
            } else if let Some((_, written)) = line.split_once(", \"")
                && let Some((word, first, _)) = batch(written.split("\\n").next().unwrap_or_default())
            {
                match word {
                    "received" => is_synced = false,
                    "acknowledged" => {
                        trace.acknowledged += 1;
                        if !is_synced {
                            trace.early.push(first);
                        }
                    }
                    _ => {}
                }
            }
        }
        trace
    }

    /// Traces a process that appends. `with` says how it keeps its inbox.
    fn of_appends(tracer: Tracer, batches: usize, with: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("inbox.db"), folder.path().join("trace.txt"));
        let calls = Calls { length: 100, paths: true, received: false };
        let mut command = tracer.command(&log, calls, env!("CARGO_BIN_EXE_append"));
        command.arg(&path).args(["0", &batches.to_string()]);
        command.args(with).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
        let trace = Self::read(&fs::read_to_string(&log).unwrap());
        assert_eq!(trace.acknowledged, batches, "each batch is in the trace");
        trace
    }
}

#[test]
fn each_message_is_on_the_disk_before_it_is_acknowledged() {
    for tracer in Tracer::all() {
        let trace = Trace::of_appends(tracer, 200, &[]);
        assert_eq!(trace.early, [0; 0], "acknowledged before they were on the disk: {tracer:?}");
    }
}

/// An inbox that does not wait for the disk passes every `kill -9`, and fails here.
#[test]
fn an_inbox_that_does_not_wait_for_the_disk_is_noticed() {
    for tracer in Tracer::all() {
        let trace = Trace::of_appends(tracer, 200, &["unsynced"]);
        assert!(trace.early.len() > 180, "{tracer:?}: {} of 200 noticed", trace.early.len());
    }
}

#[test]
fn a_trace_is_read_in_its_order() {
    let received = "5 write(2</dev/null>, \"received 3 4\\n\", 13) = 13\n";
    let acknowledged = "5 write(2</dev/null>, \"acknowledged 3 4\\n\", 17) = 17\n";
    let synced = "5 fdatasync(4</tmp/x/inbox.db-wal>) = 0\n";
    let other = "5 fdatasync(4</tmp/x/inbox.db>) = 0\n";
    let began = "5 fsync(4</tmp/x/inbox.db-wal> <unfinished ...>\n";
    let resumed = "5 <... fsync resumed>) = 0\n";
    for (lines, early) in [
        (vec![received, synced, acknowledged], vec![]),
        (vec![received, began, resumed, acknowledged], vec![]),
        (vec![synced, received, acknowledged], vec![3]),
        (vec![received, other, acknowledged], vec![3]),
        (vec![received, "5 fsync(4</x-wal>) = -1 EIO\n", acknowledged], vec![3]),
        (vec![received, resumed, acknowledged], vec![3]),
        (vec![received, acknowledged, synced], vec![3]),
    ] {
        assert_eq!(Trace::read(&lines.concat()), Trace { acknowledged: 1, early }, "{lines:?}");
    }
}
