#![doc = include_str!("../README.md")]

mod item;
mod job;
mod store;

pub use item::{ItemState, StoredItem};
pub use job::{Counts, Job, JobId, NewJob};
pub use store::{Items, Resolution, Store};
pub use things_core::LedgerError;
