//! Bulk runs of several workers on PostgreSQL: real processes that are killed and paused, and a real server that crashes.

use std::collections::HashMap;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use things_core::{BulkItem, Downlink, FPort, RunOptions};
use things_sim::Sim;
use things_store::{ItemState, JobId, NewJob, PostgresStore, Store};
use things_tests::postgres::Server;

use crate::trial::{Trial, share};

const ACCOUNT: &str = "an account";
const WORKERS: usize = 4;
const CLIENT: &str = "ureq, PostgreSQL";

/// A job, and the workers on it.
struct Job<'a> {
    url: String,
    number: u64,
    id: JobId,
    lease: Duration,
    sim: &'a Sim,
    workers: Vec<Child>,
}

impl<'a> Job<'a> {
    /// A job of so many items. Its number is in their references.
    fn start(server: &Server, sim: &'a Sim, number: u64, count: u64, lease: Duration) -> Self {
        let (url, id) = (server.database(), JobId::generate(number, 0));
        let described = NewJob {
            id: id.clone(),
            created: SystemTime::now(),
            source: String::new(),
            digest: String::new(),
            account: ACCOUNT.to_owned(),
            options: String::new(),
        };
        let mut items = (0..count).map(|item| Ok(of_job(number, item)));
        PostgresStore::connect(&url).unwrap().create(&described, &mut items).unwrap();
        let mut job = Self { url, number, id, lease, sim, workers: Vec::new() };
        job.workers = (0..WORKERS).map(|_| job.worker()).collect();
        job
    }

    /// Another worker.
    fn worker(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulk"));
        command.args([&self.url, self.id.as_str(), ACCOUNT, "join", &self.lease.as_millis().to_string()]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.sim.environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Whether a worker has ended because nothing is left.
    fn has_ended(&mut self) -> bool {
        self.workers.iter_mut().any(|worker| worker.try_wait().unwrap().is_some())
    }

    /// Waits until so many more downlinks have arrived. `false`: a worker has ended.
    fn goes_on(&mut self, downlinks: u64) -> bool {
        let target = self.sim.downlinks_received() + downlinks;
        let end = Instant::now() + Duration::from_secs(20);
        while self.sim.downlinks_received() < target && Instant::now() < end {
            if self.has_ended() {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        !self.has_ended()
    }

    /// Waits until all workers have ended, and no claim is alive. Returns how many items are unknown.
    fn end(mut self) -> Result<u64, String> {
        let number = self.number;
        let failed: Vec<ExitStatus> = self
            .workers
            .iter_mut()
            .map(|worker| worker.wait().unwrap())
            .filter(|status| !status.success())
            .collect();
        if let Some(status) = failed.first() {
            return Err(format!("job {number}: a worker ended with {status}"));
        }
        let mut store = PostgresStore::connect(&self.url).unwrap();
        let limit = Instant::now() + self.lease + Duration::from_secs(5);
        while store.job(&self.id).unwrap().unwrap().counts.sending > 0 && Instant::now() < limit {
            thread::sleep(Duration::from_millis(50));
        }
        let mut arrived: HashMap<String, u64> = HashMap::new();
        for downlink in self.sim.downlinks() {
            *arrived.entry(downlink.external_reference.unwrap()).or_default() += 1;
        }
        let items = store.items(&self.id, None, 0, usize::MAX).unwrap();
        for item in &items {
            let reference = item.item.downlink.reference().unwrap().as_str();
            let times = arrived.get(reference).copied().unwrap_or(0);
            let holds = match item.state {
                ItemState::Accepted => times == 1,
                ItemState::Unknown => times <= 1,
                ItemState::Sending | ItemState::Pending | ItemState::NotSent => false,
            };
            if !holds {
                return Err(format!("{reference} is {}, and arrived {times} times", item.state.as_str()));
            }
        }
        Ok(items.iter().filter(|item| item.state == ItemState::Unknown).count() as u64)
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // One that has ended is not minded.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

fn of_job(job: u64, item: u64) -> BulkItem {
    let dev_eui = format!("{item:016X}").parse().unwrap();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), item.to_be_bytes()).unwrap();
    downlink.external_reference(format!("{job}-{item}")).unwrap().into()
}

fn sim(trial: &Trial, latency: u64) -> Sim {
    let sim = Sim::builder().seed(trial.random().u64(..)).keep_requests(0).keep_downlinks(usize::MAX);
    let sim = sim.start().unwrap();
    sim.add_fault(format!("downlinks=latency:{latency}ms").parse().unwrap());
    sim
}

/// Counts the cases of a job, of which the last one has its outcome.
fn tally(trial: &mut Trial, cases: u64, result: &Result<u64, String>) {
    (1..cases).for_each(|_| trial.case(Ok(())));
    if cases > 0 || result.is_err() {
        trial.case(result.clone().map(drop));
    }
}

fn signal(worker: &Child, name: &str) {
    let status = Command::new("kill").args([name, &worker.id().to_string()]).status().unwrap();
    assert!(status.success(), "kill {name}: {status}");
}

#[test]
fn r3_workers_that_are_killed_at_any_moment_are_replaced() {
    let mut trial = Trial::new("R3", CLIENT);
    let Some(server) = Server::start() else { return trial.skip() };
    let (mut random, sim) = (trial.random(), sim(&trial, 5));
    let (window, kills) = (RunOptions::default().window as u64, share(200, 1_000));
    let (mut killed, mut unknown) = (0, 0);
    for number in 0.. {
        if killed == kills {
            break;
        }
        let mut job = Job::start(&server, &sim, number, 2_000, Duration::from_millis(1_500));
        let before = killed;
        while killed < kills && job.goes_on(random.u64(0..120)) {
            thread::sleep(Duration::from_micros(random.u64(0..5_000)));
            let place = random.usize(0..WORKERS);
            job.workers[place].kill().unwrap();
            job.workers[place].wait().unwrap();
            job.workers[place] = job.worker();
            killed += 1;
        }
        let most = window * (killed - before);
        let result = job.end().and_then(|found| {
            unknown += found;
            if found <= most { Ok(found) } else { Err(format!("job {number}: {found} unknown, over {most}")) }
        });
        tally(&mut trial, killed - before, &result);
    }
    trial.measured(format!("{unknown} Unknown of {killed} kills"));
    trial.end();
}

#[test]
fn r38_worker_that_is_paused_for_longer_than_its_lease_sends_nothing_twice() {
    let mut trial = Trial::new("R38", CLIENT);
    let Some(server) = Server::start() else { return trial.skip() };
    let (mut random, sim) = (trial.random(), sim(&trial, 50));
    let (pauses, lease) = (share(30, 300), Duration::from_millis(800));
    let (mut paused, mut unknown) = (0, 0);
    for number in 0.. {
        if paused == pauses {
            break;
        }
        let mut job = Job::start(&server, &sim, number, 4_000, lease);
        let before = paused;
        // Two of the four at a time, so that the others go on meanwhile.
        while paused < pauses && job.goes_on(random.u64(0..100)) {
            let first = random.usize(0..WORKERS);
            let places = [first, (first + random.usize(1..WORKERS)) % WORKERS];
            places.iter().for_each(|place| signal(&job.workers[*place], "-STOP"));
            thread::sleep(lease + Duration::from_millis(random.u64(50..400)));
            places.iter().for_each(|place| signal(&job.workers[*place], "-CONT"));
            paused = (paused + 2).min(pauses);
        }
        let result = job.end();
        unknown += result.as_ref().map_or(0, |unknown| *unknown);
        tally(&mut trial, paused - before, &result);
    }
    trial.measured(format!("{unknown} Unknown of {paused} pauses"));
    trial.end();
}

#[test]
fn r38_server_that_crashes_keeps_every_claim() {
    let mut trial = Trial::new("R38", CLIENT);
    let Some(server) = Server::start() else { return trial.skip() };
    let (mut random, sim) = (trial.random(), sim(&trial, 20));
    let crashes = share(6, 100);
    let (mut crashed, mut unknown) = (0, 0);
    for number in 0.. {
        if crashed == crashes {
            break;
        }
        let mut job = Job::start(&server, &sim, number, 3_000, Duration::from_secs(5));
        let before = crashed;
        while crashed < crashes && job.goes_on(random.u64(1..1_500)) {
            server.crash();
            thread::sleep(Duration::from_millis(random.u64(0..300)));
            server.up();
            crashed += 1;
        }
        let result = job.end();
        unknown += result.as_ref().map_or(0, |unknown| *unknown);
        tally(&mut trial, crashed - before, &result);
    }
    trial.measured(format!("{unknown} Unknown of {crashed} crashes"));
    trial.end();
}
