//! SenML (RFC 8428), as far as downlinks need it: records, packs and base names.

mod base_name;
mod encode;

pub use base_name::BaseName;
pub use encode::{Pack, Record};
