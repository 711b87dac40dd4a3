//! Feeds: listings, runs and other work that takes many calls.

use std::convert::Infallible;
use std::time::SystemTime;

use crate::customers::CustomerId;
use crate::error::Error;
use crate::fate::Fate;
use crate::moment::Moment;
use crate::operation::Operation;

/// Many calls, with up to a window of them in flight, and the items that they return.
///
/// A feed does no IO. A transport has one driver for all feeds. It repeats three steps until the feed is finished:
///
/// 1. Call [`want`](Feed::want) until it returns [`Want::Until`] or [`Want::Nothing`], and start everything that it
///    returns.
/// 2. Pass the result of each call that ended to [`accept`](Feed::accept), together with the call's ticket, and the
///    result of a commit to [`committed`](Feed::committed).
/// 3. Return the items from [`take`](Feed::take), in the order of the feed.
///
/// A feed that is not finished, and that has neither an item nor a call to make, waits for a call or a commit in flight,
/// or for a point in time. A feed can finish without another item, so check whether it is finished before each wait.
pub trait Feed: Send + Unpin + 'static {
    /// The calls of the feed.
    type Operation: Operation<Output: Send> + Send + Sync + 'static;

    /// The work of the feed that blocks and is not a call. [`Infallible`] for a feed without any, such as a listing.
    type Commit: Commit;

    /// The items of the feed.
    type Item: Send + 'static;

    /// Returns the next action, if one may start now.
    fn want(&mut self, now: Moment) -> Want<Self::Operation, Self::Commit>;

    /// Processes the result of a call.
    fn accept(&mut self, ticket: Ticket, result: Result<<Self::Operation as Operation>::Output, Error>);

    /// Processes the result of a commit.
    fn committed(&mut self, result: <Self::Commit as Commit>::Output);

    /// Returns the next item, if it has arrived. An error is the last item.
    fn take(&mut self) -> Option<Result<Self::Item, Error>>;

    /// Whether all items, or an error, were taken.
    fn is_finished(&self) -> bool;

    /// Asks the feed to finish early: to start no more calls, and to finish after those in flight. Returns whether it
    /// does. Otherwise the driver ends it with an error, because a listing that was cut off must not look complete.
    fn stop(&mut self) -> bool {
        false
    }

    /// Asks the feed to finish at once: to start no more calls, and to take those in flight as ended, with what is known of
    /// them. Their results are ignored. Returns whether it does. Otherwise the driver ends it with an error.
    fn abort(&mut self) -> bool {
        false
    }

    /// Returns a warning about a feed that finished without an error, for the driver's log.
    fn warning(&self) -> Option<String> {
        None
    }
}

/// Work that blocks, such as a transaction. The driver runs it where blocking is allowed.
pub trait Commit: Send + 'static {
    /// The result, for [`Feed::committed`].
    type Output: Send + 'static;

    /// Does the work, and returns once its effect is durable or has failed.
    fn run(self) -> Self::Output;
}

impl Commit for Infallible {
    type Output = Infallible;

    fn run(self) -> Infallible {
        self
    }
}

/// The next action of a feed's driver.
#[must_use]
#[derive(Debug)]
pub enum Want<O, C = Infallible> {
    /// Make this call, and pass its result to [`Feed::accept`] with the ticket.
    Call {
        /// The right to pass on the result.
        ticket: Ticket,
        /// The call.
        operation: O,
        /// Limits of this call alone: make it in [`Session::scoped`](crate::Session::scoped).
        scope: Scope,
    },
    /// [Run](Commit::run) this, and pass its result to [`Feed::committed`]. Calls in flight go on meanwhile.
    Commit(C),
    /// Start nothing before this point in time, unless a result arrives earlier.
    Until(Moment),
    /// Start nothing before a result arrives.
    Nothing,
}

impl<O, C> Want<O, C> {
    /// A call to which nothing applies but the session.
    pub(crate) fn call(ticket: Ticket, operation: O) -> Self {
        Self::Call { ticket, operation, scope: Scope::default() }
    }
}

/// What applies to one call of a feed, in addition to the session that makes it.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The sub-customer of the call. `None`: that of the session.
    pub customer: Option<CustomerId>,
    /// The end of the call by the monotonic clock, if it is earlier than that of the session.
    pub deadline: Option<Moment>,
    /// The time by the wall clock from which on the request must not be sent any more.
    pub not_after: Option<SystemTime>,
    /// Follows the call, as a [`Watch`](crate::Watch), for a feed that must know how far a call was if it is dropped. Such
    /// a call must be one that can be left at any time: no reader of the feed may make it on its own thread.
    pub fate: Option<Fate>,
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
