#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod refusal;
mod replay;
mod secret;
mod secrets;
mod token;
mod verifier;

pub use refusal::Refusal;
pub use replay::{MemoryReplays, ReplayStore};
pub use secret::{Label, LabelError, LabelledSecret, Secret, SecretError};
pub use secrets::{Secrets, SecretsError, SecretsErrorKind};
pub use token::{PLUG_HEADER, TOKEN_HEADER, sign};
pub use verifier::{Verified, Verifier};
