//! S22 to S24: a receiver of uplinks over loopback, next to the same by hand. The servers and the load are processes of their own.

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sha2::{Digest, Sha256};
use things_receiver::Receiver;
use things_receiver::extract::VerifiedUplink;
use things_store::inbox::{Inbox, InboxOptions, SqliteInbox};
use things_uplink::{Secret, Secrets, TOKEN_HEADER, Verifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::inbox::{self, BODY, Log};
use crate::report::{Report, median, time};

const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ";

const CONNECTIONS: usize = 64;

const ROUNDS: u64 = 9;

/// Messages per round.
const MESSAGES: usize = 200 * CONNECTIONS;

/// Messages per round where each has a commit of its own.
const FEW: usize = 16 * CONNECTIONS;

/// S22: CPU of the server per message, with the extractor and by hand.
pub(crate) fn measure_verification(report: &mut Report) {
    let (by_hand, ours) = (Server::start("by-hand", None), Server::start("extractor", None));
    let mut messages = 0..;
    let (mut ratios, mut costs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let [base, cost] = [&by_hand, &ours].map(|server| {
            let before = server.cpu();
            send(server.address, take(&mut messages, MESSAGES));
            (server.cpu() - before).as_secs_f64() * 1e6 / MESSAGES as f64
        });
        // The first round opens what stays open.
        if round > 0 {
            ratios.push(cost / base);
            costs.push(cost);
        }
    }
    let detail = format!(" ({:.1} us)", median(costs));
    let work = "server CPU per message: the axum extractor / the eight lines by hand in axum";
    report.row("S22", work, median(ratios), "", 1.10, &detail);
}

/// S23 and S24: rates with a durable store.
pub(crate) fn measure_storage(report: &mut Report) {
    let folder = env::current_exe().unwrap().with_file_name(format!("receiver-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    inbox::fill(&folder.join("large.db"));
    let (took, opened) = time(|| SqliteInbox::open(folder.join("large.db"), &InboxOptions::default()));
    drop(opened.unwrap());
    report.row("S24", "opening an inbox of 1,000,000 messages", took.as_secs_f64(), " s", 5.0, "");
    let verifying = Server::start("extractor", None);
    let [storing, large, logging] = [("receiver", "empty.db"), ("receiver", "large.db"), ("log", "log")]
        .map(|(kind, file)| Server::start(kind, Some(&folder.join(file))));
    let peer = Server::peer(&folder.join("peer.db"));
    // None of them is in the large inbox.
    let mut messages = 1_000_000..;
    let mut rounds = Rounds::default();
    let before = storing.cpu();
    for round in 0..=ROUNDS {
        let mut rate = |server: &Server, count| send(server.address, take(&mut messages, count));
        let (verified, _) = rate(&verifying, MESSAGES);
        let (stored, latencies) = rate(&storing, MESSAGES);
        let (logged, _) = rate(&logging, MESSAGES);
        let (with_many, _) = rate(&large, MESSAGES);
        let by_hand = peer.as_ref().map(|peer| rate(peer, FEW).0);
        if round > 0 {
            rounds.rates.push(stored);
            rounds.over_verification.push(stored / verified);
            rounds.over_log.push(stored / logged);
            rounds.of_large.push(with_many / stored);
            rounds.over_peer.extend(by_hand.map(|by_hand| stored / by_hand));
            rounds.latencies.extend(latencies);
        }
    }
    let messages = MESSAGES as u64 * (ROUNDS + 1);
    rounds.report(report, (storing.cpu() - before).as_secs_f64() * 1e6 / messages as f64);
    drop((storing, large, logging, peer));
    let _ = fs::remove_dir_all(folder);
}

/// What the rounds of S23 and S24 measured.
#[derive(Default)]
struct Rounds {
    /// Stored messages per second.
    rates: Vec<f64>,
    /// That rate over the one of verification alone, of the append log, and of the peer.
    over_verification: Vec<f64>,
    over_log: Vec<f64>,
    over_peer: Vec<f64>,
    /// The rate of the large inbox over that of the empty one.
    of_large: Vec<f64>,
    latencies: Vec<Duration>,
}

impl Rounds {
    /// `cpu` is the time of the server per message, in microseconds.
    fn report(mut self, report: &mut Report, cpu: f64) {
        let detail = format!(" ({:.0} messages per second, {cpu:.1} us of CPU each)", median(self.rates));
        let work = "64 connections: rate with the durable store / rate of verification alone";
        report.row_at_least("S23", work, median(self.over_verification), "", 0.40, &detail);
        let work = "64 connections: rate with the durable store / rate with an append log and fdatasync";
        report.row_at_least("S23", work, median(self.over_log), "", 0.75, "");
        self.latencies.sort();
        let p99 = self.latencies[self.latencies.len() * 99 / 100].as_secs_f64() * 1_000.0;
        report.row("S23", "64 connections: p99 of a message", p99, " ms", 20.0, "");
        if self.over_peer.is_empty() {
            report.skip("S24", "FastAPI is not installed: run cargo xtask bench --python S28 first");
        } else {
            let work =
                "64 connections: rate with the durable store / FastAPI and sqlite3, a commit per message";
            report.row_at_least("S24", work, median(self.over_peer), "", 6.0, "");
        }
        let work = "64 connections: rate with 1,000,000 stored messages / with an empty store";
        report.row_at_least("S24", work, median(self.of_large), "", 0.90, "");
    }
}

/// A server in a process of its own, which ends when this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one of the servers of [`child`].
    fn start(kind: &str, inbox: Option<&Path>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        Self::run(command.args(["child", "receive", kind]).args(inbox)).unwrap()
    }

    /// Starts the receiver by hand in Python. `None`: its packages are not installed.
    fn peer(database: &Path) -> Option<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut python = Command::new(root.join("../target/python-bench/bin/python"));
        Self::run(python.arg(root.join("python/receiver.py")).args([SECRET, TOKEN_HEADER]).arg(database))
    }

    /// Starts a server that prints its address. `None`: it does not start.
    fn run(command: &mut Command) -> Option<Self> {
        let mut process = command.stdout(Stdio::piped()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
        let address = line.trim().parse().ok()?;
        Some(Self { process, address })
    }

    /// The time that its threads have spent on a CPU.
    fn cpu(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        threads
            .map(|thread| {
                let statistics = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
                Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
            })
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves one kind of receiver until the process is killed.
pub(crate) fn child(kind: &str, inbox: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let verifier = Verifier::new(Secrets::one(Secret::new(SECRET).unwrap()));
        let router = match kind {
            "by-hand" => Router::new().route("/uplinks", post(by_hand)).with_state(Arc::from(SECRET)),
            "extractor" => {
                Router::new().route("/uplinks", post(with_extractor)).with_state(Arc::new(verifier))
            }
            _ => {
                let path = Path::new(inbox.unwrap());
                let inbox: Box<dyn Inbox> = match kind {
                    "log" => Box::new(Log::open(path)),
                    _ => Box::new(SqliteInbox::open(path, &InboxOptions::default()).unwrap()),
                };
                let receiver = Receiver::builder(verifier, inbox).build().unwrap();
                return receiver.serve(listener, std::future::pending()).await.unwrap();
            }
        };
        axum::serve(listener, router).await.unwrap();
    });
}

async fn with_extractor(message: VerifiedUplink) -> StatusCode {
    black_box(message.body);
    StatusCode::NO_CONTENT
}

/// What a program without this library would write.
async fn by_hand(State(secret): State<Arc<str>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let token = headers.get("things-message-token").map(|token| token.as_bytes()).unwrap_or_default();
    let digest = Sha256::new().chain_update(&body).chain_update(secret.as_bytes()).finalize();
    if hex::encode(digest).as_bytes() == token {
        black_box(body);
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// Requests whose bodies differ from all others.
fn take(numbers: &mut impl Iterator<Item = u64>, count: usize) -> Vec<String> {
    numbers.take(count).map(request).collect()
}

fn request(number: u64) -> String {
    let body = format!("{number:0BODY$}");
    let token = things_uplink::sign(SECRET, &body);
    format!(
        "POST /uplinks HTTP/1.1\r\nHost: receiver.example\r\nContent-Type: application/json\r\n\
         {TOKEN_HEADER}: {token}\r\nThings-Plug-UUID: 7e6c0000-1fe4-4d60-9b6d-8061f7414b24\r\n\
         Content-Length: {BODY}\r\n\r\n{body}"
    )
}

/// Sends requests on all connections, and returns how many per second were confirmed, and how long each of them took.
fn send(server: SocketAddr, requests: Vec<String>) -> (f64, Vec<Duration>) {
    let count = requests.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let together = Arc::new(Barrier::new(CONNECTIONS + 1));
        let mut senders: JoinSet<_> = requests
            .chunks(count / CONNECTIONS)
            .map(|part| converse(server, part.to_vec(), Arc::clone(&together)))
            .collect();
        together.wait().await;
        let start = Instant::now();
        let mut latencies = Vec::with_capacity(count);
        while let Some(times) = senders.join_next().await {
            latencies.extend(times.unwrap());
        }
        (count as f64 / start.elapsed().as_secs_f64(), latencies)
    })
}

/// Sends requests on one connection, each after the response to the one before.
async fn converse(server: SocketAddr, requests: Vec<String>, together: Arc<Barrier>) -> Vec<Duration> {
    let mut connection = TcpStream::connect(server).await.unwrap();
    connection.set_nodelay(true).unwrap();
    together.wait().await;
    let mut buffer = [0; 1024];
    let mut times = Vec::with_capacity(requests.len());
    for request in requests {
        let start = Instant::now();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut read = 0;
        // A 204 has no body.
        while !buffer[..read].ends_with(b"\r\n\r\n") {
            let more = connection.read(&mut buffer[read..]).await.unwrap();
            assert!(more > 0, "the server closed a connection");
            read += more;
        }
        times.push(start.elapsed());
        assert!(buffer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&buffer[..read]));
    }
    times
}
