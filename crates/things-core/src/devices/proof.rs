//! Whether a listing is proven complete, and where a device may be missing if it is not.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::Device;
use crate::error::{Error, ErrorKind};
use crate::stage::Stage;

/// The proof that a listing is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// The number of pages that were requested.
    pub requests: u64,
    /// The number of pages that were requested because a link was missing, or to find the end.
    pub repairs: u64,
}

/// A listing that could not be proven complete: why, what is proven nevertheless, and where a device may be missing.
///
/// [`Error::incomplete`](crate::Error::incomplete) returns it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Incomplete {
    /// The reason why the proof failed, as a clause.
    pub why: String,
    /// The places where a device may be missing.
    pub gaps: Vec<Gap>,
    /// The devices that `collect` had listed. Each one existed while the listing ran. None is missing before the first
    /// gap. Empty if the devices were returned one by one.
    pub devices: Vec<Device>,
}

/// A position in the order of the devices where others may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The `uuid` of the device before the gap. `None` is the start of the listing.
    pub after: Option<String>,
    /// The `uuid` of the device after the gap. `None` is the end of the listing.
    pub before: Option<String>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_deref().unwrap_or("START");
        let before = self.before.as_deref().unwrap_or("END");
        write!(f, "{after} .. {before}")
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for Incomplete {}

impl From<Incomplete> for Error {
    fn from(incomplete: Incomplete) -> Self {
        let message = format!("the listing is not proven complete: {}", incomplete.why);
        Self::new(ErrorKind::Incomplete, Stage::Call, message)
            .with(|report| report.cause = Some(Arc::new(incomplete)))
    }
}

impl Error {
    /// The details of a listing that could not be proven complete.
    pub fn incomplete(&self) -> Option<&Incomplete> {
        self.cause().and_then(|cause| cause.downcast_ref())
    }

    /// Adds the devices listed so far, if this is the error of a listing that could not be proven complete.
    pub(crate) fn with_devices(self, devices: Vec<Device>) -> Self {
        match self.incomplete() {
            Some(incomplete) => Incomplete { devices, ..incomplete.clone() }.into(),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_listing_holds_what_was_proven() {
        let gap = Gap { after: Some("a".into()), before: None };
        assert_eq!(gap.to_string(), "a .. END");
        assert_eq!(Gap { after: None, before: Some("b".into()) }.to_string(), "START .. b");
        let incomplete = Incomplete { why: "the moon is full".into(), gaps: vec![gap], devices: Vec::new() };
        let error = Error::from(incomplete);
        assert_eq!(error.to_string(), "the listing is not proven complete: the moon is full");
        let device: Device = serde_json::from_str(r#"{"uuid":"a"}"#).unwrap();
        let error = error.with_devices(vec![device.clone()]);
        let incomplete = error.incomplete().unwrap();
        assert_eq!((&incomplete.devices, incomplete.gaps.len()), (&vec![device], 1));
        assert_eq!(error.kind(), ErrorKind::Incomplete);
    }

    #[test]
    fn another_error_holds_nothing() {
        let error = Error::config("no").with_devices(Vec::new());
        assert!(error.incomplete().is_none() && error.kind() == ErrorKind::Config);
    }
}
