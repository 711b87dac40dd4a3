//! How a listing that proves itself ends.

use std::fmt;

use crate::devices::{Gap, Proof};

/// How the proof came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Proven(Proof),
    Incomplete { gaps: Vec<Gap>, why: Why },
}

/// Why a listing is not proven complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Requests or attempts were used up.
    Tries { requests: u64 },
    /// The caller allows no more pages.
    Limit { requests: u64 },
    /// A response holds a device twice.
    Twice { uuid: String },
    /// A response holds more devices than requested: sizes are rounded up, and then pages cannot be made to overlap.
    Size { requested: u64, listed: u64 },
    /// A response is of another page than requested.
    Number { requested: u64, listed: u64 },
    /// The service says that it orders by another property, or by none.
    OtherOrder { property: Option<String> },
    /// Two devices came in one order, and later in the other.
    TwoOrders,
    /// The service does not say what it orders by, and the devices came in no order that is known.
    OrderNotShown,
    /// The service says that it orders by `uuid`, and the devices came in no order of them that is known.
    OrderNotKept,
    /// The service refused a request with status 400.
    Refused { reason: String },
}

impl Why {
    /// Whether the order itself is in doubt. All links rest on the order, so nothing is proven then.
    pub(super) fn doubts_order(&self) -> bool {
        matches!(self, Self::OtherOrder { .. } | Self::TwoOrders | Self::OrderNotShown | Self::OrderNotKept)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tries { requests } => write!(
                f,
                "the devices changed faster than their pages could be linked, or the service hides some ({requests} requests)"
            ),
            Self::Limit { requests } => write!(f, "no end after {requests} requests, the most pages allowed"),
            Self::Twice { uuid } => write!(f, "a page lists the device {uuid:?} twice"),
            Self::Size { requested, listed } => {
                write!(f, "the service returned {listed} devices for a page of {requested}")
            }
            Self::Number { requested, listed } => {
                write!(f, "page {requested} was requested and page {listed} came")
            }
            // What is no plain name is not shown: it could be anything.
            Self::OtherOrder { property: Some(property) } if is_plain(property) => {
                write!(f, "the service ordered the devices by {property} instead of uuid")
            }
            Self::OtherOrder { property: Some(_) } => {
                f.write_str("the service did not order the devices by uuid")
            }
            Self::OtherOrder { property: None } => f.write_str("the service did not order the devices"),
            Self::TwoOrders => {
                f.write_str("the service listed two devices in one order and later in the other")
            }
            Self::OrderNotShown => {
                f.write_str("the service does not show that it ordered the devices by uuid")
            }
            Self::OrderNotKept => f.write_str(
                "the service says that it orders devices by uuid, but they come in no order of uuids that is known",
            ),
            Self::Refused { reason } => {
                write!(f, "the service refused a page that the proof needs: {reason}")
            }
        }
    }
}

fn is_plain(property: &str) -> bool {
    property.len() <= 32 && property.bytes().all(|byte| byte.is_ascii_alphabetic())
}
