//! What a rule is tried on, and what it is tried with.

use std::time::{Duration, SystemTime};

use things_core::{
    BulkItem, Claim, CustomerId, Downlink, FPort, Granted, Ledger, Outcome, Record, Transaction,
};
use things_store::{JobId, NewJob, Store};

/// The account of all jobs.
pub(crate) const ACCOUNT: &str = "https://api.example/ tenant T";

/// Makes ledgers of these items.
pub(crate) trait LedgerMaker {
    /// Whether an item can be looked at after it has ended, also by a later run. One that cannot has no late outcomes, and
    /// counts the downlinks of a device only where there is a limit from the beginning.
    const KEEPS: bool = true;

    /// Whether what it needs is installed.
    fn is_available() -> bool
    where
        Self: Sized,
    {
        true
    }

    fn ledger(&self, items: Vec<BulkItem>) -> Box<dyn Ledger>;
}

/// Makes stores, all of the same jobs.
pub(crate) trait Maker {
    /// Whether what it needs is installed.
    fn is_available() -> bool
    where
        Self: Sized,
    {
        true
    }

    /// Another connection to the same store.
    fn store(&self) -> Box<dyn Store>;

    /// Ends the lease of every claim. A store that one run holds at a time needs none.
    fn end_leases(&self) {}
}

impl<M: Maker> LedgerMaker for M {
    fn is_available() -> bool
    where
        Self: Sized,
    {
        <M as Maker>::is_available()
    }

    fn ledger(&self, items: Vec<BulkItem>) -> Box<dyn Ledger> {
        let id = create(self, items);
        open(self, &id)
    }
}

/// Creates a job of these items.
pub(crate) fn create(maker: &(impl Maker + ?Sized), items: Vec<BulkItem>) -> JobId {
    let job = new_job(ACCOUNT);
    let count = items.len() as u64;
    assert_eq!(maker.store().create(&job, &mut items.into_iter().map(Ok)).unwrap(), count);
    job.id
}

/// Describes a new job, later than those before it.
pub(crate) fn new_job(account: &str) -> NewJob {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    NewJob {
        id: JobId::generate(1_700_000_000_000 + number, u128::from(number) << 8),
        created: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + number),
        source: "valves.csv".to_owned(),
        digest: "ab".repeat(32),
        account: account.to_owned(),
        options: r#"{"window":16}"#.to_owned(),
    }
}

/// Opens a job for a run.
pub(crate) fn open(maker: &(impl Maker + ?Sized), id: &JobId) -> Box<dyn Ledger> {
    maker.store().open(id, ACCOUNT, false).unwrap()
}

/// A downlink to a device of its own.
pub(crate) fn item(number: u64) -> BulkItem {
    to_device(number, number)
}

/// A downlink to this device.
pub(crate) fn to_device(device: u64, number: u64) -> BulkItem {
    let dev_eui = format!("{:016X}", 0x0059_AC00_0000_0000 + device).parse().unwrap();
    let payload = number.to_be_bytes().to_vec();
    let downlink = Downlink::raw(dev_eui, FPort::new(1).unwrap(), payload).unwrap();
    downlink.external_reference(format!("item-{number}")).unwrap().into()
}

/// A downlink to this device of this customer.
pub(crate) fn of_customer(device: u64, customer: &str) -> BulkItem {
    BulkItem { customer: Some(CustomerId::try_from(customer).unwrap()), ..to_device(device, device) }
}

/// The items 0 to `count`.
pub(crate) fn items(count: u64) -> Vec<BulkItem> {
    (0..count).map(item).collect()
}

/// A time of the tests in milliseconds. All are in the past, so that the leases of their claims have ended.
pub(crate) fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(millis)
}

pub(crate) const DAY: u64 = 24 * 60 * 60 * 1_000;

/// How long an item waits for a device to which another downlink is in flight.
pub(crate) const POLL: u64 = 1_000;

/// Claims up to so many items at a time.
pub(crate) fn claiming(claim: usize, now: u64) -> Transaction {
    Transaction { claim, now: Some(at(now)), lease: Duration::from_secs(60), ..Transaction::default() }
}

/// Claims up to so many items at a time.
pub(crate) fn claim(ledger: &mut Box<dyn Ledger>, number: usize, now: u64) -> Granted {
    ledger.commit(&claiming(number, now)).unwrap()
}

/// Records an outcome at a time.
pub(crate) fn record(ledger: &mut Box<dyn Ledger>, record: Record, now: u64) {
    ledger.commit(&Transaction { outcomes: vec![record], ..claiming(0, now) }).unwrap();
}

/// The record of a claim.
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

/// The record of a claim that may be sent again after a wait in milliseconds.
pub(crate) fn again(claim: &Claim, wait: u64) -> Record {
    let again = Some(Duration::from_millis(wait));
    Record { again, resumable: true, ..ended(claim, Outcome::NotSent) }
}

/// The indexes of claims, in their order.
pub(crate) fn indexes(granted: &Granted) -> Vec<u64> {
    granted.claims.iter().map(Claim::index).collect()
}
