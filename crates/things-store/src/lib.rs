#![doc = include_str!("../README.md")]

pub mod inbox;
mod item;
mod job;
#[cfg(feature = "postgres")]
pub mod postgres;
mod random;
mod sqlite;
mod store;
mod time;
mod url;

pub use item::{ItemState, StoredItem};
pub use job::{Counts, Job, JobId, NewJob};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use store::{Items, Resolution, Store, open, open_from_env};
pub use things_core::LedgerError;
pub use url::{is_postgres, refuse_password, without_password};
