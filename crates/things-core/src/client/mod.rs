//! Everything that clients share and that is not protocol: how a client is configured, and the listings that it offers.
//!
//! [`Settings`] are what users write (arguments, environment, Postman file), each perhaps missing.
//! [`Config`](crate::Config) is the checked result. [`Builder`] makes one from the other.

mod builder;
mod clock;
mod devices;
mod file;
mod postman;
mod settings;

pub use builder::Builder;
pub use clock::Clock;
pub use devices::{DeviceIter, Devices, FeedClient, VerifiedDevices};
pub use file::file_text;
pub use settings::Settings;
