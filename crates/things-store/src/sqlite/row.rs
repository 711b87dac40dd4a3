//! Reads the rows of the table of items.

use std::error::Error;

use rusqlite::Row;
use rusqlite::types::Type;
use things_core::{BulkItem, CustomerId, Downlink};

use crate::time::time;
use crate::{ItemState, StoredItem};

/// The columns of [`stored`].
pub(super) const COLUMNS: &str = "id, downlink, customer, not_after, state, tries, attempts, status, detail, claimed, \
     ended, resumable";

/// Reads an item and its record. `first` is the id of the first item of its job.
pub(super) fn stored(row: &Row<'_>, first: i64) -> rusqlite::Result<StoredItem> {
    Ok(StoredItem {
        index: (row.get::<_, i64>(0)? - first).unsigned_abs(),
        item: item(row, 1)?,
        state: state(row, 4)?,
        tries: row.get(5)?,
        attempts: row.get(6)?,
        status: row.get(7)?,
        detail: row.get(8)?,
        claimed: row.get::<_, Option<i64>>(9)?.map(time),
        ended: row.get::<_, Option<i64>>(10)?.map(time),
        resumable: row.get(11)?,
    })
}

/// Reads an item from three columns: its downlink, its customer, and its end.
pub(super) fn item(row: &Row<'_>, column: usize) -> rusqlite::Result<BulkItem> {
    let downlink: Downlink =
        serde_json::from_str(row.get_ref(column)?.as_str().map_err(invalid)?).map_err(invalid)?;
    let customer: Option<String> = row.get(column + 1)?;
    let customer = customer.map(CustomerId::try_from).transpose().map_err(invalid)?;
    let not_after = row.get::<_, Option<i64>>(column + 2)?.map(time);
    Ok(BulkItem { downlink, customer, not_after })
}

/// Reads a state.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<ItemState> {
    let text = row.get_ref(column)?.as_str().map_err(invalid)?;
    let state = ItemState::ALL.into_iter().find(|state| state.as_str() == text);
    state.ok_or_else(|| invalid(format!("{text:?} is not a state")))
}

/// A value that this library did not write.
pub(super) fn invalid(error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into())
}
