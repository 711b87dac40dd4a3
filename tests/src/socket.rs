//! The other two drivers: things-reqwest and things-ureq, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use things_core::{Builder, Clock, ContextSwitch, Error, Moment};
use things_reqwest::StreamExt;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::listener::Port;
use crate::outcome::{self, Outcome, ms};
use crate::scenario::{Action, Call, Scenario, credentials};
use crate::script::Script;
use crate::timeline::moment;
use crate::verdict::Verdict;

/// The time since its start, and what was added to it. The wall clock starts where every scenario does.
#[derive(Debug)]
pub struct TestClock {
    start: Instant,
    added: AtomicU64,
}

impl TestClock {
    /// A clock at the start of a scenario.
    pub fn start() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), added: AtomicU64::new(0) })
    }

    /// Lets time go forward.
    pub fn advance(&self, by: Duration) {
        self.added.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        moment(self.start.elapsed() + ms(self.added.load(Ordering::SeqCst)))
    }
}

/// Runs a scenario with things-reqwest.
pub fn run_reqwest(scenario: &Scenario) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error.to_string()))?;
    run(scenario, things_reqwest::Client::builder(credentials()), |client, clock| Reqwest {
        client: client.with_clock(clock),
        runtime,
    })
}

/// Runs a scenario with things-ureq.
pub fn run_ureq(scenario: &Scenario) -> Result<(), Failure> {
    run(scenario, things_ureq::Client::builder(credentials()), |client, clock| Ureq(client.with_clock(clock)))
}

fn run<C, K: Caller>(
    scenario: &Scenario,
    builder: Builder<C>,
    wrap: impl FnOnce(C, Arc<TestClock>) -> K,
) -> Result<(), Failure> {
    let bind = || Port::bind().map_err(|error| Failure::new(error.to_string()));
    let (port, elsewhere) = (bind()?, bind()?);
    let origin = port.origin();
    let script = Arc::new(Script::new(&scenario.server, &origin, &elsewhere.origin()));
    let clock = TestClock::start();
    let prefix = elsewhere.origin();
    let _servers = (port.serve(&script, &clock, ""), elsewhere.serve(&script, &clock, &prefix));
    let mut verdict = Verdict::new(scenario);
    let client = scenario.configure(builder, &origin).build();
    let error = client.as_ref().err().map(outcome::failure);
    if !verdict.client(error.as_ref())
        && let Ok(client) = client
    {
        let caller = wrap(client, Arc::clone(&clock));
        scenario.steps().for_each(|call| play(call, &caller, &script, &clock, &mut verdict));
    }
    verdict.end(&script)
}

fn play(call: &Call, caller: &impl Caller, script: &Script, clock: &TestClock, verdict: &mut Verdict<'_>) {
    match call.action {
        Action::Advance => clock.advance(ms(call.ms)),
        Action::Concurrently => thread::scope(|scope| {
            let calls: Vec<_> = call.concurrent().collect();
            let threads: Vec<_> = calls
                .iter()
                .map(|call| {
                    scope.spawn(|| {
                        script.wait_for(call.after);
                        timed(caller, call, clock)
                    })
                })
                .collect();
            for (call, thread) in calls.iter().zip(threads) {
                match thread.join() {
                    Ok((outcome, took)) => verdict.outcome(call, &outcome, took),
                    Err(_) => verdict.add(format!("{:?}: panicked", call.action)),
                }
            }
        }),
        _ => {
            script.wait_for_closed();
            let (outcome, took) = timed(caller, call, clock);
            verdict.outcome(call, &outcome, took);
        }
    }
}

fn timed(caller: &impl Caller, call: &Call, clock: &TestClock) -> (Outcome, Duration) {
    let begun = clock.now();
    let outcome = caller.make(call);
    (outcome, clock.now().since(begun))
}

/// A client that makes calls, on whichever thread.
trait Caller: Sync {
    fn make(&self, call: &Call) -> Outcome;
}

/// Lays what a call says of a listing over the builder of either transport.
macro_rules! devices {
    ($client:expr, $call:expr) => {{
        let mut devices = $client.devices();
        if let Some(text) = &$call.search {
            devices = devices.search(text);
        }
        if let Some(property) = &$call.sort_by {
            devices = devices.sort_by(property);
        }
        if let Some(order) = $call.sort_order {
            devices = devices.sort_order(order.into());
        }
        if let Some(size) = $call.page_size {
            devices = devices.page_size(size);
        }
        if let Some(number) = $call.first_page {
            devices = devices.first_page(number);
        }
        if let Some(window) = $call.window {
            devices = devices.window(window);
        }
        if let Some(deadline) = $call.listing_deadline_ms {
            devices = devices.deadline(ms(deadline));
        }
        if $call.strict {
            devices = devices.strict();
        }
        devices
    }};
}

/// Lays what a call says of itself over a client of either transport.
macro_rules! scoped {
    ($client:expr, $call:expr) => {{
        let mut client = $client.clone();
        if let Some(id) = &$call.for_customer {
            client = client.for_customer(id).map_err(|error| outcome::failure(&error))?;
        }
        if let Some(timeout) = $call.timeout_ms {
            client = client.with_timeout(ms(timeout));
        }
        client
    }};
}

struct Reqwest {
    client: things_reqwest::Client,
    runtime: Runtime,
}

impl Caller for Reqwest {
    fn make(&self, call: &Call) -> Outcome {
        self.runtime.block_on(make_async(scoped!(self.client, call), call))
    }
}

async fn make_async(client: things_reqwest::Client, call: &Call) -> Outcome {
    match call.action {
        Action::SendDownlink => outcome::receipt(match outcome::downlink(call) {
            Ok(downlink) => client.send_downlink(&downlink).await,
            Err(error) => Err(error),
        }),
        Action::SendDownlinks => {
            let items = outcome::items(call).map_err(|error| outcome::failure(&error))?;
            let mut run = client.send_downlinks(client.in_memory(items), outcome::run_options(call));
            let (mut sent, mut error) = (Vec::new(), None);
            while let Some(item) = run.next().await {
                keep(item, &mut sent, &mut error);
            }
            outcome::sent(sent, error.as_ref())
        }
        Action::Items => {
            let mut stream = client.current().list(outcome::list_resource(call)).stream();
            let (mut items, mut error) = (Vec::new(), None);
            while let Some(item) = stream.next().await {
                keep(item, &mut items, &mut error);
            }
            outcome::listed(&items, error.as_ref())
        }
        Action::Request => outcome::answer(client.request(&outcome::raw_call(call)).await),
        Action::ContextSwitch => outcome::context_switch(match outcome::customer(call) {
            Ok(customer) => client.call(&ContextSwitch::to(customer)).await,
            Err(error) => Err(error),
        }),
        Action::Collect => outcome::fleet(devices!(client, call).collect().await),
        Action::Verified => outcome::fleet(devices!(client, call).verified().collect().await),
        Action::Customers => {
            let client = client.for_customers(&call.customers).map_err(|error| outcome::failure(&error))?;
            let mut stream = devices!(client, call).fleets();
            let (mut fleets, mut error) = (Vec::new(), None);
            while let Some(fleet) = stream.next().await {
                keep(fleet, &mut fleets, &mut error);
            }
            outcome::customers(fleets, error.as_ref())
        }
        Action::Pages => {
            let mut stream = devices!(client, call).pages();
            let (mut pages, mut error) = (Vec::new(), None);
            while let Some(page) = stream.next().await {
                keep(page, &mut pages, &mut error);
            }
            outcome::pages(&pages, error.as_ref())
        }
        _ => {
            let mut stream = devices!(client, call).stream();
            let (mut devices, mut error) = (Vec::new(), None);
            while let Some(device) = stream.next().await {
                keep(device, &mut devices, &mut error);
            }
            outcome::devices(&devices, error.as_ref())
        }
    }
}

struct Ureq(things_ureq::Client);

impl Caller for Ureq {
    fn make(&self, call: &Call) -> Outcome {
        let client = scoped!(self.0, call);
        match call.action {
            Action::SendDownlink => {
                outcome::receipt(outcome::downlink(call).and_then(|downlink| client.send_downlink(&downlink)))
            }
            Action::SendDownlinks => {
                let items = outcome::items(call).map_err(|error| outcome::failure(&error))?;
                let run = client.send_downlinks(client.in_memory(items), outcome::run_options(call));
                let (mut sent, mut error) = (Vec::new(), None);
                run.for_each(|item| keep(item, &mut sent, &mut error));
                outcome::sent(sent, error.as_ref())
            }
            Action::Items => {
                let (mut items, mut error) = (Vec::new(), None);
                let listing = client.current().list(outcome::list_resource(call));
                listing.into_iter().for_each(|item| keep(item, &mut items, &mut error));
                outcome::listed(&items, error.as_ref())
            }
            Action::Request => outcome::answer(client.request(&outcome::raw_call(call))),
            Action::ContextSwitch => outcome::context_switch(
                outcome::customer(call).and_then(|customer| client.call(&ContextSwitch::to(customer))),
            ),
            Action::Collect => outcome::fleet(devices!(client, call).collect()),
            Action::Verified => outcome::fleet(devices!(client, call).verified().collect()),
            Action::Customers => {
                let client =
                    client.for_customers(&call.customers).map_err(|error| outcome::failure(&error))?;
                let (mut fleets, mut error) = (Vec::new(), None);
                devices!(client, call).fleets().for_each(|fleet| keep(fleet, &mut fleets, &mut error));
                outcome::customers(fleets, error.as_ref())
            }
            Action::Pages => {
                let (mut pages, mut error) = (Vec::new(), None);
                devices!(client, call).pages().for_each(|page| keep(page, &mut pages, &mut error));
                outcome::pages(&pages, error.as_ref())
            }
            _ => {
                let (mut devices, mut error) = (Vec::new(), None);
                devices!(client, call).into_iter().for_each(|device| keep(device, &mut devices, &mut error));
                outcome::devices(&devices, error.as_ref())
            }
        }
    }
}

/// Keeps what came, or the error that ended it.
fn keep<T>(item: Result<T, Error>, kept: &mut Vec<T>, error: &mut Option<Error>) {
    match item {
        Ok(item) => kept.push(item),
        Err(found) => *error = Some(found),
    }
}
