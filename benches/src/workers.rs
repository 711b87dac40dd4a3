//! S19: bulk runs over PostgreSQL, by one worker and by four, and whether a claim stays cheap on a large job.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use things_core::{Ledger, MemoryLedger, Outcome, Record, RunOptions, Transaction};
use things_sim::Sim;
use things_store::{JobId, NewJob, PostgresStore, Store};
use things_tests::postgres::Server;

use crate::bulk::{items, service};
use crate::listing::{account, ureq};
use crate::report::{Report, median};

const ROUNDS: usize = 5;

/// The downlinks of one worker.
const EACH: u32 = 1_000;

/// The items of the large job.
const LARGE: u32 = 100_000;

pub(crate) fn measure(report: &mut Report) {
    let Some(server) = Server::start() else {
        report.skip("S19", "PostgreSQL is not installed");
        return;
    };
    let sim = service(20);
    for workers in [1, 4] {
        let mut ratios = Vec::new();
        for round in 0..=ROUNDS {
            let base = run(&sim, memory(workers));
            let ratio = run(&sim, postgres(&server, workers)).as_secs_f64() / base.as_secs_f64();
            if round > 0 {
                ratios.push(ratio);
            }
        }
        let name = format!(
            "ureq: {EACH} downlinks each at 20 ms by {workers} workers, with PostgreSQL / without a ledger"
        );
        report.row("S19", &name, median(ratios), "", 1.15, "");
    }
    for is_watched in [false, true] {
        let (first, last) = claims(&server, is_watched);
        let watched = if is_watched { ", next to a transaction that keeps all that is dead" } else { "" };
        let name =
            format!("claims of {LARGE} items by 4 workers: time of the last tenth / of the second{watched}");
        report.row("S19", &name, last / first, "", 1.5, &format!(" ({:.2} ms)", last * 1_000.0));
    }
}

fn memory(workers: u32) -> Vec<Box<dyn Ledger>> {
    let ledger = |_| -> Box<dyn Ledger> { Box::new(MemoryLedger::new(items(EACH))) };
    (0..workers).map(ledger).collect()
}

fn postgres(server: &Server, workers: u32) -> Vec<Box<dyn Ledger>> {
    let (url, id) = job(server, workers * EACH);
    let join = |_| Box::new(PostgresStore::connect(&url).unwrap()).join(&id, "bench").unwrap();
    (0..workers).map(join).collect()
}

fn job(server: &Server, count: u32) -> (String, JobId) {
    let url = server.database();
    let job = NewJob {
        id: JobId::generate(1, u128::from(count)),
        created: SystemTime::now(),
        source: "bench".into(),
        digest: String::new(),
        account: "bench".into(),
        options: "{}".into(),
    };
    PostgresStore::connect(&url).unwrap().create(&job, &mut items(count).map(Ok)).unwrap();
    (url, job.id)
}

/// How long it takes until the last downlink is accepted. A worker leaves up to a second later, because the others could give
/// something back.
fn run(sim: &Sim, ledgers: Vec<Box<dyn Ledger>>) -> Duration {
    let together = Arc::new(Barrier::new(ledgers.len() + 1));
    let workers: Vec<_> = ledgers
        .into_iter()
        .map(|ledger| {
            let (client, together) = (ureq(&account(sim)), Arc::clone(&together));
            thread::spawn(move || {
                client.devices().page_size(1).pages().next().unwrap().unwrap();
                together.wait();
                let run = client.send_downlinks(ledger, RunOptions::default());
                let ends = run.map(|sent| {
                    assert_eq!(sent.unwrap().outcome(), Outcome::Accepted);
                    Instant::now()
                });
                ends.last()
            })
        })
        .collect();
    together.wait();
    let start = Instant::now();
    let ends = workers.into_iter().filter_map(|worker| worker.join().unwrap());
    ends.max().map_or(Duration::ZERO, |end| end - start)
}

/// The median time of a transaction that ends and claims 16 items: in the second tenth of a large job, and in the last one.
fn claims(server: &Server, is_watched: bool) -> (f64, f64) {
    let (url, id) = job(server, LARGE);
    // What it could still see stays, dead or not.
    let mut watcher = is_watched.then(|| server.hold(&url));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let mut ledger = Box::new(PostgresStore::connect(&url).unwrap()).join(&id, "bench").unwrap();
            thread::spawn(move || {
                let mut times = Vec::new();
                let mut outcomes = Vec::new();
                loop {
                    let lease = Duration::from_secs(60);
                    let now = Some(SystemTime::now());
                    let start = Instant::now();
                    let transaction =
                        Transaction { outcomes, claim: 16, now, lease, ..Transaction::default() };
                    let granted = ledger.commit(&transaction).unwrap();
                    if granted.claims.is_empty() {
                        return times;
                    }
                    times.push(start.elapsed().as_secs_f64());
                    outcomes = granted.claims.iter().map(accepted).collect();
                }
            })
        })
        .collect();
    let times: Vec<Vec<f64>> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    if let Some(watcher) = &mut watcher {
        watcher.kill().unwrap();
        watcher.wait().unwrap();
    }
    let tenth = |tenth: usize| {
        let part =
            times.iter().flat_map(|times| &times[times.len() * tenth / 10..times.len() * (tenth + 1) / 10]);
        median(part.copied().collect())
    };
    (tenth(1), tenth(9))
}

fn accepted(claim: &things_core::Claim) -> Record {
    Record {
        id: claim.id(),
        token: claim.token(),
        outcome: Outcome::Accepted,
        again: None,
        resumable: false,
        status: Some(201),
        attempts: 1,
        detail: "{}".into(),
    }
}
