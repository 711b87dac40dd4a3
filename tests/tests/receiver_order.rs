//! The order of what a receiver asks of the system: no message is confirmed before it is on the disk.
//!
//! A process that is killed does not show this, because what it wrote outlives it in the memory of the system. A trace of
//! its system calls does.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use things_tests::receiving::{Poster, Process};
use things_tests::tracer::{Calls, Tracer};

/// Several clients, so that messages arrive while others are committed.
const CLIENTS: usize = 8;
const MESSAGES: usize = 50;

/// What a trace shows.
#[derive(Debug, Default)]
struct Trace {
    confirmed: usize,
    /// The confirmed messages for which no synchronization of the disk began and ended after they had arrived.
    early: usize,
    syncs: usize,
}

impl Trace {
    /// Reads the lines of strace, which are in the order of what happened.
    fn read(text: &str) -> Self {
        let mut trace = Self::default();
        // The lines at which the last message of a connection arrived, and at which the synchronization of a thread began.
        let (mut arrived, mut begun) = (HashMap::new(), HashMap::new());
        // The connection that a thread reads. The call and its result can be two lines.
        let mut reads = HashMap::new();
        let mut durable_until = 0;
        for (line, number) in text.lines().zip(1..) {
            let thread = line.split_whitespace().next().unwrap_or_default();
            let descriptor = line.split_once('(').and_then(|(_, rest)| rest.split([',', ' ']).next());
            if line.ends_with("<unfinished ...>") {
                reads.insert(thread, descriptor);
            }
            if line.contains("sync") {
                if line.contains("sync(") {
                    begun.insert(thread, number);
                }
                if line.ends_with("= 0") {
                    trace.syncs += 1;
                    durable_until = durable_until.max(begun[thread]);
                }
            } else if line.contains("\"POST ") {
                let descriptor = if line.contains(" resumed>") { reads[thread] } else { descriptor };
                arrived.insert(descriptor, number);
            } else if line.contains("\"HTTP/1.1 204") {
                trace.confirmed += 1;
                trace.early += usize::from(durable_until < arrived[&descriptor]);
            }
        }
        trace
    }

    /// Traces a receiver. `with` says how it keeps its messages.
    fn of_a_receiver(tracer: Tracer, with: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("trace.txt");
        let receiver = start(tracer, &folder.path().join("uplinks.db"), &log, with);
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let mut poster = Poster::new(receiver.address());
                scope.spawn(move || {
                    for number in 0..MESSAGES {
                        assert_eq!(poster.post(&format!("[{client}, {number}]")).unwrap(), 204);
                    }
                });
            }
        });
        receiver.stop();
        let trace = Self::read(&fs::read_to_string(&log).unwrap());
        assert_eq!(trace.confirmed, CLIENTS * MESSAGES, "each confirmation is in the trace");
        trace
    }
}

fn start(tracer: Tracer, store: &Path, log: &Path, with: &[&str]) -> Process {
    let calls = Calls { length: 16, paths: false, received: true };
    let mut command = tracer.command(log, calls, env!("CARGO_BIN_EXE_receiver"));
    command.arg(store).args(with).stderr(Stdio::null());
    Process::start(&mut command)
}

#[test]
fn each_message_is_confirmed_after_it_is_on_the_disk() {
    for tracer in Tracer::all() {
        let trace = Trace::of_a_receiver(tracer, &[]);
        assert_eq!(trace.early, 0, "confirmed before they were on the disk: {tracer:?} {trace:?}");
    }
}

/// A receiver that does not wait for the disk passes every `kill -9`, and fails here.
#[test]
fn a_receiver_that_does_not_wait_for_the_disk_is_noticed() {
    for tracer in Tracer::all() {
        let trace = Trace::of_a_receiver(tracer, &["unsynced"]);
        assert_eq!(trace.early, trace.confirmed, "{tracer:?}");
    }
}

#[test]
fn a_trace_is_read_in_its_order() {
    let post = |descriptor: u8| {
        format!("7 recvfrom({descriptor}, \"POST /uplinks HTT\"..., 8192, 0, NULL, NULL) = 300\n")
    };
    let confirm = |descriptor: u8| {
        format!("8 writev({descriptor}, [{{iov_base=\"HTTP/1.1 204 No \"..., iov_len=60}}], 1) = 60\n")
    };
    let synced = "5 fsync(4) = 0\n".to_owned();
    let (begun, ended) = ("5 fdatasync(4 <unfinished ...>\n", "5 <... fdatasync resumed>) = 0\n");
    let (begun, ended) = (begun.to_owned(), ended.to_owned());
    let begun_read = "7 recvfrom(9,  <unfinished ...>\n".to_owned();
    let ended_read =
        "7 <... recvfrom resumed>\"POST /uplinks HTT\"..., 8192, 0, NULL, NULL) = 300\n".to_owned();
    for (lines, early) in [
        ([post(9), synced.clone(), confirm(9), String::new()], 0),
        ([post(9), begun.clone(), ended.clone(), confirm(9)], 0),
        ([begun, post(9), ended, confirm(9)], 1),
        ([begun_read, synced.clone(), ended_read, confirm(9)], 1),
        ([synced.clone(), post(9), confirm(9), String::new()], 1),
        ([post(9), "5 fsync(4) = -1 EIO\n".to_owned(), confirm(9), String::new()], 1),
        ([post(9), synced, post(10), confirm(9) + &confirm(10)], 1),
    ] {
        let text = lines.concat();
        assert_eq!(Trace::read(&text).early, early, "{text}");
    }
}
