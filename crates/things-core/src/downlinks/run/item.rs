//! A downlink of a run, and what applies to it alone.

use std::time::SystemTime;

use super::super::{DeviceUrn, Downlink};
use crate::customers::CustomerId;

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
    /// Returns the name under which downlinks to one device are counted: equal for all spellings of one device of one
    /// sub-customer.
    pub fn device_key(&self) -> String {
        let device = self.downlink.device().map(|device| device.canonical()).unwrap_or_default();
        match &self.customer {
            Some(customer) => format!("{device} {}", customer.as_str()),
            None => device,
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
