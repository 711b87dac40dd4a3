//! Downlinks: sent at most once, and accounted for.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use things_core::{Downlink, Error, ErrorKind, FPort, Outcome, Receipt, Stage};
use things_sim::{DEFAULT_CUSTOMER, Route, Sim};
use things_tests::authority::{Authority, self_signed};
use things_tests::server::{Server, answer_last, read_request, tls, wait_for_the_end};
use tokio::net::TcpSocket;

use crate::client::{Client, each, quick, settings};
use crate::clock::ManualClock;
use crate::trial::{Trial, share};

pub(crate) fn downlink(reference: u64) -> Downlink {
    let downlink = Downlink::raw("0059AC0000181EB6".parse().unwrap(), FPort::new(1).unwrap(), [1, 2]);
    downlink.unwrap().external_reference(reference.to_string()).unwrap()
}

/// How often each of the downlinks was accepted, by its reference.
fn accepted(sim: &Sim) -> HashMap<u64, u64> {
    let mut times = HashMap::new();
    for downlink in sim.downlinks() {
        *times.entry(downlink.external_reference.unwrap().parse().unwrap()).or_default() += 1;
    }
    times
}

fn told(result: &Result<Receipt, Error>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |_| "accepted".to_owned())
}

/// One of them with this chance, each with the same: a rule is asked only if those before it did not hit.
fn one_of(percent: f64, faults: &[&str]) -> Vec<String> {
    let rule = |(place, fault): (usize, &&str)| {
        let chance = 100.0 * percent / (100.0 * faults.len() as f64 - percent * place as f64);
        format!("downlinks@{chance}%={fault}")
    };
    faults.iter().enumerate().map(rule).collect()
}

#[test]
fn r1_downlink_that_may_have_arrived_is_never_repeated() {
    const FAULTS: [&str; 8] = [
        "drop-after",
        "stall-after",
        "status-after:500",
        "status-after:502",
        "status-after:503",
        "status-after:504",
        "status-after:408",
        "truncate:1",
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R1", name);
        let cases = share(2_000, 250_000);
        let sim = Sim::builder().seed(trial.random().u64(..)).keep_requests(0).start().unwrap();
        for rule in one_of(100.0, &FAULTS) {
            sim.add_fault(rule.parse().unwrap());
        }
        let config = settings(&sim).attempt_timeout(Duration::from_millis(500)).build().unwrap();
        let client = Client::new(name, config);
        let results = each(cases, 64, |case| client.call(&downlink(case)));
        let accepted = accepted(&sim);
        for (case, result) in (0..).zip(&results) {
            let times = accepted.get(&case).copied().unwrap_or(0);
            let told_of: Option<(Outcome, u64)> = result
                .as_ref()
                .err()
                .and_then(|error| Some((error.outcome()?, error.external_reference()?.parse().ok()?)));
            // On a busy machine an attempt can run out of time before it is sent, or before the service has read it.
            let told_right = match told_of {
                Some((Outcome::Unknown, of)) => of == case,
                Some((Outcome::NotSent, of)) => of == case && times == 0,
                _ => false,
            };
            trial.holds(times <= 1 && told_right, || {
                format!("downlink {case} was accepted {times} times, and told was: {}", told(result))
            });
        }
        let calls = sim.calls(Route::Downlinks);
        trial.holds(calls <= cases && calls * 100 >= cases * 99, || {
            format!("{calls} requests for {cases} downlinks")
        });
        trial.end();
    }
}

/// Each downlink has to be told as not sent, for this reason.
fn not_sent(trial: &mut Trial, case: &str, kind: ErrorKind, results: &[Result<Receipt, Error>]) {
    for result in results {
        let error = result.as_ref().err();
        let found = error.map(|error| (error.kind(), error.outcome()));
        trial.holds(found == Some((kind, Some(Outcome::NotSent))), || {
            format!("{case}: told was: {} {error:?}", told(result))
        });
    }
}

/// Each downlink has to be told as accepted, and to be so once.
fn delivered_once(
    trial: &mut Trial,
    case: &str,
    accepted: &HashMap<u64, u64>,
    results: &[Result<Receipt, Error>],
) {
    for (downlink, result) in (0..).zip(results) {
        let times = accepted.get(&downlink).copied().unwrap_or(0);
        trial.holds(times == 1 && result.is_ok(), || {
            format!("{case}: downlink {downlink} was accepted {times} times, and told was: {}", told(result))
        });
    }
}

#[test]
fn r2_downlink_that_is_refused_for_ever_is_not_sent_and_delivered_once_it_is_sent_again() {
    const FAULTS: [(&str, ErrorKind); 7] = [
        ("status:302,Location:/login", ErrorKind::Auth),
        ("status:401", ErrorKind::Auth),
        ("revoke", ErrorKind::Auth),
        ("status:429", ErrorKind::RateLimited),
        ("status:429,Retry-After:500", ErrorKind::RateLimited),
        ("status:503,Retry-After:0", ErrorKind::Server),
        ("status:503,Retry-After:500", ErrorKind::Server),
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        for (fault, kind) in FAULTS {
            let sim = Sim::builder().keep_requests(0).start().unwrap();
            let clock = ManualClock::new();
            let client = Client::new(name, settings(&sim).retry(quick(3)).build().unwrap());
            let client = client.with_clock(clock.clone());
            sim.add_fault(format!("downlinks={fault}").parse().unwrap());
            let send = || each(share(20, 1_000), 16, |case| client.call(&downlink(case)));
            not_sent(&mut trial, fault, kind, &send());
            trial.holds(sim.downlinks_received() == 0, || format!("{fault}: downlinks were accepted"));
            sim.clear_faults();
            // The session sends nothing before the time that the service asked for.
            clock.advance(Duration::from_secs(500));
            let results = send();
            delivered_once(&mut trial, fault, &accepted(&sim), &results);
        }
        trial.end();
    }
}

#[test]
fn r2_downlink_without_a_connection_is_not_sent() {
    let authority = Authority::new("ours");
    let requests = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&requests);
    let stranger = Server::start_tls(self_signed("127.0.0.1"), move |mut stream| {
        while read_request(&mut stream).is_some() {
            *seen.lock().unwrap() += 1;
        }
    });
    let closes = Server::start(|mut stream| drop(stream.read(&mut [0; 4096])));
    let silent = Server::start(|mut stream| wait_for_the_end(&mut stream));
    let cases = [
        ("a name that cannot be looked up", format!("https://{}.invalid", "a".repeat(64))),
        ("a certificate of nobody", stranger.https()),
        ("a handshake that is broken off", closes.https()),
        ("a handshake that stalls", silent.https()),
    ];
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        for (case, base_url) in &cases {
            let sim = Sim::builder().start().unwrap();
            let mut settings = settings(&sim).base_url(base_url).ca_bundle(authority.pem()).retry(quick(3));
            if case.ends_with("stalls") {
                settings = settings.connect_timeout(Duration::from_millis(100));
            }
            let client = Client::new(name, settings.build().unwrap());
            let results = each(share(20, 1_000), 16, |case| client.call(&downlink(case)));
            not_sent(&mut trial, case, ErrorKind::Connect, &results);
        }
        let requests = *requests.lock().unwrap();
        trial.holds(requests == 0, || format!("{requests} requests to a server without a good certificate"));
        trial.end();
    }
}

#[test]
fn r2_downlink_whose_token_or_context_switch_fails_is_not_sent() {
    const FAULTS: [&str; 5] = ["status:500", "status-after:502", "drop-before", "drop-after", "truncate:1"];
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        for (route, stage) in [("token", Stage::Token), ("context-switch", Stage::ContextSwitch)] {
            for fault in FAULTS {
                let sim = Sim::builder().keep_requests(0).start().unwrap();
                sim.add_fault(format!("{route}={fault}").parse().unwrap());
                let client = Client::new(name, settings(&sim).retry(quick(3)).build().unwrap());
                let client = client.for_customer(DEFAULT_CUSTOMER).unwrap();
                for result in each(share(20, 1_000), 16, |case| client.call(&downlink(case))) {
                    let error = result.as_ref().err();
                    let found = error.map(|error| (error.stage(), error.outcome()));
                    trial.holds(found == Some((stage, Some(Outcome::NotSent))), || {
                        format!("{route}={fault}: {}", told(&result))
                    });
                }
                let calls = sim.calls(Route::Downlinks);
                trial.holds(calls == 0, || format!("{route}={fault}: {calls} downlinks came"));
            }
        }
        trial.end();
    }
}

/// A service of few words: it accepts downlinks, and keeps their references.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<u64, u64>>>);

impl Ledger {
    /// Accepts one downlink.
    fn serve(&self, stream: &mut (impl Read + Write)) {
        let Some(request) = read_request(stream) else { return };
        let (_, reference) = request.head.split_once("externalReference=").unwrap();
        let reference = reference.split([' ', '&']).next().unwrap().parse().unwrap();
        *self.0.lock().unwrap().entry(reference).or_default() += 1;
        answer_last(stream, "{}");
    }
}

/// A port that refuses connections, and is nobody else's.
fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn r2_downlink_to_a_closed_port_is_delivered_once_the_port_is_open() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        let sim = Sim::builder().start().unwrap();
        let (socket, address) = closed_port();
        let config = settings(&sim).base_url(format!("http://{address}")).retry(quick(3)).build().unwrap();
        let client = Client::new(name, config);
        let send = || each(share(20, 1_000), 16, |case| client.call(&downlink(case)));
        not_sent(&mut trial, "a closed port", ErrorKind::Connect, &send());
        let ledger = Ledger::default();
        let (served, listener) = (ledger.clone(), runtime.block_on(async { socket.listen(64) }).unwrap());
        let listener = listener.into_std().unwrap();
        listener.set_nonblocking(false).unwrap();
        Server::start_on(listener, move |mut stream| served.serve(&mut stream));
        let results = send();
        delivered_once(&mut trial, "an open port", &ledger.0.lock().unwrap(), &results);
        trial.end();
    }
}

#[test]
fn r2_downlink_is_delivered_once_the_service_takes_it() {
    const FAULTS: [&str; 3] = ["status:429", "status:429,Retry-After:0", "status:503,Retry-After:0"];
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        let sim = Sim::builder().seed(trial.random().u64(..)).keep_requests(0).start().unwrap();
        // The budget is a sixth of a retry a call.
        for rule in one_of(8.0, &FAULTS) {
            sim.add_fault(rule.parse().unwrap());
        }
        let client = Client::new(name, settings(&sim).retry(quick(10)).build().unwrap());
        let results = each(share(2_000, 80_000), 64, |case| client.call(&downlink(case)));
        delivered_once(&mut trial, "429 or 503", &accepted(&sim), &results);
        trial.end();
    }
}

#[test]
fn r2_downlink_is_delivered_once_there_is_a_connection() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        let authority = Authority::new("ours");
        let certificate = authority.server("127.0.0.1");
        let (ledger, random) = (Ledger::default(), Mutex::new(trial.random()));
        let served = ledger.clone();
        let server = Server::start(move |mut stream: TcpStream| {
            let chance = random.lock().unwrap().u8(..);
            match chance {
                0..8 => {}
                8..16 => drop(stream.read(&mut [0; 4096])),
                16..24 => {
                    let _ = stream.read(&mut [0; 4096]);
                    let internal_error = [21, 3, 3, 0, 2, 2, 80];
                    let _ = stream.write_all(&internal_error);
                }
                _ => served.serve(&mut tls(&certificate, stream)),
            }
        });
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let settings = settings(&sim).base_url(server.https()).ca_bundle(authority.pem());
        let client = Client::new(name, settings.retry(quick(10)).build().unwrap());
        let results = each(share(300, 10_000), 16, |case| client.call(&downlink(case)));
        delivered_once(&mut trial, "TLS refused", &ledger.0.lock().unwrap(), &results);
        trial.end();
    }
}

#[test]
fn r2_downlink_whose_token_is_rejected_once_is_delivered_once() {
    for name in Client::NAMES {
        let mut trial = Trial::new("R2", name);
        let mut random = trial.random();
        let sim = Sim::builder().keep_requests(0).start().unwrap();
        let config = settings(&sim).build().unwrap();
        let mut results = Vec::new();
        for case in 0..share(40, 5_000) {
            let client = Client::new(name, config.clone());
            let fault = ["status:302,Location:/login", "status:401", "revoke"][random.usize(0..3)];
            sim.add_fault(format!("downlinks@1={fault}").parse().unwrap());
            results.push(client.call(&downlink(case)));
            sim.clear_faults();
        }
        delivered_once(&mut trial, "a rejected token", &accepted(&sim), &results);
        trial.end();
    }
}
