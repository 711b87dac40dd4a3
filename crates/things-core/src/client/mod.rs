//! The parts of a client that are not protocol: its configuration, and the listings that it offers.
//!
//! [`Settings`] are what users write (arguments, environment, Postman file); each can be missing.
//! [`Config`](crate::Config) is the checked result. [`Builder`] makes a configuration from settings.

mod builder;
mod clock;
mod current;
mod customers;
mod devices;
mod file;
mod postman;
mod settings;

pub use builder::Builder;
pub use clock::Clock;
pub use current::{Current, Items};
pub use customers::ForCustomers;
pub use devices::{DeviceIter, Devices, FeedClient, VerifiedDevices};
pub use file::file_text;
pub use postman::PostmanGap;
pub use settings::Settings;
