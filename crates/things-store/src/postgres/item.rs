//! Items as rows.

use std::time::{Duration, SystemTime};

use things_core::{BulkItem, CustomerId, Downlink, LedgerError};
use tokio_postgres::Row;

use super::failure::Failure;
use crate::random::random;
use crate::{ItemState, StoredItem};

/// The columns of an item itself, for [`read`].
pub(super) const COLUMNS: &str = "downlink, customer, not_after";

/// An item as its columns.
pub(super) struct Columns {
    pub(super) downlink: String,
    pub(super) customer: Option<String>,
    pub(super) not_after: Option<SystemTime>,
    pub(super) device: String,
}

impl Columns {
    /// `created` is when its job was created, which a generated reference contains.
    pub(super) fn of(item: &BulkItem, created: SystemTime) -> Result<Self, LedgerError> {
        let millis = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        // Every run sends an item with the same reference.
        let downlink = item.downlink.referenced(u64::try_from(millis).unwrap_or(u64::MAX), random()?);
        let item = BulkItem { downlink: downlink.into_owned(), ..item.clone() };
        let downlink = serde_json::to_string(&item.downlink).map_err(|error| {
            LedgerError::new("a downlink could not be written to the ledger").cause(error)
        })?;
        Ok(Self {
            downlink,
            customer: item.customer.as_ref().map(|customer| customer.as_str().to_owned()),
            not_after: item.not_after.map(storable),
            device: item.device_key(),
        })
    }
}

/// Reads an item from a row with its [`COLUMNS`].
pub(super) fn read(row: &Row) -> Result<BulkItem, Failure> {
    let downlink: Downlink = serde_json::from_str(row.try_get("downlink")?).map_err(damaged)?;
    let customer: Option<&str> = row.try_get("customer")?;
    let customer = customer.map(CustomerId::try_from).transpose().map_err(damaged)?;
    Ok(BulkItem { downlink, customer, not_after: row.try_get("not_after")? })
}

/// Reads an item and its record.
pub(super) fn read_stored(row: &Row) -> Result<StoredItem, Failure> {
    let number = |name: &str| row.try_get::<_, i32>(name).map(|number| u32::try_from(number).unwrap_or(0));
    let state: &str = row.try_get("state")?;
    Ok(StoredItem {
        index: place(row)?,
        item: read(row)?,
        state: ItemState::ALL.into_iter().find(|known| known.as_str() == state).unwrap_or(ItemState::Unknown),
        tries: number("tries")?,
        attempts: number("attempts")?,
        status: row.try_get::<_, Option<i32>>("status")?.and_then(|status| u16::try_from(status).ok()),
        detail: row.try_get("detail")?,
        claimed: row.try_get("claimed")?,
        ended: row.try_get("ended")?,
        resumable: row.try_get("resumable")?,
    })
}

/// Reads the place of an item in the input.
pub(super) fn place(row: &Row) -> Result<u64, Failure> {
    Ok(row.try_get::<_, i64>("place")?.unsigned_abs())
}

/// A number as PostgreSQL has it, which has no unsigned ones.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The nearest time that PostgreSQL can store: until the year 9999.
pub(super) fn storable(time: SystemTime) -> SystemTime {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST)
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    LedgerError::new("an item of the ledger cannot be read")
        .hint("its row was changed by hand")
        .cause(error)
        .into()
}
