//! The ingestion endpoint: a device of your own posts its measurements, signed with its own secret.

mod device_secret;
mod post;

pub use device_secret::DeviceSecret;
pub use post::{Post, Posted};
