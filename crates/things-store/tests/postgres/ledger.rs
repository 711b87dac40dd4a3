//! A ledger of a test, on the clock of its server.

use std::time::{Duration, SystemTime};

use things_core::{BulkItem, Claim, Downlink, FPort, Granted, Ledger, Outcome, Record, Transaction};
use things_store::{Counts, JobId, NewJob, PostgresStore, Store};
use things_tests::postgres::Server;

pub(crate) const ACCOUNT: &str = "https://api.example/ tenant T";

/// The life of a claim that no test outlives.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(url).unwrap()
}

/// The id of a new job. Tests run side by side, but each in a database of its own.
pub(crate) fn new_job() -> NewJob {
    NewJob {
        id: JobId::generate(1_700_000_000_000, 0),
        created: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        source: "valves.csv".to_owned(),
        digest: String::new(),
        account: ACCOUNT.to_owned(),
        options: "{}".to_owned(),
    }
}

/// Creates a job with so many items, each to another of so many devices.
pub(crate) fn create(url: &str, count: u64, devices: u64) -> JobId {
    let job = new_job();
    let mut items = (0..count).map(|number| Ok(item(number % devices, number)));
    assert_eq!(store(url).create(&job, &mut items).unwrap(), count);
    job.id
}

pub(crate) fn item(device: u64, number: u64) -> BulkItem {
    let dev_eui = format!("{:016X}", 0x0059_AC00_0000_0000 + device).parse().unwrap();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), number.to_be_bytes()).unwrap();
    downlink.external_reference(format!("item-{number}")).unwrap().into()
}

pub(crate) fn open(url: &str, id: &JobId) -> Box<dyn Ledger> {
    Box::new(store(url)).open(id, ACCOUNT, false).unwrap()
}

pub(crate) fn join(url: &str, id: &JobId) -> Box<dyn Ledger> {
    Box::new(store(url)).join(id, ACCOUNT).unwrap()
}

pub(crate) fn claiming(claim: usize, lease: Duration) -> Transaction {
    Transaction { claim, lease, now: Some(SystemTime::now()), ..Transaction::default() }
}

pub(crate) fn claim(ledger: &mut Box<dyn Ledger>, number: usize) -> Granted {
    ledger.commit(&claiming(number, LEASE)).unwrap()
}

pub(crate) fn ended(claim: &Claim, outcome: Outcome) -> Record {
    Record {
        id: claim.id(),
        token: claim.token(),
        outcome,
        again: None,
        resumable: false,
        status: None,
        attempts: 1,
        detail: "told by the test".to_owned(),
    }
}

pub(crate) fn recording(outcomes: Vec<Record>) -> Transaction {
    Transaction { outcomes, ..claiming(0, LEASE) }
}

pub(crate) fn indexes(granted: &Granted) -> Vec<u64> {
    granted.claims.iter().map(Claim::index).collect()
}

pub(crate) fn counts(url: &str, id: &JobId) -> Counts {
    store(url).job(id).unwrap().unwrap().counts
}

/// The name of the database of a URL.
pub(crate) fn database(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1
}

/// Moves the clock of a ledger ahead of that of its server.
pub(crate) fn ahead(server: &Server, url: &str, seconds: u64) {
    let clock = format!(
        "create or replace function kpn_things.clock() returns timestamptz language sql volatile
         as 'select clock_timestamp() + interval ''{seconds} s'''"
    );
    server.sql(database(url), &clock);
}
