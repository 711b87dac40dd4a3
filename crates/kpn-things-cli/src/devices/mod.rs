//! `things devices`: the devices of an account.

pub(crate) mod csv_file;
mod current;
mod customers;
pub(crate) mod device_table;
pub(crate) mod diff;
mod excel;
pub(crate) mod fields;
pub(crate) mod get;
pub(crate) mod list;
mod query;
pub(crate) mod sheet;
pub(crate) mod tally;
pub(crate) mod wanted;
