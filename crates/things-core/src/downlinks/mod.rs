//! Downlinks: what is sent to a device, and the outcome.

mod dev_eui;
mod device_urn;
mod payload;
mod records;
mod reference;
mod send;

pub use dev_eui::DevEui;
pub use device_urn::DeviceUrn;
pub use payload::{FPort, Payload};
pub use reference::ExternalReference;
pub use send::{Downlink, Receipt};
