//! A ledger on PostgreSQL, for workers on any number of machines.
//!
//! # How workers share a job
//!
//! A worker claims items with `for update skip locked`, so workers neither wait for each other nor claim the same item. A
//! claim has a token and a lease, which ends by the clock of the database. A worker that is lost leaves its items
//! `sending`. Once their leases have ended, the next transaction of any worker records them as `unknown`. Nothing makes
//! them claimable again, apart from [`Store::resolve`].
//!
//! A worker leaves when nothing can become claimable for it: while others have items in flight, it looks again every second,
//! because an item that was not sent is given back.
//!
//! [`Store::open`] begins a run: what earlier runs have not sent becomes claimable. [`Store::join`] adds a worker to it, and
//! changes nothing.
//!
//! # What a transaction costs
//!
//! Outcomes, ended leases and claims are one transaction, and one exchange with the server: its statements are sent at once.
//! With a limit per device it takes a few more, and workers claim one after the other.
//!
//! A claim walks the index of what is claimable, from its beginning, where the entries of earlier claims are dead until they
//! are vacuumed. Measured on a job of 100,000 items with 4 workers that claim 16 at a time: a claim reads 80 to 290 pages of
//! that index while autovacuum keeps up (the table has its own settings for that), and about 5 pages more for each 100 items
//! claimed while a transaction elsewhere on the server keeps everything that is dead. So do not run `pg_dump`, or leave a
//! transaction open, next to a very large job.
//!
//! # What it relies on
//!
//! - A commit that the server has confirmed stays. `synchronous_commit` is switched on in each transaction, because a pooler
//!   can run each on another connection, and a server with `fsync = off` is refused. A standby that takes over must have all confirmed commits, so replication must be
//!   synchronous: otherwise the claims of the last moments are gone, and the new primary can grant them again.
//! - If a commit was not confirmed, the run gets an error, and sends nothing of it. The next transaction of the same worker
//!   undoes the claims that the server made all the same, by the name of their transaction, and claims them again. A worker
//!   that does not come back leaves them to their leases.

pub(crate) mod address;
pub(crate) mod failure;
pub(crate) mod item;
mod jobs;
mod ledger;
mod limit;
pub(crate) mod link;
pub(crate) mod password;
pub(crate) mod schema;
pub(crate) mod session;
mod tls;

use std::time::{Duration, SystemTime};

use things_core::{Ledger, LedgerError};

use self::address::Address;
use self::item::Columns;
use self::ledger::PostgresLedger;
use self::link::Link;
use self::password::{Found, Wanted};
use crate::store::not_begun;
use crate::{ItemState, Items, Job, JobId, NewJob, Resolution, Store, StoredItem};

/// How long a request may take that is not part of a run, such as the counts of a large job.
const PATIENCE: Duration = Duration::from_secs(120);

/// The number of items that are inserted at once.
const BATCH: usize = 1_000;

/// A ledger on PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    link: Link,
}

impl PostgresStore {
    /// Connects to the database that a URL names, and creates the tables in the schema `kpn_things` if there are none.
    ///
    /// The URL looks like `postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full`. A host that begins with an
    /// encoded slash, `%2F`, is the directory of a Unix socket. `sslmode` means the same as for other programs:
    ///
    /// | `sslmode` | TLS | the server's certificate |
    /// |---|---|---|
    /// | `disable` | never | |
    /// | `prefer` (default) | if the server offers it | is not checked |
    /// | `require` | always | is not checked. With `sslrootcert`: like `verify-ca` |
    /// | `verify-ca` | always | must be signed by an authority in the file `sslrootcert` |
    /// | `verify-full` | always | must also be for this host. Without `sslrootcert`, the authorities of the machine count |
    ///
    /// Only `verify-full` prevents another server from taking the place of this one. There is no TLS on a Unix socket.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is not valid, if the server cannot be reached or refuses the role, if the tables can
    /// neither be found nor created, or if they are of another version.
    pub fn connect(url: &str) -> Result<Self, LedgerError> {
        Self::at(url, |_| Found::default())
    }

    /// Connects like [`connect`](Self::connect). If the URL has no password, it is read from the environment variable
    /// `PGPASSWORD`, or from the file that `PGPASSFILE` names, by default `~/.pgpass`. A file that others can read is ignored.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`connect`](Self::connect).
    pub fn connect_from_env(url: &str) -> Result<Self, LedgerError> {
        Self::at(url, password::from_env)
    }

    fn at(url: &str, find: impl FnOnce(&Wanted<'_>) -> Found) -> Result<Self, LedgerError> {
        let link = Link::start(Address::parse(url, find)?)?;
        link.call(PATIENCE, async |session| schema::prepare(session, &schema::LEDGER).await)?;
        Ok(Self { link })
    }

    /// Inserts all items in the transaction of a new job.
    fn insert(&self, job: i32, created: SystemTime, items: &mut Items<'_>) -> Result<u64, LedgerError> {
        let mut count = 0;
        loop {
            let batch = items
                .take(BATCH)
                .map(|item| Columns::of(&item?, created))
                .collect::<Result<Vec<_>, LedgerError>>()?;
            if batch.is_empty() {
                return Ok(count);
            }
            let (first, length) = (count, batch.len() as u64);
            self.link.call(PATIENCE, async move |session| jobs::insert(session, job, first, &batch).await)?;
            count += length;
        }
    }
}

/// Ends the transaction of a job that was not created, also if the iterator of its items panics.
struct Unfinished<'a>(Option<&'a Link>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            // An error closes the connection, which rolls back as well.
            let _ = link.call(PATIENCE, async |session| session.batch("rollback").await);
        }
    }
}

impl Store for PostgresStore {
    fn create(&mut self, job: &NewJob, items: &mut Items<'_>) -> Result<u64, LedgerError> {
        let new = job.clone();
        let mut unfinished = Unfinished(Some(&self.link));
        let number = self.link.call(PATIENCE, async move |session| jobs::begin(session, &new).await)?;
        let count = self.insert(number, job.created, items)?;
        self.link.call(PATIENCE, async |session| session.batch("commit").await)?;
        unfinished.0 = None;
        // Without statistics, the first claims of a large job would read all of it. A role without the right to do this
        // gets a warning from the server, and no error.
        let _ = self.link.call(PATIENCE, async |session| session.batch("analyze kpn_things.item").await);
        Ok(count)
    }

    fn jobs(&mut self) -> Result<Vec<Job>, LedgerError> {
        self.link.call(PATIENCE, async |session| jobs::jobs(session, None).await)
    }

    fn ids(&mut self, digest: Option<&str>) -> Result<Vec<JobId>, LedgerError> {
        let digest = digest.map(str::to_owned);
        self.link.call(PATIENCE, async move |session| jobs::ids(session, digest.as_deref()).await)
    }

    fn job(&mut self, id: &JobId) -> Result<Option<Job>, LedgerError> {
        let id = id.clone();
        let jobs = self.link.call(PATIENCE, async move |session| jobs::jobs(session, Some(&id)).await)?;
        Ok(jobs.into_iter().next())
    }

    fn items(
        &mut self,
        id: &JobId,
        state: Option<ItemState>,
        first: u64,
        most: usize,
    ) -> Result<Vec<StoredItem>, LedgerError> {
        let (id, state) = (id.clone(), state.map(ItemState::as_str));
        self.link.call(PATIENCE, async move |session| jobs::items(session, &id, state, first, most).await)
    }

    fn resolve(&mut self, id: &JobId, index: u64, resolution: Resolution) -> Result<(), LedgerError> {
        let id = id.clone();
        self.link.call(PATIENCE, async move |session| jobs::resolve(session, &id, index, resolution).await)
    }

    fn remove(&mut self, id: &JobId) -> Result<(), LedgerError> {
        let id = id.clone();
        self.link.call(PATIENCE, async move |session| jobs::remove(session, &id).await)
    }

    fn open(self: Box<Self>, id: &JobId, account: &str, again: bool) -> Result<Box<dyn Ledger>, LedgerError> {
        let (id, account) = (id.clone(), account.to_owned());
        let place =
            self.link.call(PATIENCE, async move |session| jobs::open(session, &id, &account, again).await)?;
        Ok(Box::new(PostgresLedger::new(self.link, place)))
    }

    fn begin(
        mut self: Box<Self>,
        job: &NewJob,
        items: &mut Items<'_>,
    ) -> Result<Box<dyn Ledger>, LedgerError> {
        self.create(job, items)?;
        let (id, account) = (job.id.clone(), job.account.clone());
        match self.link.call(PATIENCE, async move |session| jobs::open(session, &id, &account, false).await) {
            Ok(place) => Ok(Box::new(PostgresLedger::new(self.link, place))),
            Err(error) => Err(not_begun(&job.id, error, self.remove(&job.id))),
        }
    }

    fn join(self: Box<Self>, id: &JobId, account: &str) -> Result<Box<dyn Ledger>, LedgerError> {
        let (id, account) = (id.clone(), account.to_owned());
        let place =
            self.link.call(PATIENCE, async move |session| jobs::join(session, &id, &account).await)?;
        Ok(Box::new(PostgresLedger::new(self.link, place)))
    }
}
