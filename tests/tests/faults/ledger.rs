//! Bulk runs whose process is killed, and ledgers that cannot be used: real processes, and the files of a real ledger.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use tempfile::TempDir;
use things_core::{BulkItem, Downlink, FPort, RunOptions};
use things_sim::Sim;
use things_store::{ItemState, JobId, NewJob, SqliteStore, Store};

use crate::trial::{Trial, share};

const ACCOUNT: &str = "an account";

/// A job in a ledger of its own.
struct Job {
    folder: TempDir,
    id: JobId,
}

impl Job {
    /// A job of so many items. Its number is in their references.
    fn new(number: u64, count: u64) -> Self {
        let job = Self { folder: tempfile::tempdir().unwrap(), id: JobId::generate(number, 0) };
        let described = NewJob {
            id: job.id.clone(),
            created: SystemTime::now(),
            source: String::new(),
            digest: String::new(),
            account: ACCOUNT.to_owned(),
            options: String::new(),
        };
        let mut items = (0..count).map(|item| Ok(of_job(number, item)));
        job.store().create(&described, &mut items).unwrap();
        job
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path()).unwrap()
    }

    /// The number of items in a state.
    fn count(&self, state: ItemState) -> usize {
        self.store().items(&self.id, Some(state), 0, usize::MAX).unwrap().len()
    }

    /// The process of a run.
    fn command(&self, sim: &Sim) -> Command {
        self.command_of(sim, ACCOUNT)
    }

    fn command_of(&self, sim: &Sim, account: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulk"));
        command.arg(self.path()).arg(self.id.as_str()).arg(account);
        of_sim(&mut command, sim);
        command
    }

    /// Each downlink that arrived has a claim on the disk, and arrived once. With `ended`, each item has ended.
    fn accounts_for(&self, sim: &Sim, ended: bool) -> Result<(), String> {
        let mut arrived: HashMap<String, u64> = HashMap::new();
        for downlink in sim.downlinks() {
            *arrived.entry(downlink.external_reference.unwrap()).or_default() += 1;
        }
        for item in self.store().items(&self.id, None, 0, usize::MAX).unwrap() {
            let reference = item.item.downlink.reference().unwrap().as_str();
            let times = arrived.get(reference).copied().unwrap_or(0);
            let holds = match item.state {
                ItemState::Accepted => times == 1,
                ItemState::Unknown => times <= 1,
                ItemState::Sending => times <= 1 && !ended,
                ItemState::Pending | ItemState::NotSent => times == 0 && !ended,
            };
            if !holds {
                return Err(format!("{reference} is {}, and arrived {times} times", item.state.as_str()));
            }
        }
        Ok(())
    }

    /// Tears the write-ahead log of a run that was killed: it continues as if nothing was missing, or is refused until the log is
    /// whole again. Returns whether it was refused.
    fn continues_after_a_torn_log(&self, sim: &Sim, random: &mut fastrand::Rng) -> Result<bool, String> {
        let log = self.folder.path().join("ledger.db-wal");
        let whole = fs::read(&log).unwrap_or_default();
        let mut torn = whole.clone();
        // What is behind the last frame are zeros, which nobody reads.
        let written = whole.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        let place = random.usize(0..=written);
        match random.bool() {
            true => torn.truncate(place),
            false => torn.iter_mut().skip(place).take(100).for_each(|byte| *byte = !*byte),
        }
        fs::write(&log, torn).unwrap();
        let (status, message) = ends(&mut self.command(sim));
        let refused = message.contains("lacks transactions that it had confirmed");
        if !status.success() && !refused {
            return Err(format!("{status}: {message}"));
        }
        if refused {
            fs::write(&log, whole).unwrap();
        }
        let (status, message) = ends(&mut self.command(sim));
        if !status.success() {
            return Err(format!("the log is whole again: {message}"));
        }
        self.accounts_for(sim, true).map(|()| refused)
    }
}

fn of_job(job: u64, item: u64) -> BulkItem {
    let dev_eui = format!("{item:016X}").parse().unwrap();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), item.to_be_bytes()).unwrap();
    downlink.external_reference(format!("{job}-{item}")).unwrap().into()
}

/// Gives a process the settings of the simulator, and no others.
fn of_sim(command: &mut Command, sim: &Sim) {
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(sim.environment());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

/// Runs a process to its end, and returns what it printed to its standard error.
fn ends(command: &mut Command) -> (ExitStatus, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // What it claimed is of no interest here.
    let told = text.lines().filter(|line| line.starts_with("bulk: ")).collect();
    (output.status, told)
}

fn sim(trial: &Trial) -> Sim {
    let sim = Sim::builder().seed(trial.random().u64(..)).keep_requests(0).keep_downlinks(usize::MAX);
    let sim = sim.start().unwrap();
    sim.add_fault("downlinks=latency:2ms".parse().unwrap());
    sim
}

/// Kills a process once so many more downlinks arrived, and so much later. Returns `Err` with its status if it ended before.
fn kill(child: &mut Child, sim: &Sim, downlinks: u64, later: Duration) -> Result<(), ExitStatus> {
    let target = sim.downlinks_received() + downlinks;
    let mut end = (downlinks == 0).then(|| Instant::now() + later);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Err(status);
        }
        if end.is_none() && sim.downlinks_received() >= target {
            end = Some(Instant::now() + later);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            child.kill().unwrap();
            child.wait().unwrap();
            return Ok(());
        }
        thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn r3_run_that_is_killed_at_any_moment_is_continued() {
    let mut trial = Trial::new("R3", "ureq");
    let mut random = trial.random();
    let sim = sim(&trial);
    let (window, kills) = (RunOptions::default().window, share(200, 1_000));
    let (mut killed, mut unknown, mut most) = (0, 0, 0);
    for number in 0.. {
        if killed == kills {
            break;
        }
        let job = Job::new(number, 2_000);
        let mut found = Vec::new();
        loop {
            let mut child = job.command(&sim).spawn().unwrap();
            // Before the first request, or in the middle.
            let (downlinks, later) = match random.u32(0..5) {
                0 => (0, random.u64(0..60_000)),
                _ => (random.u64(1..400), random.u64(0..3_000)),
            };
            let result = if killed < kills {
                kill(&mut child, &sim, downlinks, Duration::from_micros(later))
            } else {
                Err(child.wait().unwrap())
            };
            match result {
                Ok(()) => {
                    let sending = job.count(ItemState::Sending);
                    found.push(match sending <= window {
                        true => Ok(()),
                        false => {
                            Err(format!("job {number}: {sending} items were sending when it was killed"))
                        }
                    });
                    killed += 1;
                    most = most.max(sending);
                }
                Err(status) if status.success() => break,
                Err(status) => {
                    found.push(Err(format!("job {number}: a run ended with {status}")));
                    break;
                }
            }
        }
        // What became of the job is the result of its last kill.
        if let (Err(error), Some(last)) = (job.accounts_for(&sim, true), found.last_mut()) {
            *last = Err(format!("job {number}: {error}"));
        }
        unknown += job.count(ItemState::Unknown);
        found.into_iter().for_each(|result| trial.case(result));
    }
    trial.measured(format!("{unknown} Unknown of {killed} kills, at most {most} each"));
    trial.end();
}

/// The ledger of a new job is refused with one of these words, and no request is sent.
fn refused(trial: &mut Trial, sim: &Sim, what: &str, command: &mut Command, words: &[&str]) {
    let before = sim.calls_total();
    let (status, told) = ends(command);
    let sent = sim.calls_total() - before;
    let explained = words.iter().any(|word| told.contains(word));
    trial.holds(!status.success() && explained && sent == 0, || {
        format!("{what}: {sent} requests, {status}, told was: {told}")
    });
}

#[test]
fn r4_ledger_that_is_no_ledger_or_another_ones_is_refused() {
    let mut trial = Trial::new("R4", "ureq");
    let sim = sim(&trial);
    let new = || Job::new(0, 50);

    let job = new();
    let other = &mut job.command_of(&sim, "another account");
    refused(&mut trial, &sim, "another account", other, &["belongs to another account: an account"]);

    for (version, word) in [(2, "a newer version"), (0, "an older version")] {
        let job = new();
        Connection::open(job.path()).unwrap().pragma_update(None, "user_version", version).unwrap();
        refused(&mut trial, &sim, word, &mut job.command(&sim), &[word]);
    }

    let job = new();
    Connection::open(job.path()).unwrap().pragma_update(None, "application_id", 1).unwrap();
    refused(&mut trial, &sim, "another application", &mut job.command(&sim), &["is not a ledger"]);

    let job = new();
    fs::write(job.path(), "dev_eui;port;hex\n".repeat(100)).unwrap();
    refused(&mut trial, &sim, "a text", &mut job.command(&sim), &["is not a ledger"]);

    let job = new();
    fs::remove_file(job.path()).unwrap();
    refused(&mut trial, &sim, "no file", &mut job.command(&sim), &["there is no ledger"]);
    fs::create_dir(job.path()).unwrap();
    refused(&mut trial, &sim, "a folder", &mut job.command(&sim), &["is a folder"]);
    trial.end();
}

#[test]
fn r4_ledger_that_is_torn_is_refused() {
    let mut trial = Trial::new("R4", "ureq");
    let mut random = trial.random();
    let sim = sim(&trial);
    let job = Job::new(0, 400);
    let whole = fs::read(job.path()).unwrap();
    const PAGE: usize = 4096;
    for _ in 0..share(40, 400) {
        let mut bytes = whole.clone();
        let page = random.usize(1..bytes.len() / PAGE) * PAGE;
        let what = match random.u32(0..3) {
            0 => {
                bytes.truncate(page + random.usize(0..PAGE));
                "a part is missing"
            }
            1 => {
                bytes[page..page + PAGE].fill(0);
                "a page of zeros"
            }
            _ => {
                bytes[page..page + PAGE].iter_mut().for_each(|byte| *byte = random.u8(..));
                "a page of anything"
            }
        };
        fs::write(job.path(), &bytes).unwrap();
        refused(&mut trial, &sim, what, &mut job.command(&sim), &["is damaged"]);
    }
    fs::write(job.path(), &whole).unwrap();
    trial.holds(ends(&mut job.command(&sim)).0.success(), || "a file that is whole was refused".to_owned());
    trial.case(job.accounts_for(&sim, true));
    trial.end();
}

#[test]
fn r4_ledger_whose_log_is_torn_sends_nothing_twice() {
    let mut trial = Trial::new("R4", "ureq");
    let mut random = trial.random();
    let sim = sim(&trial);
    let (mut killed, mut refused) = (0, 0);
    for number in 0..share(20, 200) {
        let job = Job::new(number, 300);
        let mut child = job.command(&sim).spawn().unwrap();
        let later = Duration::from_micros(random.u64(0..3_000));
        let result = match kill(&mut child, &sim, random.u64(1..200), later) {
            Ok(()) => {
                killed += 1;
                job.continues_after_a_torn_log(&sim, &mut random).map(|noticed| refused += u64::from(noticed))
            }
            // On a busy machine, the run can end before it is killed. A normal end leaves no log.
            Err(status) if status.success() => Ok(()),
            Err(status) => Err(format!("the run ended with {status}")),
        };
        trial.case(result);
    }
    trial.holds(killed > 0, || "every run ended before it was killed".to_owned());
    trial.measured(format!("{refused} of {killed} torn logs were noticed"));
    trial.end();
}

#[test]
#[cfg(unix)]
fn r4_ledger_that_is_read_only_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mut trial = Trial::new("R4", "ureq");
    let sim = sim(&trial);
    for (what, file, folder) in
        [("a file", 0o444, 0o755), ("a folder", 0o644, 0o555), ("a file and its folder", 0o444, 0o555)]
    {
        let job = Job::new(0, 50);
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        allow(&job.path(), file);
        allow(job.folder.path(), folder);
        let mut command = powerless(job.command(&sim));
        of_sim(&mut command, &sim);
        let words = ["is read-only", "cannot be taken: Permission denied", "check the permissions"];
        refused(&mut trial, &sim, what, &mut command, &words);
        allow(job.folder.path(), 0o755);
        allow(&job.path(), 0o644);
        let mut command = powerless(job.command(&sim));
        of_sim(&mut command, &sim);
        let (status, told) = ends(&mut command);
        trial.holds(status.success(), || format!("{what} that can be written again: {told}"));
    }
    trial.end();
}

/// The same command without the power of root to write where nobody may.
#[cfg(unix)]
fn powerless(command: Command) -> Command {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        return command;
    }
    let mut powerless = Command::new("setpriv");
    powerless.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
    powerless.arg(command.get_program()).args(command.get_args());
    powerless
}

#[test]
#[cfg(unix)]
fn r4_ledger_that_gets_full_ends_the_run_and_is_continued() {
    let mut trial = Trial::new("R4", "ureq");
    let mut random = trial.random();
    let sim = sim(&trial);
    let mut full = 0;
    for number in 0..share(20, 200) {
        let job = Job::new(number, 150);
        // No file of the process may get larger than this. It would be killed, unless it ignores the signal.
        let limited = "trap '' XFSZ; ulimit -f $1; shift; exec \"$@\"";
        let blocks = random.u32(80..1_200).to_string();
        let run = job.command(&sim);
        let mut command = Command::new("sh");
        command.args(["-c", limited, "sh", &blocks]).arg(run.get_program()).args(run.get_args());
        of_sim(&mut command, &sim);
        let (status, told) = ends(&mut command);
        full += u64::from(!status.success());
        let explained = status.success() || told.contains("ledger") && told.contains("then resume the job");
        trial.holds(explained, || format!("{blocks} blocks, told was: {told}"));
        trial.case(job.accounts_for(&sim, false));
        let (status, told) = ends(&mut job.command(&sim));
        trial.holds(status.success(), || format!("{blocks} blocks, and then room: {told}"));
        trial.case(job.accounts_for(&sim, true));
    }
    trial.holds(full > 0, || "no ledger got full".to_owned());
    trial.measured(format!("{full} runs ended early"));
    trial.end();
}

#[test]
fn r4_ledger_that_another_run_holds_is_refused_until_it_ends() {
    let mut trial = Trial::new("R4", "ureq");
    let sim = sim(&trial);
    for number in 0..share(5, 50) {
        let job = Job::new(number, 400);
        // The first run does not end before the second one has tried.
        sim.clear_faults();
        sim.add_fault("downlinks=stall".parse().unwrap());
        let mut first = job.command(&sim).stderr(Stdio::piped()).spawn().unwrap();
        // It has the ledger once it has claimed something.
        first.stderr.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
        let holder = format!("another run (process {}) holds the ledger", first.id());
        let (status, told) = ends(&mut job.command(&sim));
        trial.holds(!status.success() && told.contains(&holder), || format!("{status}, told was: {told}"));
        first.kill().unwrap();
        first.wait().unwrap();
        sim.clear_faults();
        let (status, told) = ends(&mut job.command(&sim));
        trial.holds(status.success(), || format!("the other one is gone: {told}"));
        trial.case(job.accounts_for(&sim, true));
    }
    trial.end();
}
