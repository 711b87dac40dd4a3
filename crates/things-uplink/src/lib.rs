#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod device;
mod error;
mod fields;
mod freshness;
mod hex;
mod location;
mod lora;
mod refusal;
mod replay;
mod secret;
mod secrets;
mod token;
mod uplink;
mod verifier;

pub use device::Device;
pub use error::{Error, FieldError, FieldErrorKind};
pub use freshness::{Freshness, Stale};
pub use location::Location;
pub use lora::Lora;
pub use refusal::Refusal;
pub use replay::{MemoryReplays, ReplayStore};
pub use secret::{Label, LabelError, LabelledSecret, Secret, SecretError};
pub use secrets::{Secrets, SecretsError, SecretsErrorKind};
pub use token::{PLUG_HEADER, TOKEN_HEADER, sign};
pub use uplink::{DecodeError, Decoded, Uplink};
pub use verifier::{Verified, Verifier};
