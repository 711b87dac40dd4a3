//! Receivers that are killed, whose disk is full, whose database restarts, whose clients are slow, and whose messages come twice:
//! real processes, disks and databases.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use things_tests::postgres::Server;
use things_tests::receiving::{Poster, Process, request, stored};

use crate::trial::{Trial, share};

const CLIENTS: usize = 8;
const SQLITE: &str = "receiver, SQLite";
const POSTGRES: &str = "receiver, PostgreSQL";

/// A receiver on an inbox.
fn receiver(store: &str, with: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_receiver"));
    // What it says about transactions that fail is expected.
    command.arg(store).args(with).stderr(Stdio::null());
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    Process::start(&mut command)
}

/// Messages that clients post, and which of them were acknowledged.
#[derive(Default)]
struct Load {
    next: AtomicU64,
    acknowledged: Mutex<HashSet<String>>,
    /// What has to be posted again.
    again: Mutex<Vec<String>>,
    statuses: Mutex<Vec<u16>>,
}

impl Load {
    /// A message that was not acknowledged, or a further one.
    fn message(&self) -> String {
        let again = self.again.lock().unwrap().pop();
        again.unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            format!("[{{\"bn\":\"urn:dev:DEVEUI:0059AC0000181EB6:\",\"bt\":1.58565075E9,\"n\":\"x\",\"v\":{number}}}]")
        })
    }

    /// Posts one message. `false`: there is no connection.
    fn post(&self, poster: &mut Poster) -> bool {
        let body = self.message();
        let status = poster.post(&body);
        if matches!(status, Ok(200..=299)) {
            self.acknowledged.lock().unwrap().insert(body);
        } else {
            self.again.lock().unwrap().push(body);
        }
        self.statuses.lock().unwrap().extend(status.as_ref().ok());
        status.is_ok()
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Clients that post until there is no connection, or `while_true` does not hold any more.
    fn run(&self, receiver: &Process, while_true: impl Fn() -> bool + Sync) {
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut poster = Poster::new(receiver.address());
                    while while_true() && self.post(&mut poster) {}
                });
            }
        });
    }

    /// Each acknowledged message is in the inbox, and each message at most once.
    fn is_in(&self, store: &str) -> Result<(), String> {
        let stored = stored(store);
        let acknowledged = self.acknowledged.lock().unwrap();
        let missing: Vec<_> =
            acknowledged.iter().filter(|body| !stored.contains_key(*body)).take(3).collect();
        if !missing.is_empty() {
            return Err(format!("acknowledged and not stored: {missing:?}"));
        }
        match stored.iter().find(|(_, times)| **times != 1) {
            Some((body, times)) => Err(format!("{body} is stored {times} times")),
            None => Ok(()),
        }
    }
}

fn file(folder: &TempDir) -> String {
    folder.path().join("uplinks.db").to_str().unwrap().to_owned()
}

fn kill(mut trial: Trial, store: &str) {
    let (mut random, load) = (trial.random(), Load::default());
    for _ in 0..share(20, 200) {
        let (receiver, target) = (receiver(store, &[]), load.count() + random.usize(0..100));
        let pause = Duration::from_micros(random.u64(0..5_000));
        let (address, end) = (receiver.address(), Instant::now() + Duration::from_secs(20));
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut poster = Poster::new(address);
                    while load.post(&mut poster) {}
                });
            }
            while load.count() < target && Instant::now() < end {
                thread::sleep(Duration::from_micros(200));
            }
            thread::sleep(pause);
            receiver.kill();
        });
        trial.holds(load.count() >= target, || "a receiver did not go on".to_owned());
    }
    // KPN Things posts again what was not acknowledged.
    let receiver = receiver(store, &[]);
    load.run(&receiver, || !load.again.lock().unwrap().is_empty());
    receiver.stop();
    trial.case(load.is_in(store));
    trial.measured(format!("{} messages", load.count()));
    trial.end();
}

#[test]
fn r32_killed_receiver_on_sqlite_has_all_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    kill(Trial::new("R32", SQLITE), &file(&folder));
}

#[test]
fn r32_killed_receiver_on_postgres_has_all_that_it_acknowledged() {
    let trial = Trial::new("R32", POSTGRES);
    let Some(server) = Server::start() else { return trial.skip() };
    kill(trial, &server.database());
}

/// A file system in memory, until it is dropped.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(disk.0.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Without a mount there is nothing to undo.
        let _ = Command::new("umount").arg(self.0.path()).stderr(Stdio::null()).status();
    }
}

/// Fills a disk, except for so many bytes.
fn fill(filler: &Path, room: u64) {
    fs::write(filler, vec![1; 8 << 20]).unwrap_err();
    let size = fs::metadata(filler).unwrap().len();
    fs::File::options().write(true).open(filler).unwrap().set_len(size.saturating_sub(room)).unwrap();
}

#[test]
fn r33_full_disk_gets_503_until_there_is_room() {
    let mut trial = Trial::new("R33", SQLITE);
    let Some(disk) = Disk::mount() else { return trial.skip() };
    let (mut random, load) = (trial.random(), Load::default());
    let (store, filler): (PathBuf, _) = (disk.0.path().join("uplinks.db"), disk.0.path().join("filler"));
    let store = store.to_str().unwrap();
    let receiver = receiver(store, &[]);
    for _ in 0..share(10, 100) {
        fill(&filler, random.u64(0..100_000));
        let refused = AtomicU64::new(0);
        load.run(&receiver, || {
            let full = load.statuses.lock().unwrap().drain(..).filter(|status| *status == 503).count();
            refused.fetch_add(full as u64, Ordering::Relaxed) + (full as u64) < 5
        });
        trial.holds(refused.load(Ordering::Relaxed) > 0, || "a full disk was not noticed".to_owned());
        fs::remove_file(&filler).unwrap();
        // What was refused is accepted now.
        let open = load.again.lock().unwrap().len();
        load.run(&receiver, || !load.again.lock().unwrap().is_empty());
        let left = load.again.lock().unwrap().len();
        trial.holds(open > 0 && left < open.min(CLIENTS), || format!("{left} of {open} are refused still"));
    }
    receiver.stop();
    trial.case(load.is_in(store));
    trial.end();
}

#[test]
fn r33_restarted_database_loses_nothing() {
    let mut trial = Trial::new("R33", POSTGRES);
    let Some(server) = Server::start() else { return trial.skip() };
    let (mut random, load, store) = (trial.random(), Load::default(), server.database());
    let receiver = receiver(&store, &["commit=2000"]);
    let crashes = share(4, 50);
    let ends = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| load.run(&receiver, || ends.load(Ordering::Relaxed) == 0));
        for _ in 0..crashes {
            let before = load.count();
            while load.count() < before + 50 {
                thread::sleep(Duration::from_millis(1));
            }
            load.statuses.lock().unwrap().clear();
            server.crash();
            // Until somebody has noticed.
            let end = Instant::now() + Duration::from_secs(30);
            while !load.statuses.lock().unwrap().contains(&503) && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            trial.holds(Instant::now() < end, || "no 503 while the database was away".to_owned());
            thread::sleep(Duration::from_millis(random.u64(0..300)));
            let before = load.count();
            server.up();
            let end = Instant::now() + Duration::from_secs(30);
            while load.count() < before + 50 && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            trial.holds(Instant::now() < end, || {
                "messages are refused after the database came back".to_owned()
            });
        }
        ends.store(1, Ordering::Relaxed);
    });
    let unexpected: HashSet<u16> = load.statuses.lock().unwrap().iter().copied().collect();
    trial.holds(unexpected.iter().all(|status| [204, 503].contains(status)), || format!("{unexpected:?}"));
    load.run(&receiver, || !load.again.lock().unwrap().is_empty());
    receiver.stop();
    trial.case(load.is_in(&store));
    trial.end();
}

/// What slow clients do.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// They connect and send nothing.
    Silent,
    /// The headers come byte by byte.
    Headers,
    /// The body has no end, in small pieces.
    Body,
    /// They announce 1 MiB, send a part of it, and stop.
    Unfinished,
}

impl Slow {
    const ALL: [Self; 4] = [Self::Silent, Self::Headers, Self::Body, Self::Unfinished];

    fn begin(self) -> Vec<u8> {
        let head = "POST / HTTP/1.1\r\nhost: receiver\r\n";
        match self {
            Self::Silent => Vec::new(),
            Self::Headers => head.as_bytes().to_vec(),
            Self::Body => format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes(),
            Self::Unfinished => {
                format!("{head}content-length: 1048576\r\n\r\n{}", "x".repeat(60_000)).into_bytes()
            }
        }
    }

    fn go_on(self) -> &'static [u8] {
        match self {
            Self::Silent | Self::Unfinished => b"",
            Self::Headers => b"x",
            Self::Body => b"1\r\nx\r\n",
        }
    }
}

/// Kilobytes, from a line of the status of a process.
fn kilobytes(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

/// The 99th percentile of the times of messages, in milliseconds.
fn slowest(receiver: &Process, messages: usize) -> Result<f64, String> {
    let load = Load::default();
    let mut poster = Poster::new(receiver.address());
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..messages {
        let start = Instant::now();
        if !load.post(&mut poster) {
            return Err("a good client lost its connection".to_owned());
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    if load.count() < messages {
        return Err(format!("only {} of {messages} messages were accepted", load.count()));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[messages * 99 / 100])
}

#[test]
fn r34_slow_clients_cost_bounded_memory_and_others_are_served() {
    let mut trial = Trial::new("R34", "receiver");
    let count = share(1_500, 10_000);
    let mut measured = Vec::new();
    for slow in Slow::ALL {
        let folder = tempfile::tempdir().unwrap();
        let receiver = receiver(&file(&folder), &["connections=1000"]);
        let alone = slowest(&receiver, 300).unwrap();
        let before = kilobytes(receiver.id(), "VmRSS");
        let mut clients: Vec<TcpStream> = Vec::new();
        for _ in 0..count {
            let mut stream = TcpStream::connect(receiver.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            // One that was closed meanwhile has made room for others.
            let _ = stream.write(&slow.begin());
            clients.push(stream);
        }
        clients.iter_mut().for_each(|stream| drop(stream.write(slow.go_on())));
        let beside = slowest(&receiver, 300);
        let grown = kilobytes(receiver.id(), "VmHWM").saturating_sub(before) / 1024;
        trial.holds(grown <= 64, || format!("{slow:?}: the memory grew by {grown} MiB"));
        // A machine that does something else at the moment is no fault: what is late is measured again, up to nine times.
        let is_late = |beside: &Result<f64, String>| beside.as_ref().is_ok_and(|time| *time > alone * 3.0);
        let beside =
            (0..9).fold(beside, |beside, _| if is_late(&beside) { slowest(&receiver, 300) } else { beside });
        measured
            .push(format!("{slow:?} {grown} MiB, {:.1}", beside.as_ref().map_or(0.0, |time| time / alone)));
        trial.holds(!is_late(&beside), || format!("{slow:?}: {beside:?} ms instead of {alone} ms"));
        trial.case(beside.map(drop));
        drop(clients);
        receiver.stop();
    }
    trial.measured(measured.join("; "));
    trial.end();
}

#[test]
fn r34_slow_requests_end_in_time() {
    let mut trial = Trial::new("R34", "receiver");
    let folder = tempfile::tempdir().unwrap();
    let receiver = receiver(&file(&folder), &["header=200", "connections=100"]);
    let complete = request("[]");
    for length in [0, 1, 20, complete.find("\r\n\r\n").unwrap()] {
        let mut stream = TcpStream::connect(receiver.address()).unwrap();
        stream.write_all(&complete.as_bytes()[..length]).unwrap();
        let start = Instant::now();
        things_tests::server::wait_for_the_end(&mut stream);
        let took = start.elapsed();
        trial.holds(took < Duration::from_secs(2), || format!("{length} bytes: closed after {took:?}"));
    }
    receiver.stop();
    trial.end();
}

/// Posts messages one to three times, to receivers by chance.
fn doubled(mut trial: Trial, store: &str, receivers: &[Process]) {
    let (posts, numbers) = (share(2_000, 1_000_000), AtomicU64::new(0));
    let (results, seed) = (Mutex::new(Vec::new()), trial.random().u64(..));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut random = fastrand::Rng::with_seed(seed ^ client as u64);
            let (numbers, results) = (&numbers, &results);
            scope.spawn(move || {
                let mut posters: Vec<_> = receivers.iter().map(|one| Poster::new(one.address())).collect();
                while numbers.fetch_add(1, Ordering::Relaxed) < posts {
                    // Some of them at the same time by several clients.
                    let body = format!("[{}]", random.u64(0..posts / 2));
                    let at = random.usize(0..posters.len());
                    let status = posters[at].post(&body);
                    let accepted = matches!(status, Ok(204));
                    results.lock().unwrap().push(accepted.then_some(()).ok_or(format!("{body}: {status:?}")));
                }
            });
        }
    });
    // Which messages there are depends on the clients' speed; the number of posts does not.
    results.into_inner().unwrap().into_iter().for_each(|result| trial.case(result));
    let stored = stored(store);
    let doubled: Vec<_> = stored.iter().filter(|(_, times)| **times != 1).take(3).collect();
    trial.holds(doubled.is_empty(), || format!("stored more than once: {doubled:?}"));
    trial.measured(format!("{} messages in {posts} posts", stored.len()));
    trial.end();
}

#[test]
fn r35_duplicates_are_stored_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder);
    doubled(Trial::new("R35", SQLITE), &store, &[receiver(&store, &[])]);
}

#[test]
fn r35_duplicates_are_stored_once_by_two_receivers_on_one_database() {
    let trial = Trial::new("R35", POSTGRES);
    let Some(server) = Server::start() else { return trial.skip() };
    let store = server.database();
    doubled(trial, &store, &[receiver(&store, &[]), receiver(&store, &[])]);
}
