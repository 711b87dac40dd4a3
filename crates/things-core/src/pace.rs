//! How fast the session may send to one service, by what the service last asked for.
//!
//! A 429 or 503 with `Retry-After` speaks to the whole session, not to the one call that got it. Until that time no call
//! sends to the service. After it, calls go one by one, [`GAP`] apart or as far apart as the service asked, because
//! `Retry-After: 1` is how a limit of one request per second looks: calls that all come back at the same moment are all
//! refused again, but one. When requests succeed, the gap is halved, step by step, until there is none. Each time that
//! this was too fast, it takes twice as many successes to halve it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::moment::Moment;

/// The longest gap between two requests after a pause.
const GAP: Duration = Duration::from_secs(1);

/// After so many gaps without a request there is none any more.
const IDLE: u32 = 5;

/// A gap below this is none.
const NO_GAP: Duration = Duration::from_millis(10);

/// Successes before the gap is halved for the first time, and at most.
const FIRST: u32 = 3;
const MOST: u32 = 96;

/// Shared by all calls of a session to one service.
pub(crate) struct Pace {
    /// The longest gap.
    gap: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing is sent before this. The error is the response that asked for it.
    closed: Option<(Moment, Error)>,
    /// The time between two requests, and when the next one may go.
    gap: Duration,
    next: Option<Moment>,
    successes: u32,
    needed: u32,
}

/// The turn of a request.
pub(crate) enum Turn {
    Now,
    /// Wait until then. The place is taken.
    At(Moment),
    /// The turn comes too late for the call; the error is the response that asked to wait.
    TooLate(Moment, Option<Error>),
}

impl Pace {
    /// For a service that many calls send to at a time.
    pub(crate) fn one_by_one() -> Self {
        Self { gap: GAP, state: Mutex::default() }
    }

    /// For a service that one call at a time sends to anyway.
    pub(crate) fn without_gap() -> Self {
        Self { gap: Duration::ZERO, state: Mutex::default() }
    }

    /// Takes a place for a request that has to go before `latest`.
    pub(crate) fn take_turn(&self, now: Moment, latest: Moment) -> Turn {
        let mut state = self.lock();
        state.closed = state.closed.take().filter(|(until, _)| now < *until);
        // A service that nobody sent to for a while is not crowded any more.
        if state.next.is_some_and(|next| next + state.gap * IDLE < now) {
            *state = State::default();
        }
        let earliest = state.closed.as_ref().map(|(until, _)| *until).max(state.next).unwrap_or(now).max(now);
        if earliest > now && earliest >= latest {
            return Turn::TooLate(earliest, state.closed.as_ref().map(|(_, error)| error.clone()));
        }
        state.next = (!state.gap.is_zero()).then(|| earliest + state.gap);
        if earliest > now { Turn::At(earliest) } else { Turn::Now }
    }

    /// Whether the service has asked to wait since a place was taken, beyond now.
    pub(crate) fn is_closed(&self, now: Moment) -> bool {
        self.lock().closed.as_ref().is_some_and(|(until, _)| now < *until)
    }

    /// The service asked to wait. `jitter`, from 0 to 1, keeps sessions apart that it asked at the same moment.
    pub(crate) fn refused(&self, error: &Error, wait: Duration, jitter: f64, now: Moment) {
        let until = now + wait + (wait / 10).min(GAP).mul_f64(jitter.clamp(0.0, 1.0));
        let gap = wait.min(self.gap);
        let mut state = self.lock();
        if state.closed.as_ref().is_none_or(|(known, _)| *known < until) {
            state.closed = Some((until, error.kept()));
        }
        let too_fast = !state.gap.is_zero() && state.gap < gap;
        state.needed = if too_fast { (state.needed * 2).min(MOST) } else { state.needed.max(FIRST) };
        state.successes = 0;
        state.gap = state.gap.max(gap);
        state.next = state.next.max(Some(until));
    }

    /// The service took a request. Requests that were in flight when it asked to wait prove nothing.
    pub(crate) fn succeeded(&self, now: Moment) {
        let mut state = self.lock();
        let closed = state.closed.as_ref().is_some_and(|(until, _)| now < *until);
        if closed || state.gap.is_zero() {
            return;
        }
        state.successes += 1;
        if state.successes >= state.needed {
            state.successes = 0;
            state.gap /= 2;
        }
        if state.gap < NO_GAP {
            *state = State::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::error::ErrorKind;
    use crate::stage::Stage;

    fn at(ms: u64) -> Moment {
        Moment::new(Duration::from_millis(ms), SystemTime::UNIX_EPOCH)
    }

    fn busy() -> Error {
        Error::new(ErrorKind::RateLimited, Stage::Call, "slow down")
    }

    fn turn(pace: &Pace, now: u64) -> u64 {
        match pace.take_turn(at(now), at(3_600_000)) {
            Turn::Now => now,
            Turn::At(moment) => moment.monotonic().as_millis() as u64,
            Turn::TooLate(..) => panic!("an hour is enough"),
        }
    }

    fn refuse(pace: &Pace, wait_ms: u64, now: u64) {
        pace.refused(&busy(), Duration::from_millis(wait_ms), 0.0, at(now));
    }

    #[test]
    fn a_service_that_asks_for_nothing_is_not_waited_for() {
        let pace = Pace::one_by_one();
        for _ in 0..100 {
            assert_eq!(turn(&pace, 5), 5);
            pace.succeeded(at(5));
        }
    }

    #[test]
    fn all_calls_wait_and_then_go_one_by_one() {
        let pace = Pace::one_by_one();
        refuse(&pace, 2_000, 0);
        assert!(pace.is_closed(at(1_999)) && !pace.is_closed(at(2_000)));
        assert_eq!([turn(&pace, 10), turn(&pace, 20), turn(&pace, 2_500)], [2_000, 3_000, 4_000]);
        // A burst was refused as a whole: places that were taken stay taken.
        refuse(&pace, 2_000, 30);
        assert_eq!(turn(&pace, 40), 5_000);
    }

    #[test]
    fn a_turn_that_comes_too_late_says_why_and_takes_no_place() {
        let pace = Pace::one_by_one();
        refuse(&pace, 60_000, 0);
        let Turn::TooLate(earliest, Some(error)) = pace.take_turn(at(0), at(30_000)) else {
            panic!("too late")
        };
        assert_eq!((earliest, error.message()), (at(60_000), "slow down"));
        assert_eq!(turn(&pace, 1), 60_000);
    }

    #[test]
    fn a_gap_is_forgotten_when_nobody_sends_for_a_while() {
        let pace = Pace::one_by_one();
        refuse(&pace, 1_000, 0);
        assert_eq!([turn(&pace, 0), turn(&pace, 7_000), turn(&pace, 7_000)], [1_000, 7_000, 8_000]);
        assert_eq!([turn(&pace, 14_001), turn(&pace, 14_001)], [14_001, 14_001]);
    }

    #[test]
    fn one_call_at_a_time_needs_no_gap() {
        let pace = Pace::without_gap();
        refuse(&pace, 1_000, 0);
        assert_eq!([turn(&pace, 0), turn(&pace, 0), turn(&pace, 1_001)], [1_000, 1_000, 1_001]);
    }

    #[test]
    fn jitter_comes_on_top_of_what_was_asked() {
        let pace = Pace::one_by_one();
        pace.refused(&busy(), Duration::from_secs(5), 1.0, at(0));
        assert_eq!(turn(&pace, 0), 5_500);
        pace.refused(&busy(), Duration::from_secs(100), 1.0, at(10_000));
        assert_eq!(turn(&pace, 10_000), 111_000);
    }

    #[test]
    fn successes_close_the_gap_and_being_too_fast_makes_that_slower() {
        let pace = Pace::one_by_one();
        refuse(&pace, 1_000, 0);
        let gap = || pace.lock().gap;
        for expected in [1_000, 1_000, 500] {
            pace.succeeded(at(1_000));
            assert_eq!(gap(), Duration::from_millis(expected));
        }
        refuse(&pace, 1_000, 10_000);
        pace.succeeded(at(10_999));
        for expected in [1_000, 1_000, 1_000, 1_000, 1_000, 500] {
            pace.succeeded(at(11_000));
            assert_eq!(gap(), Duration::from_millis(expected));
        }
        for _ in 0..6 * 6 {
            pace.succeeded(at(12_000));
        }
        assert_eq!(gap(), Duration::ZERO);
        assert_eq!(turn(&pace, 50_000), 50_000);
    }

    #[test]
    fn a_limit_of_one_request_per_second_is_kept_after_the_first_refusals() {
        // A token bucket of one request per second in front of eight callers, each of which sends 20 requests.
        let pace = Pace::one_by_one();
        let (mut last, mut refused, mut worst) = (None, 0, 0);
        let mut queue: Vec<(u64, u32)> = (0..160).map(|call| (call / 8, 0)).collect();
        while let Some(place) = (0..queue.len()).min_by_key(|place| queue[*place].0) {
            let (now, tries) = queue.remove(place);
            if last.is_none_or(|last| now >= last + 1_000) {
                last = Some(now);
                pace.succeeded(at(now));
            } else {
                (refused, worst) = (refused + 1, worst.max(tries + 1));
                refuse(&pace, 1_000, now);
                queue.push((turn(&pace, now), tries + 1));
            }
            // Those that were not sent yet take their turn when they are about to be.
            for call in queue.iter_mut().filter(|(at, tries)| *at <= now && *tries == 0) {
                call.0 = turn(&pace, now).max(now + 1);
            }
        }
        assert!(worst <= 3, "a call was refused {worst} times");
        assert!(refused < 60, "{refused} requests were refused");
    }
}
