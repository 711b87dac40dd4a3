//! `things downlink`: downlinks to one device or to many.

pub(crate) mod bulk;
mod ending;
pub(crate) mod jobs;
mod kept;
pub(crate) mod ledger;
mod lines;
pub(crate) mod list;
pub(crate) mod numbers;
mod observed;
mod pace;
mod pulse;
mod report;
mod run;
pub(crate) mod send;
pub(crate) mod watch;
pub(crate) mod work;
