//! Feeds: everything that is many calls.

use std::vec;

use crate::devices::{Device, Fleet};
use crate::error::Error;
use crate::moment::Moment;
use crate::operation::Operation;

/// Many calls, of which up to a window are in flight, and the items that they bring.
///
/// A feed does no IO. A transport has one driver for all feeds. It repeats three things until the feed is finished:
///
/// 1. Call [`want`](Feed::want) until it returns [`Want::Nothing`], and begin each call that it returns.
/// 2. Give the result of each call that ended to [`accept`](Feed::accept), together with the call's ticket.
/// 3. Hand on what [`take`](Feed::take) returns. The items come in the order of the feed, whatever the order of the results.
///
/// A feed that is not finished, and that has neither an item nor a call to make, waits for a call in flight. A feed can come to
/// its end without an item, so look whether it is finished before each wait.
pub trait Feed: Send + Unpin + 'static {
    /// The calls of the feed.
    type Operation: Operation<Output: Send> + Send + Sync + 'static;

    /// The items that come out.
    type Item: Send + 'static;

    /// Returns the next call to make, if one may be made now.
    fn want(&mut self, now: Moment) -> Want<Self::Operation>;

    /// Takes the result of a call in.
    fn accept(&mut self, ticket: Ticket, result: Result<<Self::Operation as Operation>::Output, Error>);

    /// Returns the next item, if it is there. An error is the last item.
    fn take(&mut self) -> Option<Result<Self::Item, Error>>;

    /// Whether all items were taken, or an error.
    fn is_finished(&self) -> bool;

    /// Returns what the user should know about a feed that finished without an error, for the driver's log.
    fn warning(&self) -> Option<String> {
        None
    }
}

/// A feed of devices: its items hold devices, and it knows something of all of them together.
pub trait DeviceFeed: Feed<Item: IntoIterator<Item = Device, IntoIter = vec::IntoIter<Device>>> {
    /// Returns how many devices to make room for.
    fn expected(&self) -> usize;

    /// Makes a fleet of all devices that were taken.
    fn fleet(&self, devices: Vec<Device>) -> Fleet;

    /// Adds the devices that were taken before an error to it, if the error can hold them.
    fn failed(&self, error: Error, devices: Vec<Device>) -> Error {
        drop(devices);
        error
    }
}

/// How many devices to make room for. The total is the service's word: room is made for what it could plausibly be.
pub(super) fn room(total: Option<u64>) -> usize {
    usize::try_from(total.unwrap_or(0).min(1_000_000)).unwrap_or(0)
}

/// What a feed wants its driver to do.
#[must_use]
#[derive(Debug)]
pub enum Want<O> {
    /// Make this call, and give its result to [`Feed::accept`] with this ticket.
    Call(Ticket, O),
    /// Make no call now.
    Nothing,
}

/// The right to give the result of one call to the feed that wanted it.
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
