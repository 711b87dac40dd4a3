//! The store on a PostgreSQL server, whose clock shows the times of the tests.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use things_core::{Granted, Ledger, LedgerError, Transaction};
use things_store::{ItemState, Items, Job, JobId, NewJob, PostgresStore, Resolution, Store, StoredItem};
use things_tests::postgres::Server;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use crate::maker::Maker;

/// A database of its own.
pub(crate) struct Postgres {
    url: String,
    clock: Clock,
}

impl Default for Postgres {
    fn default() -> Self {
        let url = Server::shared().expect("the tests are skipped without a server").database();
        drop(PostgresStore::connect(&url).unwrap());
        Self { clock: Clock::new(&url), url }
    }
}

impl Maker for Postgres {
    fn is_available() -> bool
    where
        Self: Sized,
    {
        Server::shared().is_some()
    }

    fn store(&self) -> Box<dyn Store> {
        let store = Box::new(PostgresStore::connect(&self.url).unwrap());
        Box::new(Timed { inner: store, clock: self.clock.clone() })
    }

    fn end_leases(&self) {
        self.clock.run("update kpn_things.item set lease = claimed");
    }
}

/// The clock of the ledger, and the hand that moves it.
#[derive(Clone)]
struct Clock(Arc<Mutex<(Runtime, Client)>>);

impl Clock {
    fn new(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        let clock = Self(Arc::new(Mutex::new((runtime, client))));
        clock.run(
            "set synchronous_commit = off; create table kpn_things.hand (now timestamptz);
             insert into kpn_things.hand values ('2023-11-14');
             create or replace function kpn_things.clock() returns timestamptz language sql volatile
                as 'select now from kpn_things.hand'",
        );
        clock
    }

    fn run(&self, statements: &str) {
        let guard = self.0.lock().unwrap();
        guard.0.block_on(guard.1.batch_execute(statements)).unwrap();
    }

    fn show(&self, now: SystemTime) {
        let guard = self.0.lock().unwrap();
        guard.0.block_on(guard.1.execute("update kpn_things.hand set now = $1", &[&now])).unwrap();
    }
}

struct Timed<T: ?Sized> {
    clock: Clock,
    inner: Box<T>,
}

impl Ledger for Timed<dyn Ledger> {
    fn commit(&mut self, transaction: &Transaction) -> Result<Granted, LedgerError> {
        if let Some(now) = transaction.now {
            self.clock.show(now);
        }
        // The clock jumps by years, and leases end when a test says so.
        let lease = transaction.lease.max(Duration::from_secs(1_000_000_000));
        self.inner.commit(&Transaction { lease, ..transaction.clone() })
    }
}

impl Store for Timed<PostgresStore> {
    fn create(&mut self, job: &NewJob, items: &mut Items<'_>) -> Result<u64, LedgerError> {
        self.inner.create(job, items)
    }

    fn jobs(&mut self) -> Result<Vec<Job>, LedgerError> {
        self.inner.jobs()
    }

    fn ids(&mut self, digest: Option<&str>) -> Result<Vec<JobId>, LedgerError> {
        self.inner.ids(digest)
    }

    fn job(&mut self, id: &JobId) -> Result<Option<Job>, LedgerError> {
        self.inner.job(id)
    }

    fn items(
        &mut self,
        id: &JobId,
        state: Option<ItemState>,
        first: u64,
        most: usize,
    ) -> Result<Vec<StoredItem>, LedgerError> {
        self.inner.items(id, state, first, most)
    }

    fn resolve(&mut self, id: &JobId, index: u64, resolution: Resolution) -> Result<(), LedgerError> {
        self.inner.resolve(id, index, resolution)
    }

    fn remove(&mut self, id: &JobId) -> Result<(), LedgerError> {
        self.inner.remove(id)
    }

    fn open(self: Box<Self>, id: &JobId, account: &str, again: bool) -> Result<Box<dyn Ledger>, LedgerError> {
        let inner = self.inner.open(id, account, again)?;
        Ok(Box::new(Timed { clock: self.clock, inner }))
    }

    fn begin(self: Box<Self>, job: &NewJob, items: &mut Items<'_>) -> Result<Box<dyn Ledger>, LedgerError> {
        let inner = self.inner.begin(job, items)?;
        Ok(Box::new(Timed { clock: self.clock, inner }))
    }

    fn join(self: Box<Self>, id: &JobId, account: &str) -> Result<Box<dyn Ledger>, LedgerError> {
        let inner = self.inner.join(id, account)?;
        Ok(Box::new(Timed { clock: self.clock, inner }))
    }
}
