//! Devices and the pages that hold them.

mod device;
mod diff;
mod extra;
mod flaw;
mod fleet;
mod identity;
mod list;
mod page;
mod proof;
mod report;
mod saved_listing;
mod sort_echo;

pub use device::Device;
pub use diff::{DeviceChange, DeviceDiff, FieldChange, FieldValue, diff_devices};
pub use extra::Extra;
pub use fleet::Fleet;
pub(crate) use identity::{Identities, Identity};
pub use list::{ListDevices, SortOrder};
pub use page::Page;
pub(crate) use page::Said;
pub use proof::{Gap, Incomplete, Proof};
pub use report::ListingReport;
pub use saved_listing::{ListingRecord, SavedListing, SavedListingError};
pub(crate) use sort_echo::SortEcho;
