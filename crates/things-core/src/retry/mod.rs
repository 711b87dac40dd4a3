//! Whether and when a failed call is retried.

mod budget;
mod policy;
mod retry_after;

pub(crate) use budget::RetryBudget;
pub(crate) use policy::{Decision, Failure};
pub use policy::{Replay, RetryPolicy, Stop};
pub(crate) use retry_after::retry_after;
