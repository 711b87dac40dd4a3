//! Devices and the pages they come in.

mod list;
mod page;

pub use list::{ListDevices, SortOrder};
pub use page::{Device, Extra, Page};
