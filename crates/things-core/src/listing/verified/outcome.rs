//! The outcome of a verified listing.

use std::fmt;

use crate::devices::{Gap, Proof};

/// The result of the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Proven(Proof),
    Incomplete { gaps: Vec<Gap>, why: Why },
}

/// The reason why a listing is not proven complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Requests or attempts were used up.
    Tries { requests: u64 },
    /// The caller's limit on pages was reached.
    Limit { requests: u64 },
    /// A response contains a device twice.
    Twice { uuid: String },
    /// A response contains more devices than requested. The service rounds sizes up, so pages cannot be made to
    /// overlap.
    Size { requested: u64, listed: u64 },
    /// A response is for another page than requested.
    Number { requested: u64, listed: u64 },
    /// The service reports that it orders by another property, or by none.
    OtherOrder { property: Option<String> },
    /// Two devices occurred in one order, and later in the other.
    TwoOrders,
    /// The service does not report its order, and the devices were in no known order.
    OrderNotShown,
    /// The service reports that it orders by `uuid`, and the devices were in no known order of them.
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
                write!(f, "page {requested} was requested, and the response is page {listed}")
            }
            // A text that is not a plain name is not shown, because it could be anything.
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
                "the service reports that it orders devices by uuid, but they are in no known order of uuids",
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
