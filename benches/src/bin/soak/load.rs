//! The load: calls of every kind by many tasks at once, watched.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use things_core::{Builder, Error, ErrorKind, ListDevices, Outcome, Settings};
use things_reqwest::{Client, Downlink, FPort};
use things_sim::DEFAULT_CUSTOMER;

use crate::process as kernel;
use crate::report;
use crate::service::Service;

const CLIENT: &str = "reqwest";

/// Calls at a time.
const CALLERS: u64 = 32;

/// Time of a whole call, and of one attempt at it.
const TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_millis(400);

/// So much later than its deadline a call is late, or hangs: this is a busy machine.
const LATE: Duration = Duration::from_secs(2);
const HANGS: Duration = Duration::from_secs(10);

/// By so many bytes memory may have grown after the warm-up.
const GROWTH: i64 = 4 << 20;

/// What a call came to.
const DONE: u8 = 1;
const NOT_SENT: u8 = 2;
const UNKNOWN: u8 = 3;
const FAILED: u8 = 4;

pub(crate) fn run(requests: u64, clients: u64, seed: u64) -> process::ExitCode {
    let warm_up = (requests / 10).clamp(1_000, 50_000);
    let mut service = Service::start(seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // A runtime opens its descriptors when it is first used.
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    let descriptors = kernel::descriptors();
    let load = Arc::new(Load {
        client: client(&service).unwrap(),
        seed,
        begun: Instant::now(),
        next: AtomicU64::new(0),
        outcomes: (0..warm_up + requests).map(|_| AtomicU8::new(0)).collect(),
        callers: (0..CALLERS).map(|_| Caller::default()).collect(),
        slowest: AtomicU64::new(0),
        strange: AtomicU64::new(0),
        failures: Mutex::default(),
    });
    watch(&load);
    let mut violations = Vec::new();

    runtime.block_on(load.calls(warm_up));
    runtime.block_on(made_and_dropped(&service, clients.min(100)));
    let memory = kernel::memory();
    println!(
        "soak: {CLIENT}: warm after {warm_up} calls: {:.1} MiB, {} descriptors",
        mib(memory),
        kernel::descriptors()
    );
    for part in 1..=10 {
        runtime.block_on(load.calls(warm_up + requests * part / 10));
        println!(
            "soak: {CLIENT}: {} calls in {:.0} s: memory {:+.1} MiB, {} descriptors",
            requests * part / 10,
            load.begun.elapsed().as_secs_f64(),
            mib(kernel::memory() - memory),
            kernel::descriptors()
        );
    }
    runtime.block_on(made_and_dropped(&service, clients));
    let growth = kernel::memory() - memory;
    let asked = service.ask("requests");
    load.account(&service.ask("downlinks"), &mut violations);

    let slowest = Duration::from_millis(load.slowest.load(Ordering::Relaxed));
    let strange = load.strange.load(Ordering::Relaxed);
    let counted = |outcome| load.outcomes.iter().filter(|one| one.load(Ordering::Relaxed) == outcome).count();
    let [done, not_sent, unknown, failed, lost] = [DONE, NOT_SENT, UNKNOWN, FAILED, 0].map(counted);
    println!("soak: {CLIENT}: failures: {:?}", load.failures.lock().unwrap());
    // What watches holds it as well.
    load.end();
    drop(load);
    let left = kernel::descriptors_down_to(descriptors) - descriptors;
    if growth >= GROWTH {
        violations.push(format!("memory grew by {:.1} MiB", mib(growth)));
    }
    if left != 0 {
        violations.push(format!("{left} descriptors are left open"));
    }
    if lost > 0 {
        violations.push(format!("{lost} calls never ended"));
    }
    if slowest > TIMEOUT + LATE {
        violations.push(format!("a call took {slowest:.1?}, its deadline was {TIMEOUT:?}"));
    }
    if strange > 0 {
        violations.push(format!("{strange} calls failed as if they were wrong"));
    }
    let measured = format!(
        "memory {:+.1} MiB, descriptors {left:+}, no call over {slowest:.1?}; {asked} requests came in; {done} calls \
         done, {failed} reads failed, {not_sent} downlinks not sent, {unknown} unknown; {clients} clients made and dropped",
        mib(growth)
    );
    report::end(CLIENT, requests, seed, &violations, &measured)
}

fn client(service: &Service) -> Result<Client, Error> {
    let settings = Settings::from_environment(|name| service.settings.get(name).map(OsString::from))?;
    Builder::new(settings, Client::new).timeout(TIMEOUT).attempt_timeout(ATTEMPT).build()
}

/// Clients that make a call each; what comes of it is not looked at.
async fn made_and_dropped(service: &Service, clients: u64) {
    for _ in 0..clients {
        let _ = client(service).unwrap().call(&ListDevices::new()).await;
    }
}

fn mib(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

struct Load {
    client: Client,
    seed: u64,
    begun: Instant,
    next: AtomicU64,
    outcomes: Vec<AtomicU8>,
    callers: Vec<Caller>,
    slowest: AtomicU64,
    strange: AtomicU64,
    /// How often calls failed in which way.
    failures: Mutex<BTreeMap<String, u64>>,
}

/// Which call is under way, and since when, in milliseconds of the load; 0 is none.
#[derive(Default)]
struct Caller {
    call: AtomicU64,
    since: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Downlink,
    DownlinkForCustomer,
    Page,
    Listing,
}

impl Load {
    /// Makes all calls whose number is smaller.
    async fn calls(self: &Arc<Self>, end: u64) {
        let callers = (0..CALLERS).map(|number| {
            let load = Arc::clone(self);
            tokio::spawn(async move {
                while let Some(call) = load.take(end) {
                    load.call(&load.callers[number as usize], call).await;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            // A panic is one of ours.
            caller.await.unwrap();
        }
    }

    fn take(&self, end: u64) -> Option<u64> {
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| (next < end).then_some(next + 1))
            .ok()
    }

    async fn call(&self, caller: &Caller, call: u64) {
        let begun = Instant::now();
        caller.call.store(call, Ordering::Relaxed);
        caller.since.store(self.now(), Ordering::Relaxed);
        let result = self.make(call).await;
        caller.since.store(0, Ordering::Relaxed);
        self.slowest.fetch_max(begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        let outcome = match result {
            Ok(()) => DONE,
            Err(error) => {
                let wrong =
                    matches!(error.kind(), ErrorKind::Config | ErrorKind::Input | ErrorKind::Transport);
                self.strange.fetch_add(wrong.into(), Ordering::Relaxed);
                let way = format!("{:?} of {:?}", error.kind(), error.stage());
                *self.failures.lock().unwrap().entry(way).or_default() += 1;
                match error.outcome() {
                    Some(Outcome::NotSent) => NOT_SENT,
                    Some(Outcome::Unknown) => UNKNOWN,
                    _ => FAILED,
                }
            }
        };
        self.outcomes[call as usize].store(outcome, Ordering::Relaxed);
    }

    async fn make(&self, call: u64) -> Result<(), Error> {
        let downlink = || -> Result<Downlink, Error> {
            let payload = call.to_be_bytes();
            Ok(Downlink::raw("0059AC0000181EB6".parse()?, FPort::new(1)?, payload)?
                .external_reference(call.to_string())?)
        };
        match self.kind(call) {
            Kind::Downlink => self.client.send_downlink(&downlink()?).await.map(drop),
            Kind::DownlinkForCustomer => {
                self.client.for_customer(DEFAULT_CUSTOMER)?.send_downlink(&downlink()?).await.map(drop)
            }
            Kind::Page => self.client.call(&ListDevices::new()).await.map(drop),
            Kind::Listing => self.client.devices().timeout(TIMEOUT).collect().await.map(drop),
        }
    }

    fn kind(&self, call: u64) -> Kind {
        match mixed(self.seed ^ mixed(call)) % 100 {
            0..45 => Kind::Downlink,
            45..50 => Kind::DownlinkForCustomer,
            50..95 => Kind::Page,
            _ => Kind::Listing,
        }
    }

    /// Compares what the client says of each downlink with what the service has.
    fn account(&self, accepted: &serde_json::Value, violations: &mut Vec<String>) {
        let mut times = vec![0_u32; self.outcomes.len()];
        for reference in accepted.as_array().unwrap() {
            times[reference.as_str().unwrap().parse::<usize>().unwrap()] += 1;
        }
        for (call, (times, outcome)) in times.iter().zip(&self.outcomes).enumerate() {
            let kind = self.kind(call as u64);
            let downlink = matches!(kind, Kind::Downlink | Kind::DownlinkForCustomer);
            let outcome = outcome.load(Ordering::Relaxed);
            let holds = match outcome {
                DONE if downlink => *times == 1,
                UNKNOWN => *times <= 1,
                _ => *times == 0,
            };
            if !holds {
                let said = ["nothing", "done", "not sent", "unknown", "failed"][usize::from(outcome)];
                violations.push(format!(
                    "call {call} ({kind:?}): the client says {said}, the service has it {times} times"
                ));
            }
        }
    }

    fn now(&self) -> u64 {
        1 + self.begun.elapsed().as_millis() as u64
    }

    fn end(&self) {
        self.next.store(u64::MAX, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.next.load(Ordering::Relaxed) == u64::MAX
    }
}

/// Looks at the calls under way, and ends the process where one hangs.
fn watch(load: &Arc<Load>) {
    let load = Arc::downgrade(load);
    thread::spawn(move || {
        while let Some(load) = load.upgrade().filter(|load| !load.has_ended()) {
            for caller in &load.callers {
                let since = caller.since.load(Ordering::Relaxed);
                let under_way = Duration::from_millis(load.now().saturating_sub(since));
                if since > 0 && under_way > TIMEOUT + HANGS {
                    let call = caller.call.load(Ordering::Relaxed);
                    let kind = load.kind(call);
                    let hang = format!(
                        "call {call} ({kind:?}) hangs: after {under_way:.0?}, its deadline was {TIMEOUT:?}"
                    );
                    let _ = report::end(CLIENT, call, load.seed, &[hang], "not to the end");
                    process::exit(1);
                }
            }
            drop(load);
            thread::sleep(Duration::from_millis(200));
        }
    });
}

/// The same number every time, and a far one for the next (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
