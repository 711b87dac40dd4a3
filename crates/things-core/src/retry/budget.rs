//! The retries that a whole session may make.

use std::sync::atomic::{AtomicU32, Ordering};

/// Keeps the retries of a whole session below a sixth of its calls while the service is down.
///
/// Every call puts one unit in, every retry takes six out. A session starts with enough for 20 retries and
/// never saves up more than 100.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicU32);

const RETRY_COST: u32 = 6;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicU32::new(20 * RETRY_COST))
    }
}

impl RetryBudget {
    /// Counts one call.
    pub(crate) fn deposit(&self) {
        self.update(|units| (units < 100 * RETRY_COST).then_some(units + 1));
    }

    /// Takes one retry out, if there is one.
    pub(crate) fn withdraw(&self) -> bool {
        self.update(|units| units.checked_sub(RETRY_COST))
    }

    fn update(&self, change: impl FnMut(u32) -> Option<u32>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_holds_retries_under_a_fifth_of_the_calls() {
        let budget = RetryBudget::default();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.deposit();
            retries += u32::from(budget.withdraw());
        }
        assert!((1_600..=2_000).contains(&retries), "{retries}");
    }

    #[test]
    fn the_budget_saves_up_no_more_than_a_hundred_retries() {
        let budget = RetryBudget::default();
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!((0..1_000).filter(|_| budget.withdraw()).count(), 100);
        (0..5).for_each(|_| budget.deposit());
        assert!(!budget.withdraw(), "a retry costs six calls");
        budget.deposit();
        assert!(budget.withdraw());
    }
}
