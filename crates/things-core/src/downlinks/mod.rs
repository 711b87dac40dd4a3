//! Downlinks: what is sent to a device, and what comes of it.

mod dev_eui;
mod payload;
mod send;

pub use dev_eui::DevEui;
pub use payload::{ExternalReference, FPort, Payload};
pub use send::{Downlink, Receipt};
