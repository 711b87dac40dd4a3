//! Feeds of devices.

use std::vec;

use crate::devices::{Device, Fleet};
use crate::error::Error;
use crate::feed::Feed;

/// A feed of devices. Its items hold devices, and it has data about the whole fleet.
pub trait DeviceFeed: Feed<Item: IntoIterator<Item = Device, IntoIter = vec::IntoIter<Device>>> {
    /// Returns how many devices to reserve room for.
    fn expected(&self) -> usize;

    /// Returns a fleet of all devices that were taken.
    fn fleet(&self, devices: Vec<Device>) -> Fleet;

    /// Adds the devices that were taken before an error to the error, if it can hold them.
    fn failed(&self, error: Error, devices: Vec<Device>) -> Error {
        drop(devices);
        error
    }
}

/// Returns how many devices to reserve room for. The total is unverified, so the room is limited to a plausible number.
pub(super) fn room(total: Option<u64>) -> usize {
    usize::try_from(total.unwrap_or(0).min(1_000_000)).unwrap_or(0)
}
