//! The faults in force, and their decision about each call.

use crate::coding::Coding;
use crate::fault::Fault;
use crate::random::Random;
use crate::rate::{Bucket, RateLimit};
use crate::refusal::spring_error;
use crate::route::Route;
use crate::rule::FaultRule;
use crate::uplink::UplinkFault;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The decision of the rules about one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) latency: Duration,
    pub(crate) revoke: bool,
    pub(crate) fault: Option<Fault>,
    /// The encodings, in the order in which they are applied.
    pub(crate) codings: Vec<Coding>,
    /// Whether headers of the response contain the secrets.
    pub(crate) echo: bool,
    /// The faults that have an effect, in the order in which they were added.
    pub(crate) applied: Vec<Fault>,
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
    bucket: Bucket,
}

impl From<FaultRule> for Active {
    fn from(rule: FaultRule) -> Self {
        Self { rule, calls: 0, bucket: Bucket::default() }
    }
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>, random: Random) -> Self {
        let rules = rules.into_iter().map(Active::from).collect();
        Self { state: Mutex::new(State { rules, random }) }
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        self.state().rules.push(rule.into());
    }

    /// Removes the first rule that is equal. Returns false if there is none.
    pub(crate) fn remove(&self, rule: &FaultRule) -> bool {
        let rules = &mut self.state().rules;
        let place = rules.iter().position(|active| active.rule == *rule);
        place.map(|place| rules.remove(place)).is_some()
    }

    /// Removes every rule. Returns how many there were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut self.state().rules).len()
    }

    /// Returns each rule, and the number of calls that it counted.
    pub(crate) fn list(&self) -> Vec<(FaultRule, u64)> {
        self.state().rules.iter().map(|active| (active.rule.clone(), active.calls)).collect()
    }

    /// Counts a call, and decides which faults it gets.
    pub(crate) fn judge(&self, route: Route, now: Instant) -> Verdict {
        let mut state = self.state();
        let State { rules, random } = &mut *state;
        let mut verdict = Verdict::default();
        for active in rules.iter_mut().filter(|active| active.rule.applies_to(route)) {
            active.calls += 1;
            if !active.rule.when.hits(active.calls, random) {
                continue;
            }
            match &active.rule.fault {
                Fault::Latency(latency) => verdict.latency = verdict.latency.saturating_add(*latency),
                Fault::RevokeToken => verdict.revoke = true,
                Fault::Coding(coding) => verdict.codings.push(coding.clone()),
                Fault::EchoHeader => verdict.echo = true,
                Fault::RateLimit(limit) => match active.bucket.take(*limit, now) {
                    Err(wait) if verdict.fault.is_none() => {
                        verdict.fault = Some(too_many_requests(*limit, wait));
                    }
                    _ => continue,
                },
                fault if verdict.fault.is_none() => verdict.fault = Some(fault.clone()),
                _ => continue,
            }
            verdict.applied.push(active.rule.fault.clone());
        }
        verdict.codings.sort_unstable();
        verdict
    }

    /// Counts the post of an uplink, and decides which faults it gets.
    pub(crate) fn judge_uplink(&self) -> Vec<UplinkFault> {
        let mut state = self.state();
        let State { rules, random } = &mut *state;
        let faults = rules.iter_mut().filter_map(|active| {
            let Fault::Uplink(fault) = active.rule.fault else {
                return None;
            };
            active.calls += 1;
            active.rule.when.hits(active.calls, random).then_some(fault)
        });
        faults.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many_requests(limit: RateLimit, wait: Duration) -> Fault {
    // `Retry-After` has whole seconds, rounded up so that the retry is not too early.
    let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
    Fault::Status {
        status: 429,
        headers: vec![("Retry-After".to_owned(), seconds.to_string())],
        body: Some(spring_error(429, &format!("more than {limit} requests"), "").to_string()),
        processed: false,
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
        let now = Instant::now();
        let faults = faults(&["devices@2=stall", "any@every-3=drop-before"]);
        assert_eq!(faults.judge(Route::Devices, now).fault, None);
        assert_eq!(faults.judge(Route::Token, now).fault, None);
        assert_eq!(faults.judge(Route::Devices, now).fault, Some(Fault::Stall));
        faults.add("devices@1=truncate:1".parse().unwrap());
        assert_eq!(faults.judge(Route::Devices, now).fault, Some(Fault::Truncate(1)));
        assert_eq!(faults.judge(Route::Devices, now).fault, None);
        faults.clear();
        assert_eq!(faults.judge(Route::Devices, now), Verdict::default());
    }

    #[test]
    fn latency_and_revocation_combine_and_the_first_of_the_others_wins() {
        let faults =
            faults(&["any=latency:1ms", "any=stall", "any=revoke", "any=latency:2ms", "any=drop-after"]);
        let now = Instant::now();
        let expected = Verdict {
            latency: Duration::from_millis(3),
            revoke: true,
            fault: Some(Fault::Stall),
            applied: vec![
                Fault::Latency(Duration::from_millis(1)),
                Fault::Stall,
                Fault::RevokeToken,
                Fault::Latency(Duration::from_millis(2)),
            ],
            ..Verdict::default()
        };
        assert_eq!(faults.judge(Route::Other, now), expected);
    }

    #[test]
    fn chance_follows_the_seed() {
        let schedule = || {
            let now = Instant::now();
            let faults = faults(&["any@30%=stall"]);
            (0..200).map(|_| faults.judge(Route::Devices, now).fault.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(schedule(), schedule());
        let hits = schedule().into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&hits), "{hits}");
    }

    #[test]
    fn codings_combine_in_a_fixed_order() {
        let faults = faults(&["any=gzip", "any=stall", "any=bom", "any=charset:utf-8", "any=echo:header"]);
        let verdict = faults.judge(Route::Devices, Instant::now());
        assert_eq!(
            verdict.codings,
            [Coding::Charset("utf-8".to_owned()), Coding::ByteOrderMark, Coding::Gzip]
        );
        assert_eq!((verdict.fault, verdict.echo), (Some(Fault::Stall), true));
    }

    #[test]
    fn a_rate_limit_says_when_the_next_call_is_allowed() {
        let faults = faults(&["devices=rate-limit:2/min"]);
        let start = Instant::now();
        let retry_after = |route, seconds| {
            let now = start + Duration::from_secs(seconds);
            let verdict = faults.judge(route, now);
            assert_eq!(verdict.applied.len(), usize::from(verdict.fault.is_some()));
            verdict.fault.map(|fault| match fault {
                Fault::Status { status: 429, headers, processed: false, .. } => headers[0].1.clone(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(retry_after(Route::Devices, 0), None);
        assert_eq!(retry_after(Route::Devices, 0), None);
        assert_eq!(retry_after(Route::Devices, 1).as_deref(), Some("29"));
        assert_eq!(retry_after(Route::Token, 1), None);
        assert_eq!(retry_after(Route::Devices, 30), None);
        assert_eq!(retry_after(Route::Devices, 30).as_deref(), Some("30"));
    }

    #[test]
    fn one_rule_can_be_removed() {
        let faults = faults(&["any=stall", "any=drop-after"]);
        let rule: FaultRule = "any=stall".parse().unwrap();
        assert!(faults.remove(&rule));
        assert!(!faults.remove(&rule));
        assert_eq!(faults.judge(Route::Token, Instant::now()).fault, Some(Fault::DropAfter));
    }
}
