//! `things downlink`: downlinks to one device or to many.

pub(crate) mod bulk;
mod counted_ledger;
mod job_options;
pub(crate) mod jobs;
pub(crate) mod ledger;
mod lines;
pub(crate) mod list;
pub(crate) mod numbers;
mod pace;
mod pulse;
mod report;
mod run;
pub(crate) mod send;
mod summary;
pub(crate) mod watch;
pub(crate) mod work;
