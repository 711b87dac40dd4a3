//! A value that one caller at a time fetches, and that all callers share.
//!
//! ```text
//!            acquire ──► Use      there is a value: take it
//!               │    ──► Lead     there is none, or it is due: fetch it, then settle, fail, hand over or release the lease
//!               │    ──► Follow   another caller is fetching: wait until the ticket settles, then acquire again
//!               │    ──► Later    no fetch may start yet: wait until then, then acquire again
//!               └────► Refused  the last fetch failed a moment ago: share its error
//! ```
//!
//! The session keeps its access token in one such slot, and the context switch of each sub-customer in another.
//!
//! # Time rules
//!
//! | situation | rule |
//! |---|---|
//! | a fetch failed | all callers share the failure for [`PAUSE`], or for as long as the service requested; then the next caller leads |
//! | a leader's time was too short for its fetch | the fetch is handed over to a caller that has strictly more time than the failed attempt had; all others share the failure and pause |
//! | a leader was dropped | the fetch is handed over to the next caller |
//! | a fetch that was handed over ends in the same way | it is not handed over again: callers with more time wait for the end of [`PAUSE`], and then one of them leads |
//! | a leader's time ends between two attempts | it releases the fetch with a not-before time, at least [`PAUSE`] away; the others wait until then and continue |
//! | a refresh fails while the old value is valid | no refresh starts for a tenth of the remaining life: at least 1 s, at most 30 s |
//! | the old value expires during that pause | the next caller leads at once: no call fails because of a refresh |
//! | a lease | lasts as long as the current step can take, plus [`GRACE`]; it is renewed at each step. After that, a leader that is no longer driven is replaced |
//! | a new value did not help against a rejection | the next rejection causes no fetch: for 1 s with a token, for [`MEANT`] with a context switch |
//! | a kept failure | holds kind, status, message and times, never a body |
//!
//! The rules limit the load: whatever callers do, and however little time they have, at most two fetches start per
//! pause.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use http::HeaderValue;

use crate::error::Error;
use crate::moment::Moment;

/// How long callers share the error of a failed fetch before the next one tries.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How much longer a lease lasts than its step can take, for a driver that resumes slightly late.
const GRACE: Duration = Duration::from_secs(1);

/// How long a rejection counts as final after a new context switch did not lift it.
const MEANT: Duration = Duration::from_secs(300);

/// The longest pause after a failed refresh.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// A value of a slot: a header value that authenticates a call or names its customer.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) value: HeaderValue,
    generation: u64,
    pub(crate) fetched_at: Moment,
    /// Whether it was fetched because the previous value was rejected.
    replaces_rejected: bool,
}

/// The times at which a value is due for a refresh, and at which it expires.
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
    /// The number of the newest fetch. While the fetch runs, also the time by which it must end or renew its lease.
    fetch: u64,
    fetching: Option<Moment>,
    rejected: bool,
    failure: Option<FailedFetch>,
    /// Until this moment, a new value does not lift a rejection.
    meant_until: Option<Moment>,
    waiting: BTreeMap<u64, Waker>,
    tickets: u64,
}

struct FailedFetch {
    fetch: u64,
    /// `None` for a fetch whose leader was dropped, because its outcome is unknown.
    error: Option<Error>,
    until: Moment,
    then: Then,
}

/// The rule for callers without a valid value after a failed fetch, until its pause is over.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// All callers share the failure.
    Share,
    /// A caller with strictly more time than this leads, the others share the failure.
    Lead(Duration),
    /// A caller with strictly more time than this waits for the end of the pause, the others share the failure.
    Wait(Duration),
}

pub(crate) enum Acquired {
    Use(Grant),
    Lead(Lease),
    Follow(Ticket),
    Later(Moment),
    Refused(Error),
}

impl Slot {
    /// `deadline` is the deadline of the caller.
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
            return Acquired::Lead(self.lead(&mut state, false, now));
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
        let mut handed_over = false;
        if let Some(failure) = paused {
            let left = deadline.since(now);
            match (failure.then, &failure.error) {
                (Then::Lead(had), _) if left > had => handed_over = true,
                (Then::Wait(had), _) if left > had && failure.until < deadline => {
                    return Acquired::Later(failure.until);
                }
                (_, Some(error)) => return Acquired::Refused(error.clone()),
                (_, None) => return Acquired::Later(failure.until.min(deadline)),
            }
        }
        Acquired::Lead(self.lead(&mut state, handed_over, now))
    }

    fn lead(self: &Arc<Self>, state: &mut State, handed_over: bool, now: Moment) -> Lease {
        state.fetch += 1;
        state.fetching = Some(now + GRACE);
        Lease { slot: Arc::clone(self), fetch: state.fetch, started: now, handed_over, ended: false }
    }

    /// Drops a value that the service rejected, unless there is already a newer one.
    ///
    /// Returns whether it makes sense to acquire again. It does not if this value itself replaced a rejected one less
    /// than 1 s ago: another fetch would not help, and one request per second is enough to notice when the rejections
    /// end.
    pub(crate) fn invalidate(&self, grant: &Grant, now: Moment) -> bool {
        let mut state = self.lock();
        let current = state.held.as_ref().is_some_and(|(held, _)| held.generation == grant.generation);
        if !current {
            return true;
        }
        let young = now.since(grant.fetched_at) < PAUSE;
        if young && grant.replaces_rejected || state.meant_until.is_some_and(|until| now < until) {
            return false;
        }
        state.held = None;
        state.rejected = true;
        true
    }

    /// Returns the value, if it is valid and was not rejected, and its life.
    pub(crate) fn held(&self, now: Moment) -> Option<(Grant, Option<Life>)> {
        self.lock().held.clone().filter(|held| lives(held, now))
    }

    /// Records that the service rejected a new value as well, so the rejection is final.
    pub(crate) fn is_meant(&self, now: Moment) {
        self.lock().meant_until = Some(now + MEANT);
    }

    /// Whether the slot holds nothing worth keeping.
    pub(crate) fn is_idle(&self, now: Moment) -> bool {
        let state = self.lock();
        state.held.is_none()
            && state.fetching.is_none_or(|until| until <= now)
            && state.failure.as_ref().is_none_or(|failure| failure.until <= now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a fetch and wakes all callers that wait for it. A fetch that another caller took over changes nothing.
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

/// The right and the duty to fetch the value. Dropping the lease hands the fetch over to the next caller.
pub(crate) struct Lease {
    slot: Arc<Slot>,
    fetch: u64,
    started: Moment,
    /// Whether the previous fetch was not finished, and this one did not wait for the end of its pause.
    handed_over: bool,
    ended: bool,
}

impl Lease {
    /// Returns the old value, if it is valid and was not rejected. It is used if the fetch fails.
    pub(crate) fn fallback(&self, now: Moment) -> Option<Grant> {
        let state = self.slot.lock();
        state.held.as_ref().filter(|held| lives(held, now)).map(|(grant, _)| grant.clone())
    }

    /// How long this caller has been fetching the value.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        now.since(self.started)
    }

    /// Whether no other caller has taken over.
    pub(crate) fn is_current(&self) -> bool {
        self.slot.lock().fetch == self.fetch
    }

    /// Keeps the lease for a step that ends at `until`.
    pub(crate) fn renew(&self, until: Moment) {
        let mut state = self.slot.lock();
        if state.fetch == self.fetch {
            state.fetching = Some(until + GRACE);
        }
    }

    /// Ends the fetch with a new value.
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

    /// Ends the fetch with a failure. All waiting callers share the error, and the next fetch starts no earlier than
    /// after `pause`.
    ///
    /// If the fetch was a refresh of a valid value, that value stays in use, and the pause is a tenth of its remaining
    /// life, at most 30 s.
    pub(crate) fn fail(self, error: &Error, pause: Duration, now: Moment) {
        self.end(error, now, |held| match held.filter(|held| lives(held, now)) {
            None => (pause, Then::Share),
            Some((_, life)) => {
                let left = life.map_or(Duration::MAX, |life| life.expires_at.since(now));
                // A caller without a valid value leads, however little time it has.
                ((left / 10).min(REFRESH_PAUSE).max(pause), Then::Lead(Duration::ZERO))
            }
        });
    }

    /// Ends the fetch with a failure because the leader had only `had` for it.
    pub(crate) fn hand_over(self, error: &Error, had: Duration, now: Moment) {
        let then = self.then(had);
        self.end(error, now, |_| (PAUSE, then));
    }

    /// Ends the fetch because the leader's time ends before the next attempt. Callers with more time wait for `wait`,
    /// and then one of them leads.
    pub(crate) fn release(self, error: &Error, wait: Duration, now: Moment) {
        // Without a minimum wait, each of many short calls would make the first attempt of a fetch, and none would make
        // a second.
        self.end(error, now, |_| (wait.max(PAUSE), Then::Wait(Duration::ZERO)));
    }

    /// Returns the rule after a fetch that ran out of time. Only every second one is handed over, which limits the
    /// number of fetches.
    fn then(&self, had: Duration) -> Then {
        if self.handed_over { Then::Wait(had) } else { Then::Lead(had) }
    }

    fn end(
        mut self,
        error: &Error,
        now: Moment,
        pause: impl FnOnce(Option<&(Grant, Option<Life>)>) -> (Duration, Then),
    ) {
        self.ended = true;
        let error = error.kept();
        self.slot.end_fetch(self.fetch, |state| {
            let (pause, then) = pause(state.held.as_ref());
            let error = Some(error);
            state.failure = Some(FailedFetch { fetch: state.fetch, error, until: now + pause, then });
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // `drop` does not know the time, so the pause counts from the start of the fetch.
        let (until, then) = (self.started + PAUSE, self.then(Duration::ZERO));
        self.slot.end_fetch(self.fetch, |state| {
            state.failure = Some(FailedFetch { fetch: state.fetch, error: None, until, then });
        });
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
    /// Returns `Ready` once the fetch has ended, with any result. Otherwise wakes `waker` then.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut state = self.slot.lock();
        if state.fetching.is_none() || state.fetch != self.fetch {
            return Poll::Ready(());
        }
        let before = state.waiting.insert(self.number, waker.clone());
        // A waker may own the last reference to a task that holds another ticket, so drop it outside the lock.
        drop(state);
        drop(before);
        Poll::Pending
    }

    /// The latest time to wait: the caller's deadline, or the time by which the fetch must end or renew its lease.
    pub(crate) fn until(&self) -> Moment {
        self.until
    }

    /// The error of the awaited fetch, if it failed and all callers share it.
    pub(crate) fn failure(&self) -> Option<Error> {
        let state = self.slot.lock();
        state
            .failure
            .as_ref()
            .filter(|failure| failure.fetch == self.fetch && failure.then == Then::Share)
            .and_then(|failure| failure.error.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let waker = self.slot.lock().waiting.remove(&self.number);
        drop(waker);
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
    fn dropped_leases_cost_two_fetches_per_second() {
        let slot = Arc::new(Slot::default());
        for second in 0..3 {
            drop(lead(&slot, second));
            drop(lead(&slot, second));
            let next = slot.acquire(at(second), at(30));
            assert!(matches!(next, Acquired::Later(until) if until == at(second + 1)), "{second}");
        }
        let last = slot.acquire(at(2), at(2) + Duration::from_millis(500));
        assert!(matches!(last, Acquired::Later(until) if until < at(3)), "there is no failure to share");
    }

    /// A waker that owns the last reference to a task that holds another ticket.
    struct Task(#[expect(dead_code, reason = "it is there to be dropped")] Ticket);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_is_dropped_outside_the_lock() {
        let slot = Arc::new(Slot::default());
        let _lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        for _ in 0..2 {
            let task = Arc::new(Task(follow(&slot, 0)));
            // The second poll replaces and drops the waker of the first one, and with it a ticket.
            assert!(ticket.poll(&task.into()).is_pending());
        }
        drop(ticket);
        assert!(slot.lock().waiting.is_empty());
    }

    #[test]
    fn a_leader_that_was_replaced_knows_it() {
        let slot = Arc::new(Slot::default());
        let late = lead(&slot, 0);
        assert!(late.is_current());
        let next = lead(&slot, 1);
        assert!(!late.is_current() && next.is_current());
        drop(late);
        assert!(matches!(slot.acquire(at(1), at(30)), Acquired::Follow(_)), "it ends nothing");
    }

    fn error(message: &str) -> Error {
        Error::new(ErrorKind::Server, Stage::Token, message).with(|report| {
            report.body = crate::body::Body::read(&vec![0; 100_000].into());
        })
    }

    #[test]
    fn a_lease_that_nobody_drives_is_taken_over_when_its_step_must_have_ended() {
        let slot = Arc::new(Slot::default());
        let forgotten = lead(&slot, 0);
        forgotten.renew(at(15));
        let ticket = follow(&slot, 2);
        assert_eq!(ticket.until(), at(16), "waiting longer is in vain");
        follow(&slot, 15);
        let lease = lead(&slot, 16);
        assert!(ticket.poll(Waker::noop()).is_ready());
        forgotten.renew(at(100));
        forgotten.fail(&error("late"), PAUSE, at(16));
        assert!(ticket.failure().is_none());
        lease.renew(at(30));
        assert!(follow(&slot, 16).poll(Waker::noop()).is_pending(), "the late one ends nothing");
        lease.settle(HeaderValue::from_static("a"), life(80, 100), at(17));
        assert_eq!(held(&slot, 17).value, "a");
    }

    #[test]
    fn a_lease_that_was_not_renewed_lasts_a_second() {
        let slot = Arc::new(Slot::default());
        let _lease = lead(&slot, 0);
        follow(&slot, 0);
        lead(&slot, 1);
    }

    #[test]
    fn a_failure_is_shared_and_then_paused() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        lease.fail(&error("down"), PAUSE, at(0));
        assert_eq!(ticket.failure().unwrap().message(), "down");
        assert!(matches!(slot.acquire(at(0), at(30)), Acquired::Refused(_)));
        lead(&slot, 1);
    }

    #[test]
    fn a_kept_failure_holds_no_body() {
        let slot = Arc::new(Slot::default());
        lead(&slot, 0).fail(&error("down"), PAUSE, at(0));
        let Acquired::Refused(shared) = slot.acquire(at(0), at(30)) else { panic!("it is shared") };
        assert!(shared.body().is_empty());
        assert_eq!((shared.message(), shared.kind()), ("down", ErrorKind::Server));
    }

    #[test]
    fn a_fetch_is_handed_over_only_to_a_caller_with_strictly_more_time() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        lease.hand_over(&error("too slow"), Duration::from_secs(5), at(5));
        assert!(ticket.poll(Waker::noop()).is_ready() && ticket.failure().is_none());
        for less in [6, 10] {
            assert!(matches!(slot.acquire(at(5), at(less)), Acquired::Refused(_)), "{less}");
        }
        let next = match slot.acquire(at(5), at(11)) {
            Acquired::Lead(lease) => lease,
            _ => panic!("6 s are more than 5"),
        };
        next.hand_over(&error("too slow"), Duration::from_secs(6), at(11));
        assert!(matches!(slot.acquire(at(11), at(17)), Acquired::Refused(_)));
        let later = slot.acquire(at(11), at(18));
        assert!(
            matches!(later, Acquired::Later(until) if until == at(12)),
            "it is handed over once per pause"
        );
        assert!(matches!(slot.acquire(at(12), at(13)), Acquired::Lead(_)), "after the pause anybody leads");
    }

    #[test]
    fn a_released_fetch_is_waited_for() {
        let slot = Arc::new(Slot::default());
        let lease = lead(&slot, 0);
        let ticket = follow(&slot, 0);
        lease.release(&error("no time"), Duration::from_secs(3), at(1));
        assert!(ticket.poll(Waker::noop()).is_ready() && ticket.failure().is_none());
        assert!(matches!(slot.acquire(at(1), at(30)), Acquired::Later(until) if until == at(4)));
        assert!(matches!(slot.acquire(at(1), at(4)), Acquired::Refused(_)), "it has no time to wait");
        lead(&slot, 4);
    }

    #[test]
    fn one_refreshes_while_others_keep_the_old_value() {
        let slot = Arc::new(Slot::default());
        fill(&slot, "a", 0);
        let refresh = lead(&slot, 80);
        assert_eq!(refresh.fallback(at(80)).unwrap().value, "a");
        assert!(refresh.fallback(at(100)).is_none(), "the old value died meanwhile");
        assert_eq!(held(&slot, 80).value, "a");
        refresh.fail(&error("down"), PAUSE, at(80));
        assert_eq!(held(&slot, 81).value, "a", "no second refresh for a tenth of the remaining life");
        let again = lead(&slot, 82);
        again.settle(HeaderValue::from_static("b"), life(160, 180), at(82));
        assert_eq!(held(&slot, 82).value, "b");
    }

    #[test]
    fn the_pause_after_a_failed_refresh_is_30_seconds_at_most() {
        let slot = Arc::new(Slot::default());
        lead(&slot, 0).settle(HeaderValue::from_static("a"), life(2_600, 3_600), at(0));
        lead(&slot, 2_600).fail(&error("down"), PAUSE, at(2_600));
        held(&slot, 2_629);
        lead(&slot, 2_630).fail(&error("down"), Duration::from_secs(100), at(2_630));
        held(&slot, 2_729);
        lead(&slot, 2_730);
    }

    #[test]
    fn nobody_is_refused_because_of_a_refresh() {
        let slot = Arc::new(Slot::default());
        fill(&slot, "a", 0);
        lead(&slot, 99).fail(&error("down"), Duration::from_secs(10), at(99));
        held(&slot, 99);
        lead(&slot, 100);
    }

    #[test]
    fn a_rejection_that_is_meant_is_remembered_for_minutes() {
        let slot = Arc::new(Slot::default());
        let grant = lead(&slot, 0).settle(HeaderValue::from_static("a"), None, at(0));
        slot.is_meant(at(1));
        assert!(!slot.invalidate(&grant, at(300)));
        assert_eq!(held(&slot, 300).value, "a");
        assert!(slot.invalidate(&grant, at(301)));
    }

    #[test]
    fn a_slot_is_idle_when_it_holds_nothing() {
        let slot = Arc::new(Slot::default());
        assert!(slot.is_idle(at(0)));
        let lease = lead(&slot, 0);
        assert!(!slot.is_idle(at(0)));
        lease.fail(&error("down"), PAUSE, at(0));
        assert!(!slot.is_idle(at(0)) && slot.is_idle(at(1)));
        fill(&slot, "a", 1);
        assert!(!slot.is_idle(at(1)));
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
        assert!(!slot.invalidate(&second, at(0)), "no fetch per call while the key has no access");
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
