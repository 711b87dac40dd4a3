//! S16 to S18 and S21: bulk runs with a ledger, against the same run without one, and against an append log.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use things_core::{
    BulkItem, Downlink, FPort, Granted, Ledger, LedgerError, MemoryLedger, Outcome, RunOptions, Transaction,
};
use things_reqwest::StreamExt;
use things_sim::Sim;
use things_store::{JobId, NewJob, SqliteStore, Store};

use crate::listing::{account, reqwest, ureq};
use crate::memory::peak;
use crate::report::{Report, median, time};

const ROUNDS: usize = 5;

pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile();
    let (slow, fast) = (service(20), service(0));
    for (window, items, target) in [(16, 1_000, 1.06), (64, 4_000, 1.10)] {
        for client in ["ureq", "reqwest"] {
            for (spare, target) in [(0, target), (1, 1.01)] {
                let work = |kind| Work { client, items, window, spare, kind };
                let ratio = compare(&slow, &folder, &work(Kind::Sqlite), &work(Kind::Memory));
                let name = format!(
                    "{client}: {items} downlinks at 20 ms, {window} in flight, with a ledger / without"
                );
                let name = if spare > 0 { format!("{name}, a spare claim (stretch)") } else { name };
                report.row("S16", &name, ratio, "", target, "");
            }
        }
    }
    for client in ["ureq", "reqwest"] {
        let work = |kind| Work { client, items: 2_000, window: 16, spare: 0, kind };
        let ratio = compare(&fast, &folder, &work(Kind::Sqlite), &work(Kind::Append));
        let name = format!(
            "{client}: 2000 downlinks at 0 ms, 16 in flight, with a ledger / with a group append log"
        );
        report.row("S17", &name, ratio, "", 1.25, "");
    }
    for (sim, latency, target) in [(&fast, 0, 0.35), (&slow, 20, 0.6)] {
        match syncs(sim, &folder) {
            Some(syncs) => {
                let name =
                    format!("ureq: fsyncs per downlink at {latency} ms, 16 in flight, counted by strace");
                report.row("S18", &name, syncs, "", target, "");
            }
            None => report.skip("S18", "strace cannot trace a child here"),
        }
    }
    let _ = fs::remove_dir_all(folder);
}

pub(crate) fn measure_memory(report: &mut Report) {
    let folder = tempfile();
    let fast = service(0);
    for items in [10_000, 100_000] {
        let grown = |kind| -> f64 {
            let output = child(&fast, &folder, kind, items).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
        };
        let more = (grown("sqlite") - grown("stream")) / 1024.0;
        let name = format!("ureq: peak of a run of {items} downlinks with a ledger, over one without");
        report.row("S21", &name, more, " MB", 6.0, "");
    }
    let path = folder.join("counted.db");
    drop(sqlite(&path, LARGE));
    drop(sqlite(&path, LARGE - 1));
    let seconds: Vec<f64> = (0..ROUNDS).map(|_| time(|| count(&path)).0.as_secs_f64()).collect();
    report.row("S21", "the counts of one of two jobs of 100,000 items", median(seconds), " s", 1.0, "");
    let _ = fs::remove_dir_all(folder);
}

const LARGE: u32 = 100_000;

/// Counts the items of one job, as `things downlink jobs show` does.
fn count(path: &Path) {
    let mut store = SqliteStore::open(path).unwrap();
    let newest = store.ids(None).unwrap().remove(0);
    let job = store.job(&newest).unwrap().unwrap();
    assert_eq!(job.counts.pending, u64::from(LARGE) - 1);
}

/// One run to measure.
struct Work {
    client: &'static str,
    items: u32,
    window: usize,
    spare: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// In memory: no ledger.
    Memory,
    /// In memory, and each transaction is appended to a file and made durable.
    Append,
    Sqlite,
}

/// The median of the ratios of two kinds of work, alternating.
fn compare(sim: &Sim, folder: &Path, ours: &Work, theirs: &Work) -> f64 {
    let mut ratios = Vec::new();
    for round in 0..=ROUNDS {
        let base = run(sim, folder, theirs);
        let ratio = run(sim, folder, ours).as_secs_f64() / base.as_secs_f64();
        if round > 0 {
            ratios.push(ratio);
        }
    }
    median(ratios)
}

/// Runs once, and returns how long sending took. Creating the job is not part of it.
fn run(sim: &Sim, folder: &Path, work: &Work) -> Duration {
    let path = folder.join("ledger");
    let ledger = ledger(&path, work.kind, work.items);
    let options = RunOptions { window: work.window, spare: work.spare, ..RunOptions::default() };
    let (took, accepted) = match work.client {
        "ureq" => {
            let client = ureq(&account(sim));
            client.devices().page_size(1).pages().next().unwrap().unwrap();
            time(|| {
                let run = client.send_downlinks(ledger, options);
                run.filter(|sent| sent.as_ref().unwrap().outcome() == Outcome::Accepted).count()
            })
        }
        _ => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let client = reqwest(&account(sim));
            runtime.block_on(async { client.devices().page_size(1).pages().next().await.unwrap().unwrap() });
            time(|| {
                runtime.block_on(async {
                    let run = client.send_downlinks(ledger, options);
                    run.filter(|sent| {
                        std::future::ready(sent.as_ref().unwrap().outcome() == Outcome::Accepted)
                    })
                    .count()
                    .await
                })
            })
        }
    };
    assert_eq!(accepted, work.items as usize);
    for file in fs::read_dir(folder).unwrap().flatten() {
        let _ = fs::remove_file(file.path());
    }
    took
}

fn ledger(path: &Path, kind: Kind, count: u32) -> Box<dyn Ledger> {
    match kind {
        Kind::Memory => Box::new(MemoryLedger::new(items(count))),
        Kind::Append => Box::new(AppendLog { inner: MemoryLedger::new(items(count)), file: append(path) }),
        Kind::Sqlite => sqlite(path, count),
    }
}

fn sqlite(path: &Path, count: u32) -> Box<dyn Ledger> {
    let mut store = SqliteStore::open(path).unwrap();
    let job = NewJob {
        id: JobId::generate(1, u128::from(count)),
        created: SystemTime::now(),
        source: "bench".into(),
        digest: String::new(),
        account: "bench".into(),
        options: "{}".into(),
    };
    store.create(&job, &mut items(count).map(Ok)).unwrap();
    Box::new(store).open(&job.id, "bench", false).unwrap()
}

pub(crate) fn items(count: u32) -> impl Iterator<Item = BulkItem> {
    (0..count).map(|number| {
        let device = format!("0059AC00{number:08X}").parse().unwrap();
        let downlink = Downlink::raw(device, FPort::new(1).unwrap(), number.to_be_bytes()).unwrap();
        downlink.referenced(1, number.into()).into_owned().into()
    })
}

/// What a ledger costs at least: every transaction is appended to a file, and durable before it is confirmed.
struct AppendLog {
    inner: MemoryLedger,
    file: File,
}

fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

impl Ledger for AppendLog {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let granted = self.inner.commit(transaction)?;
        let mut lines = Vec::new();
        for record in &transaction.outcomes {
            writeln!(lines, "{} {} {}", record.id, record.outcome.as_str(), record.detail).unwrap();
        }
        for claim in &granted.claims {
            writeln!(lines, "{} sending {}", claim.id(), claim.token().0).unwrap();
        }
        self.file.write_all(&lines).unwrap();
        self.file.sync_data().unwrap();
        Ok(granted)
    }
}

/// Items without any ledger: each is made when it is claimed, and forgotten when it has ended.
struct Stream(Box<dyn Iterator<Item = BulkItem> + Send>, u64);

impl Ledger for Stream {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        let first = self.1;
        let claims = self.0.by_ref().take(transaction.claim).zip(first..);
        let claims: Vec<_> = claims
            .map(|(item, index)| {
                things_core::Claim::new(index, index, things_core::ClaimToken(index.into()), 1, item)
            })
            .collect();
        self.1 += claims.len() as u64;
        Ok(Granted { claims, ..Granted::default() })
    }
}

pub(crate) fn service(latency: u64) -> Sim {
    let sim = Sim::builder().devices(1);
    let rule = format!("downlinks=latency:{latency}ms");
    let sim = if latency > 0 { sim.fault(rule.parse().unwrap()) } else { sim };
    sim.start().unwrap()
}

/// A process that runs this program for one run of 16 in flight.
fn child(sim: &Sim, folder: &Path, kind: &str, items: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "bulk", kind, &items.to_string()]).arg(folder.join(format!("{kind}-{items}")));
    command.envs(sim.environment());
    command
}

/// Runs with a ledger and prints by how many KB the peak grew.
pub(crate) fn run_child(kind: &str, count: u32, path: &Path) {
    let client = things_ureq::Client::from_env().unwrap();
    let start = peak();
    let ledger: Box<dyn Ledger> = match kind {
        "sqlite" => sqlite(path, count),
        _ => Box::new(Stream(Box::new(items(count)), 0)),
    };
    let sent = client.send_downlinks(ledger, RunOptions::default());
    assert_eq!(sent.filter(|sent| sent.is_ok()).count(), count as usize);
    println!("{}", peak() - start);
}

/// The fsyncs of a run per item, as strace counts them.
fn syncs(sim: &Sim, folder: &Path) -> Option<f64> {
    const ITEMS: u32 = 1_000;
    let counts = folder.join("syncs");
    let child = child(sim, folder, "sqlite", ITEMS);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(&counts);
    strace.arg(child.get_program()).args(child.get_args());
    strace.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = strace.output().ok().filter(|output| output.status.success())?;
    drop(output);
    let lines = fs::read_to_string(&counts).ok()?;
    let syncs = lines.lines().filter(|line| line.contains("sync(") && !line.contains("resumed")).count();
    Some(syncs as f64 / f64::from(ITEMS))
}

/// A folder on a real disk: `/tmp` may be memory.
fn tempfile() -> std::path::PathBuf {
    let folder = std::env::current_exe().unwrap().with_file_name(format!("bulk-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
