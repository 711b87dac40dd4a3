//! The JSON of SenML (RFC 8428, section 5).
//!
//! A pack keeps its JSON as text without blanks. The scanner splits that text into records and fields. So numbers and
//! unknown fields stay as they were written, and memory does not grow with the number of records.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod read;
pub(crate) mod scan;
