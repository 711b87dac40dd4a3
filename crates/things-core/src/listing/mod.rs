//! Listings: which pages to request, in which order they are returned, and when they end. No IO, no clock.

mod defaults;
mod feed;
mod pages;
mod verified;

pub use feed::{DeviceFeed, Feed, Ticket, Want};
pub use pages::Pages;
pub use verified::Verified;
