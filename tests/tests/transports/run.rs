//! Runs of many downlinks with the real clients, against the simulator.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use things_core::{
    Builder, BulkItem, Config, Credentials, Downlink, FPort, Granted, Ledger, LedgerError, MemoryLedger,
    Outcome, Record, Retirement, RetryPolicy, RunOptions, Sent, Transaction, Watch,
};
use things_reqwest::StreamExt;
use things_sim::{Quirk, Sim};
use things_tests::server::{Server, answer, read_request};

use crate::client::settings;

fn config(sim: &Sim) -> Config {
    let known = sim.credentials();
    let credentials = Credentials::new(&known.tenant_id, &known.key_id, &*known.key_secret)
        .application_id(&known.application_id);
    let retry = RetryPolicy { base_delay: Duration::from_millis(1), ..RetryPolicy::default() };
    Builder::new(credentials, Ok).base_url(sim.url()).grip_base_url(sim.url()).retry(retry).build().unwrap()
}

fn sim(fault: &str) -> Sim {
    let sim = Sim::builder().seed(7);
    let sim = if fault.is_empty() { sim } else { sim.fault(fault.parse().unwrap()) };
    sim.start().unwrap()
}

fn items(count: u32) -> Vec<BulkItem> {
    let item = |number: u32| {
        let device = format!("0059AC00{number:08X}").parse().unwrap();
        let downlink = Downlink::raw(device, FPort::new(1).unwrap(), number.to_be_bytes()).unwrap();
        downlink.external_reference(format!("valve-{number}")).unwrap().into()
    };
    (0..count).map(item).collect()
}

/// Sends all with the client of this name, to the end.
fn send<L: Ledger + Unpin>(name: &str, sim: &Sim, ledger: L, options: RunOptions) -> Vec<Sent> {
    if name == "ureq" {
        let client = things_ureq::Client::new(config(sim)).unwrap();
        return client.send_downlinks(ledger, options).map(Result::unwrap).collect();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = things_reqwest::Client::new(config(sim)).unwrap();
    runtime.block_on(client.send_downlinks(ledger, options).map(Result::unwrap).collect())
}

fn received(sim: &Sim) -> Vec<String> {
    sim.downlinks().into_iter().filter_map(|downlink| downlink.external_reference).collect()
}

#[test]
fn with_thirty_percent_busy_all_of_two_thousand_arrive_once() {
    for name in ["ureq", "reqwest"] {
        let sim = sim("downlinks@30%=status:429");
        let sent = send(name, &sim, MemoryLedger::new(items(2_000)), RunOptions::default());
        assert!(sent.iter().all(|sent| sent.outcome() == Outcome::Accepted), "{name}");
        let indexes: HashSet<_> = sent.iter().map(|sent| sent.index).collect();
        assert_eq!((sent.len(), indexes.len(), sim.downlinks_received()), (2_000, 2_000, 2_000), "{name}");
        assert_eq!(sim.tokens_issued(), 1, "{name}");
    }
}

#[test]
fn faults_of_all_kinds_leave_every_downlink_accounted_for() {
    for name in ["ureq", "reqwest"] {
        let sim = sim("downlinks@5%=drop-after");
        for rule in ["downlinks@5%=status-after:500", "downlinks@10%=status:429", "downlinks@5%=drop-before"]
        {
            sim.add_fault(rule.parse().unwrap());
        }
        let sent = send(name, &sim, MemoryLedger::new(items(600)), RunOptions::default());
        assert_eq!(sent.len(), 600, "{name}");
        let received = received(&sim);
        let once: HashSet<_> = received.iter().collect();
        assert_eq!(received.len(), once.len(), "{name}: a downlink arrived twice");
        for sent in &sent {
            let arrived = once.contains(&format!("valve-{}", sent.index));
            match sent.outcome() {
                Outcome::Accepted => assert!(arrived, "{name}: {sent:?}"),
                Outcome::NotSent => assert!(!arrived, "{name}: {sent:?}"),
                Outcome::Unknown => {}
            }
        }
    }
}

/// The records that a ledger received, also after the run is gone.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Record>>>);

struct Telling(MemoryLedger, Told);

impl Ledger for Telling {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        self.1.0.lock().unwrap().extend(transaction.outcomes.iter().cloned());
        self.0.commit(transaction)
    }
}

impl Told {
    fn outcomes(&self, outcome: Outcome) -> usize {
        self.0.lock().unwrap().iter().filter(|record| record.outcome == outcome).count()
    }
}

#[test]
fn a_run_that_is_dropped_records_what_is_known() {
    let options = || RunOptions { window: 4, ..RunOptions::default() };
    for name in ["ureq", "reqwest"] {
        // The fifth downlink and those after it are not answered.
        let sim = sim("downlinks@5-=stall-after");
        let told = Told::default();
        let ledger = Telling(MemoryLedger::new(items(20)), told.clone());
        if name == "ureq" {
            let client = things_ureq::Client::new(config(&sim)).unwrap();
            let mut run = client.send_downlinks(ledger, options());
            (0..4).for_each(|_| assert!(run.next().unwrap().is_ok()));
            drop(run);
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let client = things_reqwest::Client::new(config(&sim)).unwrap();
            runtime.block_on(async {
                let mut run = client.send_downlinks(ledger, options());
                for _ in 0..4 {
                    assert!(run.next().await.unwrap().is_ok());
                }
            });
        }
        assert_eq!(told.outcomes(Outcome::Accepted), 4, "{name}");
        // Requests that had not begun are not sent any more; `abandoned.rs` tells them apart.
        assert!(told.outcomes(Outcome::Unknown) <= 4, "{name}: {told:?}", told = told.0);
    }
}

#[test]
fn a_run_that_is_stopped_finishes_what_is_in_flight() {
    let options = || RunOptions { window: 4, ..RunOptions::default() };
    for name in ["ureq", "reqwest"] {
        let sim = sim("downlinks=latency:50ms");
        let ledger = MemoryLedger::new(items(200));
        let sent: Vec<Sent> = if name == "ureq" {
            let client = things_ureq::Client::new(config(&sim)).unwrap();
            let mut run = client.send_downlinks(ledger, options());
            let stopper = run.stopper();
            let first = run.next().unwrap();
            thread::spawn(move || stopper.stop());
            std::iter::once(first).chain(run).map(Result::unwrap).collect()
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let client = things_reqwest::Client::new(config(&sim)).unwrap();
            runtime.block_on(async {
                let mut run = client.send_downlinks(ledger, options());
                let mut sent = vec![run.next().await.unwrap().unwrap()];
                assert!(run.stop());
                while let Some(item) = run.next().await {
                    sent.push(item.unwrap());
                }
                sent
            })
        };
        let count = |outcome| sent.iter().filter(|sent| sent.outcome() == outcome).count();
        assert_eq!((sent.len(), count(Outcome::Unknown)), (200, 0), "{name}");
        assert_eq!(count(Outcome::Accepted) as u64, sim.downlinks_received(), "{name}");
        assert!(count(Outcome::NotSent) >= 100, "{name}: most were not sent");
    }
}

/// Counts announcements.
#[derive(Default)]
struct Announcements(AtomicUsize);

impl Watch for Announcements {
    fn announced(&self, _retirement: &Retirement) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_watch_hears_of_an_endpoint_that_ends_in_a_run_too() {
    let sim = Sim::builder().quirk(Quirk::Sunset).start().unwrap();
    let watch = Arc::new(Announcements::default());
    let client = things_ureq::Client::new(config(&sim)).unwrap().with_watch(watch.clone());
    assert_eq!(client.send_downlinks(MemoryLedger::new(items(3)), RunOptions::default()).count(), 3);
    assert_eq!(watch.0.load(Ordering::SeqCst), 2, "ureq: that of tokens, and that of downlinks");
    let watch = Arc::new(Announcements::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = things_reqwest::Client::new(config(&sim)).unwrap().with_watch(watch.clone());
    let sent = client.send_downlinks(MemoryLedger::new(items(3)), RunOptions::default());
    assert_eq!(runtime.block_on(sent.count()), 3);
    assert_eq!(watch.0.load(Ordering::SeqCst), 2, "reqwest");
}

#[test]
fn a_single_downlink_of_an_async_run_needs_no_reader() {
    let (asked, requests) = mpsc::channel();
    let server = Server::start(move |mut stream| {
        while read_request(&mut stream).is_some() {
            asked.send(()).unwrap();
            answer(&mut stream, "{}");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = things_reqwest::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let options = RunOptions { window: 1, ..RunOptions::default() };
    let mut run = client.send_downlinks(MemoryLedger::new(items(1)), options);
    let _context = runtime.enter();
    let mut polls = 0;
    // The reader polls until the call has started, and then no more.
    while run.feed().progress().in_flight == 0 && polls < 1_000_000 {
        assert!(pin!(run.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        polls += 1;
        thread::yield_now();
    }
    assert!(requests.recv_timeout(Duration::from_secs(60)).is_ok(), "the request is sent without the reader");
    let sent = runtime.block_on(run.next()).unwrap().unwrap();
    assert_eq!(sent.outcome(), Outcome::Accepted);
}
