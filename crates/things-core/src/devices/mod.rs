//! Devices and the pages they come in.

mod list;
mod listing;
mod page;

pub use list::{ListDevices, SortOrder};
pub use listing::{DeviceIter, Devices, PageSource};
pub use page::{Device, Extra, Page};
