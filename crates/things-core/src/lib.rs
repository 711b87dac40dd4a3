#![doc = include_str!("../README.md")]

mod clock;
mod config;
mod customers;
mod devices;
mod downlinks;
mod error;
mod flow;
mod moment;
mod operation;
mod pages;
mod raw;
mod retry;
mod secret;
pub mod senml;
mod session;
mod single_flight;
mod token;

pub use clock::Clock;
pub use config::{Builder, Config, Credentials, Limits, Proxy, Settings};
pub use customers::{ContextSwitch, CustomerId};
pub use devices::{Device, DeviceIter, Devices, Extra, ListDevices, Page, PageSource, SortOrder};
pub use downlinks::{DevEui, Downlink, ExternalReference, FPort, Payload, Receipt};
pub use error::{
    Body, DecodeError, Error, ErrorKind, InputError, Outcome, Stage, TransportError, TransportErrorKind,
};
pub use flow::{Exchange, Pause, Step, Turn};
pub use moment::Moment;
pub use operation::{Answer, Call, Operation};
pub use pages::{Fleet, Next, Pages, SharedPages, Stopper};
pub use raw::RawCall;
pub use retry::{Decision, Failure, Replay, RetryBudget, RetryPolicy, Stop, may_have_acted, retry_after};
pub use secret::Secret;
pub use session::Session;
