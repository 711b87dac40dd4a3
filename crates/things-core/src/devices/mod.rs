//! Devices and the pages they come in.

mod device;
mod extra;
mod fleet;
mod list;
mod page;

pub use device::Device;
pub use extra::Extra;
pub use fleet::Fleet;
pub use list::{ListDevices, SortOrder};
pub use page::Page;
