//! Uplinks: what KPN Things posts to an HTTPS destination, and the outcome of each.

mod destination;
mod error;
mod fault;
mod log;
mod number;
mod pack;
mod post;
mod poster;
mod spec;
mod token;
mod traffic;
mod uplinks;

pub use destination::Destination;
pub use error::UplinkError;
pub use fault::UplinkFault;
pub use log::{PostedUplink, UplinkAttempt, UplinkOutcome};
pub use number::UplinkNumbers;
pub use spec::{Measured, Measurement, PackShape, UplinkLocation, UplinkSpec};

pub(crate) use destination::TOKEN;
pub(crate) use poster::Poster;
pub(crate) use token::sign;
pub(crate) use traffic::Traffic;
pub(crate) use uplinks::{Outgoing, Uplinks};
