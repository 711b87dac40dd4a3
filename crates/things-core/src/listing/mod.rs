//! Listings: which pages to request, in which order they are returned, and when they end. No IO, no clock.

mod cursor;
mod customers;
mod defaults;
mod device_feed;
mod pages;
mod verified;

pub use cursor::Cursor;
pub use customers::{CustomerFleet, CustomerFleets};
pub use device_feed::DeviceFeed;
pub use pages::Pages;
pub use verified::Verified;
