//! Feeds: listings and other work that takes many calls.

use std::vec;

use crate::devices::{Device, Fleet};
use crate::error::Error;
use crate::moment::Moment;
use crate::operation::Operation;

/// Many calls, with up to a window of them in flight, and the items that they return.
///
/// A feed does no IO. A transport has one driver for all feeds. It repeats three steps until the feed is finished:
///
/// 1. Call [`want`](Feed::want) until it returns [`Want::Nothing`], and start each call that it returns.
/// 2. Pass the result of each call that ended to [`accept`](Feed::accept), together with the call's ticket.
/// 3. Return the items from [`take`](Feed::take). They come in the order of the feed, whatever the order of the
///    results.
///
/// A feed that is not finished, and that has neither an item nor a call to make, waits for a call in flight. A feed can
/// finish without another item, so check whether it is finished before each wait.
pub trait Feed: Send + Unpin + 'static {
    /// The calls of the feed.
    type Operation: Operation<Output: Send> + Send + Sync + 'static;

    /// The items of the feed.
    type Item: Send + 'static;

    /// Returns the next call to make, if one may start now.
    fn want(&mut self, now: Moment) -> Want<Self::Operation>;

    /// Processes the result of a call.
    fn accept(&mut self, ticket: Ticket, result: Result<<Self::Operation as Operation>::Output, Error>);

    /// Returns the next item, if it has arrived. An error is the last item.
    fn take(&mut self) -> Option<Result<Self::Item, Error>>;

    /// Whether all items, or an error, were taken.
    fn is_finished(&self) -> bool;

    /// Returns a warning about a feed that finished without an error, for the driver's log.
    fn warning(&self) -> Option<String> {
        None
    }
}

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

/// The next action of a feed's driver.
#[must_use]
#[derive(Debug)]
pub enum Want<O> {
    /// Make this call, and pass its result to [`Feed::accept`] with this ticket.
    Call(Ticket, O),
    /// Make no call now.
    Nothing,
}

/// The right to pass the result of one call to the feed that wanted it.
#[derive(Debug)]
pub struct Ticket(u64);

impl Ticket {
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}
