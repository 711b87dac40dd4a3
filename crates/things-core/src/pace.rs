//! Limits how fast the session sends to one service, as the service last requested.
//!
//! A 429 or 503 with `Retry-After` applies to the whole session, not only to the call that got it. Until that time, no
//! call sends to the service. After it, calls go one by one, with the gap that the service requested, at most [`GAP`].
//! The reason is that a limit of one request per second sends `Retry-After: 1`. If all calls return at the same moment,
//! it rejects all but one.
//!
//! | situation | rule |
//! |---|---|
//! | the service requests a wait | no call sends before that time, plus some jitter |
//! | calls wait | in line, the oldest first; a call that was rejected keeps its place |
//! | a call's turn | its number in line, times the gap, after the first possible moment. A call that is no longer driven costs the others one gap |
//! | requests succeed | the gap is halved, step by step, until it is zero |
//! | this was too fast | the gap becomes what the service requests, and halving it again takes twice as many successes |
//! | no call sends for [`IDLE`] gaps | the gap is reset to zero |
//! | the wait does not fit into the call | the call ends at once, with the error of the response that requested the wait |

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::moment::Moment;

/// The longest gap between two requests after a pause.
const GAP: Duration = Duration::from_secs(1);

/// After this many gaps without a request, the gap is reset to zero.
const IDLE: u32 = 5;

/// A gap below this counts as zero.
const NO_GAP: Duration = Duration::from_millis(10);

/// Successes before the gap is halved for the first time, and the maximum.
const FIRST: u32 = 3;
const MOST: u32 = 96;

/// How long a call in line waits before it checks again, because the gap may have become smaller.
const NAP: Duration = Duration::from_millis(500);

/// The pace to one service, shared by all calls of a session.
pub(crate) struct Pace {
    /// The longest gap.
    gap: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// No call sends before this moment, which may be in the past. The error is the response that requested the wait.
    closed: Option<(Moment, Error)>,
    /// The time between two requests, and the moment at which the last one was sent.
    gap: Duration,
    last: Option<Moment>,
    successes: u32,
    needed: u32,
    /// The numbers of the calls in line.
    line: BTreeSet<u64>,
    numbers: u64,
}

/// A place in the line for a service. Dropping it leaves the line.
pub(crate) struct Place {
    state: Arc<Mutex<State>>,
    number: u64,
}

/// The turn of a request.
pub(crate) enum Turn {
    Now,
    /// Check again at this moment.
    At(Moment),
    /// The turn comes too late for the call, at this moment or later. The error is the response that requested the
    /// wait.
    TooLate(Moment, Option<Error>),
}

impl Pace {
    /// Creates the pace for a service that many calls send to at a time.
    pub(crate) fn one_by_one() -> Self {
        Self { gap: GAP, state: Arc::default() }
    }

    /// Creates the pace for a service that only one call at a time sends to.
    pub(crate) fn without_gap() -> Self {
        Self { gap: Duration::ZERO, state: Arc::default() }
    }

    /// Returns the turn of a request that must be sent before `latest`. `place` is the call's place in line, if it has
    /// one.
    pub(crate) fn take_turn(&self, place: &mut Option<Place>, now: Moment, latest: Moment) -> Turn {
        // The place is void if the call now waits for the other service.
        place.take_if(|place| !Arc::ptr_eq(&place.state, &self.state));
        let mut state = self.lock();
        // Without recent requests, the service is no longer overloaded.
        if state.line.is_empty() && state.last.is_some_and(|last| last + state.gap * (IDLE + 1) < now) {
            state.gap = Duration::ZERO;
            state.needed = 0;
        }
        let opens = state.closed.as_ref().map(|(until, _)| *until);
        // Threads read the time before they take the lock, so the last request can be later than `now`.
        let apart = state.last.filter(|_| !state.gap.is_zero()).map(|last| last + state.gap);
        let earliest = opens.max(apart).unwrap_or(now);
        let number = place.as_ref().map_or(state.numbers, |place| place.number);
        let ahead = u32::try_from(state.line.range(..number).count()).unwrap_or(u32::MAX);
        let due = earliest + state.gap.saturating_mul(ahead);
        if due <= now {
            state.line.remove(&number);
            state.last = Some(now);
            return Turn::Now;
        }
        let look = if ahead == 0 { due } else { due.min((now + NAP).max(opens.unwrap_or(now))) };
        if look >= latest {
            state.line.remove(&number);
            let asked = state.closed.as_ref().filter(|(until, _)| now < *until);
            return Turn::TooLate(due, asked.map(|(_, error)| error.clone()));
        }
        if place.is_none() {
            state.numbers += 1;
            *place = Some(Place { state: Arc::clone(&self.state), number });
        }
        state.line.insert(number);
        Turn::At(look)
    }

    /// Whether the service requested a wait beyond `now`.
    pub(crate) fn is_closed(&self, now: Moment) -> bool {
        self.lock().closed.as_ref().is_some_and(|(until, _)| now < *until)
    }

    /// Records that the service requested a wait. `jitter`, from 0 to 1, spreads sessions that got the request at the
    /// same time.
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
    }

    /// Records a successful request. Requests that were already in flight when the service requested the wait prove
    /// nothing.
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
            state.gap = Duration::ZERO;
            state.needed = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.state).line.remove(&self.number);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Returns when the call checks again, or sends.
    fn look(pace: &Pace, place: &mut Option<Place>, now: u64) -> u64 {
        match pace.take_turn(place, at(now), at(3_600_000)) {
            Turn::Now => now,
            Turn::At(moment) => moment.monotonic().as_millis() as u64,
            Turn::TooLate(..) => panic!("an hour is enough"),
        }
    }

    fn turn(pace: &Pace, now: u64) -> u64 {
        look(pace, &mut None, now)
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
    fn calls_of_two_threads_do_not_wait_for_each_other() {
        let pace = Pace::one_by_one();
        assert_eq!((turn(&pace, 5), turn(&pace, 4), turn(&pace, 5)), (5, 4, 5));
        assert!(matches!(pace.take_turn(&mut None, at(3), at(4)), Turn::Now));
    }

    #[test]
    fn all_calls_wait_and_then_go_one_by_one_in_line() {
        let pace = Pace::one_by_one();
        refuse(&pace, 2_000, 0);
        assert!(pace.is_closed(at(1_999)) && !pace.is_closed(at(2_000)));
        let (mut first, mut second, mut third) = (None, None, None);
        for place in [&mut first, &mut second, &mut third] {
            assert_eq!(look(&pace, place, 10), 2_000);
        }
        assert_eq!(look(&pace, &mut second, 2_000), 2_500, "it looks again while the first is ahead");
        assert_eq!(look(&pace, &mut first, 2_000), 2_000);
        assert_eq!([look(&pace, &mut second, 2_500), look(&pace, &mut third, 2_500)], [3_000, 3_000]);
        assert_eq!(look(&pace, &mut second, 3_000), 3_000);
        // After a rejection, it is still ahead of the calls that came later.
        refuse(&pace, 2_000, 3_010);
        assert_eq!([look(&pace, &mut third, 3_020), look(&pace, &mut second, 3_020)], [5_010, 5_010]);
        assert_eq!([look(&pace, &mut third, 5_010), look(&pace, &mut second, 5_010)], [5_510, 5_010]);
        drop(third);
        assert!(pace.lock().line.is_empty());
    }

    #[test]
    fn a_call_that_nobody_drives_costs_the_others_one_gap() {
        let pace = Pace::one_by_one();
        refuse(&pace, 1_000, 0);
        let mut places = [None, None, None];
        for place in &mut places {
            look(&pace, place, 0);
        }
        let [_forgotten, second, third] = &mut places;
        assert_eq!(look(&pace, second, 1_999), 2_000);
        assert_eq!(look(&pace, second, 2_000), 2_000);
        assert_eq!(look(&pace, third, 3_000), 3_500);
        assert_eq!(look(&pace, third, 4_000), 4_000);
    }

    #[test]
    fn a_turn_that_comes_too_late_says_why_and_takes_no_place() {
        let pace = Pace::one_by_one();
        refuse(&pace, 60_000, 0);
        let Turn::TooLate(due, Some(error)) = pace.take_turn(&mut None, at(0), at(30_000)) else {
            panic!("too late")
        };
        assert_eq!((due, error.message()), (at(60_000), "slow down"));
        assert!(pace.lock().line.is_empty());
        // Once the wait is over, only the gap holds the call back.
        assert_eq!(turn(&pace, 60_000), 60_000);
        assert!(matches!(pace.take_turn(&mut None, at(60_000), at(60_001)), Turn::TooLate(_, None)));
    }

    #[test]
    fn a_gap_is_forgotten_when_nobody_sends_for_a_while() {
        let pace = Pace::one_by_one();
        refuse(&pace, 1_000, 0);
        assert_eq!([turn(&pace, 1_000), turn(&pace, 7_000), turn(&pace, 7_000)], [1_000, 7_000, 8_000]);
        assert_eq!([turn(&pace, 13_000), turn(&pace, 13_000)], [13_000, 14_000]);
        assert_eq!([turn(&pace, 19_001), turn(&pace, 19_001)], [19_001, 19_001]);
    }

    #[test]
    fn of_two_refusals_that_end_together_the_first_is_told() {
        let pace = Pace::one_by_one();
        refuse(&pace, 60_000, 0);
        let second = Error::new(ErrorKind::RateLimited, Stage::Call, "again");
        pace.refused(&second, Duration::from_secs(60), 0.0, at(0));
        let turn = pace.take_turn(&mut None, at(0), at(1));
        assert!(matches!(turn, Turn::TooLate(_, Some(error)) if error.message() == "slow down"));
    }

    #[test]
    fn a_gap_is_closed_below_ten_milliseconds() {
        let pace = Pace::one_by_one();
        refuse(&pace, 20, 0);
        // Another refusal with the same wait does not show that the session was too fast.
        refuse(&pace, 20, 0);
        for expected in [20, 20, 10, 10, 10, 0] {
            pace.succeeded(at(100));
            assert_eq!(pace.lock().gap, Duration::from_millis(expected));
        }
    }

    #[test]
    fn one_call_at_a_time_needs_no_gap() {
        let pace = Pace::without_gap();
        refuse(&pace, 1_000, 0);
        assert_eq!([turn(&pace, 0), turn(&pace, 1_000), turn(&pace, 1_000)], [1_000, 1_000, 1_000]);
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
}
