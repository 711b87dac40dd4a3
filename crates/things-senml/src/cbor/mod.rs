//! The CBOR of SenML (RFC 8428, section 6).

mod encode;
mod input;
mod json;
mod number;
mod read;

pub(crate) use encode::pack as encode;
pub(crate) use json::pack as to_json;
pub(crate) use read::pack as read;

#[cfg(test)]
mod tests;
