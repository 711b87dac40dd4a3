//! Listings: which pages to request, in which order they come out, and when they end. No IO, no clock.

mod pages;
mod shared;

pub use pages::Pages;
pub use shared::{Next, SharedPages, Stopper};
