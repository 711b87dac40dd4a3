#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod base_name;
mod error;
mod json;
mod pack;
mod record;
mod value;

pub use base_name::BaseName;
pub use error::{Error, ErrorKind};
pub use pack::Pack;
pub use record::Record;
pub use value::{Data, Number, Value};
