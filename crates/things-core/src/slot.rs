//! A value that is fetched by one caller at a time, and shared by all.
//!
//! ```text
//!            acquire ──► Use      there is a value: take it
//!               │    ──► Lead     there is none, or it is due: fetch it, then settle, fail or drop the lease
//!               │    ──► Follow   another caller is fetching: wait until the ticket settles, then acquire again
//!               └────► Refused  the last fetch failed a moment ago: share its error
//! ```
//!
//! The session keeps its access token in one such slot, and the context switch of each sub-customer in another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use http::HeaderValue;

use crate::error::Error;
use crate::moment::Moment;

/// After a failed fetch, callers share its error for this long before the next one tries.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// A value of a slot: a header value that authenticates a call or names its customer.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) value: HeaderValue,
    generation: u64,
    fetched_at: Moment,
    /// Fetched because the one before was rejected.
    replaces_rejected: bool,
}

/// When a value is due, and when it is dead.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub(crate) refresh_at: Moment,
    pub(crate) expires_at: Moment,
}

/// Whether a value may still be used.
fn lives((_, life): &(Grant, Option<Life>), now: Moment) -> bool {
    life.is_none_or(|life| now < life.expires_at)
}

#[derive(Default)]
pub(crate) struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    held: Option<(Grant, Option<Life>)>,
    generation: u64,
    /// The number of the newest fetch, and if it still runs, when it must have ended.
    fetch: u64,
    fetching: Option<Moment>,
    rejected: bool,
    failure: Option<FailedFetch>,
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
}

struct FailedFetch {
    fetch: u64,
    error: Error,
    until: Moment,
}

pub(crate) enum Acquired {
    Use(Grant),
    Lead(Lease),
    Follow(Ticket),
    Refused(Error),
}

impl Slot {
    /// `deadline` is that of the caller. Who leads and has not ended by its own deadline, or soon after, is not driven any
    /// more, and the next caller takes over.
    pub(crate) fn acquire(self: &Arc<Self>, now: Moment, deadline: Moment) -> Acquired {
        let mut state = self.lock();
        state.fetching = state.fetching.filter(|until| now < *until);
        let paused = state.failure.as_ref().filter(|failure| now < failure.until);
        let living = state.held.as_ref().filter(|held| lives(held, now));
        if let Some((grant, life)) = living {
            let due = life.is_some_and(|life| life.refresh_at <= now);
            if !due || state.fetching.is_some() || paused.is_some() {
                return Acquired::Use(grant.clone());
            }
            return Acquired::Lead(self.lead(&mut state, now, deadline));
        }
        if let Some(until) = state.fetching {
            state.tickets += 1;
            return Acquired::Follow(Ticket {
                slot: Arc::clone(self),
                fetch: state.fetch,
                until: until.min(deadline),
                number: state.tickets,
            });
        }
        if let Some(failure) = paused {
            return Acquired::Refused(failure.error.clone());
        }
        Acquired::Lead(self.lead(&mut state, now, deadline))
    }

    fn lead(self: &Arc<Self>, state: &mut State, now: Moment, deadline: Moment) -> Lease {
        state.fetch += 1;
        // A driver may be a little late: its exchange ends at the deadline, and then it has to get to it.
        state.fetching = Some(deadline + PAUSE);
        Lease { slot: Arc::clone(self), fetch: state.fetch, started: now, ended: false }
    }

    /// Drops a value that the service rejected, unless a newer one is there already.
    ///
    /// Returns whether acquiring anew is worth a try. It is not for a value that was fetched less than a second
    /// ago to replace a rejected one: the trouble is not the value, and one request a second is enough to see it end.
    pub(crate) fn invalidate(&self, grant: &Grant, now: Moment) -> bool {
        let mut state = self.lock();
        let current = state.held.as_ref().is_some_and(|(held, _)| held.generation == grant.generation);
        if !current {
            return true;
        }
        let young = now.since(grant.fetched_at) < PAUSE;
        if young && grant.replaces_rejected {
            return false;
        }
        state.held = None;
        state.rejected = true;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a fetch and wakes everybody who waits. One that was taken over changes nothing any more.
    fn end_fetch(&self, fetch: u64, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.lock();
            if state.fetch != fetch {
                return;
            }
            state.fetching = None;
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }
}

/// The right, and the duty, to fetch the value. Dropping it hands the fetch over to the next caller.
pub(crate) struct Lease {
    slot: Arc<Slot>,
    fetch: u64,
    started: Moment,
    ended: bool,
}

impl Lease {
    /// The old value, while it lives and nobody rejected it: what to use if the fetch fails.
    pub(crate) fn fallback(&self, now: Moment) -> Option<Grant> {
        let state = self.slot.lock();
        state.held.as_ref().filter(|held| lives(held, now)).map(|(grant, _)| grant.clone())
    }

    /// How long the fetch has been going on.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        now.since(self.started)
    }

    /// The fetch brought a value.
    pub(crate) fn settle(mut self, value: HeaderValue, life: Option<Life>, now: Moment) -> Grant {
        self.ended = true;
        let mut state = self.slot.lock();
        state.generation += 1;
        let grant = Grant {
            value,
            generation: state.generation,
            fetched_at: now,
            replaces_rejected: std::mem::take(&mut state.rejected),
        };
        state.held = Some((grant.clone(), life));
        state.failure = None;
        drop(state);
        self.slot.end_fetch(self.fetch, |_| {});
        grant
    }

    /// The fetch failed: all who wait share the error, and the next one starts no earlier than `until`.
    pub(crate) fn fail(mut self, error: Error, until: Moment) {
        self.ended = true;
        self.slot.end_fetch(self.fetch, |state| {
            state.failure = Some(FailedFetch { fetch: state.fetch, error, until });
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended {
            self.slot.end_fetch(self.fetch, |_| {});
        }
    }
}

/// A place in the queue for a fetch that another caller makes.
pub(crate) struct Ticket {
    slot: Arc<Slot>,
    fetch: u64,
    until: Moment,
    number: u64,
}

impl Ticket {
    /// Ready once the fetch has ended, however it ended; else `waker` is woken then.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut state = self.slot.lock();
        if state.fetching.is_none() || state.fetch != self.fetch {
            return Poll::Ready(());
        }
        state.waiting.insert(self.number, waker.clone());
        Poll::Pending
    }

    /// The latest time to wait: the caller's deadline, or the time by which the fetch must have ended.
    pub(crate) fn until(&self) -> Moment {
        self.until
    }

    /// The error of the awaited fetch, if it failed.
    pub(crate) fn failure(&self) -> Option<Error> {
        let state = self.slot.lock();
        state
            .failure
            .as_ref()
            .filter(|failure| failure.fetch == self.fetch)
            .map(|failure| failure.error.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.slot.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::SystemTime;

    use super::*;
    use crate::error::ErrorKind;
    use crate::stage::Stage;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH)
    }

    fn life(refresh: u64, expires: u64) -> Option<Life> {
        Some(Life { refresh_at: at(refresh), expires_at: at(expires) })
    }

    fn lead(slot: &Arc<Slot>, now: u64) -> Lease {
        match slot.acquire(at(now), at(now + 30)) {
            Acquired::Lead(lease) => lease,
            _ => panic!("expected to lead"),
        }
    }

    fn follow(slot: &Arc<Slot>, now: u64) -> Ticket {
        match slot.acquire(at(now), at(now + 30)) {
            Acquired::Follow(ticket) => ticket,
            _ => panic!("expected to follow"),
        }
    }

    fn held(slot: &Arc<Slot>, now: u64) -> Grant {
        match slot.acquire(at(now), at(now + 30)) {
            Acquired::Use(grant) => grant,
            _ => panic!("expected a value"),
        }
    }

    fn fill(slot: &Arc<Slot>, value: &'static str, now: u64) -> Grant {
        lead(slot, now).settle(HeaderValue::from_static(value), life(now + 80, now + 100), at(now))
    }

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_leads_and_all_others_follow() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let woken = Arc::new(Count(AtomicUsize::new(0)));
        let tickets: Vec<_> = (0..63).map(|_| follow(&slot, 0)).collect();
        for ticket in &tickets {
            assert!(ticket.poll(&woken.clone().into()).is_pending());
            assert!(ticket.poll(&woken.clone().into()).is_pending(), "polling twice is one wait");
        }
        lease.settle(HeaderValue::from_static("a"), life(80, 100), at(1));
        assert_eq!(woken.0.load(Ordering::Relaxed), 63);
        assert!(tickets.iter().all(|ticket| ticket.poll(Waker::noop()).is_ready()));
        assert_eq!(held(&slot, 1).value, "a");
    }

    #[test]
    fn a_dropped_lease_hands_over() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        drop(lease);
        assert!(ticket.poll(Waker::noop()).is_ready());
        assert!(ticket.failure().is_none());
        lead(&slot, 0);
    }

    #[test]
    fn a_lease_that_nobody_drives_is_taken_over_at_its_deadline() {
        let slot = Arc::new(Slot::default());
        let forgotten = lead(&slot, 0);
        let ticket = follow(&slot, 20);
        assert_eq!(ticket.until(), at(31), "waiting longer is in vain");
        follow(&slot, 30);
        let lease = lead(&slot, 31);
        assert!(ticket.poll(Waker::noop()).is_ready());
        forgotten.fail(Error::new(ErrorKind::Timeout, Stage::Token, "late"), at(31));
        assert!(ticket.failure().is_none());
        assert!(follow(&slot, 31).poll(Waker::noop()).is_pending(), "the late one ends nothing");
        lease.settle(HeaderValue::from_static("a"), life(80, 100), at(32));
        assert_eq!(held(&slot, 32).value, "a");
    }

    #[test]
    fn a_failure_is_shared_and_then_paused() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        lease.fail(Error::new(ErrorKind::Server, Stage::Token, "down"), at(1));
        assert_eq!(ticket.failure().unwrap().message(), "down");
        assert!(matches!(slot.acquire(at(0), at(30)), Acquired::Refused(_)));
        lead(&slot, 1);
    }

    #[test]
    fn one_refreshes_while_others_keep_the_old_value() {
        let slot = Arc::new(Slot::default());
        fill(&slot, "a", 0);
        let refresh = lead(&slot, 80);
        assert_eq!(refresh.age(at(85)), Duration::from_secs(5));
        assert_eq!(refresh.fallback(at(80)).unwrap().value, "a");
        assert!(refresh.fallback(at(100)).is_none(), "the old value died meanwhile");
        assert_eq!(held(&slot, 80).value, "a");
        refresh.fail(Error::new(ErrorKind::Server, Stage::Token, "down"), at(81));
        assert_eq!(held(&slot, 80).value, "a", "no second refresh during the pause");
        let again = lead(&slot, 81);
        again.settle(HeaderValue::from_static("b"), life(160, 180), at(81));
        assert_eq!(held(&slot, 81).value, "b");
    }

    #[test]
    fn a_refresh_that_fails_does_not_fall_back_on_a_value_rejected_meanwhile() {
        let slot = Arc::new(Slot::default());
        let old = fill(&slot, "a", 0);
        let refresh = lead(&slot, 80);
        assert!(slot.invalidate(&old, at(81)));
        assert!(refresh.fallback(at(81)).is_none());
    }

    #[test]
    fn an_expired_value_is_not_used() {
        let slot = Arc::new(Slot::default());
        fill(&slot, "a", 0);
        let lease = lead(&slot, 100);
        assert!(lease.fallback(at(100)).is_none());
        follow(&slot, 100);
    }

    #[test]
    fn invalidating_spares_a_newer_value() {
        let slot = Arc::new(Slot::default());
        let old = fill(&slot, "a", 0);
        assert!(slot.invalidate(&old, at(5)));
        fill(&slot, "b", 5);
        assert!(slot.invalidate(&old, at(6)), "the newer one is worth a try");
        assert_eq!(held(&slot, 6).value, "b");
    }

    #[test]
    fn a_value_rejected_right_after_it_replaced_a_rejected_one_is_kept() {
        let slot = Arc::new(Slot::default());
        let first = fill(&slot, "a", 0);
        assert!(slot.invalidate(&first, at(0)), "the first rejection always costs a fetch");
        let second = fill(&slot, "b", 0);
        assert!(!slot.invalidate(&second, at(0)), "no fetch a call while the key has no access");
        assert!(slot.invalidate(&second, at(1)), "a second later it is tried again");
    }

    #[test]
    fn a_dropped_ticket_leaves_no_waker_behind() {
        let slot = Arc::new(Slot::default());
        let _lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        assert!(ticket.poll(Waker::noop()).is_pending());
        drop(ticket);
        assert!(slot.lock().waiting.is_empty());
    }
}
