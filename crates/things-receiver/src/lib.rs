#![doc = include_str!("../README.md")]

mod body;
mod connections;
mod endpoint;
mod error;
pub mod extract;
mod limits;
mod metrics;
#[cfg(feature = "mqtt")]
pub mod mqtt;
mod receiver;
mod room;
mod server;
mod tls;
mod writer;

pub use error::ReceiverError;
pub use limits::Limits;
pub use receiver::{Receiver, ReceiverBuilder};
pub use writer::{Stored, Unavailable, Writer};
