#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod base_name;
#[cfg(feature = "cbor")]
mod cbor;
mod content_format;
mod error;
mod field;
mod json;
mod leniency;
mod measurement;
mod pack;
mod record;
mod resolve;
mod time;
pub mod units;
mod value;

pub use base_name::BaseName;
pub use error::{Error, ErrorKind};
pub use leniency::{Leniency, LeniencyKind};
pub use measurement::Measurement;
pub use pack::Pack;
pub use record::Record;
pub use resolve::{Resolved, Resolver};
pub use time::Time;
pub use value::{Data, Number, Value};
