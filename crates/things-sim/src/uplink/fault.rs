//! The faults of an uplink.

use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, name_of};

/// A fault of an uplink. It is written on the route `uplink`, as in `uplink@2=wrong-secret`.
///
/// The calls of that route are the posts of uplinks, retries included. Faults of one post combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UplinkFault {
    /// `wrong-secret`: the token is computed with another secret.
    WrongSecret,
    /// `altered-body`: one byte of the body is changed after the token was computed.
    AlteredBody,
    /// `doubled-header`: the header of the token is sent twice.
    DoubledHeader,
    /// `no-header`: the header of the token is not sent.
    NoHeader,
    /// `duplicate`: if the post gets a 2xx, the same message is posted once more.
    Duplicate,
}

impl UplinkFault {
    pub(crate) fn named(name: &str) -> Option<Self> {
        UPLINK_FAULTS.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }

    pub(crate) fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        part.choice("fault of uplinks", UPLINK_FAULTS)
    }

    /// The fault's name, as in `wrong-secret`.
    pub fn name(self) -> &'static str {
        name_of(self, UPLINK_FAULTS)
    }
}

const UPLINK_FAULTS: &[(&str, UplinkFault)] = &[
    ("wrong-secret", UplinkFault::WrongSecret),
    ("altered-body", UplinkFault::AlteredBody),
    ("doubled-header", UplinkFault::DoubledHeader),
    ("no-header", UplinkFault::NoHeader),
    ("duplicate", UplinkFault::Duplicate),
];
