//! The order of what a bulk run asks of the system: no request is sent before its claim is on the disk.
//!
//! A process that is killed does not show this, because what it wrote outlives it in the memory of the system. A trace of
//! its system calls does.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs;
use std::process::Stdio;
use std::time::SystemTime;

use things_core::{BulkItem, Downlink, FPort};
use things_sim::Sim;
use things_store::{ItemState, JobId, NewJob, SqliteStore, Store};
use things_tests::tracer::{Calls, Tracer};

const ITEMS: u64 = 300;

/// What a trace shows.
#[derive(Debug, Default)]
struct Trace {
    requests: usize,
    /// The requests whose claim was not on the disk when they were sent.
    early: Vec<String>,
    syncs: usize,
}

impl Trace {
    /// Reads the lines of strace, which are in the order of what happened.
    fn read(text: &str) -> Self {
        let mut trace = Self::default();
        let mut durable: HashSet<String> = HashSet::new();
        let mut is_synced = false;
        for line in text.lines() {
            if line.contains("sync") && line.ends_with("= 0") {
                trace.syncs += 1;
                is_synced = true;
            } else if line.contains("write(2, \"commit\\n\"") {
                is_synced = false;
            } else if let Some((_, claims)) = line.split_once("write(2, \"claimed ") {
                let (claims, _) = claims.split_once("\\n").expect("a whole line");
                if is_synced {
                    durable.extend(claims.split(' ').map(str::to_owned));
                }
            } else if let Some((_, request)) = line.split_once("POST /api/actuator/downlinks") {
                let (_, reference) = request.split_once("externalReference=").expect("a reference");
                let reference = reference.split([' ', '&']).next().unwrap();
                trace.requests += 1;
                if !durable.contains(reference) {
                    trace.early.push(reference.to_owned());
                }
            }
        }
        trace
    }

    /// Traces a run. `with` says how it keeps its ledger.
    fn of_a_run(tracer: Tracer, with: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("ledger.db"), folder.path().join("trace.txt"));
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let job = NewJob {
            id: JobId::generate(1, 1),
            created: SystemTime::now(),
            source: String::new(),
            digest: String::new(),
            account: "an account".to_owned(),
            options: String::new(),
        };
        let mut store = SqliteStore::open(&path).unwrap();
        store.create(&job, &mut (0..ITEMS).map(|number| Ok(item(number)))).unwrap();
        let calls = Calls { length: 4096, paths: false, received: false };
        let mut command = tracer.command(&log, calls, env!("CARGO_BIN_EXE_bulk"));
        command.arg(&path).args([job.id.as_str(), &job.account]);
        command.args(with).envs(sim.environment()).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
        assert_eq!(sim.downlinks_received(), ITEMS);
        if with.is_empty() {
            let accepted = store.items(&job.id, Some(ItemState::Accepted), 0, usize::MAX).unwrap();
            assert_eq!(accepted.len() as u64, ITEMS);
        }
        let trace = Self::read(&fs::read_to_string(&log).unwrap());
        assert_eq!(trace.requests as u64, ITEMS, "each request is in the trace");
        trace
    }
}

fn item(number: u64) -> BulkItem {
    let dev_eui = format!("{number:016X}").parse().unwrap();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), [1]).unwrap();
    downlink.external_reference(format!("item-{number}")).unwrap().into()
}

#[test]
fn each_request_is_sent_after_its_claim_is_on_the_disk() {
    for tracer in Tracer::all() {
        let trace = Trace::of_a_run(tracer, &[]);
        assert_eq!(trace.early, [""; 0], "sent before their claims were on the disk: {tracer:?}");
        let syncs = trace.syncs as u64;
        assert!(syncs > 0 && syncs * 10 <= ITEMS * 11, "{tracer:?}: {syncs} times synced for {ITEMS} items");
    }
}

/// A ledger that does not wait for the disk passes every `kill -9`, and fails here.
#[test]
fn a_ledger_that_does_not_wait_for_the_disk_is_noticed() {
    for tracer in Tracer::all() {
        let trace = Trace::of_a_run(tracer, &["unsynced"]);
        let noticed = trace.early.len();
        assert!(noticed as u64 > ITEMS * 9 / 10, "{tracer:?}: {noticed} of {ITEMS} noticed");
    }
}

#[test]
fn a_trace_is_read_in_its_order() {
    let post = |reference: &str| {
        format!(
            "7 sendto(9, \"POST /api/actuator/downlinks?port=1&externalReference={reference} HTTP/1.1\", 300, MSG_NOSIGNAL, NULL, 0 <unfinished ...>\n"
        )
    };
    let (commit, claimed) =
        ("5 write(2, \"commit\\n\", 7) = 7\n", "5 write(2, \"claimed a b\\n\", 12) = 12\n");
    let synced = "5 fsync(4) = 0\n";
    let resumed = "5 fdatasync(4 <unfinished ...>\n5 <... fdatasync resumed>) = 0\n";
    for (text, early) in [
        ([commit, synced, claimed, &post("a"), &post("b")].concat(), vec![]),
        ([commit, resumed, claimed, &post("b")].concat(), vec![]),
        ([synced, commit, claimed, &post("a")].concat(), vec!["a"]),
        ([commit, "5 fsync(4) = -1 EIO\n", claimed, &post("a")].concat(), vec!["a"]),
        ([commit, &post("a"), synced, claimed, &post("b")].concat(), vec!["a"]),
        ([commit, synced, claimed, &post("c")].concat(), vec!["c"]),
    ] {
        assert_eq!(Trace::read(&text).early, early, "{text}");
    }
}
