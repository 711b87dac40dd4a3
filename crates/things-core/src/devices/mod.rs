//! Devices and the pages that hold them.

mod device;
mod extra;
mod flaw;
mod fleet;
mod identity;
mod list;
mod page;
mod proof;
mod report;
mod sort_echo;

pub use device::Device;
pub use extra::Extra;
pub use fleet::Fleet;
pub(crate) use identity::{Identities, Identity};
pub use list::{ListDevices, SortOrder};
pub use page::Page;
pub(crate) use page::Said;
pub use proof::{Gap, Incomplete, Proof};
pub use report::ListingReport;
pub(crate) use sort_echo::SortEcho;
