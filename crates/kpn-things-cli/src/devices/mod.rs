//! `things devices`: the devices of an account.

mod csv_file;
mod customers;
pub(crate) mod device_table;
pub(crate) mod diff;
mod excel;
mod fields;
pub(crate) mod get;
pub(crate) mod list;
mod query;
mod sheet;
pub(crate) mod tally;
pub(crate) mod wanted;
