#![doc = include_str!("../README.md")]

mod item;
mod job;
mod sqlite;
mod store;
mod time;

pub use item::{ItemState, StoredItem};
pub use job::{Counts, Job, JobId, NewJob};
pub use sqlite::SqliteStore;
pub use store::{Items, Resolution, Store, open};
pub use things_core::LedgerError;
