//! Downlinks: what is sent to a device, and the outcome.

mod dev_eui;
mod device_urn;
mod payload;
mod records;
mod send;

pub use dev_eui::DevEui;
pub use device_urn::DeviceUrn;
pub use payload::{ExternalReference, FPort, Payload};
pub use send::{Downlink, Receipt};
