//! Devices and the pages they come in.

mod device;
mod extra;
mod list;
mod listing;
mod page;

pub use device::Device;
pub use extra::Extra;
pub use list::{ListDevices, SortOrder};
pub use listing::{DeviceIter, Devices, PageSource};
pub use page::Page;
