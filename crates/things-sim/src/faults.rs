//! The faults in force, and what they decide about each call.

use crate::fault::Fault;
use crate::random::Random;
use crate::route::Route;
use crate::rule::FaultRule;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the rules decide about one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) revoke: bool,
    pub(crate) fault: Option<Fault>,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rules: Vec<Active>,
    random: Random,
}

#[derive(Debug)]
struct Active {
    rule: FaultRule,
    calls: u64,
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, random: Random) -> Self {
        let rules = rules.into_iter().map(|rule| Active { rule, calls: 0 }).collect();
        Self { state: Mutex::new(State { rules, random }) }
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        self.state().rules.push(Active { rule, calls: 0 });
    }

    pub(crate) fn clear(&self) {
        self.state().rules.clear();
    }

    /// Counts a call, and decides what goes wrong with it.
    pub(crate) fn judge(&self, route: Route) -> Verdict {
        let mut state = self.state();
        let State { rules, random } = &mut *state;
        let mut verdict = Verdict::default();
        for active in rules.iter_mut().filter(|active| active.rule.route.is_none_or(|wanted| wanted == route))
        {
            active.calls += 1;
            if !active.rule.when.hits(active.calls, random) {
                continue;
            }
            match &active.rule.fault {
                Fault::Latency(latency) => verdict.latency = verdict.latency.saturating_add(*latency),
                Fault::RevokeToken => verdict.revoke = true,
                fault if verdict.fault.is_none() => verdict.fault = Some(fault.clone()),
                _ => {}
            }
        }
        verdict
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &[&str]) -> Faults {
        Faults::new(rules.iter().map(|rule| rule.parse().unwrap()).collect(), Random::new(1))
    }

    #[test]
    fn calls_are_counted_per_rule_and_route() {
        let faults = faults(&["devices@2=stall", "any@every-3=drop-before"]);
        assert_eq!(faults.judge(Route::Devices).fault, None);
        assert_eq!(faults.judge(Route::Token).fault, None);
        assert_eq!(faults.judge(Route::Devices).fault, Some(Fault::Stall));
        faults.add("devices@1=truncate:1".parse().unwrap());
        assert_eq!(faults.judge(Route::Devices).fault, Some(Fault::Truncate(1)));
        assert_eq!(faults.judge(Route::Devices).fault, None);
        faults.clear();
        assert_eq!(faults.judge(Route::Devices), Verdict::default());
    }

    #[test]
    fn latency_and_revocation_combine_and_the_first_of_the_others_wins() {
        let faults =
            faults(&["any=latency:1ms", "any=stall", "any=revoke", "any=latency:2ms", "any=drop-after"]);
        let expected = Verdict { latency: Duration::from_millis(3), revoke: true, fault: Some(Fault::Stall) };
        assert_eq!(faults.judge(Route::Other), expected);
    }

    #[test]
    fn chance_follows_the_seed() {
        let schedule = || {
            let faults = faults(&["any@30%=stall"]);
            (0..200).map(|_| faults.judge(Route::Devices).fault.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(schedule(), schedule());
        let hits = schedule().into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&hits), "{hits}");
    }
}
