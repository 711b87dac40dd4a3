//! Servers that take their time: every call ends when its time is over.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use http::Method;
use socket2::{Domain, Socket, Type};
use things_core::{Builder, Config, ErrorKind, RawCall, RetryPolicy};
use things_tests::authority::Authority;
use things_tests::server::{Server, wait_for_the_end};

use crate::client::{Client, each};
use crate::service::{Ask, PAGE, case, client, respond, serve, settings, target, token};
use crate::trial::{Trial, share};

/// By how much a call may be late.
const LATE: Duration = Duration::from_millis(100);

/// What a server does in place of answering.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stall {
    /// Nobody takes the connection, and the queue is full.
    Connection,
    /// TLS that gets no answer.
    Handshake,
    /// TLS of a byte a second.
    SlowHandshake,
    /// The connection is there, and nobody reads from it: what is left of a machine that has vanished.
    Silence,
    /// A head of a byte a second.
    Head,
    /// A body of a byte a second.
    Body,
    /// The same in chunks.
    Chunks,
    /// One interim answer after the other.
    Interim,
    /// 503, and to come back at some time, which costs pauses.
    Busy,
    /// 503, and to come back in a second.
    BusyForASecond,
}

const STALLS: [Stall; 10] = [
    Stall::Connection,
    Stall::Handshake,
    Stall::SlowHandshake,
    Stall::Silence,
    Stall::Head,
    Stall::Body,
    Stall::Chunks,
    Stall::Interim,
    Stall::Busy,
    Stall::BusyForASecond,
];

/// Which request it is that the server stalls at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Token,
    /// The context switch if the call is for a customer, else the call.
    Call,
    SecondPage,
    /// The token, or the context switch, that another caller is waiting for already.
    Behind,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    stall: Stall,
    place: Place,
    ask: Ask,
    time: Duration,
    /// The time is that of an attempt, of which there is one, and not that of the call.
    attempt: bool,
}

/// The servers of all stalls.
struct Stalls {
    full: Full,
    silent: Server,
    silent_tls: Server,
    slow_tls: Server,
    http: Server,
    authority: String,
}

static SERVERS: LazyLock<Stalls> = LazyLock::new(|| Stalls {
    full: Full::at("127.0.0.1:0").unwrap(),
    // Longer than any call here.
    silent: Server::start(|_stream| thread::sleep(Duration::from_secs(3))),
    silent_tls: Server::start(|mut stream| wait_for_the_end(&mut stream)),
    // The head of a record of 16 KiB.
    slow_tls: Server::start(|mut stream| {
        drip(&mut stream, &[22, 3, 3, 0x40, 0], b"x", Duration::from_secs(1))
    }),
    http: serve(|request, stream| {
        let target = target(request);
        let place = match target.split('/').nth(2) {
            Some("token") => target.ends_with("/token"),
            Some("call") => !target.ends_with("/warm"),
            _ => target.contains("currentPage=1"),
        };
        match STALLS.get(case(request)) {
            Some(stall) if place => stall.serve(stream),
            _ if target.ends_with("/token") => respond(stream, "200 OK", "", token()),
            _ if target.contains("/second/") => {
                let page = r#"{"content":[{"uuid":"u-1"}],"number":0,"size":1,"totalPages":3,"last":false}"#;
                respond(stream, "200 OK", "", page);
            }
            _ => respond(stream, "200 OK", "", PAGE),
        }
    }),
    authority: Authority::new("ours").pem(),
});

impl Stall {
    fn serve(self, stream: &mut TcpStream) {
        let second = Duration::from_secs(1);
        match self {
            Self::Body => drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b" ", second),
            Self::Chunks => {
                drip(stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n", second)
            }
            Self::Interim => drip(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n", second / 100),
            Self::Busy => respond(stream, "503 Service Unavailable", "", ""),
            Self::BusyForASecond => respond(stream, "503 Service Unavailable", "retry-after: 1\r\n", ""),
            _ => drip(stream, b"HTTP/1.1 200 OK\r\nx-slow: ", b"x", second),
        }
    }

    fn url(self, place: &str) -> String {
        let number = STALLS.iter().position(|stall| *stall == self).unwrap();
        match self {
            Self::Connection => format!("http://{}", SERVERS.full.address),
            Self::Handshake => SERVERS.silent_tls.https(),
            Self::SlowHandshake => SERVERS.slow_tls.https(),
            Self::Silence => SERVERS.silent.http(),
            _ => format!("{}/{number}/{place}", SERVERS.http.http()),
        }
    }
}

/// Sends the same over and over, as long as somebody listens.
fn drip(stream: &mut impl Write, head: &[u8], piece: &[u8], pause: Duration) {
    let mut sent = stream.write_all(head);
    while sent.is_ok() {
        sent = stream.write_all(piece);
        thread::sleep(pause);
    }
}

/// A port whose queue is full, so that it ignores whoever wants to connect.
struct Full {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Full {
    /// None where this address cannot be had.
    fn at(address: &str) -> Option<Self> {
        let address: SocketAddr = address.parse().unwrap();
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
        listener.bind(&address.into()).ok()?;
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let connect = || TcpStream::connect_timeout(&address, LATE).ok();
        let queue = std::iter::from_fn(connect).collect();
        Some(Self { address, _listener: listener, _queue: queue })
    }
}

impl Case {
    /// How long the call took over its time.
    fn run(&self, name: &str) -> Result<Duration, String> {
        let mut retry = RetryPolicy::default();
        if self.attempt {
            retry.max_attempts = 1;
        } else if self.stall == Stall::Busy {
            // Many pauses.
            (retry.max_attempts, retry.base_delay) = (1_000, Duration::from_millis(10));
        }
        let good = || settings(&format!("{}/ok/ok", SERVERS.http.http()));
        let settings: Builder<Config> = match (self.place, self.ask) {
            (Place::Token, _) => good().token_url(format!("{}/token", self.stall.url("token"))),
            (Place::Behind, ask) if ask != Ask::Customer => {
                good().token_url(format!("{}/token", self.stall.url("token")))
            }
            (Place::SecondPage, _) => settings(&self.stall.url("second")),
            _ => settings(&self.stall.url("call")),
        };
        let mut settings = settings.retry(retry).ca_bundle(SERVERS.authority.clone());
        if self.attempt {
            settings = settings.attempt_timeout(self.time);
        }
        let client = client(name, settings.build().unwrap());
        if self.place != Place::Token && self.place != Place::Behind {
            // So that there is a token.
            let _ = client.with_timeout(LATE).call(&RawCall::get("/warm"));
        }
        let (begun, under_way) = mpsc::channel();
        thread::scope(|scope| {
            if self.place == Place::Behind {
                let leader = client.with_timeout(self.time + 3 * LATE);
                scope.spawn(move || {
                    begun.send(()).unwrap();
                    self.ask.of(&leader)
                });
                under_way.recv().unwrap();
                // The other one is sure to have begun once it has had the time that it needs.
                thread::sleep(LATE / 5);
            }
            let start = Instant::now();
            let result =
                if self.attempt { self.ask.of(&client) } else { self.ask.within(self.time, &client) };
            let took = start.elapsed();
            let Err(error) = result else { return Err(format!("there was an answer: {self:?}")) };
            let busy = [Stall::Busy, Stall::BusyForASecond].contains(&self.stall);
            let slow = [ErrorKind::Deadline, ErrorKind::Timeout, ErrorKind::Connect];
            // A library may count in whole milliseconds.
            let early = took + LATE / 20 < self.time;
            if !busy && (early || !slow.contains(&error.kind())) {
                return Err(format!("it ended after {took:?}: {error}: {self:?}"));
            }
            Ok(took.saturating_sub(self.time))
        })
    }
}

/// Tries all cases, many at once. On a busy machine a call may be late for want of a processor: who is late is tried
/// again, alone, up to nine times, and only who is late every time breaks the promise.
fn keep_time<C: Sync + std::fmt::Debug>(
    trial: &mut Trial,
    cases: &[C],
    run: impl Fn(&C) -> Result<Duration, String> + Sync,
) {
    let first = each(cases.len() as u64, 8, |case| run(&cases[case as usize]));
    let (mut again, mut latest) = (0, Duration::ZERO);
    for (case, result) in cases.iter().zip(first) {
        let mut result = result;
        for _ in 0..9 {
            if result.as_ref().is_ok_and(|late| *late > LATE) {
                again += 1;
                result = run(case);
            }
        }
        latest = latest.max(result.as_ref().copied().unwrap_or_default());
        trial.case(result.and_then(|late| {
            if late <= LATE { Ok(()) } else { Err(format!("{late:?} late, every time: {case:?}")) }
        }));
    }
    trial.measured(format!("late by {latest:.1?} at most; {again} cases were tried again, one at a time"));
}

#[test]
fn r15_call_to_a_slow_server_ends_in_time() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R15", name);
        let time = Duration::from_millis(300);
        let mut cases = Vec::new();
        for stall in STALLS {
            if [Stall::Busy, Stall::BusyForASecond].contains(&stall) {
                continue;
            }
            for place in [Place::Token, Place::Call] {
                for ask in Ask::ALL {
                    cases.push(Case { stall, place, ask, time, attempt: false });
                }
                for ask in [Ask::Page, Ask::Downlink] {
                    cases.push(Case { stall, place, ask, time, attempt: true });
                }
            }
        }
        let cases: Vec<_> = cases.iter().copied().cycle().take(cases.len() * share(1, 10) as usize).collect();
        keep_time(&mut trial, &cases, |case| case.run(name));
        trial.end();
    }
}

#[test]
fn r15_request_that_nobody_reads_ends_in_time() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R15", name);
        let time = Duration::from_millis(300);
        let config = settings(&Stall::Silence.url("call")).build().unwrap();
        let client = client(name, config);
        let _ = client.with_timeout(LATE).call(&RawCall::get("/warm"));
        // More than the system takes for it.
        let call = RawCall::new(Method::POST, "/devices").json(vec![b' '; 32 << 20]);
        keep_time(&mut trial, &[(); 4], |()| {
            let start = Instant::now();
            match client.with_timeout(time).call(&call) {
                Ok(_) => Err("there was an answer".to_owned()),
                Err(_) => Ok(start.elapsed().saturating_sub(time)),
            }
        });
        trial.end();
    }
}

/// Where the name `localhost` has one address only, or there is no IPv6, this finds nothing wrong.
#[test]
fn r15_other_family_of_addresses_is_tried() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R15", name);
        let service = serve(|_, stream| respond(stream, "200 OK", "", PAGE));
        let port = service.address.port();
        let silent = Full::at(&format!("[::1]:{port}"));
        let config = settings(&format!("http://localhost:{port}")).connect_timeout(Duration::from_secs(1));
        let client = client(name, config.build().unwrap());
        for ask in Ask::ALL {
            let result = ask.of(&client.with_timeout(Duration::from_secs(5)));
            trial.holds(result.is_ok(), || format!("{ask:?}: {result:?}"));
        }
        let silent =
            silent.is_some() && ("localhost", port).to_socket_addrs().unwrap().any(|to| to.is_ipv6());
        trial.measured(if silent {
            "localhost is two addresses here"
        } else {
            "localhost is one address here"
        });
        trial.end();
    }
}

#[test]
fn r30_every_call_ends_at_its_deadline() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R30", name);
        let times: Vec<u64> = if share(0, 1) == 1 { (1..=100).collect() } else { vec![1, 20, 100] };
        let mut cases = Vec::new();
        for time in times.into_iter().map(Duration::from_millis) {
            let mut add = |stall, place, ask| cases.push(Case { stall, place, ask, time, attempt: false });
            for ask in Ask::ALL {
                for stall in STALLS {
                    add(stall, Place::Token, ask);
                    add(stall, Place::Call, ask);
                }
                add(Stall::Head, Place::Behind, ask);
            }
            for stall in &STALLS[4..] {
                add(*stall, Place::SecondPage, Ask::Listing);
            }
        }
        keep_time(&mut trial, &cases, |case| case.run(name));
        trial.end();
    }
}
