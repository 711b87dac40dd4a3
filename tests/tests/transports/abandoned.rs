//! Runs that are left before their end: what is known is recorded, and nothing more is sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use things_core::{
    BulkItem, Exchange, Granted, Ledger, LedgerError, MemoryLedger, Outcome, RunOptions, Transaction,
    TransportError, Watch,
};
use things_reqwest::StreamExt;
use things_tests::server::{Server, answer, read_request, wait_for_the_end};

use crate::client::{downlink, settings};

/// The number of items, of which all but one are in the first window.
const ITEMS: usize = 5;
const OPTIONS: RunOptions = RunOptions {
    window: 4,
    spare: 0,
    rate: None,
    per_device: None,
    max_tries: 16,
    patience: Duration::from_secs(300),
    timeout: Duration::from_secs(30),
};

type Outcomes = Arc<Mutex<BTreeMap<u64, Outcome>>>;

/// A ledger in memory whose records a test can read.
struct Recorded(MemoryLedger, Outcomes);

impl Ledger for Recorded {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        self.1.lock().unwrap().extend(transaction.outcomes.iter().map(|record| (record.id, record.outcome)));
        self.0.commit(transaction)
    }
}

fn ledger() -> (Recorded, Outcomes) {
    let outcomes = Outcomes::default();
    let items = (0..ITEMS).map(|_| BulkItem::from(downlink()));
    (Recorded(MemoryLedger::new(items), Arc::clone(&outcomes)), outcomes)
}

/// Counts what a test waits for.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

impl Count {
    fn add(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    fn wait_for(&self, number: usize) {
        let waited =
            self.1.wait_timeout_while(self.0.lock().unwrap(), Duration::from_secs(20), |now| *now < number);
        assert!(!waited.unwrap().1.timed_out(), "waited for {number} in vain");
    }
}

/// Counts the responses to downlinks.
#[derive(Default)]
struct Replies(Count);

impl Watch for Replies {
    fn replied(&self, exchange: &Exchange, _: &Result<Response<Bytes>, TransportError>, _: Duration) {
        if exchange.acts() {
            self.0.add();
        }
    }
}

/// A service that accepts so many downlinks. It never answers the others, and counts them.
fn service(accepted: usize) -> (Server, Arc<Count>) {
    let (left, stalled) = (AtomicUsize::new(accepted), Arc::new(Count::default()));
    let counted = Arc::clone(&stalled);
    let server = Server::start(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                counted.add();
                return wait_for_the_end(&mut stream);
            }
            answer(&mut stream, "{}");
        }
    });
    (server, stalled)
}

/// Checks that three items are accepted, and that the other two, whose requests were in flight, are unknown.
fn check(outcomes: &Outcomes) {
    let outcomes: Vec<_> = outcomes.lock().unwrap().values().copied().collect();
    let count = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
    assert_eq!((count(Outcome::Accepted), count(Outcome::Unknown), outcomes.len()), (3, 2, ITEMS));
}

#[test]
fn a_run_that_is_dropped_records_the_responses_that_have_come() {
    let (server, stalled) = service(3);
    let (ledger, outcomes) = ledger();
    let replies = Arc::new(Replies::default());
    let client = things_ureq::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let mut run = client.with_watch(Arc::clone(&replies) as Arc<dyn Watch>).send_downlinks(ledger, OPTIONS);
    assert_eq!(run.next().unwrap().unwrap().outcome(), Outcome::Accepted);
    replies.0.wait_for(3);
    stalled.wait_for(2);
    drop(run);
    check(&outcomes);
}

#[test]
fn a_run_that_is_aborted_from_another_thread_does_not_wait_for_what_is_in_flight() {
    let (server, stalled) = service(3);
    let (ledger, outcomes) = ledger();
    let client = things_ureq::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let mut run = client.send_downlinks(ledger, OPTIONS);
    let stopper = run.stopper();
    let accepted = Count::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            stalled.wait_for(2);
            accepted.wait_for(3);
            stopper.abort();
        });
        let sent = run.by_ref().map(Result::unwrap);
        let unknown = sent.filter(|sent| match sent.outcome() {
            Outcome::Accepted => {
                accepted.add();
                false
            }
            outcome => outcome == Outcome::Unknown,
        });
        assert_eq!(unknown.count(), 2);
    });
    check(&outcomes);
}

#[test]
fn a_stream_that_is_aborted_records_the_responses_that_have_come() {
    let (server, stalled) = service(3);
    let (ledger, outcomes) = ledger();
    let replies = Arc::new(Replies::default());
    let client = things_reqwest::Client::new(settings(&server.http()).build().unwrap()).unwrap();
    let client = client.with_watch(Arc::clone(&replies) as Arc<dyn Watch>);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut run = client.send_downlinks(ledger, OPTIONS);
        assert_eq!(run.next().await.unwrap().unwrap().outcome(), Outcome::Accepted);
        replies.0.wait_for(3);
        stalled.wait_for(2);
        assert!(run.abort());
        let rest: Vec<_> = run.map(Result::unwrap).collect().await;
        assert_eq!(rest.len(), ITEMS - 1);
    });
    check(&outcomes);
}

#[test]
fn what_waits_for_the_token_was_not_sent() {
    let token = Arc::new(Count::default());
    let asked = Arc::clone(&token);
    let server = Server::start(move |mut stream| {
        if read_request(&mut stream).is_some() {
            asked.add();
            wait_for_the_end(&mut stream);
        }
    });
    let (ledger, outcomes) = ledger();
    let config = settings(&server.http()).token_url(server.http()).build().unwrap();
    let mut run = things_ureq::Client::new(config).unwrap().send_downlinks(ledger, OPTIONS);
    let stopper = run.stopper();
    thread::scope(|scope| {
        scope.spawn(|| {
            token.wait_for(1);
            stopper.abort();
        });
        assert_eq!(run.by_ref().map(Result::unwrap).count(), 0, "the ledger keeps them for the next run");
    });
    let outcomes = outcomes.lock().unwrap();
    assert!(
        outcomes.values().all(|outcome| *outcome == Outcome::NotSent) && outcomes.len() == 4,
        "{outcomes:?}"
    );
}
