//! The retries that a whole session may make.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::moment::Moment;

/// Keeps the retries of a session below a sixth of its calls during an outage, plus one per 10 s.
///
/// Each call adds one unit, and each retry takes six. Time adds units as well, so that a session with few calls can
/// retry again after an outage. A session starts with enough for 20 retries and never saves more than 100.
#[derive(Debug, Default)]
pub(crate) struct RetryBudget(Mutex<Option<State>>);

#[derive(Debug, Clone, Copy)]
struct State {
    units: u32,
    /// The time up to which units were added.
    refilled: Moment,
}

const RETRY_COST: u32 = 6;
const FIRST: u32 = 20 * RETRY_COST;
const MOST: u32 = 100 * RETRY_COST;

/// The time that is worth one unit: a sixth of 10 s.
const UNIT: Duration = Duration::from_nanos(10_000_000_000 / RETRY_COST as u64);

impl RetryBudget {
    /// Counts one call.
    pub(crate) fn deposit(&self, now: Moment) {
        self.update(now, |units| Some((units + 1).min(MOST)));
    }

    /// Takes one retry from the budget, if there is one.
    pub(crate) fn withdraw(&self, now: Moment) -> bool {
        self.update(now, |units| units.checked_sub(RETRY_COST))
    }

    fn update(&self, now: Moment, change: impl FnOnce(u32) -> Option<u32>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { units, refilled } = state.unwrap_or(State { units: FIRST, refilled: now });
        let earned = now.since(refilled).as_nanos() / UNIT.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(MOST).min(MOST);
        let units = units.saturating_add(earned).min(MOST);
        let refilled = if earned == MOST { now } else { refilled + UNIT * earned };
        let changed = change(units);
        *state = Some(State { units: changed.unwrap_or(units), refilled });
        changed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_budget_holds_retries_under_a_sixth_of_the_calls() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.deposit(at(0));
            while budget.withdraw(at(0)) {
                retries += 1;
            }
        }
        assert!((1_600..=10_000 / 6 + 20).contains(&retries), "{retries}");
    }

    #[test]
    fn the_budget_saves_up_no_more_than_a_hundred_retries() {
        let budget = RetryBudget::default();
        for _ in 0..10_000 {
            budget.deposit(at(0));
        }
        assert_eq!((0..1_000).filter(|_| budget.withdraw(at(0))).count(), 100);
        assert_eq!((0..1_000).filter(|_| budget.withdraw(at(1_000_000))).count(), 100);
    }

    #[test]
    fn time_puts_one_retry_in_per_ten_seconds() {
        let budget = RetryBudget::default();
        assert_eq!((0..1_000).filter(|_| budget.withdraw(at(0))).count(), 20);
        // An outage of an hour, with an attempt every second: the session can use its savings, and no more.
        assert_eq!((0..3_600).filter(|second| budget.withdraw(at(*second))).count(), 359);
        assert!(!budget.withdraw(at(3_600 + 9)) || budget.withdraw(at(3_600 + 10)));
        // A clock that stops or goes back adds nothing.
        assert!(!budget.withdraw(at(0)));
    }

    #[test]
    fn a_session_with_few_calls_can_retry_again_after_an_outage() {
        let budget = RetryBudget::default();
        for minute in 0..60 {
            budget.deposit(at(60 * minute));
            assert!((0..2).filter(|_| budget.withdraw(at(60 * minute))).count() <= 2);
        }
        for minute in 60..75 {
            budget.deposit(at(60 * minute));
            assert!(budget.withdraw(at(60 * minute)), "minute {minute}");
        }
    }
}
