//! A downlink of a run, and what applies to it alone.

use std::time::SystemTime;

use super::super::{DeviceUrn, Downlink};
use crate::customers::CustomerId;
use crate::input::InputError;
use crate::timestamp::read_timestamp;

/// One downlink of a run.
#[derive(Debug, Clone)]
pub struct BulkItem {
    /// The downlink.
    pub downlink: Downlink,
    /// The sub-customer whose device it is for. `None`: that of the client.
    pub customer: Option<CustomerId>,
    /// The time from which on it must not be sent any more. It ends [`NotSent`](crate::Outcome::NotSent) then.
    pub not_after: Option<SystemTime>,
}

impl BulkItem {
    /// The reason of an item that was not sent because its `not_after` passed. Ledgers record it.
    pub const TOO_LATE: &str = "its not_after had passed before it could be sent";

    /// Reads a `not_after`: a time with an offset (RFC 3339), such as `2026-07-01T18:00:00+02:00`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the text.
    pub fn parse_not_after(text: &str) -> Result<SystemTime, InputError> {
        read_timestamp("not_after", text)
    }

    /// Returns the name under which downlinks to one device are counted: equal for all spellings of one device. Custom names
    /// of different sub-customers are different devices. An item whose first record names no device is counted alone.
    pub fn device_key(&self) -> String {
        match (self.downlink.device(), &self.customer) {
            (Some(device), Some(customer)) if device.has_custom_name() => {
                format!("{} {}", device.canonical(), customer.as_str())
            }
            (Some(device), _) => device.canonical(),
            (None, _) => self.downlink.reference().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The device, if the first record names it.
    pub fn device(&self) -> Option<DeviceUrn> {
        self.downlink.device()
    }
}

impl From<Downlink> for BulkItem {
    fn from(downlink: Downlink) -> Self {
        Self { downlink, customer: None, not_after: None }
    }
}
