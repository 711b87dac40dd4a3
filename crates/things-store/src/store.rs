//! The one interface of all stores.

use things_core::{BulkItem, Ledger, LedgerError};

use crate::{ItemState, Job, JobId, NewJob, SqliteStore, StoredItem, url};

/// Opens a ledger by its name: the path of a SQLite file, or the URL of a PostgreSQL database (`postgres://...`).
///
/// # Errors
///
/// Returns why the ledger cannot be used. The error does not show a URL, because that can contain a password.
pub fn open(ledger: &str) -> Result<Box<dyn Store>, LedgerError> {
    if url::is_postgres(ledger)? {
        return open_postgres(ledger, false);
    }
    Ok(Box::new(SqliteStore::open(ledger)?))
}

/// Opens a ledger like [`open`]. If it is a URL without a password, that is read from the environment variable `PGPASSWORD`,
/// or from the file that `PGPASSFILE` names, by default `~/.pgpass`.
///
/// # Errors
///
/// Returns the errors of [`open`].
pub fn open_from_env(ledger: &str) -> Result<Box<dyn Store>, LedgerError> {
    if url::is_postgres(ledger)? { open_postgres(ledger, true) } else { open(ledger) }
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str, from_env: bool) -> Result<Box<dyn Store>, LedgerError> {
    use crate::PostgresStore;

    let store = if from_env { PostgresStore::connect_from_env(url)? } else { PostgresStore::connect(url)? };
    Ok(Box::new(store))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(_: &str, _: bool) -> Result<Box<dyn Store>, LedgerError> {
    Err(LedgerError::new("this program was built without PostgreSQL")
        .hint("name a file, or build it with the feature `postgres`"))
}

/// The items of a new job, in order. An error ends the creation of the job, and nothing of it is kept.
pub type Items<'a> = dyn Iterator<Item = Result<BulkItem, LedgerError>> + 'a;

/// The outcome of an unknown item, as a person found it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The device has the downlink, or KPN has it queued.
    Accepted,
    /// It did not arrive. The next run of the job sends it again.
    ///
    /// A person who decides this while a request can still travel sends it twice, and no software can prevent that.
    NotSent,
}

/// A ledger of jobs.
///
/// No method sends anything. All are blocking.
pub trait Store: Send {
    /// Creates a job with all of its items in one transaction, and returns how many there are.
    ///
    /// # Errors
    ///
    /// Returns the error of an item, or why the store failed. There is no such job then.
    fn create(&mut self, job: &NewJob, items: &mut Items<'_>) -> Result<u64, LedgerError>;

    /// Returns all jobs, the newest first.
    ///
    /// # Errors
    ///
    /// Returns why the store failed.
    fn jobs(&mut self) -> Result<Vec<Job>, LedgerError>;

    /// Returns the ids of all jobs, or of those whose input has this digest, the newest first. Unlike [`jobs`](Self::jobs),
    /// this does not count their items.
    ///
    /// # Errors
    ///
    /// Returns why the store failed.
    fn ids(&mut self, digest: Option<&str>) -> Result<Vec<JobId>, LedgerError>;

    /// Returns a job, or `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// Returns why the store failed.
    fn job(&mut self, id: &JobId) -> Result<Option<Job>, LedgerError>;

    /// Returns up to `most` items of a job from `first` on, in the order of the input, all or those in one state.
    ///
    /// # Errors
    ///
    /// Returns why the store failed.
    fn items(
        &mut self,
        id: &JobId,
        state: Option<ItemState>,
        first: u64,
        most: usize,
    ) -> Result<Vec<StoredItem>, LedgerError>;

    /// Records what a person found out about an unknown item.
    ///
    /// # Errors
    ///
    /// Returns an error if the item is not unknown, if a run of the job is in progress, if it is resolved as not sent
    /// while a request for it can still be in flight, or why the store failed.
    fn resolve(&mut self, id: &JobId, index: u64, resolution: Resolution) -> Result<(), LedgerError>;

    /// Removes a job with all of its items. Its downlinks do not count for the limit per device any more.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such job, if a run of it is in progress, or why the store failed.
    fn remove(&mut self, id: &JobId) -> Result<(), LedgerError>;

    /// Opens a job for a run of it. Items that earlier runs ended as not sent become claimable: those that are resumable,
    /// and with `again` also those that the service refused.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such job, if it belongs to another account, if another run holds the ledger, if the
    /// ledger cannot be used (damaged, read-only, of another version, on a network file system), or why the store failed.
    /// Nothing was sent.
    fn open(self: Box<Self>, id: &JobId, account: &str, again: bool) -> Result<Box<dyn Ledger>, LedgerError>;

    /// Creates a job and opens it for its first run. If it cannot be opened, it is not created either.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create`](Self::create) and [`open`](Self::open). If the job was created and could not be removed
    /// again, the hint of the error names it.
    fn begin(self: Box<Self>, job: &NewJob, items: &mut Items<'_>) -> Result<Box<dyn Ledger>, LedgerError>;

    /// Joins the run of a job that another worker has [opened](Self::open): claims what is claimable, but none of the items
    /// that the run has ended. A store for one machine opens the job.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`open`](Self::open).
    fn join(self: Box<Self>, id: &JobId, account: &str) -> Result<Box<dyn Ledger>, LedgerError> {
        self.open(id, account, false)
    }
}

/// Returns the error of a job that was created and could not be opened. It names the job if that could not be removed.
pub(crate) fn not_begun(id: &JobId, error: LedgerError, removed: Result<(), LedgerError>) -> LedgerError {
    match removed {
        Ok(()) => error,
        Err(_) => {
            error.hint(format!("the job {id} was created: remove it before you send its downlinks again"))
        }
    }
}
